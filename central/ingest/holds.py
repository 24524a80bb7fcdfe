"""Holds 封存 of the centre, at the boxes whose passages they are: a signed command, until the box's own entry says so.

What ends them is the box's `record.held`, not its `command.accepted`: a box without room for the first has held nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from central.ingest.commanding import Commanding, Wish
from central.store.holds import Holds
from kernel.clock import Clock
from kernel.events import RecordHeld
from kernel.evidence.commands import HOLD


class HoldsAtBoxes:
    """Implements central.acts.desk.Orders."""

    def __init__(self, holds: Holds, *, commanding: Commanding, clock: Clock) -> None:
        self._holds = holds
        self._commanding = commanding
        self._clock = clock
        commanding.ask(self._wanted)

    async def order(self, box: str, body: RecordHeld) -> None:
        """Now, if the box is there: a hold must be quicker than the box's own rules."""
        await self._commanding.command(box, [_wish(body)])

    def _wanted(self, box: str) -> Iterable[Wish]:
        return map(_wish, self._holds.wanted(box, now_ms=self._clock.now_ms()))


def _wish(body: RecordHeld) -> Wish:
    said = {"act": body.act, "by": body.by, "passage": body.passage, "reason": body.reason}
    if body.act == "held" and body.until_ms is not None:
        said["until_ms"] = str(body.until_ms)
    return Wish(HOLD, tuple((name, value) for name, value in sorted(said.items()) if value is not None))
