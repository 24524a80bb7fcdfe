"""The book of an instrument: a fold over entries in any order, shifts by the clock of China, and an equal book of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.instrument.book import Book, Fact, fact_of, shift_began_ms
from kernel.errors import ProtocolError
from kernel.events import InstrumentCertified, InstrumentChanged, ScaleChecked, ScaleDrifted, ShiftOpened
from tests.edge.instrument.rig import NOON, PAPER


def checked(at_ms: int, *, kind: str = "zero", within: bool = True, device: str = "scale") -> ScaleChecked:
    return ScaleChecked(
        device=device,
        at_ms=at_ms,
        kind=kind,  # type: ignore[arg-type]
        expected_kg=0,
        shown_kg=0,
        limit_kg=20,
        within=within,
        by="wang",
    )


def drifted(at_ms: int, state: Literal["begun", "over"]) -> ScaleDrifted:
    return ScaleDrifted(
        device="scale",
        at_ms=at_ms,
        kind="zero",
        state=state,
        measured_kg=60,
        limit_kg=40,
    )


FACTS: list[Fact] = [
    InstrumentCertified(device="scale", at_ms=NOON, certificate=PAPER, by="wang"),
    InstrumentChanged(device="scale", at_ms=NOON + 5, change="seal_broken", by="wang"),
    ShiftOpened(device="scale", at_ms=NOON + 1, by="wang"),
    ShiftOpened(device="scale", at_ms=NOON + 9, by="wang"),
    checked(NOON + 2),
    checked(NOON + 3, within=False),
    checked(NOON + 4, kind="reference"),
    checked(NOON + 8, device="other"),
    drifted(NOON + 6, "begun"),
    drifted(NOON + 7, "over"),
]


def book_of(facts: list[Fact]) -> Book:
    book = Book("scale")
    for fact in facts:
        book.add(fact)
    return book


def told(book: Book) -> tuple[object, ...]:
    return (
        set(map(repr, book.history.certified)),
        set(map(repr, book.history.changes)),
        book.opened_ms,
        book.checks,
        book.drifts,
    )


@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS), max_size=5))
def test_order_and_repetition_change_nothing(facts: list[Fact], again: list[Fact]) -> None:
    assert told(book_of(facts + again)) == told(book_of(FACTS))


def test_a_book_made_of_what_it_keeps_is_the_same() -> None:
    book = book_of(FACTS)
    assert told(book_of(list(book.facts()))) == told(book)
    assert len(list(book.facts())) == 6


def test_the_newest_check_of_a_kind_counts_and_only_in_its_shift() -> None:
    book = book_of(FACTS)
    assert book.unchecked(("zero", "reference"), NOON) == ("zero",), "the newest was not within"
    assert book.unchecked(("zero", "reference"), NOON + 5) == ("zero", "reference")
    assert book.unchecked(("reference",), None) == ("reference",), "no shift has begun"
    assert book.drifting() == []


def moment(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+08:00").timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-23T08:00", "2026-11-23T08:00"),
        ("2026-11-23T07:59", "2026-11-22T20:00"),
        ("2026-11-23T19:59", "2026-11-23T08:00"),
        ("2026-11-23T23:59", "2026-11-23T20:00"),
        ("2026-11-24T00:01", "2026-11-23T20:00"),
    ],
)
def test_shifts_begin_by_the_clock_of_china(now: str, began: str) -> None:
    assert shift_began_ms(moment(now), starts=("08:00", "20:00"), opened_ms=None) == moment(began)


def test_an_opened_shift_counts_when_it_is_the_newer() -> None:
    now, opened = moment("2026-11-23T12:00"), moment("2026-11-23T11:00")
    assert shift_began_ms(now, starts=("08:00",), opened_ms=opened) == opened
    assert shift_began_ms(now, starts=("11:30",), opened_ms=opened) == moment("2026-11-23T11:30")
    assert shift_began_ms(now, starts=(), opened_ms=opened) == opened
    assert shift_began_ms(now, starts=(), opened_ms=None) is None


@pytest.mark.parametrize(
    ("stream", "body"), [("lane.health", b"{}"), ("scale.checked", b"{}"), ("scale.checked", b"\xff")]
)
def test_what_is_no_fact_is_refused(stream: str, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        fact_of(stream, body)
