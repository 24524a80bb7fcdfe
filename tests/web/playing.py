"""A clock that a test moves, accounts in memory, cheap passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from web.accounts import Account, Session
from web.passwords import Cost, Passwords

START_MS = 1_795_000_000_000
CHEAP = Cost(memory_kib=8, passes=1)
PASSWORD = "correct horse"


@dataclass
class HandClock:
    """Moves only when told; sleepers wake when their time has come."""

    at_ms: int = START_MS
    sleepers: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.at_ms

    def mono_ms(self) -> int:
        return self.at_ms - START_MS

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.at_ms + int(seconds * 1000), woken))
        await woken.wait()

    def move(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)
        for due_ms, woken in self.sleepers:
            if due_ms <= self.at_ms:
                woken.set()
        self.sleepers = [(due_ms, woken) for due_ms, woken in self.sleepers if not woken.is_set()]


@dataclass
class MemoryAccounts:
    """Implements web.accounts.Accounts."""

    people: dict[str, Account] = field(default_factory=dict)
    held: dict[str, Session] = field(default_factory=dict)

    def find_account(self, name: str) -> Account | None:
        return self.people.get(name)

    def save_account(self, account: Account) -> None:
        self.people[account.name] = account

    def accounts(self) -> Sequence[Account]:
        return sorted(self.people.values(), key=lambda account: account.name)

    def save_session(self, session: Session) -> None:
        self.held[session.token_hash] = session

    def find_session(self, token_hash: str) -> Session | None:
        return self.held.get(token_hash)

    def sessions(self, account: str) -> Sequence[Session]:
        return [session for session in self.held.values() if session.account == account]

    def revoke_session(self, token_hash: str) -> None:
        self.held.pop(token_hash, None)

    def revoke_sessions(self, account: str) -> None:
        self.held = {key: session for key, session in self.held.items() if session.account != account}

    def forget_expired(self, now_ms: int) -> None:
        self.held = {key: session for key, session in self.held.items() if session.expires_ms > now_ms}


def person(name: str = "li", **changes: object) -> Account:
    values: dict[str, object] = {
        "name": name,
        "shown": "李娜",
        "role": "operator",
        "password_hash": Passwords(CHEAP).hash(PASSWORD),
    }
    return Account(**(values | changes))  # type: ignore[arg-type]
