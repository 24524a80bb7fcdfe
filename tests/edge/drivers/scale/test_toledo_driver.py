from __future__ import annotations

import asyncio

import pytest

from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Display
from edge.drivers.scale.toledo_continuous.protocol import ToledoOptions, write
from edge.weighing.values import WeightReading
from kernel.errors import LinkError
from simulators.clock import VirtualClock
from simulators.links import ScriptedLink


async def said(*shown: Display, **options: object) -> tuple[list[WeightReading], ScaleDriver]:
    clock = VirtualClock()
    driver = make_driver("toledo-continuous", {"checksum": True, **options}, device="scale", clock=clock)
    link = ScriptedLink([write(each, ToledoOptions()) for each in shown], clock=clock)
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
        Display(mantissa=44_120), Display(mantissa=44_100, stable=False), Display(mantissa=-120, net=True)
    )
    assert (still.kg, still.stable, still.net, still.confirmed, still.words) == (
        44_120,
        True,
        False,
        True,
        (),
    )
    assert still.raw == write(Display(mantissa=44_120), ToledoOptions())
    assert moving.stable is False
    assert (net.kg, net.net) == (-120, True)
    assert moving.mono_ms - still.mono_ms == 100


async def test_over_and_under_range_show_no_weight() -> None:
    [over, under], _ = await said(Display(mantissa=0, over_range=True), Display(mantissa=0, under_range=True))
    assert (over.kg, over.over_range) == (None, True)
    assert (under.kg, under.over_range, under.words) == (None, False, ("under_range",))


async def test_a_display_not_zeroed_since_power_up_is_no_weight_unless_the_bit_is_to_be_ignored() -> None:
    [strict], _ = await said(Display(mantissa=30_000, power_up=True))
    [lenient], _ = await said(Display(mantissa=30_000, power_up=True), power_up_invalid=False)
    assert (strict.kg, strict.words) == (None, ("not_zeroed",))
    assert (lenient.kg, lenient.words) == (30_000, ())


async def test_pounds_are_dropped_unless_allowed() -> None:
    none, driver = await said(Display(mantissa=1_000, unit="lb"))
    assert none == []
    assert driver.pulse.dropped == 1
    [converted], _ = await said(Display(mantissa=100_000, unit="lb"), allow_lb=True)
    assert converted.kg == 45_359


async def test_a_display_with_fixed_zeros_is_no_weight_until_the_setting_says_where_they_are() -> None:
    none, driver = await said(Display(mantissa=1_846, exponent=1))
    assert none == []
    assert driver.pulse.dropped == 1
    [after], _ = await said(Display(mantissa=1_846, exponent=1), fixed_zero="after")
    assert after.kg == 18_460
