"""What the centre says of the scale of a lane: a signed command, in each session, until the box has accepted it.

A box that refuses a certificate or a shift keeps refusing: after a day nobody asks any more, and a person says it anew.
What was done to a scale is true however late its box hears of it: that is told for as long as it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from central.ingest.commanding import Commanding, Wish
from central.store.instruments import Instruments
from kernel.clock import Clock
from kernel.events import InstrumentOrdered
from kernel.evidence.commands import INSTRUMENT

LASTS_MS = 86_400_000


class InstrumentsAtBoxes:
    """Implements central.acts.desk.Speaks."""

    def __init__(self, instruments: Instruments, *, commanding: Commanding, clock: Clock) -> None:
        self._instruments = instruments
        self._commanding = commanding
        self._clock = clock
        commanding.ask(self._wanted)

    async def say(self, body: InstrumentOrdered) -> None:
        """Now, if the box is there; not again what it has accepted."""
        wanted = await asyncio.to_thread(self._wanted, body.box)
        await self._commanding.command(body.box, [wish for wish in wanted if ("id", body.id) in wish.args])

    def _wanted(self, box: str) -> Iterable[Wish]:
        waiting = self._instruments.waiting(box, since_ms=self._clock.now_ms() - LASTS_MS)
        return [Wish(INSTRUMENT, order.args) for order in waiting]
