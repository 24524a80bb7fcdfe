"""What a lane erases by its own rule goes at the station too (I14): rows, words, files, and every byte of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from journal.store import Accepted
from kernel.events import EntryRef, RecordErased
from kernel.evidence import canonical, header
from kernel.evidence.header import FileRef
from station.store import StationStore
from tests.journal.making import NOW
from tests.station.county import WIM
from tests.station.desk import Desk

PLATE, TRAILER = "鲁C7X9Q2", "鲁CW318挂"
SHOT = FileRef(name="front-1.jpg", sha256=hashlib.sha256(b"shot").hexdigest(), size=4)


def ref(entry: Accepted) -> EntryRef:
    return EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())


def erase(desk: Desk, *entries: Accepted, files: tuple[str, ...] = ()) -> None:
    body = RecordErased(rule="lane", by=WIM, entries=tuple(map(ref, entries)), files=files)
    desk.moving.say_bytes(canonical.encode(body), stream=RecordErased.stream)
    desk.moving.put()


def cross(desk: Desk) -> tuple[str, Accepted]:
    """Its passage, and the entry with its pictures; the picture is here."""
    passage = desk.moving.weigh(20_000).passage
    desk.moving.picture(passage, PLATE, TRAILER, files=(SHOT,))
    picture = next(e for e in desk.moving.put() if e.header.stream == "vehicle.pictured")
    desk.store.file_stored(WIM, SHOT.sha256, at_ms=NOW)
    return passage, picture


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("station.db*")))


async def test_i14_no_byte_of_the_stations_store_says_the_plate(desk: Desk) -> None:
    for _ in range(20):
        passage, picture = cross(desk)
        await desk.officers.hold(replace(desk.tap(passage, box=WIM), note=f"车主 {PLATE}"))
        erase(desk, picture, files=(SHOT.sha256,))
    assert PLATE.encode() in raw(desk.folder)  # in the WAL
    gone: list[str] = []
    assert desk.store.clean(gone.append)
    assert gone == [SHOT.sha256]
    for text in (PLATE, TRAILER):
        assert text.encode() not in raw(desk.folder)
    row = desk.row(passage, box=WIM)
    assert (row.tractor, row.trailer, row.erased, row.gross_kg, row.act) == (None, None, True, 20_000, "held")
    detail = desk.queries.detail(WIM, passage)
    assert detail is not None
    assert (detail.pictured, [act.body.note for act in detail.acts]) == ((), [""])
    assert desk.store.declared(WIM, SHOT.sha256) is None
    declared = desk.store.erased(WIM, SHOT.sha256)
    assert declared is not None
    assert (declared.sha256, declared.size) == (SHOT.sha256, SHOT.size)


def test_headers_and_leaves_stay(desk: Desk) -> None:
    _passage, picture = cross(desk)
    with desk.store.begin() as transaction:
        before = transaction.leaves(picture.header.journal, 0, 100)
    erase(desk, picture)
    with desk.store.begin() as transaction:
        after = transaction.leaves(picture.header.journal, 0, 100)
    assert after[: len(before)] == before
    assert header.leaf(picture.header_bytes) in after


def test_no_lane_erases_what_another_has_said(desk: Desk) -> None:
    passage, picture = cross(desk)
    body = RecordErased(rule="x", by="s01-lane2", entries=(ref(picture),), files=(SHOT.sha256,))
    desk.platform.say_bytes(canonical.encode(body), stream=RecordErased.stream)
    desk.platform.put()
    assert desk.row(passage, box=WIM).tractor == PLATE
    assert desk.store.declared(WIM, SHOT.sha256) is not None
    assert desk.store.erased(WIM, SHOT.sha256) is None


def test_another_leaf_than_the_one_named_is_not_erased(desk: Desk) -> None:
    passage, picture = cross(desk)
    wrong = msgspec.structs.replace(ref(picture), leaf="0" * 64)
    body = RecordErased(rule="lane", by=WIM, entries=(wrong,))
    desk.moving.say_bytes(canonical.encode(body), stream=RecordErased.stream)
    desk.moving.put()
    assert desk.row(passage, box=WIM).tractor == PLATE


def test_what_a_successor_has_told_again_goes_too(desk: Desk) -> None:
    passage, picture = cross(desk)
    desk.moving.fail_over()
    desk.moving.put()
    erase(desk, picture)
    assert desk.store.clean(lambda _digest: None)
    assert PLATE.encode() not in raw(desk.folder)
    assert desk.row(passage, box=WIM).erased


def test_a_file_that_comes_while_it_is_erased_does_not_stay(desk: Desk) -> None:
    _passage, picture = cross(desk)
    erase(desk, picture, files=(SHOT.sha256,))
    assert desk.store.clean(lambda _digest: None)
    desk.store.file_stored(WIM, SHOT.sha256, at_ms=NOW)
    gone: list[str] = []
    assert desk.store.clean(gone.append)
    assert gone == [SHOT.sha256]


def test_a_store_that_begins_anew_loses_it_again(desk: Desk, quick_path: Path) -> None:
    passage, picture = cross(desk)
    erase(desk, picture)
    fresh = StationStore(quick_path / "fresh.db", store_id="s01-store-2")
    desk.moving.put_again(fresh)
    assert fresh.clean(lambda _digest: None)
    fresh.close()
    assert PLATE.encode() not in (quick_path / "fresh.db").read_bytes()
    assert passage.encode() in (quick_path / "fresh.db").read_bytes()


def test_bytes_stay_when_they_cannot_be_removed_and_go_the_next_time(desk: Desk) -> None:
    _passage, picture = cross(desk)
    erase(desk, picture, files=(SHOT.sha256,))

    def fails(_digest: str) -> None:
        raise OSError("read-only")

    with pytest.raises(OSError, match="read-only"):
        desk.store.clean(fails)
    gone: list[str] = []
    assert desk.store.clean(gone.append)
    assert gone == [SHOT.sha256]
    assert desk.store.clean(gone.append)
    assert len(gone) == 1
