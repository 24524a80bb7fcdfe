"""The index of footage finds what was said, once, in its order, and can be made again from the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel.events import EntryRef
from kernel.footage.bodies import FOOTAGE, ClockAnchor, ClockAnchored, FootageImported, FootageTagged
from simulators.clock import VirtualClock
from station.footage.index import FootageIndex, Said, is_footage
from station.footage.ledger import LooseLedger

DIGEST = "ab" * 32


def imported(name: str, *, sha256: str = DIGEST, recorder: str = "3700123") -> FootageImported:
    return FootageImported(recorder=recorder, dock="dock1", state="imported", name=name, sha256=sha256)


def said(body: Any, seq: int, at_ms: int = 1_000) -> Said[Any]:
    return Said(ref=EntryRef(journal="f" * 32, seq=seq, leaf="0" * 64), at_ms=at_ms, body=body)


@pytest.fixture
def index(tmp_path: Path) -> FootageIndex:
    return FootageIndex(tmp_path / "footage" / "footage.db")


def test_what_was_said_is_found_by_file_recorder_and_time(index: FootageIndex) -> None:
    first, second = said(imported("a.mp4"), 1, 10), said(imported("b.mp4", sha256="cd" * 32), 2, 20)
    other = said(imported("c.mp4", recorder="3700999"), 3, 30)
    index.hold([first, second, other], journal="f" * 32, size=4)
    assert index.of(FootageImported, sha256=DIGEST) == [first, other]
    assert index.of(FootageImported, recorder="3700123") == [first, second]
    assert index.of(FootageImported, since_ms=20, until_ms=30) == [second]
    assert index.of(FootageImported, newest=2) == [second, other]
    assert index.of(FootageTagged) == []


def test_holding_again_changes_nothing(index: FootageIndex) -> None:
    entries = [said(imported("a.mp4"), 1)]
    index.hold(entries, journal="f" * 32, size=2)
    index.hold(entries, journal="f" * 32, size=1)
    assert index.of(FootageImported) == entries
    assert index.size("f" * 32) == 2
    assert index.size("e" * 32) == 0


def test_every_kind_of_body_is_taken_in_by_the_index() -> None:
    assert all(is_footage(body.stream) for body in FOOTAGE)
    assert not is_footage("vehicle.weighed")
    assert not is_footage("from.the.future")


async def test_without_a_station_the_same_said_twice_is_one_line(index: FootageIndex) -> None:
    ledger = LooseLedger(index, clock=VirtualClock())
    anchor = ClockAnchor(kind="dock", own_ms=5, true_ms=7, err_ms=100)
    body = ClockAnchored(recorder="3700123", anchor=anchor, by="dock1")
    assert (await ledger.say(body)).ref == (await ledger.say(body)).ref
    assert [one.body for one in index.of(ClockAnchored)] == [body]
