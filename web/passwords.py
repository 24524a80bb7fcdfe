"""Passwords are kept as argon2id hashes and checked in a thread; a name that does not exist costs the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 200  # characters; more is refused before any work is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """argon2id parameters.  The default is the second choice of RFC 9106: 64 MiB, 3 passes."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 1


class Passwords:
    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes, salt_len=16
        )
        self._nobody = self._hasher.hash("nobody has this password")
        # 64 MiB a check: one at a time, or a burst of sign-ins takes the box's memory.
        self._one = asyncio.Semaphore(1)

    def hash(self, password: str) -> str:
        """Blocking."""
        return self._hasher.hash(password)

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; None for an account that does not exist takes as long and is false."""
        if len(password) > LONGEST:
            return False
        async with self._one:
            right = await asyncio.to_thread(self._verify, password_hash or self._nobody, password)
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
