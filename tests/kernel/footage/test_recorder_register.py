"""Who held a recorder at a minute, how the register stands, which days lack footage, and two recorders with one number."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    DutyKept,
    RecorderDocked,
    RecorderIssued,
    RecorderRegistered,
)
from kernel.footage.register import (
    LONGEST_SHIFT_MS,
    Filmed,
    holder_at,
    holder_in,
    holdings,
    missing_days,
    on_duty,
    register,
    shift_in,
    shifts,
)

MORNING = 1_795_392_000_000  # 2026-11-23 08:00 in Shanghai
HOUR = 3_600_000
NUMBER = "3700123"


def act(
    kind: Literal["issued", "returned"], officer: str, at_h: float, recorder: str = NUMBER
) -> RecorderIssued:
    at_ms = MORNING + int(at_h * HOUR)
    return RecorderIssued(recorder=recorder, act=kind, officer=officer, at_ms=at_ms, by="wang")


def duty(kind: Literal["begun", "ended"], officer: str, at_h: float) -> DutyKept:
    return DutyKept(officer=officer, act=kind, at_ms=MORNING + int(at_h * HOUR), by=officer)


def docked(dock: str, at_h: float, **more: Any) -> RecorderDocked:
    values: dict[str, Any] = {"recorder": NUMBER, "model": "dsj-a", "state": "open"} | more
    return RecorderDocked(dock=dock, at_ms=MORNING + int(at_h * HOUR), **values)


def test_the_officer_of_a_minute_is_who_held_the_recorder_whatever_the_order_of_the_log() -> None:
    log = [
        act("returned", "li", 8),
        act("issued", "li", 0),
        act("issued", "zhao", 9),
        act("issued", "sun", 0, "9"),
    ]
    held = [holder_at(log, NUMBER, MORNING + int(h * HOUR)) for h in (-1, 0, 7.9, 8, 8.5, 9, 500)]
    assert held == [None, "li", "li", None, None, "zhao", "zhao"]


def test_a_recorder_that_was_not_given_back_is_held_by_who_took_it_last() -> None:
    log = [act("issued", "li", 0), act("issued", "zhao", 2)]
    assert [(one.officer, one.to_ms) for one in holdings(log)] == [("li", MORNING + 2 * HOUR), ("zhao", None)]
    assert holder_at(log, NUMBER, MORNING + 3 * HOUR) == "zhao"


def test_a_shift_that_nobody_ended_is_over_after_a_day() -> None:
    kept = shifts([duty("begun", "li", 0), duty("begun", "zhao", 0), duty("ended", "zhao", 8)])
    assert on_duty(kept, "li", MORNING + 20 * HOUR)
    assert not on_duty(kept, "li", MORNING + LONGEST_SHIFT_MS)
    assert on_duty(kept, "zhao", MORNING + 7 * HOUR)
    assert not on_duty(kept, "zhao", MORNING + 8 * HOUR)


def test_a_shift_without_footage_shows_up_once_it_is_over() -> None:
    kept = shifts(
        [duty("begun", "li", 0), duty("ended", "li", 8), duty("begun", "zhao", 0), duty("ended", "zhao", 8)]
    )
    film = Filmed(officer="zhao", from_ms=MORNING + HOUR, to_ms=MORNING + 2 * HOUR)
    held = holdings([act("issued", "li", 0)])
    assert missing_days(kept, [film], now_ms=MORNING + 7 * HOUR) == []
    [missing] = missing_days(kept, [film], now_ms=MORNING + 8 * HOUR, held=held)
    assert (missing.officer, missing.day, missing.recorder) == ("li", "2026-11-23", NUMBER)


def test_a_night_shift_is_of_the_day_on_which_it_began() -> None:
    kept = shifts([duty("begun", "li", 14), duty("ended", "li", 23)])
    [missing] = missing_days(kept, [], now_ms=MORNING + 30 * HOUR)
    assert missing.day == "2026-11-23"


def test_a_row_says_what_the_register_the_log_the_dock_and_the_clock_say() -> None:
    dock = ClockAnchor(kind="dock", own_ms=MORNING + 3_000, true_ms=MORNING, err_ms=100)
    told = ClockAnchor(kind="manual", own_ms=MORNING + HOUR, true_ms=MORNING + HOUR, err_ms=100)
    [row] = register(
        registered=[
            RecorderRegistered(recorder=NUMBER, model="dsj-a", unit="南麻站", status="in_use", by="wang"),
            RecorderRegistered(recorder=NUMBER, model="dsj-a", unit="南麻站", status="repair", by="wang"),
        ],
        issued=[act("issued", "li", 0)],
        docked=[docked("dock1", 9, free_kb=5), docked("dock1", 8, free_kb=7)],
        anchored=[
            ClockAnchored(recorder=NUMBER, anchor=dock, by="dock1"),
            ClockAnchored(recorder=NUMBER, anchor=told, by="wang"),
        ],
    )
    assert (row.registered, row.status, row.holder, row.free_kb) == (True, "repair", "li", 5)
    assert (row.docked_ms, row.clock_ahead_ms, row.clock_at_ms) == (MORNING + 9 * HOUR, 3_000, MORNING)
    assert row.conflicts == ()


def test_a_recorder_that_nobody_has_registered_is_in_the_register_as_that() -> None:
    [row] = register(docked=[docked("dock1", 0), docked("dock2", 0, recorder=None)])
    assert (row.recorder, row.registered, row.model) == (NUMBER, False, "dsj-a")


def test_two_recorders_with_one_number_are_a_conflict() -> None:
    apart = register(
        docked=[docked("dock1", 0), docked("dock1", 0.01, state="removed"), docked("dock2", 0.02)]
    )
    assert apart[0].conflicts == ()
    apart = register(docked=[docked("dock1", 0), docked("dock2", 8)])
    assert apart[0].conflicts == ()
    at_once = register(docked=[docked("dock1", 0), docked("dock2", 0.02)])
    assert at_once[0].conflicts == ("two_docks",)
    met = register(docked=[docked("dock1", 0)], doubled={NUMBER})
    assert met[0].conflicts == ("two_docks",)
    models = register(docked=[docked("dock1", 0), docked("dock1", 2, model="dsj-b")])
    assert models[0].conflicts == ("two_models",)
    holders = register(issued=[act("issued", "li", 0), act("issued", "zhao", 1)])
    assert holders[0].conflicts == ("two_holders",)
    given_back = register(issued=[act("issued", "li", 0), act("returned", "li", 1), act("issued", "zhao", 2)])
    assert given_back[0].conflicts == ()


HOURS = st.integers(0, 40)
ACTS = st.lists(st.tuples(st.sampled_from(("begun", "ended")), HOURS), max_size=8)
HANDS = st.lists(
    st.tuples(st.sampled_from(("issued", "returned")), st.sampled_from(("li", "zhao")), HOURS), max_size=8
)


@settings(max_examples=30, deadline=None)
@given(
    acts=ACTS, hands=HANDS, films=st.lists(st.tuples(HOURS, HOURS), max_size=5), at_h=HOURS, length_h=HOURS
)
def test_looking_up_by_time_finds_what_looking_at_all_finds(
    acts: list[Any], hands: list[Any], films: list[tuple[int, int]], at_h: int, length_h: int
) -> None:
    kept = shifts(duty(kind, "li", at) for kind, at in acts)
    from_ms, to_ms = MORNING + at_h * HOUR, MORNING + (at_h + length_h) * HOUR
    met = [one for one in kept if one.from_ms <= to_ms and from_ms < one.until_ms]
    assert shift_in(kept, from_ms, to_ms) == bool(met)
    held = holdings(act(kind, officer, at) for kind, officer, at in hands)
    own = [one for one in held if one.from_ms <= from_ms and (one.to_ms is None or from_ms < one.to_ms)]
    assert holder_in(held, from_ms) == (own[-1].officer if own else None)
    filmed = [
        Filmed(officer="li", from_ms=MORNING + a * HOUR, to_ms=MORNING + (a + b) * HOUR) for a, b in films
    ]
    bare = [
        one.from_ms
        for one in kept
        if not any(film.from_ms < one.until_ms and film.to_ms > one.from_ms for film in filmed)
    ]
    found = missing_days(kept, filmed, now_ms=MORNING + 1_000 * HOUR)
    assert sorted(one.shift_from_ms for one in found) == sorted(bare)


@pytest.mark.broad
def test_a_year_of_shifts_of_a_whole_county_is_looked_through_at_once() -> None:
    days, officers = 365, [f"officer{number}" for number in range(23)]
    kept = shifts(
        duty(kind, name, day * 24 + hour)  # type: ignore[arg-type]
        for name in officers
        for day in range(days)
        for kind, hour in (("begun", 0), ("ended", 8))
    )
    films = [
        Filmed(officer=name, from_ms=MORNING + at * HOUR, to_ms=MORNING + (at + 1) * HOUR)
        for name in officers[1:]
        for at in range(1, days * 24, 6)
    ]
    held = holdings(act("issued", name, 0, name) for name in officers)
    missing = missing_days(kept, films, now_ms=MORNING + days * 24 * HOUR, held=held)
    assert (len(missing), {one.recorder for one in missing}) == (days, {"officer0"})
