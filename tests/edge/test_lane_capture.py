"""The lane keeps its line with a weighing that raises questions, and nothing waits for that."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import pytest

from edge.lane import Cut, Lane
from edge.weighing.values import Weighed
from kernel.events import FileStored, VehiclePictured, VehicleWeighed
from tests.edge.test_lane import SEEN, Book, ScriptedEyes, Shelf, StillClock, site, weighed


@dataclass
class Recorder:
    """A tape that has something of every passage."""

    asked: list[tuple[str, int | None]] = field(default_factory=list)
    empty: bool = False

    def of_passage(self, body: VehicleWeighed, *, arrived_mono: int | None) -> Cut | None:
        self.asked.append((body.passage, arrived_mono))
        body_of_it = FileStored(passage=None, weighed=None, kind="capture", device="scale")
        return None if self.empty else Cut(name=f"{body.passage}.capture", data=b"{}", body=body_of_it)


async def crossed(
    result: Weighed,
    *,
    tapes: tuple[Recorder, ...],
    shelf: Shelf | None = None,
    until: int = 2,
    eyes: bool = False,
) -> Book:
    book = Book([])
    lane = Lane(
        site(),
        prefix="b",
        journal=book,
        files=shelf or Shelf(),
        eyes=ScriptedEyes(book.story, SEEN) if eyes else None,
        clock=StillClock(),
        show=lambda _lines, _colour: book.story.append("sign"),
        announce=lambda _name, _value: None,
        missing=tuple,
        tapes=tapes,
    )
    task = asyncio.create_task(lane.run())
    lane.loop(occupied=True, mono_ms=97_000)
    lane.loop(occupied=False, mono_ms=99_000)
    lane.scale(result)
    for _ in count():
        if len(book.bodies) >= until:
            break
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return book


async def test_the_file_belongs_to_the_weighing_and_comes_after_the_sign() -> None:
    tape = Recorder()
    book = await crossed(weighed(52_000, axles=6), tapes=(tape,))
    assert book.story == ["vehicle.weighed", "sign", "file.stored"]
    stored = book.bodies[1]
    assert isinstance(stored, FileStored)
    assert stored.passage == tape.asked[0][0]
    assert stored.weighed is not None
    assert stored.weighed.seq == 1
    assert (stored.kind, stored.upload, stored.priority) == ("capture", "now", 1)
    assert tape.asked == [(stored.passage, 97_000)]


async def test_that_of_a_compliant_vehicle_goes_last_and_does_not_wait_to_be_asked_for() -> None:
    book = await crossed(weighed(12_000, axles=2), tapes=(Recorder(),))
    stored = book.bodies[1]
    assert isinstance(stored, FileStored)
    assert (stored.upload, stored.priority) == ("now", 2)


async def test_cameras_and_line_keep_theirs_beside_each_other() -> None:
    book = await crossed(weighed(52_000, axles=6), tapes=(Recorder(),), eyes=True, until=4)
    kinds = sorted(body.kind for body in book.bodies if isinstance(body, FileStored))
    assert kinds == ["capture", "clip"]
    assert any(isinstance(body, VehiclePictured) for body in book.bodies)


async def test_a_full_disk_costs_the_capture_and_not_the_entry() -> None:
    book = await crossed(weighed(52_000), tapes=(Recorder(),), shelf=Shelf(full=True), until=1)
    assert [body.stream for body in book.bodies] == ["vehicle.weighed"]


@pytest.mark.parametrize("tapes", [(), (Recorder(empty=True),)])
async def test_without_anything_to_keep_nothing_is_kept(tapes: tuple[Recorder, ...]) -> None:
    book = await crossed(weighed(52_000), tapes=tapes, until=1)
    assert [body.stream for body in book.bodies] == ["vehicle.weighed"]


async def test_a_record_from_the_devices_memory_has_no_line() -> None:
    tape = Recorder()
    late = Weighed(
        gross_kg=52_000, arrived_ms=None, left_ms=0, mono_ms=99_900, quality=("late_record",), key="r2"
    )
    await crossed(late, tapes=(tape,), until=1)
    assert tape.asked == []
