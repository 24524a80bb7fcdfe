"""How a lane opens the line of its scale: seven bits seen through where that is text, everything remembered as it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Display
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.yaohua_cont12.protocol import write as frame_of
from edge.lines import Lines
from edge.links.sevenbits import SevenBitLink
from edge.main import load
from edge.settings import Scale
from edge.supervise import supervise
from edge.weighing.values import WeightReading
from journal.clock import SystemClock
from kernel.captures import read_capture
from tests.edge.links.test_seven_bits import with_parity
from tests.edge.test_lane_program import write as lane_file
from tests.support.lines import cable

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

WEIGHTS = [20 * n for n in range(1, 200)]
SAID = b"".join(frame_of(Display(mantissa=kg), IndicatorOptions(unit="kg")) for kg in WEIGHTS)
YAOHUA = {"driver": "yaohua-cont12", "options": {"unit": "kg", "displayed": "gross"}}


def lines_of(folder: Path, scale: dict[str, Any]) -> tuple[Lines, Scale, ScaleDriver]:
    settings, _law = load(lane_file(folder, scale=scale))
    clock = SystemClock()
    driver = make_driver(settings.scale.driver, settings.scale.options, device="scale", clock=clock)
    return Lines(settings, clock=clock), settings.scale, driver


@asynccontextmanager
async def read_by(lines: Lines, scale: Scale, driver: ScaleDriver) -> AsyncIterator[list[int | None]]:
    read: list[int | None] = []

    def take(event: object) -> None:
        assert isinstance(event, WeightReading)
        read.append(event.kg)

    async def link() -> Any:
        return await lines.scale(scale, driver)

    task = asyncio.create_task(supervise(driver, open_link=link, take=take, clock=SystemClock()))
    try:
        yield read
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_read(read: list[int | None], kg: int) -> None:
    async with asyncio.timeout(20):
        while kg not in read:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seven_bit", ["auto", "yes"])
async def test_a_scale_set_to_7e1_is_read_over_a_line_set_to_8n1_and_it_is_said(
    tmp_path: Path, seven_bit: str
) -> None:
    async with cable(tmp_path) as port:
        scale = {**YAOHUA, "url": str(port.path), "serial": {"seven_bit": seven_bit}}
        lines, device, driver = lines_of(tmp_path, scale)
        async with read_by(lines, device, driver) as read:
            while not port.heard:
                await asyncio.sleep(0.01)
            await port.send(with_parity(SAID, "even"))
            await until_read(read, WEIGHTS[-1])
            detail = driver.pulse.snapshot().detail
    lost = 6 if seven_bit == "auto" else 0  # those of the first 64 bytes
    assert read == WEIGHTS[lost:]
    assert detail == ("7E1 line read as 8N1: set bits 7, parity even" if lost else "")
    [kept] = [tape.lately(60_000, by="x") for tape in lines.scales]
    assert kept is not None
    assert isinstance(kept.data, bytes)
    assert read_capture(kept.data).incoming == with_parity(SAID, "even")


async def test_where_it_is_switched_off_nothing_is_seen_through(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        scale = {**YAOHUA, "url": str(port.path), "serial": {"seven_bit": "no"}}
        lines, device, driver = lines_of(tmp_path, scale)
        async with read_by(lines, device, driver) as read:
            while not port.heard:
                await asyncio.sleep(0.01)
            await port.send(with_parity(SAID, "even") + SAID)
            await until_read(read, WEIGHTS[-1])
        assert read == WEIGHTS


async def test_records_of_weighers_keep_their_eighth_bit(tmp_path: Path) -> None:
    async with cable(tmp_path) as port:
        options = {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"}
        scale = {
            "driver": "wim-wj",
            "url": str(port.path),
            "options": options,
            "serial": {"seven_bit": "yes"},
        }
        lines, device, driver = lines_of(tmp_path, scale)
        link = await lines.scale(device, driver)
        assert not isinstance(link, SevenBitLink)
        await link.close()
