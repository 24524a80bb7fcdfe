"""Commands to boxes: what is wanted of a box is said in each of its sessions, and again, until nothing is left to want.

Who wants something derives it from what is in the store, so that it outlives this process; what is remembered here is
only what was said in the present session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from journal.keys import SigningKey
from kernel.clock import Clock
from kernel.evidence.commands import Command

AGAIN_MS = 600_000  # in one session; a new session is asked at once


@dataclass(frozen=True, slots=True)
class Wish:
    """What a box shall do."""

    kind: str
    args: tuple[tuple[str, str], ...]  # by name


class Wants(Protocol):
    def __call__(self, box: str) -> Iterable[Wish]:
        """What the box has not accepted yet, the most important first.  Blocking."""
        ...


class Counts(Protocol):
    def next(self, box: str, count: int, *, now_ms: int) -> range:
        """Numbers larger than any before.  Blocking."""
        ...


class Sends(Protocol):
    def __call__(self, box: str, note: str, *, counter: int) -> None: ...


class Commanding:
    """Signs with the command key `key`; `issuer` is its name."""

    def __init__(self, counters: Counts, *, send: Sends, key: SigningKey, clock: Clock) -> None:
        self.issuer = key.name
        self._counters = counters
        self._send = send
        self._key = key
        self._clock = clock
        self._wants: list[Wants] = []
        self._sessions: dict[str, bytes] = {}
        self._said_ms: dict[tuple[str, Wish], int] = {}  # in the present session of the box
        self._greetings: set[asyncio.Task[None]] = set()

    def ask(self, wants: Wants) -> None:
        """Ask it at every hello."""
        self._wants.append(wants)

    def greeted(self, box: str, nonce: bytes) -> None:
        """The box begins a session, or goes on with it: what it has not accepted is said again."""
        if self._sessions.get(box) != nonce:
            self._said_ms = {key: said_ms for key, said_ms in self._said_ms.items() if key[0] != box}
        self._sessions[box] = nonce
        task = asyncio.create_task(self._remind(box))
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)

    async def command(self, box: str, wishes: Sequence[Wish]) -> None:
        """Say it now; to a box that is away when it says hello, if it is still wanted then."""
        nonce = self._sessions.get(box)
        if nonce is None or not wishes:
            return
        self._said_ms |= {(box, wish): self._clock.mono_ms() for wish in wishes}
        now_ms = self._clock.now_ms()
        counters = await asyncio.to_thread(self._counters.next, box, len(wishes), now_ms=now_ms)
        for counter, wish in zip(counters, wishes, strict=True):
            command = Command(
                box=box,
                issuer=self.issuer,
                counter=counter,
                nonce=nonce,
                kind=wish.kind,
                args=dict(wish.args),
            )
            note = command.signed(public_key=self._key.public, sign=self._key.sign)
            self._send(box, note.format(), counter=counter)

    async def _remind(self, box: str) -> None:
        wanted = await asyncio.to_thread(self._wanted, box)
        now_ms = self._clock.mono_ms()
        await self.command(box, [wish for wish in wanted if self._is_due(box, wish, now_ms)])

    def _wanted(self, box: str) -> list[Wish]:
        return [wish for wants in self._wants for wish in wants(box)]

    def _is_due(self, box: str, wish: Wish, now_ms: int) -> bool:
        said_ms = self._said_ms.get((box, wish))
        return said_ms is None or now_ms - said_ms >= AGAIN_MS
