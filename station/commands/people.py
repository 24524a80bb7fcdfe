"""`user add`: who may sign in at the tablets."""

from __future__ import annotations

import argparse
import secrets
import sys
from contextlib import closing
from typing import cast

from kernel.errors import ConfigError
from station.commands.shared import Console, Verbs, load_settings, needs_settings, write
from web.accounts import ROLES, Account, Role
from web.passwords import LONGEST, Passwords
from web.sqlite_accounts import SqliteAccounts

SHORTEST = 8


def add(verbs: Verbs) -> None:
    user = verbs.add_parser("user", help="accounts of officers and supervisors").add_subparsers(
        required=True, metavar="VERB"
    )
    new = user.add_parser("add", help="make an account, or give one a new password or role")
    new.add_argument("name")
    new.add_argument("--role", choices=ROLES, required=True, help="reviewer is the duty supervisor")
    new.add_argument("--shown", default="", help="as people read it")
    new.add_argument("--kind", choices=("person", "device"), default="person")
    new.add_argument(
        "--password-stdin", action="store_true", help="read it; otherwise one is made and printed once"
    )
    needs_settings(new)
    new.set_defaults(run=_add_user)


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
    settings.folder.mkdir(parents=True, exist_ok=True)
    with closing(SqliteAccounts(settings.folder / "accounts.db")) as accounts:
        accounts.save_account(account)
        accounts.revoke_sessions(account.name)
    if not arguments.password_stdin:
        write(password)
    return 0


def _password(*, from_stdin: bool) -> str:
    if not from_stdin:
        return secrets.token_urlsafe(12)
    password = sys.stdin.readline().rstrip("\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError.one("password", f"must have {SHORTEST} to {LONGEST} characters")
    return password
