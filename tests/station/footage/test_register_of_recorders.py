"""What people say of recorders, shifts and clocks is checked against what is known before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from kernel.errors import RefusedError
from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    DutyKept,
    FootageImported,
    FootageTagged,
    RecorderIssued,
    RecorderRegistered,
)
from simulators.clock import VirtualClock
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.recorders import Recorders, missing

NOW = 1_795_406_400_000
HOUR = 3_600_000
NUMBER = "3700123"


@pytest.fixture
def ledger(quick_path: Path) -> LooseLedger:
    return LooseLedger(FootageIndex(quick_path / "footage.db"), clock=VirtualClock(now_ms=NOW))


@pytest.fixture
def recorders(ledger: LooseLedger) -> Recorders:
    return Recorders(ledger, clock=VirtualClock(now_ms=NOW))


def act(kind: Literal["issued", "returned"], officer: str = "li", at_ms: int = NOW) -> RecorderIssued:
    return RecorderIssued(recorder=NUMBER, act=kind, officer=officer, at_ms=at_ms, by="wang")


def registered(status: Any = "in_use") -> RecorderRegistered:
    return RecorderRegistered(recorder=NUMBER, model="dsj-a", unit="南麻站", status=status, by="wang")


def anchored(
    kind: Any = "manual", note: str = "held against the wall clock", **changes: int
) -> ClockAnchored:
    values: dict[str, Any] = {"own_ms": NOW - HOUR + 5_000, "true_ms": NOW - HOUR, "err_ms": 1_000} | changes
    return ClockAnchored(recorder=NUMBER, anchor=ClockAnchor(kind=kind, **values), by="wang", note=note)


async def test_a_recorder_goes_out_to_one_officer_and_comes_back_from_the_same(recorders: Recorders) -> None:
    await recorders.say(registered(), key="a" * 8)
    first = await recorders.say(act("issued", at_ms=NOW - HOUR), key="b" * 8)
    assert await recorders.say(act("issued", at_ms=NOW - HOUR), key="b" * 8) == first
    for said, why in (
        (act("issued", "zhao"), "not_given_back"),
        (act("returned", "zhao"), "held_by_another"),
        (act("returned", at_ms=NOW - 2 * HOUR), "before_the_last_act"),
        (act("returned", at_ms=NOW + HOUR), "time_impossible"),
    ):
        with pytest.raises(RefusedError, match=why):
            await recorders.say(said, key=why)
    await recorders.say(act("returned"), key="c" * 8)
    with pytest.raises(RefusedError, match="not_out"):
        await recorders.say(act("returned"), key="d" * 8)
    [row] = await recorders.rows()
    assert (row.registered, row.holder) == (True, None)


async def test_a_recorder_in_repair_is_not_given_out(recorders: Recorders) -> None:
    await recorders.say(registered("repair"), key="a" * 8)
    with pytest.raises(RefusedError, match="not_in_use"):
        await recorders.say(act("issued"), key="b" * 8)


async def test_a_shift_begins_and_ends_once_and_without_footage_it_is_missing(
    recorders: Recorders, ledger: LooseLedger
) -> None:
    with pytest.raises(RefusedError, match="not_on_duty"):
        await recorders.say(DutyKept(officer="li", act="ended", at_ms=NOW, by="li"), key="a" * 8)
    await recorders.say(DutyKept(officer="li", act="begun", at_ms=NOW - 8 * HOUR, by="li"), key="b" * 8)
    with pytest.raises(RefusedError, match="already_on_duty"):
        await recorders.say(DutyKept(officer="li", act="begun", at_ms=NOW, by="li"), key="c" * 8)
    await recorders.say(DutyKept(officer="li", act="ended", at_ms=NOW, by="li"), key="d" * 8)
    [day] = missing(ledger.index, now_ms=NOW)
    assert (day.officer, day.day) == ("li", "2026-11-23")
    assert await recorders.missing() == [day]
    film = FootageImported(
        recorder="3700123",
        dock="dock1",
        state="imported",
        name="a.mp4",
        sha256="ab" * 32,
        own_start_ms=NOW - HOUR,
        duration_ms=60_000,
        officer="li",
    )
    await ledger.say(film)
    assert await recorders.missing() == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (anchored(note=" "), "reason_missing"),
        (anchored("dock"), "not_said_here"),
        (anchored(err_ms=0), "error_impossible"),
        (anchored(true_ms=NOW + 1), "time_impossible"),
        (anchored(true_ms=5), "time_impossible"),
        (FootageTagged(tag="t", act="tagged", sha256="0" * 64, from_ms=0, to_ms=1, kind="note", value="x", by="li"), "not_said_here"),
        (RecorderRegistered(recorder="\x07", model="m", unit="u", status="in_use", by="li"), "too_short_or_long"),
        (RecorderRegistered(recorder="9" * 65, model="m", unit="u", status="in_use", by="li"), "too_short_or_long"),
    ],
)  # fmt: skip
async def test_what_nobody_may_say_is_refused(recorders: Recorders, said: Any, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        await recorders.say(said, key="k" * 8)


async def test_what_a_person_knows_of_a_clock_is_an_anchor_with_who_and_why(
    recorders: Recorders, ledger: LooseLedger
) -> None:
    await recorders.say(anchored(), key="k" * 8)
    [said] = ledger.index.of(ClockAnchored)
    assert (said.body.by, said.body.note, said.body.anchor.kind) == (
        "wang",
        "held against the wall clock",
        "manual",
    )
