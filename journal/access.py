"""The access log: who looked at personal data is an entry of the process's own journal before it is shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from kernel.clock import Clock
from kernel.events import Body, EntryRef, RecordAccessed

Append = Callable[[Body], Awaitable[object]]

_REMEMBERED = 10_000
_LONGEST = 300


class AccessLog:
    """A page that refreshes itself looks once: the same look by the same person within `quiet_ms` is not repeated."""

    def __init__(self, append: Append, *, clock: Clock, quiet_ms: int = 600_000) -> None:
        self._append = append
        self._clock = clock
        self._quiet_ms = quiet_ms
        self._last: OrderedDict[tuple[str, ...], int] = OrderedDict()

    async def looked(
        self,
        *,
        by: str,
        what: str,
        passage: str | None = None,
        about: EntryRef | None = None,
        sha256: str | None = None,
        wanted: str = "",
    ) -> None:
        """`what`: list, event, file, live.  `wanted` is what a list was narrowed to.  Returns once it is durable."""
        key = (by, what, passage or "", about.leaf if about else "", sha256 or "", wanted)
        now_ms = self._clock.mono_ms()
        if now_ms - self._last.get(key, -self._quiet_ms) < self._quiet_ms:
            return
        await self.took(by=by, what=what, passage=passage, about=about, sha256=sha256, wanted=wanted)
        self._last[key] = now_ms
        self._last.move_to_end(key)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    async def took(
        self,
        *,
        by: str,
        what: str,
        passage: str | None = None,
        about: EntryRef | None = None,
        sha256: str | None = None,
        wanted: str = "",
    ) -> None:
        """`what`: package, export.  Every time is an entry."""
        body = RecordAccessed(by=by, what=what, passage=passage, about=about, sha256=sha256, filter=wanted)
        await self._append(body)


def narrowed(*, plate: str | None = None, **wanted: object) -> str:
    """What a list was narrowed to, for the log: a plate only as far as its authority, 鲁C*****."""
    told = [f"{name}={value}" for name, value in wanted.items() if value not in (None, "")]
    return " ".join([*told, f"plate={hidden(plate)}"] if plate else told)[:_LONGEST]


def hidden(plate: str) -> str:
    """The log is kept for longer than what it is about: it must not become the place where plates are found."""
    return plate[:2] + "*" * (len(plate) - 2)
