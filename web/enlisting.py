"""The verb `user add`, which every site with accounts has: its arguments, and the account and password they give."""

from __future__ import annotations

import argparse
import secrets
import sys
from dataclasses import dataclass

from kernel.errors import ConfigError
from web.accounts import ROLES, Account, Accounts
from web.passwords import LONGEST, Passwords

SHORTEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlisted:
    """`made` is the password when nobody typed one: it is shown once."""

    account: Account
    made: str | None

    def save(self, accounts: Accounts) -> None:
        """With the new password all earlier sessions end."""
        accounts.save_account(self.account)
        accounts.revoke_sessions(self.account.name)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--role", choices=ROLES, required=True, help="reviewer is also the duty supervisor")
    parser.add_argument("--shown", default="", help="as people read it")
    parser.add_argument("--kind", choices=("person", "device"), default="person")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read it; otherwise one is made and printed once"
    )


def enlist(arguments: argparse.Namespace) -> Enlisted:
    """ConfigError: the password is too short or too long."""
    typed = arguments.password_stdin
    password = _typed() if typed else secrets.token_urlsafe(12)
    account = Account(
        name=arguments.name,
        shown=arguments.shown or arguments.name,
        role=arguments.role,
        password_hash=Passwords().hash(password),
        kind=arguments.kind,
    )
    return Enlisted(account=account, made=None if typed else password)


def _typed() -> str:
    password = sys.stdin.readline().rstrip("\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError.one("password", f"must have {SHORTEST} to {LONGEST} characters")
    return password
