"""`user add`: who may sign in at the tablets."""

from __future__ import annotations

import argparse
from contextlib import closing

from journal.console import Console, Verbs, write
from station.commands.shared import load_settings, needs_settings
from web.enlisting import add_arguments, enlist
from web.sqlite_accounts import SqliteAccounts


def add(verbs: Verbs) -> None:
    user = verbs.add_parser("user", help="accounts of officers and supervisors").add_subparsers(
        required=True, metavar="VERB"
    )
    new = user.add_parser("add", help="make an account, or give one a new password or role")
    add_arguments(new)
    needs_settings(new)
    new.set_defaults(run=_add_user)


def _add_user(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    enlisted = enlist(arguments)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with closing(SqliteAccounts(settings.folder / "accounts.db")) as accounts:
        enlisted.save(accounts)
    if enlisted.made:
        write(enlisted.made)
    return 0
