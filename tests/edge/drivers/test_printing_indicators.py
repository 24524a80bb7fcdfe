"""What the driver makes of indicators that may be asked or not, and of lines that leave something open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from edge.drivers import load_driver
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator, Server
from edge.weighing.values import WeightReading
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.links import MemoryWire, ScriptedLink

SHOWN = Display(mantissa=44_120)


async def heard(
    name: str, options: dict[str, object], chunks: list[bytes]
) -> tuple[list[WeightReading], ScaleDriver, ScriptedLink]:
    clock = VirtualClock()
    driver = make_driver(name, options, device="scale", clock=clock)
    link = ScriptedLink(chunks, clock=clock)
    got: list[WeightReading] = []
    task = asyncio.create_task(_listen(driver, link, got))
    await clock.run_for(len(chunks) / 10 + 1)
    await asyncio.gather(task, return_exceptions=True)
    return got, driver, link


async def _listen(driver: ScaleDriver, link: Any, got: list[WeightReading]) -> None:
    async for event in driver.readings(link):
        assert isinstance(event, WeightReading)
        got.append(event)


def row(name: str) -> Indicator:
    loaded = load_driver(name)
    assert isinstance(loaded, Indicator)
    return loaded


@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        ("ad-std", {"ask": "RW"}, b"RW\r\n"),
        ("ad-std", {"ask": "RG", "address": 5}, b"@05RG\r\n"),
        ("sartorius-sbi", {"ask": True, "unit": "kg", "chars": 22}, b"\x1bP\r\n"),
        ("mt-sics", {"ask": "S"}, b"S\r\n"),
        ("mt-sics", {"ask": "SIR"}, b"SIR\r\n"),
        ("mt-sics", {"tare": "asked"}, b"TA\r\nSI\r\n"),
        ("sma", {}, b"\nW\r"),
    ],
)
async def test_a_device_that_speaks_only_when_asked_is_asked(
    name: str, options: dict[str, object], asked: bytes
) -> None:
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    serve = row(name).serve
    assert serve is not None
    questions: list[bytes] = []
    device = asyncio.create_task(_serve(wire, serve(read(row(name).options, options)), questions, clock))
    got: list[WeightReading] = []
    task = asyncio.create_task(
        _listen(make_driver(name, options, device="scale", clock=clock), wire.host, got)
    )
    await clock.run_for(3)
    assert set(questions) == {asked}
    assert 10 <= len(questions) <= 16  # every 200 ms
    assert {reading.kg for reading in got} == {44_120}
    assert [reading.confirmed for reading in got] == [False] + [True] * (len(got) - 1)
    device.cancel()
    task.cancel()


async def _serve(wire: MemoryWire, server: Server, questions: list[bytes], clock: VirtualClock) -> None:
    while True:
        question = wire.receive()
        questions += [question] if question else []
        await wire.send(server.feed(question, SHOWN))
        await clock.sleep(0.02)


@pytest.mark.parametrize("name", ["ad-std", "sartorius-sbi", "ricelake-stream", "text"])
async def test_a_device_that_speaks_unasked_is_not_asked(name: str) -> None:
    needed: dict[str, dict[str, object]] = {
        "text": {"pattern": "W(?P<weight>[ 0-9]{7})", "example": "W{weight:7}", "unit": "kg"},
        "sartorius-sbi": {"unit": "kg"},
    }
    options = needed.get(name, {})
    write: Callable[[Display, Any], bytes] | None = row(name).write
    assert write is not None
    got, _, link = await heard(name, options, [write(SHOWN, read(row(name).options, options))] * 5)
    assert link.written == []
    assert [reading.kg for reading in got] == [44_120] * 5


@pytest.mark.parametrize(
    ("name", "line", "option"),
    [
        ("ad-like", b"ST, GS, +0123456\r\n", "unit"),
        ("ricelake-stream", b"\x02   18460 G \r", "unit"),
        ("ricelake-stream", b"\x02   18.46TG \r", "tons"),
        ("cardinal", b"\r+018460.     g  \x03", "unit"),
    ],
)
async def test_what_a_line_leaves_open_is_no_weight_until_it_is_set(
    name: str, line: bytes, option: str
) -> None:
    got, driver, _ = await heard(name, {}, [line] * 3)
    assert got == []
    assert driver.pulse.dropped == 3
    setting = {"unit": "kg"} if option == "unit" else {"tons": "metric"}
    got, driver, _ = await heard(name, dict(setting), [line] * 3)
    assert len({reading.kg for reading in got if reading.kg}) == 1
    assert driver.pulse.dropped == 0


async def test_another_unit_than_the_one_that_was_set_is_no_weight() -> None:
    kilograms, grams = b"S S      18460 kg\r\n", b"S S      18460 g\r\n"
    got, driver, _ = await heard("mt-sics", {"unit": "kg"}, [kilograms, grams, kilograms])
    assert [reading.kg for reading in got] == [18_460, 18_460]
    assert driver.pulse.dropped == 1


@pytest.mark.parametrize(
    ("name", "line", "over"),
    [
        ("ad-std", b"OL,GS,+       kg\r\n", True),
        ("ad-std", b"HD,GS,+0018460kg\r\n", False),
        ("mt-sics", b"S +\r\n", True),
        ("sma", b"\nE1G  ----------kg \r", False),
        ("rinstrum-fmt2", b"\x02   60000O  - kg\x03", True),
        ("ricelake-stream", b"\x02       0KGI\r", False),
    ],
)
async def test_what_is_no_weight_has_no_kilograms(name: str, line: bytes, over: bool) -> None:
    needed: dict[str, object] = {} if "unit" in row(name).says else {"unit": "kg"}
    [reading], _, _ = await heard(name, needed, [line])
    assert (reading.kg, reading.over_range) == (None, over)
