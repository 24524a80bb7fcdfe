"""Who may sign in, and the sessions they hold: what a store of accounts must do, whatever it is made of.

The station keeps its accounts in SQLite (`web.sqlite_accounts`), the centre in its own database.  Both are blocking
and are called from threads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from kernel.errors import ConfigError

# Each may do what the one before it may; the auditor looks, and reads who looked, and acts on nothing.
Role = Literal["viewer", "operator", "reviewer", "admin", "auditor"]
Kind = Literal["person", "device"]
ROLES: tuple[Role, ...] = get_args(Role)
LADDER: tuple[Role, ...] = ("viewer", "operator", "reviewer", "admin")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person, or one device such as a wall display, which only ever looks (kind `device`, role `viewer`)."""

    name: str
    shown: str  # as people read it: 张三, 监控大屏
    role: Role
    password_hash: str  # argon2id, made by web.passwords
    kind: Kind = "person"
    disabled: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError.one("name", f"must be 2-32 of a-z 0-9 . _ -, is {self.name!r}")
        if self.role not in ROLES:
            raise ConfigError.one("role", f"must be one of {', '.join(ROLES)}, is {self.role!r}")
        if self.kind == "device" and self.role != "viewer":
            raise ConfigError.one("role", "a device account only looks: its role must be 'viewer'")

    def may(self, role: Role) -> bool:
        return may(self.role, role)


def may(held: Role, wanted: Role) -> bool:
    """Whether somebody of the one role may do what the other may."""
    if wanted == "auditor":
        return held in ("auditor", "admin")
    if held == "auditor":
        return wanted == "viewer"
    return LADDER.index(held) >= LADDER.index(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in.  The token itself is only in the browser; the store keeps its SHA-256."""

    token_hash: str  # 64 hex
    account: str
    made_ms: int
    expires_ms: int  # absolute: use does not extend it
    address: str
    agent: str = ""  # what the browser calls itself, so that a person can recognise a session in the list


class Accounts(Protocol):
    """Blocking.  A name is unique; saving an account that exists replaces it."""

    def find_account(self, name: str) -> Account | None: ...

    def save_account(self, account: Account) -> None: ...

    def accounts(self) -> Sequence[Account]: ...

    def save_session(self, session: Session) -> None: ...

    def find_session(self, token_hash: str) -> Session | None: ...

    def sessions(self, account: str) -> Sequence[Session]: ...

    def revoke_session(self, token_hash: str) -> None:
        """Forget it; a session that is not there is no error."""
        ...

    def revoke_sessions(self, account: str) -> None:
        """All of this account: after a password change, a lost tablet."""
        ...

    def forget_expired(self, now_ms: int) -> None: ...
