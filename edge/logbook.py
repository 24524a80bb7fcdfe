"""The journal as a device of the lane: how long it is, and whether somebody keeps it from tidying up after itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Literal

from journal.writer import Journal
from kernel.clock import Clock
from kernel.events import DeviceHealth

log = logging.getLogger(__name__)

HELD_BYTES = 64 << 20  # the log beside the database; without a reader that holds it, it stays below 16 MB


class JournalProbe:
    """Said once when a reader makes the log grow, and once when it is over."""

    def __init__(self, journal: Journal, *, clock: Clock, held_bytes: int = HELD_BYTES) -> None:
        self._journal = journal
        self._clock = clock
        self._held_bytes = held_bytes
        self._state: Literal["up", "low"] = "up"
        self._since_ms = clock.now_ms()

    def __call__(self) -> Iterable[DeviceHealth]:
        held = self._journal.wal_bytes
        state: Literal["up", "low"] = "low" if held > self._held_bytes else "up"
        if state != self._state:
            self._state, self._since_ms = state, self._clock.now_ms()
            log.warning(
                "journal held by a reader" if state == "low" else "journal let go", extra={"wal": held}
            )
        closed = len(self._journal.volumes) - 1
        yield DeviceHealth(
            name="journal",
            kind="journal",
            state=state,
            since_ms=self._since_ms,
            detail=f"{self._journal.size} entries, {closed} closed before, {held >> 20} MB to fold in",
            good=self._journal.size,
        )
