from __future__ import annotations

import asyncio

import pytest

from edge.drivers.scale.toledo_continuous.driver import ToledoContinuous, ToledoOptions
from edge.drivers.scale.toledo_continuous.protocol import Reading
from edge.weighing.values import WeightReading
from kernel.errors import LinkError
from simulators.clock import VirtualClock
from simulators.links import ScriptedLink


async def said(*readings: Reading, **options: object) -> tuple[list[WeightReading], ToledoContinuous]:
    clock = VirtualClock()
    driver = ToledoContinuous(ToledoOptions(checksum="yes", **options), device="scale", clock=clock)  # type: ignore[arg-type]
    link = ScriptedLink([reading.to_bytes(checksum=True) for reading in readings], clock=clock)
    got: list[WeightReading] = []

    async def listen() -> None:
        async for event in driver.readings(link):
            assert isinstance(event, WeightReading)
            got.append(event)

    task = asyncio.create_task(listen())
    await clock.run_for(60)
    with pytest.raises(LinkError):
        await task
    return got, driver


async def test_the_display_becomes_a_weight_with_its_flags() -> None:
    [still, moving, net], _ = await said(
        Reading(mantissa=44_120), Reading(mantissa=44_100, motion=True), Reading(mantissa=-120, net=True)
    )
    assert (still.kg, still.stable, still.net, still.confirmed, still.words) == (
        44_120,
        True,
        False,
        True,
        (),
    )
    assert moving.stable is False
    assert (net.kg, net.net) == (-120, True)
    assert moving.mono_ms - still.mono_ms == 100


async def test_over_and_under_range_show_no_weight() -> None:
    [over, under], _ = await said(
        Reading(mantissa=0, out_of_range=True), Reading(mantissa=0, out_of_range=True, negative=True)
    )
    assert (over.kg, over.over_range) == (None, True)
    assert (under.kg, under.over_range, under.words) == (None, False, ("under_range",))


async def test_a_display_not_zeroed_since_power_up_is_no_weight_unless_the_bit_is_to_be_ignored() -> None:
    [strict], _ = await said(Reading(mantissa=30_000, power_up=True))
    [lenient], _ = await said(Reading(mantissa=30_000, power_up=True), power_up_invalid=False)
    assert (strict.kg, strict.words) == (None, ("not_zeroed",))
    assert (lenient.kg, lenient.words) == (30_000, ())


async def test_pounds_are_dropped_unless_allowed() -> None:
    none, driver = await said(Reading(mantissa=1_000, unit="lb"))
    assert none == []
    assert driver.pulse.dropped == 1
    [converted], _ = await said(Reading(mantissa=100_000, unit="lb"), allow_lb=True)
    assert converted.kg == 45_359
