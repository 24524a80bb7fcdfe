"""The access log: who looked at personal data is an entry of the station's own journal before it is shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from kernel.clock import Clock
from kernel.events import Body, EntryRef, RecordAccessed

Append = Callable[[Body], Awaitable[object]]

REMEMBERED = 5_000
QUIET_MS = 600_000


class AccessLog:
    """The same look by the same person is told once in ten minutes: a page refreshes itself."""

    def __init__(self, append: Append, *, clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._last: OrderedDict[tuple[str, ...], int] = OrderedDict()

    async def looked(
        self,
        *,
        by: str,
        what: str,
        passage: str | None = None,
        about: EntryRef | None = None,
        sha256: str | None = None,
    ) -> None:
        """Returns once it is durable.  `what`: list, event, file."""
        key = (by, what, passage or "", about.leaf if about else "", sha256 or "")
        now_ms = self._clock.mono_ms()
        if now_ms - self._last.get(key, -QUIET_MS) < QUIET_MS:
            return
        await self._append(RecordAccessed(by=by, what=what, passage=passage, about=about, sha256=sha256))
        self._last[key] = now_ms
        self._last.move_to_end(key)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
