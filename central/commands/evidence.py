"""`evidence export`, `journal export`, `slip`: proof taken out of the running centre, so that it is an entry there first."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from central.api.answers import PREFIX
from central.api.callers import new_token
from central.commands.shared import load_settings, needs_settings, open_database
from central.settings import Settings
from central.store.accounts import CentreAccounts
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError, RefusedError
from web.accounts import Role

_NAME = "command-line"
_PATIENCE_S = 120
_NO_PASSAGE = "no such passage"


def add(verbs: Verbs) -> None:
    verb = verbs.add_parser("evidence", help="evidence packages").add_subparsers(required=True)
    export = verb.add_parser("export", help="write the package of one passage or case")
    export.add_argument("what", metavar="PASSAGE|CASE")
    export.add_argument("--case", action="store_true", help="it is a case, also if a passage has that name")
    export.add_argument("--box", help="of a passage: needed only if two boxes chose the same id")
    export.add_argument("--out", type=Path, metavar="FILE", help="NAME.zip here if not given")
    needs_settings(export)
    export.set_defaults(run=_export)
    _add_journal(verbs)
    _add_slip(verbs)


def _add_journal(verbs: Verbs) -> None:
    verb = verbs.add_parser("journal", help="whole journals").add_subparsers(required=True)
    export = verb.add_parser("export", help="write a journal to a file for weighpost-verify journal")
    export.add_argument("journal", metavar="ID")
    export.add_argument("file", type=Path, metavar="FILE")
    needs_settings(export)
    export.set_defaults(run=_journal)


def _add_slip(verbs: Verbs) -> None:
    slip = verbs.add_parser("slip", help="the code to print on a slip about an entry")
    slip.add_argument("journal")
    slip.add_argument("seq", type=int)
    slip.add_argument("--svg", type=Path, metavar="FILE", help="also write the QR code as an image")
    needs_settings(slip)
    slip.set_defaults(run=_slip)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    path = arguments.out or Path(f"{arguments.what}.zip")
    name = quote(arguments.what, safe="")
    with _asking(settings, "operator", console) as client:
        if not arguments.case and _fetch_passage(client, name, arguments.box, path):
            write(str(path))
            return 0
        _fetch(client, f"/cases/{name}/package", path)
    write(str(path))
    return 0


def _fetch_passage(client: httpx.Client, name: str, box: str | None, path: Path) -> bool:
    """False when there is no such passage: then it is a case."""
    try:
        _fetch(client, f"/passages/{name}/package", path, box=box)
    except RefusedError as error:
        if box is None and _NO_PASSAGE in str(error):
            return False
        raise
    return True


def _journal(arguments: argparse.Namespace, console: Console) -> int:
    with _asking(load_settings(arguments.settings), "auditor", console) as client:
        _fetch(client, f"/journals/{quote(arguments.journal, safe='')}/export", arguments.file)
    write(str(arguments.file))
    return 0


def _slip(arguments: argparse.Namespace, console: Console) -> int:
    with _asking(load_settings(arguments.settings), "operator", console) as client:
        place = f"{quote(arguments.journal, safe='')}/{arguments.seq}"
        with _answered(client, "POST", f"/events/{place}/slip") as answer:
            answer.read()
            said = answer.json()
    if arguments.svg is not None:
        arguments.svg.write_text(said["qr_svg"], "utf-8")
    write(said["payload"])
    return 0


def _fetch(client: httpx.Client, address: str, path: Path, **query: str | None) -> None:
    """The file appears under its name only when it is whole."""
    part = path.with_name(f"{path.name}.part")
    with _answered(client, "GET", address, **query) as answer, part.open("wb") as file:
        for piece in answer.iter_bytes():
            file.write(piece)
    part.replace(path)


@contextmanager
def _answered(
    client: httpx.Client, method: str, address: str, **query: str | None
) -> Iterator[httpx.Response]:
    given = {name: value for name, value in query.items() if value is not None}
    try:
        with client.stream(method, address, params=given) as answer:
            if answer.is_error:
                raise RefusedError(f"the centre says: {answer.read().decode(errors='replace')[:400]}")
            yield answer
    except httpx.HTTPError as error:
        raise ConfigError.one("web", f"the centre does not answer at {client.base_url}: {error}") from error


@contextmanager
def _asking(settings: Settings, role: Role, console: Console) -> Iterator[httpx.Client]:
    """The API of the running centre, with a token for as long as this takes."""
    secret, token = new_token(_NAME, role=role, now_ms=console.clock.now_ms())
    address = f"http://{settings.web.host}:{settings.web.port}{PREFIX}"
    with open_database(settings) as database:
        accounts = CentreAccounts(database)
        accounts.save_token(token)
        try:
            headers = {"Authorization": f"Bearer {secret}"}
            with httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE_S) as client:
                yield client
        finally:
            accounts.revoke_token(_NAME)
