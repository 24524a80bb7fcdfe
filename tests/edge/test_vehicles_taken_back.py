"""A vehicle that rolls back off the weigher: its weighing is cancelled by an entry of its own, never erased."""

from __future__ import annotations

import asyncio

import pytest

from edge.controller import fitting
from edge.lane import Lane, Vouches
from edge.reversals import Reversals, Weighing
from edge.sign import REVERSED
from edge.weighing.values import VehicleReversed, Weighed
from journal.writer import Appended
from kernel.events import Body, EntryRef, PassageCancelled, VehicleFacts, VehicleWeighed
from kernel.evidence.header import FileRef
from tests.edge.test_lane import NOW, Shelf, StillClock, site

MONO = 99_900


class Told:
    """A journal, a device and a sign that write down what happens, in order."""

    def __init__(self, *, known: frozenset[str] = frozenset()) -> None:
        self.story: list[str] = []
        self.bodies: list[Body] = []
        self.keys: list[str | None] = []
        self.known = known

    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended:
        self.story.append(body.stream)
        self.bodies.append(body)
        self.keys.append(key)
        seq, known = len(self.bodies), key in self.known
        return Appended(
            journal="0" * 32, seq=seq, leaf_hex=f"{seq:064x}", at=NOW, durable_ms=NOW, known=known
        )

    def lane(self, instrument: Vouches | None = None) -> Lane:
        return Lane(
            site(),
            prefix="b",
            journal=self,
            files=Shelf(),
            eyes=None,
            clock=StillClock(),
            show=lambda lines, colour: self.story.append(lines[0]),
            announce=lambda name, value: None,
            missing=tuple,
            confirm=lambda key: self.story.append(f"confirmed {key}"),
            instrument=instrument,
        )

    @property
    def weighings(self) -> list[VehicleWeighed]:
        return [body for body in self.bodies if isinstance(body, VehicleWeighed)]

    @property
    def cancels(self) -> list[PassageCancelled]:
        return [body for body in self.bodies if isinstance(body, PassageCancelled)]


def vehicle(key: str, *, mono_ms: int = MONO) -> Weighed:
    return Weighed(
        gross_kg=50_500,
        arrived_ms=None,
        left_ms=NOW,
        mono_ms=mono_ms,
        facts=VehicleFacts(axle_count=6),
        key=key,
    )


def back(record: str = "", *, mono_ms: int = MONO + 50, key: str = "") -> VehicleReversed:
    return VehicleReversed(at_ms=NOW, mono_ms=mono_ms, record=record, key=key, raw=b"\xff\x07")


async def told(*events: Weighed | VehicleReversed, known: frozenset[str] = frozenset()) -> Told:
    book = Told(known=known)
    lane = book.lane()
    running = asyncio.create_task(lane.run())
    for event in events:
        lane.scale(event)
    async with asyncio.timeout(20):
        while len(book.bodies) < len(events):
            await asyncio.sleep(0)
    for _ in range(20):  # whatever follows the last entry
        await asyncio.sleep(0)
    running.cancel()
    return book


def ref(seq: int) -> EntryRef:
    return EntryRef(journal="0" * 32, seq=seq, leaf=f"{seq:064x}")


async def test_the_last_vehicle_is_cancelled_by_an_entry_that_names_it_and_the_sign_says_so() -> None:
    book = await told(vehicle("r1"), back(key="reverse-8"))
    assert book.story == [
        "vehicle.weighed",
        "confirmed r1",
        "总重50500千克",
        "passage.cancelled",
        "confirmed reverse-8",
        "车辆倒车",
    ]
    [weighed], [cancelled] = book.weighings, book.cancels
    assert cancelled == PassageCancelled(
        passage=weighed.passage, weighed=ref(1), device="scale", record_hex="ff07"
    )
    assert book.keys[-1] == f"cancelled:{'0' * 32}:1"  # said again after a restart it is no second entry


async def test_a_reversal_without_a_passage_is_said_and_cancels_nothing() -> None:
    book = await told(back(key="reverse-8"))
    assert book.story == ["passage.cancelled", "confirmed reverse-8"]
    [cancelled] = book.cancels
    assert (cancelled.passage, cancelled.weighed, cancelled.quality) == (None, None, ("no_weighing",))
    assert book.keys == [None]


async def test_after_the_next_vehicle_the_last_is_meant_unless_the_device_names_one() -> None:
    book = await told(vehicle("r1"), vehicle("r2"), back())
    assert book.cancels[0].passage == book.weighings[1].passage
    book = await told(vehicle("r1"), vehicle("r2"), back("r1"))
    assert book.cancels[0].passage == book.weighings[0].passage
    assert book.cancels[0].weighed == ref(1)


async def test_a_second_reversal_takes_no_second_vehicle_with_it() -> None:
    book = await told(vehicle("r1"), vehicle("r2"), back(), back())
    first, second = book.cancels
    assert first.passage == book.weighings[1].passage
    assert (second.passage, second.weighed, second.quality) == (None, None, ("cancelled_already",))
    assert book.story.count("车辆倒车") == 1


async def test_a_record_known_from_before_a_restart_is_cancelled_by_its_entry() -> None:
    book = await told(vehicle("r1"), back(), known=frozenset({"weighed:r1"}))
    [cancelled] = book.cancels
    assert (cancelled.passage, cancelled.weighed, cancelled.quality) == (None, ref(1), ())


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (back("of another session"), "unknown_record"),
        (back(mono_ms=MONO + 120_001), "too_late"),
        (back("r1", mono_ms=MONO + 120_001), "too_late"),
    ],
)
def test_what_cannot_be_meant_cancels_nothing(event: VehicleReversed, why: str) -> None:
    reversals = Reversals(within_ms=120_000)
    reversals.weighed(Weighing(record="r1", passage="p1", ref=ref(1), mono_ms=MONO))
    assert reversals.cancel(event) == (None, (why,))
    found, quality = reversals.cancel(back(mono_ms=MONO + 120_000))
    assert (found is not None and found.passage, quality) == ("p1", ())


def test_weighings_without_a_record_are_known_by_their_passage() -> None:
    reversals = Reversals(within_ms=120_000)
    for seq in (1, 2):
        reversals.weighed(Weighing(record="", passage=f"p{seq}", ref=ref(seq), mono_ms=MONO))
    found, _ = reversals.cancel(back())
    assert found is not None
    assert found.passage == "p2"


def test_endless_traffic_takes_no_memory() -> None:
    reversals = Reversals(within_ms=120_000)
    for seq in range(2_000):
        reversals.weighed(Weighing(record=f"r{seq}", passage="p", ref=ref(seq), mono_ms=MONO))
    assert reversals.cancel(back("r0")) == (None, ("unknown_record",))
    assert len(reversals._weighings) == 256


def test_the_sign_fits() -> None:
    assert fitting(REVERSED) == REVERSED
