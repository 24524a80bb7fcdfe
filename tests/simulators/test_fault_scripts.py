from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge.drivers import load_driver
from edge.drivers.readings import Display
from kernel.errors import ConfigError
from simulators.clock import VirtualClock
from simulators.faults import Fault, Sufferer, WireFault, inflict, read_faults
from simulators.indicator import IndicatorSim
from simulators.lanes import devices_of
from simulators.links import MemoryWire
from simulators.platform import ScaleSettings
from simulators.world import World

GOOD = """
[[fault]]
at_ms = 5000
for_ms = 1000
device = "lane1.scale"
kind = "unplug"
[[fault]]
at_ms = 100
for_ms = 10
device = "lane2.controller"
kind = "noise"
share = 0.5
"""


def test_faults_come_in_order_of_time() -> None:
    assert read_faults(GOOD) == (
        Fault(at_ms=100, for_ms=10, device="lane2.controller", kind="noise", share=0.5),
        Fault(at_ms=5_000, for_ms=1_000, device="lane1.scale", kind="unplug"),
    )
    assert read_faults("") == ()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (('kind = "unplug"', 'kind = "fire"'), "fault[0].kind"),
        (("at_ms = 5000", "at_ms = -1"), "fault[0].at_ms"),
        (("for_ms = 10\n", "for_ms = 0\n"), "fault[1].for_ms"),
        (('"lane1.scale"', '"lane1"'), "fault[0].device"),
        (("share = 0.5", "share = 2.0"), "fault[1].share"),
        (('kind = "unplug"', 'kind = "shift"'), "fault[0].kg"),
        (('kind = "unplug"', 'kind = "wrong_baud"\nbaud = 0'), "fault[0].baud"),
        (("[[fault]]", "[[fault"), "faults"),
    ],
)
def test_wrong_faults_are_named(change: tuple[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_faults(GOOD.replace(*change))
    assert path in [at for at, _ in caught.value.faults]


YAOHUA = load_driver("yaohua-cont12")
FRAME = YAOHUA.write(Display(mantissa=44_120), YAOHUA.options())


class Heard(MemoryWire):
    def taken(self) -> bytes:
        """What has come since the last call, be it nothing."""
        data = bytes(self._to_host)
        self._to_host.clear()
        return data


@asynccontextmanager
async def broken(*more: WireFault, **fault: Any) -> AsyncIterator[tuple[VirtualClock, Heard]]:
    """A scale with 44 120 kg on it that has this fault from the second second to the fourth, and `more`."""
    clock = VirtualClock()
    wire = Heard(clock=clock)
    device = IndicatorSim(
        wire,
        load_kg=lambda _at: 44_120.0,
        seen=lambda _at, _shown: None,
        clock=clock,
        row=YAOHUA,
        settings=ScaleSettings(noise_kg=0, creep_ppm=0),
    )
    sufferer, started_ms = Sufferer(wire, device), clock.now_ms()
    tasks = [asyncio.create_task(device.run())]
    for script in (WireFault(at_ms=2_000, for_ms=2_000, **fault), *more):
        suffering = sufferer.suffer(script, started_ms=started_ms, clock=clock, seed=1)
        tasks.append(asyncio.create_task(suffering))
    try:
        yield clock, wire
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def said(clock: VirtualClock, wire: Heard, seconds: float) -> bytes:
    """What comes over the wire from now on."""
    await clock.run_for(seconds)
    return wire.taken()


FAULTS: list[dict[str, Any]] = [
    {"kind": "noise", "share": 0.2},
    {"kind": "drop", "share": 0.2},
    {"kind": "garbage"},
    {"kind": "truncate", "share": 0.9},
    {"kind": "second_host", "share": 0.5},
    {"kind": "wrong_baud"},
    {"kind": "silent"},
    {"kind": "unplug"},
    {"kind": "shift", "kg": -600},
    {"kind": "over_range"},
    {"kind": "reboot"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
async def test_a_fault_lasts_as_long_as_it_says_and_is_healed(fault: dict[str, Any]) -> None:
    async with broken(**fault) as (clock, wire):
        before = await said(clock, wire, 1.95)
        during = await said(clock, wire, 1.95)
        await said(clock, wire, 2.5)
        after = await said(clock, wire, 1)
    assert before == FRAME * 20
    assert during != FRAME * 20
    assert after == FRAME * 10


@pytest.mark.parametrize("fault", FAULTS[:-1], ids=lambda fault: fault["kind"])
async def test_faults_that_overlap_last_until_the_last_of_them_is_healed(fault: dict[str, Any]) -> None:
    async with broken(WireFault(at_ms=3_000, for_ms=2_000, **fault), **fault) as (clock, wire):
        assert await said(clock, wire, 1.95) == FRAME * 20
        await said(clock, wire, 2.1)
        second_alone = await said(clock, wire, 0.9)
        await said(clock, wire, 2)
        assert await said(clock, wire, 1) == FRAME * 10
    assert second_alone != FRAME * 9


async def test_faults_of_two_kinds_overlap_and_heal_each_for_itself() -> None:
    noise = WireFault(at_ms=2_500, for_ms=3_000, kind="noise", share=1.0)
    async with broken(noise, kind="truncate", share=1.0) as (clock, wire):
        await said(clock, wire, 4.05)
        noisy = await said(clock, wire, 1.4)
        await said(clock, wire, 0.1)
        assert await said(clock, wire, 1) == FRAME * 10
    assert len(noisy) == 14 * len(FRAME)
    assert FRAME not in noisy


async def test_glued_frames_are_whole_and_come_together() -> None:
    async with broken(kind="glue") as (clock, wire):
        await said(clock, wire, 1.95)
        pieces = [await said(clock, wire, 0.1) for _ in range(15)]
    assert {piece for piece in pieces if piece} == {FRAME * 5}


async def test_a_frozen_display_goes_on_as_if_nothing_were_wrong() -> None:
    async with broken(kind="freeze") as (clock, wire):
        assert await said(clock, wire, 5) == FRAME * 51


async def test_a_restart_is_dark_and_then_the_scale_is_not_zeroed_but_shown() -> None:
    async with broken(kind="reboot") as (clock, wire):
        await said(clock, wire, 2.05)
        assert await said(clock, wire, 1.8) == b""
        assert await said(clock, wire, 1) in (FRAME * 9, FRAME * 10)


async def test_a_weigher_cannot_have_the_faults_of_an_indicator() -> None:
    clock = VirtualClock()
    world = World((), lanes={"lane1": "wim"}, started_ms=clock.now_ms())
    ports = {f"lane1.{device}": MemoryWire(clock=clock) for device in ("scale", "controller")}
    devices = devices_of(world, ports=ports, clock=clock)
    fault = Fault(at_ms=0, for_ms=1, device="lane1.scale", kind="reboot")
    with pytest.raises(ConfigError, match=r"lane1\.scale is no indicator and cannot have reboot"):
        await inflict((fault,), devices, started_ms=clock.now_ms(), clock=clock)
