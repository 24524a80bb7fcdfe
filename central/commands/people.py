"""`user` and `token`: who may sign in, and which programs may call the API."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import cast

from central.api.callers import new_token
from central.commands.shared import Console, Verbs, load_settings, needs_settings, open_database, write
from central.store.accounts import CentreAccounts
from kernel.errors import ConfigError
from web.accounts import NAME, ROLES, Account, Role
from web.passwords import LONGEST, Passwords

_SHORTEST = 8


def add(verbs: Verbs) -> None:
    user = verbs.add_parser("user", help="accounts of people and wall displays").add_subparsers(required=True)
    new = user.add_parser("add", help="make an account, or give one a new password or role")
    new.add_argument("name")
    new.add_argument("--role", choices=ROLES, required=True)
    new.add_argument("--shown", default="", help="as people read it")
    new.add_argument("--kind", choices=("person", "device"), default="person")
    new.add_argument(
        "--password-stdin", action="store_true", help="read it; otherwise one is made and printed once"
    )
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
    password = _password(from_stdin=arguments.password_stdin)
    account = Account(
        name=arguments.name,
        shown=arguments.shown or arguments.name,
        role=cast(Role, arguments.role),
        password_hash=Passwords().hash(password),
        kind=arguments.kind,
    )
    with open_database(settings) as database:
        accounts = CentreAccounts(database)
        accounts.save_account(account)
        accounts.revoke_sessions(account.name)
    if not arguments.password_stdin:
        write(password)
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


def _password(*, from_stdin: bool) -> str:
    if not from_stdin:
        return secrets.token_urlsafe(12)
    password = sys.stdin.readline().rstrip("\n")
    if not _SHORTEST <= len(password) <= LONGEST:
        raise ConfigError.one("password", f"must have {_SHORTEST} to {LONGEST} characters")
    return password
