"""Gross or net: as the wire says it, else as the installer does, else no weight for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge.drivers import load_driver
from edge.drivers.indicator import IndicatorDriver
from edge.drivers.readings import Kind, Reading
from edge.drivers.rows import IndicatorOptions
from edge.weighing.values import WeightReading
from kernel.errors import LinkError, ProtocolError
from simulators.clock import VirtualClock
from simulators.links import ScriptedLink


class Says:
    """A parser for which every byte is one reading of this kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def feed(self, data: bytes) -> Sequence[Reading | ProtocolError]:
        return [Reading(mantissa=44_120, unit="kg", kind=self._kind, confirmed=True) for _ in data]

    def finish(self) -> Sequence[Reading | ProtocolError]:
        return []


async def read(kind: Kind, *, says: str = "", displayed: str = "unknown") -> tuple[bool, tuple[str, ...]]:
    row = replace(
        load_driver("yaohua-cont12"),
        says=frozenset({"unit", says} - {""}),
        parser=lambda _options: Says(kind),
    )
    clock = VirtualClock()
    driver = IndicatorDriver(
        row,
        IndicatorOptions(displayed=displayed),  # type: ignore[arg-type]
        device="scale",
        clock=clock,
    )
    found: list[WeightReading] = []

    async def listen() -> None:
        async for event in driver.readings(ScriptedLink([b"x"], clock=clock)):
            assert isinstance(event, WeightReading)
            found.append(event)

    task = asyncio.create_task(listen())
    await clock.run_for(1)
    with pytest.raises(LinkError):
        await task
    [reading] = found
    return reading.net, reading.words


@pytest.mark.parametrize(
    ("kind", "says", "displayed", "net", "words"),
    [
        ("gross", "gross_net", "unknown", False, ()),
        ("net", "gross_net", "gross", True, ()),  # the wire knows better
        ("net", "", "gross", False, ()),  # a protocol that calls every weight net; there is no tare here
        ("net", "", "net", True, ()),
        ("net", "", "unknown", False, ("gross_or_net_unknown",)),
        ("displayed", "", "gross", False, ()),
        ("displayed", "", "net", True, ()),
        ("displayed", "", "unknown", False, ("gross_or_net_unknown",)),
        ("unknown", "", "gross", False, ("gross_or_net_unknown",)),
    ],
)
async def test_who_says_whether_it_is_gross(
    kind: Kind, says: str, displayed: str, net: bool, words: tuple[str, ...]
) -> None:
    assert await read(kind, says=says, displayed=displayed) == (net, words)
