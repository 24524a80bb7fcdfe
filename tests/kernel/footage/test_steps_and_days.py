"""What must be on footage is shown, lacks it, or says why; a day's shifts, acts and footage are held together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernel.events import FileStored
from kernel.footage.bodies import DutyKept, FootageLinked, GapExplained, Step, StepMarked
from kernel.footage.capacity import Load, capacity
from kernel.footage.day import Act, Filmed, Stretch, officer_days, united, within, without
from kernel.footage.sampling import drawn, is_drawn
from kernel.footage.steps import (
    Span,
    clip_span,
    lacking,
    link_spans,
    must_record,
    step_states,
    undone,
)
from kernel.law.rows import MustRecordRow
from kernel.law.shipped import national

NOW = 1_790_000_000_000
MIN = 60_000


def row() -> MustRecordRow:
    found = must_record(national(), mode="joint", at_ms=NOW, jurisdiction="370323")
    assert found is not None
    return found


def mark(step: Step, at_ms: int = NOW) -> StepMarked:
    return StepMarked(step=step, at_ms=at_ms, by="li", passage="p1")


def span(from_ms: int, to_ms: int, *, err_ms: int = 0, sha256: str = "ab" * 32) -> Span:
    return Span(from_ms=from_ms, to_ms=to_ms, err_ms=err_ms, sha256=sha256)


def test_without_any_mark_every_step_lacks_its_footage() -> None:
    states = step_states(row(), marks=[], gaps=[], spans=[span(NOW - MIN, NOW + MIN)])
    assert lacking(states) == ("show_certificate", "notice", "weighing", "unloading", "signing")
    assert undone(states) == ("show_certificate", "notice", "weighing", "unloading")


def test_footage_counts_with_its_error_against_it() -> None:
    for err_ms, shown in ((0, "shown"), (MIN, "shown"), (MIN + 1, "perhaps")):
        spans = [span(NOW - MIN, NOW + MIN, err_ms=err_ms)]
        state = step_states(row(), marks=[mark("notice")], gaps=[], spans=spans)[1]
        assert (state.shown, state.open) == (shown, shown != "shown")
    away = step_states(row(), marks=[mark("notice")], gaps=[], spans=[span(0, MIN)])[1]
    assert (away.shown, away.files) == ("missing", ())


def test_of_two_marks_the_one_that_is_shown_counts() -> None:
    marks = [mark("notice", NOW), mark("notice", NOW + 60 * MIN)]
    state = step_states(row(), marks=marks, gaps=[], spans=[span(NOW - MIN, NOW + MIN)])[1]
    assert (state.marked_ms, state.shown, state.files) == (NOW, "shown", ("ab" * 32,))


def test_a_reason_closes_a_gap_and_only_its_own() -> None:
    gap = GapExplained(step="signing", reason="当事人驾车离开", by="li", passage="p1")
    states = step_states(row(), marks=[], gaps=[gap], spans=[])
    assert "signing" not in lacking(states)
    assert len(lacking(states)) == 4


def test_what_only_must_be_shown_if_it_is_done_appears_with_its_mark() -> None:
    states = step_states(row(), marks=[mark("seizure")], gaps=[], spans=[])
    assert [state.step for state in states][-1] == "seizure"
    assert "seizure" in lacking(states)


def test_a_whole_linked_file_counts_once_its_length_is_known() -> None:
    link = FootageLinked(
        link="l1", act="linked", sha256="ab" * 32, from_ms=600_000, to_ms=660_000, by="rule", reason="near",
        passage="p1", true_from_ms=NOW, err_ms=500,
    )  # fmt: skip
    part, whole = link_spans(link), link_spans(link, duration_ms=900_000)
    assert [(one.from_ms, one.to_ms) for one in part] == [(NOW, NOW + 60_000)]
    assert [(one.from_ms, one.to_ms) for one in whole] == [(NOW - 600_000, NOW + 300_000)]


def test_what_has_no_true_time_shows_nothing() -> None:
    link = FootageLinked(
        link="l1", act="linked", sha256="ab" * 32, from_ms=0, to_ms=9, by="rule", reason="near", passage="p1"
    )
    assert link_spans(link) == ()
    clip = FileStored(passage="p1", weighed=None, kind="clip", actual_start_ms=NOW, duration_ms=12_000)
    assert clip_span(clip, "cd" * 32) == span(NOW, NOW + 12_000, sha256="cd" * 32)
    picture = FileStored(passage="p1", weighed=None, kind="picture", actual_start_ms=NOW, duration_ms=1)
    assert clip_span(picture, "cd" * 32) is None


# --- the day ---------------------------------------------------------------------------------------------------

DAY = Stretch(from_ms=NOW, to_ms=NOW + 24 * 60 * MIN)


def duty(officer: str, act: str, minute: int) -> DutyKept:
    return DutyKept(officer=officer, act=act, at_ms=NOW + minute * MIN, by=officer)  # type: ignore[arg-type]


def film(officer: str | None, minute: int, length: int, **more: str) -> Filmed:
    first = NOW + minute * MIN
    return Filmed(officer=officer, sha256="ab" * 32, span=span(first, first + length * MIN), **more)


def test_a_shift_is_covered_but_for_its_gaps() -> None:
    films = [film("li", 0, 60), film("li", 62, 58), film("li", 150, 30)]
    found = officer_days(
        DAY,
        duty=[duty("li", "begun", 0), duty("li", "ended", 180)],
        acts=[Act(officer="li", at_ms=NOW + 10 * MIN), Act(officer="li", at_ms=NOW + 130 * MIN)],
        films=films,
    )
    assert len(found) == 1
    one = found[0]
    assert (one.on_duty_min, one.covered_min, one.acts, one.acts_unfilmed) == (180, 148, 2, 1)
    assert one.gaps == (Stretch(from_ms=NOW + 120 * MIN, to_ms=NOW + 150 * MIN),)
    assert one.differences == ()


def test_what_does_not_fit_together_is_named() -> None:
    found = officer_days(
        DAY,
        duty=[duty("wang", "begun", 0)],
        acts=[Act(officer="zhao", at_ms=NOW)],
        films=[film("li", 0, 60, named="370999"), Filmed(officer="li", sha256="cd" * 32, span=None)],
    )
    words = {one.officer: one.differences for one in found}
    assert words == {
        "li": ("footage_without_duty", "named_otherwise", "time_unknown"),
        "wang": ("duty_without_footage",),
        "zhao": ("acts_without_duty",),
    }


def test_a_shift_of_the_night_before_counts_to_its_end() -> None:
    said = [duty("li", "begun", -120), duty("li", "ended", 60)]
    found = officer_days(DAY, duty=said, acts=[], films=[])
    assert found[0].on_duty_min == 60
    assert officer_days(DAY, duty=[duty("li", "begun", -25 * 60)], acts=[], films=[]) == []


minutes = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(
    lambda pair: Stretch(from_ms=min(pair), to_ms=max(pair))
)


@given(st.lists(minutes, max_size=5), st.lists(minutes, max_size=5))
def test_what_is_covered_and_what_is_not_are_the_whole(outer: list[Stretch], inner: list[Stretch]) -> None:
    shift, filmed = united(outer), united(inner)
    inside, outside = within(shift, filmed), without(shift, filmed)
    assert _sum(inside) + _sum(outside) == _sum(shift)
    assert within(outside, filmed) == []


def _sum(stretches: list[Stretch]) -> int:
    return sum(one.length_ms for one in stretches)


# --- capacity and sample ---------------------------------------------------------------------------------------


def test_twenty_three_recorders_for_half_a_year_are_86_tb() -> None:
    load = Load(recorders=23, minutes_a_day=480, kbit_s=5_800)
    found = capacity(load, days=180, room_bytes=10 * 10**12)
    assert found.needed_bytes == 86_443_200_000_000
    assert (found.days_kept, found.enough) == (20, False)
    assert capacity(load, days=180, room_bytes=found.needed_bytes).enough


def test_a_station_that_records_nothing_fills_nothing() -> None:
    found = capacity(Load(recorders=0, minutes_a_day=480, kbit_s=5_800), days=180, room_bytes=0)
    assert (found.days_kept, found.enough) == (None, True)


def test_the_sample_is_two_in_a_hundred_and_the_same_for_everybody() -> None:
    digests = [f"{number:064x}" for number in range(5_000)]
    mine = drawn(digests, seed="yiyuan/s01", permille=20)
    assert 60 < len(mine) < 140
    assert drawn(reversed(digests), seed="yiyuan/s01", permille=20) == list(reversed(mine))
    assert drawn(digests, seed="another", permille=20) != mine
    assert all(is_drawn(one, seed="x", permille=1_000) for one in digests[:100])
    assert not any(is_drawn(one, seed="x", permille=0) for one in digests[:100])
