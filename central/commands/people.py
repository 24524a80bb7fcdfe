"""`user` and `token`: who may sign in, and which programs may call the API."""

from __future__ import annotations

import argparse

from central.api.callers import new_token
from central.commands.shared import load_settings, needs_settings, open_database
from central.store.accounts import CentreAccounts
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError
from web.accounts import NAME, ROLES
from web.enlisting import add_arguments, enlist


def add(verbs: Verbs) -> None:
    user = verbs.add_parser("user", help="accounts of people and wall displays").add_subparsers(required=True)
    new = user.add_parser("add", help="make an account, or give one a new password or role")
    add_arguments(new)
    needs_settings(new)
    new.set_defaults(run=_add_user)
    token = verbs.add_parser("token", help="keys of programs to the API").add_subparsers(required=True)
    made = token.add_parser("add", help="make a token; it is printed once")
    made.add_argument("name")
    made.add_argument("--role", choices=ROLES, default="viewer")
    needs_settings(made)
    made.set_defaults(run=_add_token)
    gone = token.add_parser("revoke", help="make a token worthless")
    gone.add_argument("name")
    needs_settings(gone)
    gone.set_defaults(run=_revoke_token)


def _add_user(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    enlisted = enlist(arguments)
    with open_database(settings) as database:
        enlisted.save(CentreAccounts(database))
    if enlisted.made:
        write(enlisted.made)
    return 0


def _add_token(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    if not NAME.fullmatch(arguments.name):
        raise ConfigError.one("name", f"must be 2-32 of a-z 0-9 . _ -, is {arguments.name!r}")
    secret, token = new_token(arguments.name, role=arguments.role, now_ms=console.clock.now_ms())
    with open_database(settings) as database:
        CentreAccounts(database).save_token(token)
    write(secret)
    return 0


def _revoke_token(arguments: argparse.Namespace, _console: Console) -> int:
    with open_database(load_settings(arguments.settings)) as database:
        CentreAccounts(database).revoke_token(arguments.name)
    return 0
