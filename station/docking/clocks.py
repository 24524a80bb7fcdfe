"""Holds a recorder's clock against ours before anybody sets it: waited for until its second ticks, where it shows no more."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.footage.bodies import ClockAnchor
from station.docking.contract import RecorderDock
from station.docking.threads import OwnThreads

TICK_MS = 2_500  # a clock that shows seconds has shown another one by then
FINE_MS = 100
PAUSE_S = 0.02


async def hold_against(dock: RecorderDock, *, clock: Clock, ask: OwnThreads) -> ClockAnchor | None:
    """None: this recorder does not show its clock.  LinkError, RefusedError, ProtocolError of the driver.

    Its error holds all that is not known: how long the answer took, and where in its step the clock stood.
    """
    before = clock.now_ms()
    first = await ask.run(dock.read_clock)
    after = clock.now_ms()
    if first is None:
        return None
    if first.step_ms <= FINE_MS:
        return _anchor(first.own_ms, before, after, spare_ms=first.step_ms)
    deadline = clock.mono_ms() + TICK_MS
    while clock.mono_ms() < deadline:
        earlier = before
        await clock.sleep(PAUSE_S)
        before = clock.now_ms()
        reading = await ask.run(dock.read_clock)
        after = clock.now_ms()
        if reading is not None and reading.own_ms != first.own_ms:
            return _anchor(reading.own_ms, earlier, after)
    # It stands still: that, too, is known to no more than its step.
    return _anchor(first.own_ms, before, after, spare_ms=first.step_ms)


def _anchor(own_ms: int, begun_ms: int, ended_ms: int, *, spare_ms: int = 0) -> ClockAnchor:
    """The clock came to `own_ms` somewhere between these."""
    half = (ended_ms - begun_ms + 1) // 2
    return ClockAnchor(kind="dock", own_ms=own_ms, true_ms=begun_ms + half, err_ms=max(1, half + spare_ms))
