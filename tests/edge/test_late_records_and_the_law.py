"""A record out of the device's memory stands under the certificate of when it was made, not of when it came."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kernel.events import InstrumentCertified, InstrumentChanged
from tests.edge.instrument.rig import DAY, HOUR, NOON, PAPER, Desk
from tests.edge.test_vehicles_taken_back import Told, vehicle


@pytest.mark.parametrize(
    ("quality", "recorded_ms", "reasons"),
    [
        (("late_record",), NOON - HOUR, ("seal_broken",)),
        (("late_record",), NOON - DAY, ()),
        (("late_record",), None, ("seal_broken", "moment_unknown")),
        (("late_record", "device_clock_off"), NOON - DAY, ("seal_broken", "moment_unknown")),
        ((), NOON - DAY, ("seal_broken",)),
    ],
)
async def test_a_record_is_judged_as_of_when_it_was_made(
    quality: tuple[str, ...], recorded_ms: int | None, reasons: tuple[str, ...]
) -> None:
    desk = Desk()
    desk.facts = [
        InstrumentCertified(device="scale", at_ms=NOON - 10 * DAY, certificate=PAPER, by="wang"),
        InstrumentChanged(device="scale", at_ms=NOON - 2 * HOUR, change="seal_broken", by="wang"),
    ]
    desk.start()
    book = Told()
    lane = book.lane(desk.instrument)
    running = asyncio.create_task(lane.run())
    lane.scale(replace(vehicle("r1"), quality=quality, recorded_ms=recorded_ms))
    async with asyncio.timeout(20):
        while not book.weighings:
            await asyncio.sleep(0)
    running.cancel()
    [body] = book.weighings
    assert body.instrument is not None
    assert (body.instrument.reasons, body.instrument.evidence) == (reasons, not reasons)
