"""From the wire to the paper without a kilogram lost: raw frames, entry, tablet and slip say one figure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.drivers import indicators
from edge.drivers.making import make_driver
from edge.drivers.readings import Display, Reading
from edge.drivers.rows import Indicator
from edge.passages import Complete
from edge.settings import Lane, Scale
from edge.weighed import Site, weighed_body
from edge.weighing.static import StaticWeighing
from edge.weighing.values import ScaleEvent, Weighed, WeightReading, whole_kg
from kernel.errors import ProtocolError
from kernel.events import VehicleWeighed
from kernel.evidence import canonical, header
from kernel.evidence.slips import Slip
from kernel.law.shipped import national
from kernel.law.verdict import Allowance
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.indicator import answering, lane_options
from simulators.links import MemoryWire
from station.pages.detail import detail_view
from station.slips import Slips
from tests.station.county import PLATFORM
from tests.station.desk import Desk
from tests.station.test_words_of_the_tablet import TEXTS

ROWS = {row.name: row for row in indicators() if row.write or row.serve}
# What the display shows, and for how many tenths of a second: an empty scale, a truck, an empty scale.
SHOWN = [(0, True, 30), (18_000, False, 4), (44_120, True, 40), (9_000, False, 4), (0, True, 30)]


def displays() -> Iterator[Display]:
    for kg, stable, times in SHOWN:
        for _ in range(times):
            yield Display(mantissa=kg, stable=stable, at_zero=kg == 0, increment=2)


async def plays(row: Indicator, wire: MemoryWire, clock: VirtualClock) -> None:
    options = read(row.options, lane_options(row))
    server = answering(row, options)
    for shown in displays():
        if server is None:
            assert row.write is not None
            await wire.send(row.write(shown, options))
            await clock.sleep(0.1)
        for _ in range(10 if server else 0):
            await wire.send(server.feed(wire.receive(), shown) if server else b"")
            await clock.sleep(0.01)


async def weighed_by(row: Indicator) -> Weighed:
    """A truck over the wire of this protocol."""
    clock = VirtualClock()
    wire, machine = MemoryWire(clock=clock), StaticWeighing(Scale(driver="x", url="/dev/null").platform)
    driver = make_driver(row.name, lane_options(row), device="scale", clock=clock)
    results: list[object] = []

    async def listen() -> None:
        async for event in driver.readings(wire.host):
            results.extend(_fed(machine, event))

    tasks = [asyncio.create_task(plays(row, wire, clock)), asyncio.create_task(listen())]
    await clock.run_for(12)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    [weighed] = [result for result in results if isinstance(result, Weighed)]
    return weighed


def _fed(machine: StaticWeighing, event: ScaleEvent) -> list[object]:
    assert isinstance(event, WeightReading)
    return list(machine.feed(event))


def entry_of(weighed: Weighed, row: Indicator) -> VehicleWeighed:
    site = Site(
        lane=Lane(
            source="yiyuan/s01/lane2",
            jurisdiction="370323",
            road_class="provincial",
            weighing_grade="certified",
            joint_mode="joint",
            attended=True,
        ),
        scale=Scale(driver=row.name, url="/dev/null"),
        method="static_platform",
        law=national(),
        allowance=Allowance(),
    )
    done = Complete(
        passage="s01-lane2-1", arrived_mono_ms=None, left_mono_ms=weighed.mono_ms, result=weighed, quality=()
    )
    return weighed_body(done, site, now_ms=weighed.left_ms, now_mono_ms=weighed.mono_ms, missing=())


def kg_of(frame: bytes, row: Indicator) -> set[int]:
    """What these bytes alone say, read by the protocol again; repeated, as some protocols decide only then."""
    options = read(row.options, lane_options(row))
    parser = row.parser(options)
    items = [*(item for _ in range(12) for item in parser.feed(frame)), *parser.finish()]
    shown = [item for item in items if isinstance(item, Reading) and item.mantissa is not None]
    assert not any(isinstance(item, ProtocolError) for item in items)
    return {whole_kg(one.mantissa or 0, one.exponent, one.unit or options.unit or "")[0] for one in shown}


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
async def test_the_frames_of_an_entry_say_its_gross_mass(row: Indicator) -> None:
    body = entry_of(await weighed_by(row), row)
    assert (body.gross_kg, body.verdict.decision_kg) == (44_120, 44_120)
    assert body.frames
    for frame in body.frames:
        assert kg_of(bytes.fromhex(frame), row) == {body.gross_kg}


async def test_the_slip_shows_the_figure_of_the_entry_and_of_its_frames_to_the_byte(
    desk: Desk, quick_path: Path
) -> None:
    row = ROWS["yaohua-cont12"]
    body = entry_of(await weighed_by(row), row)
    desk.platform.passed += 1
    desk.platform._journal.say(body)
    [_genesis, entry] = desk.platform.put()

    slips = Slips(desk.journal, desk.queries, source="yiyuan/s01")
    slip = await slips.issue(PLATFORM, body.passage, "weighing", by="li", key="k1")
    assert slip is not None
    printed = Slip.parse(slip.payload)

    # The paper names the leaf; the leaf binds the header, the header the body, the body the figure and the frames.
    leaf, said = header.leaf(entry.header_bytes), entry.body or b""
    assert (printed.seq, printed.leaf) == (1, leaf.hex()[:32])
    assert header.decode(entry.header_bytes).body == header.body_digest(entry.salt or b"", said)
    assert said == canonical.encode(body)
    kept = msgspec.json.decode(said, type=VehicleWeighed)
    assert kg_of(bytes.fromhex(kept.frames[0]), row) == {kept.gross_kg} == {44_120}

    detail = desk.queries.detail(PLATFORM, body.passage)
    assert detail is not None
    view = detail_view(detail, [], TEXTS["zh"], lambda box: box, joint_mode="joint")
    assert view.line.gross == "44\N{NO-BREAK SPACE}120"
    assert view.verdict is not None
    assert view.verdict.measured == view.line.gross
    assert ("zero", "0\N{NO-BREAK SPACE}kg") in {(item.id, item.value) for item in view.about}
    assert "稳定由读数推算" in {item.value for item in view.missing}  # this protocol sends no motion flag
