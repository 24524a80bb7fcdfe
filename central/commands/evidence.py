"""`evidence export`: the package of one passage, fetched from the running centre so that it is an entry there first."""

from __future__ import annotations

import argparse
from pathlib import Path

import httpx

from central.api.answers import PREFIX
from central.api.callers import new_token
from central.commands.shared import load_settings, needs_settings, open_database
from central.settings import Settings
from central.store.accounts import CentreAccounts
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError, RefusedError

_NAME = "command-line"
_PATIENCE_S = 120


def add(verbs: Verbs) -> None:
    verb = verbs.add_parser("evidence", help="evidence packages").add_subparsers(required=True)
    export = verb.add_parser("export", help="write the package of one passage")
    export.add_argument("passage")
    export.add_argument("--box", help="needed only if two boxes chose the same id")
    export.add_argument("--out", type=Path, metavar="FILE", help="PASSAGE.zip here if not given")
    needs_settings(export)
    export.set_defaults(run=_export)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    path = arguments.out or Path(f"{arguments.passage}.zip")
    secret, token = new_token(_NAME, role="operator", now_ms=console.clock.now_ms())
    with open_database(settings) as database:
        accounts = CentreAccounts(database)
        accounts.save_token(token)
        try:
            _fetch(settings, arguments.passage, arguments.box, secret, path)
        finally:
            accounts.revoke_token(_NAME)
    write(str(path))
    return 0


def _fetch(settings: Settings, passage: str, box: str | None, secret: str, path: Path) -> None:
    address = f"http://{settings.web.host}:{settings.web.port}{PREFIX}/passages/{passage}/package"
    headers = {"Authorization": f"Bearer {secret}"}
    query = {"box": box} if box else {}
    try:
        with httpx.stream("GET", address, headers=headers, params=query, timeout=_PATIENCE_S) as answer:
            if answer.status_code != 200:
                raise RefusedError(f"the centre says: {answer.read().decode(errors='replace')[:400]}")
            with path.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
    except httpx.HTTPError as error:
        raise ConfigError.one("web", f"the centre does not answer at {address}: {error}") from error
