"""What a killed lane had not finished is finished by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge.lane import Cut, Lane, Seen
from edge.recorder.index import Lock
from edge.resume import resume
from journal.database import StoredEntry
from kernel.events import Body, FileStored, VehiclePictured, VehicleWeighed
from kernel.evidence import canonical, header
from kernel.evidence.header import ClockState, Header
from tests.edge.test_lane import SEEN, Book, Shelf, StillClock, run_lane, site, weighed

JOURNAL = "a" * 32


@dataclass
class Stored:
    """A journal of an earlier run."""

    bodies: Sequence[Body]
    id: str = JOURNAL

    @property
    def size(self) -> int:
        return len(self.bodies)

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        return [_entry(seq, body) for seq, body in enumerate(self.bodies)][start : start + count]


def _entry(seq: int, body: Body) -> StoredEntry:
    raw = header.encode(
        Header(
            at=1,
            body="0" * 64,
            boot="0" * 16,
            clock=ClockState(err_ms=None, state="unset"),
            files=(),
            journal=JOURNAL,
            mono_ms=1,
            seq=seq,
            source="yiyuan/s01/lane1",
            stream=body.stream,
        )
    )
    return StoredEntry(
        seq=seq, leaf=header.leaf(raw), header=raw, salt=b"0" * 16, body=canonical.encode(body)
    )


@dataclass
class Eyes:
    locks: dict[str, list[Lock]]
    no_footage: bool = False
    settled: list[str] = field(default_factory=list)

    async def unfinished(self) -> dict[str, list[Lock]]:
        return dict(self.locks)

    async def cut(self, lock: Lock) -> Cut | None:
        if self.no_footage:
            return None
        body = FileStored(passage=None, weighed=None, kind="clip")
        return Cut(name=f"{lock.passage}-{lock.camera}.mp4", data=Path("clip.mp4"), body=body)

    async def look_back(self, cuts: Sequence[tuple[Lock, Cut]], *, left_ms: int | None) -> Seen:
        return SEEN if cuts else Seen(missing=("pictures: restart",))

    async def settle(self, lock: Lock) -> None:
        self.settled.append(f"{lock.passage} {lock.camera}")


def lock(passage: str, camera: str) -> Lock:
    return Lock(passage=passage, camera=camera, at_ms=5_000, from_ms=0, to_ms=12_000)


async def an_event(passage: str) -> VehicleWeighed:
    bodies = await run_lane(weighed(52_000, axles=6), book=Book([]))
    found = next(body for body in bodies if isinstance(body, VehicleWeighed))
    return replace_passage(found, passage)


def replace_passage(body: VehicleWeighed, passage: str) -> VehicleWeighed:
    return msgspec.structs.replace(body, passage=passage)


def pictured(passage: str) -> VehiclePictured:
    return VehiclePictured(passage=passage, weighed=None, weighed_durable_ms=None)


async def resumed(stored: Sequence[Body], eyes: Eyes, *, until: int | None = None) -> list[Body]:
    book = Book([])
    lane = Lane(
        site(),
        prefix="b",
        journal=book,
        files=Shelf(),
        eyes=None,
        clock=StillClock(),
        show=lambda lines, colour: None,
        announce=lambda name, value: None,
        missing=tuple,
    )
    async with asyncio.timeout(20):
        await resume(Stored(stored), lane, eyes, until=len(stored) if until is None else until)
    return book.bodies


async def test_pictures_and_clips_come_out_of_the_locked_footage() -> None:
    eyes = Eyes({"p1": [lock("p1", "front"), lock("p1", "rear")]})
    bodies = await resumed([await an_event("p1")], eyes)
    assert [body.stream for body in bodies] == ["vehicle.pictured", "file.stored", "file.stored"]
    first = bodies[0]
    assert isinstance(first, VehiclePictured)
    assert (first.passage, first.tractor) == ("p1", "鲁C12345")
    assert first.weighed is not None
    assert first.weighed.seq == 0
    assert eyes.settled == ["p1 front", "p1 rear"]


async def test_only_what_is_missing_is_done() -> None:
    eyes = Eyes({"p1": [lock("p1", "front")]})
    bodies = await resumed([await an_event("p1"), pictured("p1"), await an_event("p2"), pictured("p2")], eyes)
    assert [body.stream for body in bodies] == ["file.stored"]


async def test_without_footage_the_pictures_are_said_to_be_lost() -> None:
    bodies = await resumed([await an_event("p1")], Eyes({"p1": [lock("p1", "front")]}, no_footage=True))
    [first] = bodies
    assert isinstance(first, VehiclePictured)
    assert first.missing == ("pictures: restart",)


async def test_footage_of_a_vehicle_that_was_never_weighed_is_let_go() -> None:
    eyes = Eyes({"p9": [lock("p9", "front")]})
    assert await resumed([], eyes) == []
    assert eyes.settled == ["p9 front"]


async def test_what_the_new_run_has_weighed_is_left_to_it() -> None:
    assert await resumed([await an_event("p1")], Eyes({}), until=0) == []
