"""Verbs that act do so in the running centre, so that each act is an entry of its journal: how they ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from central.api.answers import PREFIX
from central.api.callers import new_token
from central.commands.shared import open_database
from central.settings import Settings
from central.store.accounts import CentreAccounts
from kernel.clock import Clock
from kernel.errors import ConfigError, RefusedError
from web.accounts import NAME, Role

PROGRAM = "command-line"
_PATIENCE_S = 120


class Centre:
    """The API of the running centre.  RefusedError: it said no; ConfigError: it does not answer."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **query: Any) -> Any:
        return self._ask(
            "GET", path, params={name: value for name, value in query.items() if value is not None}
        )

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, content=msgspec.json.encode(body))

    def download(self, path: str, file: Path, **query: str | None) -> None:
        """The file appears under its name only when it is whole."""
        part = file.with_name(f"{file.name}.part")
        given = {name: value for name, value in query.items() if value is not None}
        try:
            with self._client.stream("GET", path, params=given) as answer:
                if answer.is_error:
                    answer.read()
                    raise RefusedError(f"the centre says: {_detail(answer)}")
                with part.open("wb") as out:
                    for piece in answer.iter_bytes():
                        out.write(piece)
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        part.replace(file)

    def box_of(self, passage: str, box: str | None) -> str:
        """Whose passage it is; RefusedError if it is nobody's, or two boxes chose the same id."""
        return box or str(self.get(f"/passages/{passage}")["row"]["box"])

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        if answer.is_error:
            raise RefusedError(f"the centre says: {_detail(answer)}")
        return answer.json()

    def _silent(self, error: httpx.HTTPError) -> ConfigError:
        return ConfigError.one("web", f"the centre does not answer at {self._client.base_url}: {error}")


@contextmanager
def asking(settings: Settings, *, role: Role, clock: Clock, by: str | None = None) -> Iterator[Centre]:
    """`by` is who types; the entry says that it came from the command line, where nobody signs in."""
    if by is not None and not NAME.fullmatch(by):
        raise ConfigError.one("--by", f"must be 2-32 of a-z 0-9 . _ -, is {by!r}")
    name = f"{PROGRAM}.{by}" if by else PROGRAM
    secret, token = new_token(name, role=role, now_ms=clock.now_ms())
    address = f"http://{settings.web.host}:{settings.web.port}{PREFIX}"
    with open_database(settings) as database:
        accounts = CentreAccounts(database)
        accounts.save_token(token)
        try:
            headers = {"Authorization": f"Bearer {secret}"}
            with httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE_S) as client:
                yield Centre(client)
        finally:
            accounts.revoke_token(name)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])[:400]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text[:400]}"
