"""Verbs that act do so in the running station, so that each act is an entry of its journal: how they ask it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx

from kernel.clock import Clock
from kernel.errors import ConfigError, RefusedError
from station.settings import Settings
from web.sessions import Lifetimes, Sessions, csrf_token
from web.sqlite_accounts import SqliteAccounts

_PATIENCE_S = 60
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens on all
_LIFE_S = 120  # of the session: a verb takes seconds


class Station:
    """The addresses of the running station.  RefusedError: it said no; ConfigError: it does not answer."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, path: str, body: object) -> Any:
        try:
            answer = self._client.post(path, json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
        except httpx.HTTPError as error:
            address = self._client.base_url
            raise ConfigError.one("web", f"the station does not answer at {address}: {error}") from error
        if answer.is_error:
            raise RefusedError(f"the station says: {_detail(answer)}")
        return answer.json()


@contextmanager
def asking(settings: Settings, *, by: str, clock: Clock) -> Iterator[Station]:
    """As the account `by`, with its own role; ConfigError: there is no such account."""
    with closing(SqliteAccounts(settings.folder / "accounts.db")) as accounts:
        sessions = Sessions(accounts, clock=clock, lifetimes=Lifetimes(person_s=_LIFE_S))
        token = asyncio.run(sessions.issue(by, address="command line")).token
        try:
            with _client(settings, token) as client:
                yield Station(client)
        finally:
            asyncio.run(sessions.sign_out(token))


def _client(settings: Settings, token: str) -> httpx.Client:
    address = f"http://{_host(settings.web.host)}:{settings.web.port}"
    cookie = f"{'__Host-' if settings.web.tls else ''}weighpost_station={token}"
    headers = {
        "Cookie": cookie,
        "X-CSRF-Token": csrf_token(token),
        "Origin": address,
        "Accept": "application/json",
    }
    # The station is on this machine: no proxy of this user's has a part in it.
    return httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE_S, trust_env=False)


def _host(listens: str) -> str:
    """Where a station that listens there is reached from its own machine."""
    host = LOOPBACK.get(listens, listens)
    return f"[{host}]" if ":" in host else host


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])[:400]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text[:400]}"
