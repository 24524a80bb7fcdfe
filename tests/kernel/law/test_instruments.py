"""An instrument yields evidence under its certificate alone: grade, days, capacity, and nobody has touched it since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import (
    STREAMS,
    Body,
    InstrumentCertificate,
    InstrumentCertified,
    InstrumentChange,
    InstrumentChanged,
    InstrumentInForce,
    VehicleWeighed,
)
from kernel.law import shipped
from kernel.law.instruments import (
    History,
    certificate_faults,
    in_service_error_kg,
    objections,
    standing,
    unchanged,
)
from kernel.law.rows import china_day
from tests.kernel.test_events_golden import golden

DAY_MS = 86_400_000
NOON = 1_795_406_400_000  # 12:00 in China
PAPER = InstrumentCertificate(
    number="JL-1",
    grades=("certified", "reweigh"),
    accuracy_class="III",
    division_kg=20,
    max_kg=100_000,
    min_kg=400,
    seals=("QF-1",),
    valid_from=china_day(NOON - 30 * DAY_MS),
    valid_until=china_day(NOON + 300 * DAY_MS),
    issued_by="计量所",
)


def certified(
    paper: InstrumentCertificate = PAPER, *, at_ms: int = NOON - 29 * DAY_MS
) -> InstrumentCertified:
    return InstrumentCertified(device="scale", at_ms=at_ms, certificate=paper, by="wang")


def changed(change: InstrumentChange, at_ms: int, *, device: str = "scale") -> InstrumentChanged:
    return InstrumentChanged(device=device, at_ms=at_ms, change=change, by="wang")


def renewed(number: str, day_ms: int) -> InstrumentCertificate:
    return msgspec.structs.replace(PAPER, number=number, valid_from=china_day(day_ms))


def reasons(
    *facts: Body, at_ms: int = NOON, gross_kg: int | None = 40_000, grade: str = "certified"
) -> tuple[str, ...]:
    history = History.of("scale", facts)
    return standing(history, grade=grade, at_ms=at_ms, gross_kg=gross_kg).reasons  # type: ignore[arg-type]


def test_without_a_certificate_nothing_is_evidence() -> None:
    assert reasons() == ("no_certificate",)
    assert reasons(certified(), at_ms=NOON - 29 * DAY_MS - 1) == ("no_certificate",)


def test_a_certificate_in_force_for_the_grade_is_all_it_takes() -> None:
    found = standing(History.of("scale", [certified()]), grade="certified", at_ms=NOON, gross_kg=40_000)
    assert (found.evidence, found.certificate) == (True, PAPER)
    assert reasons(certified(), grade="pre_check") == ("certificate_not_for_grade",)


def test_the_last_day_counts_whole_and_by_the_clock_of_china() -> None:
    last = msgspec.structs.replace(PAPER, valid_until=china_day(NOON))
    midnight = int((datetime.fromtimestamp(NOON / 1000, UTC) + timedelta(hours=12)).timestamp() * 1000)
    assert reasons(certified(last), at_ms=midnight - 1) == ()
    assert reasons(certified(last), at_ms=midnight) == ("certificate_expired",)
    future = msgspec.structs.replace(PAPER, valid_from=china_day(NOON + DAY_MS))
    assert reasons(certified(future)) == ("certificate_not_yet_valid",)


@pytest.mark.parametrize(
    ("gross_kg", "why"),
    [(399, ("below_capacity",)), (400, ()), (100_000, ()), (100_001, ("over_capacity",)), (None, ())],
)
def test_only_between_its_least_and_its_largest_capacity(gross_kg: int | None, why: tuple[str, ...]) -> None:
    assert reasons(certified(), gross_kg=gross_kg) == why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("seal_broken", "seal_broken"),
        ("load_cell_replaced", "load_cell_replaced"),
        ("repaired", "repaired_unverified"),
    ],
)
def test_who_touches_the_instrument_voids_it_from_that_moment_on(change: InstrumentChange, why: str) -> None:
    facts = certified(), changed(change, NOON)
    assert reasons(*facts, at_ms=NOON - 1) == ()
    assert reasons(*facts, at_ms=NOON) == (why,)
    assert reasons(*facts, changed("sealed", NOON + 1), at_ms=NOON + 2) == (why,), (
        "a new seal is no verification"
    )


def test_only_a_verification_after_it_mends_it() -> None:
    broken = changed("seal_broken", NOON)
    again = certified(renewed("JL-1", NOON - 30 * DAY_MS), at_ms=NOON + 1)
    assert reasons(certified(), broken, again, at_ms=NOON + 2) == ("seal_broken",), "the old paper said again"
    anew = certified(renewed("JL-2", NOON + DAY_MS), at_ms=NOON + DAY_MS)
    assert reasons(certified(), broken, anew, at_ms=NOON + DAY_MS) == ()
    assert reasons(certified(), broken, anew, at_ms=NOON + DAY_MS - 1) == ("seal_broken",)
    early = certified(renewed("JL-2", NOON), at_ms=NOON - 1)
    assert reasons(early, broken) == ("seal_broken",), "broken after it was taken into use, on the same day"


def test_what_happened_to_another_scale_of_the_lane_is_nothing_to_this_one() -> None:
    assert reasons(certified(), changed("seal_broken", NOON, device="other")) == ()


@pytest.mark.parametrize(
    ("correction", "why"),
    [
        ({"max_kg": 30_000}, "over_capacity"),
        ({"valid_until": china_day(NOON - DAY_MS)}, "certificate_expired"),
        ({"grades": ("pre_check",)}, "certificate_not_for_grade"),
    ],
)
def test_a_corrected_certificate_has_none_of_its_old_figures(correction: dict[str, object], why: str) -> None:
    wrong, right = certified(), msgspec.structs.replace(PAPER, **correction)
    facts = wrong, certified(right, at_ms=NOON)
    assert reasons(*facts, at_ms=NOON - 1) == (), "it was said so only then"
    assert reasons(*facts) == reasons(*reversed(facts)) == (why,)
    assert reasons(*facts, certified(at_ms=NOON + 1), at_ms=NOON + 1) == (), "and corrected back"


def test_correcting_a_certificate_is_no_verification() -> None:
    today = renewed("JL-2", NOON)
    facts = (
        certified(today, at_ms=NOON),
        changed("seal_broken", NOON + 1),
        certified(msgspec.structs.replace(today, issued_by="市计量所"), at_ms=NOON + 2),
    )
    history = History.of("scale", facts)
    assert reasons(*facts, at_ms=NOON + 3) == ("seal_broken",)
    said = InstrumentInForce(device="scale", evidence=True, certificate="JL-2")
    assert objections(weighed(said), history, at_ms=NOON + 3) == ("seal_broken",)


def test_two_certificates_for_two_grades_stand_side_by_side() -> None:
    guiding = certified(
        msgspec.structs.replace(PAPER, number="JL-9", grades=("pre_check",), accuracy_class="5"),
        at_ms=NOON - 1,
    )
    facts = certified(), guiding
    assert reasons(*facts) == reasons(*facts, grade="pre_check") == ()


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["sealed", "seal_broken", "load_cell_replaced", "repaired"]), st.integers(0, 400)
    ),
    max_size=4,
)
_PAPERS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(1, 400)), max_size=3)


def _facts(papers: list[tuple[int, int, int]], changes: list[tuple[str, int]]) -> list[Body]:
    facts: list[Body] = [
        certified(
            msgspec.structs.replace(
                PAPER,
                number=f"JL-{number}",
                valid_from=china_day(NOON + first * DAY_MS),
                valid_until=china_day(NOON + (first + days) * DAY_MS),
            ),
            at_ms=NOON + used * DAY_MS + number,
        )
        for number, (first, used, days) in enumerate(papers)
    ]
    return facts + [changed(kind, NOON + day * DAY_MS) for kind, day in changes]  # type: ignore[arg-type]


@given(_PAPERS, _CHANGES, st.integers(0, 800), st.integers(0, 120_000))
def test_evidence_always_rests_on_a_paper_that_covers_the_moment(
    papers: list[tuple[int, int, int]], changes: list[tuple[str, int]], day: int, gross_kg: int
) -> None:
    at_ms = NOON + day * DAY_MS
    found = standing(
        History.of("scale", _facts(papers, changes)), grade="certified", at_ms=at_ms, gross_kg=gross_kg
    )
    if found.evidence:
        paper = found.certificate
        assert paper is not None
        assert paper.valid_from <= china_day(at_ms) <= paper.valid_until
        assert paper.min_kg <= gross_kg <= paper.max_kg
        touched = [d for kind, d in changes if kind != "sealed" and d <= day]
        assert all(paper.valid_from >= china_day(NOON + d * DAY_MS) for d in touched)


@given(_PAPERS, _CHANGES, _CHANGES, st.integers(0, 800))
def test_touching_it_once_more_never_makes_it_evidence(
    papers: list[tuple[int, int, int]], changes: list[tuple[str, int]], more: list[tuple[str, int]], day: int
) -> None:
    before = reasons(*_facts(papers, changes), at_ms=NOON + day * DAY_MS)
    after = reasons(*_facts(papers, changes + more), at_ms=NOON + day * DAY_MS)
    assert not before or after


@given(_PAPERS, _CHANGES, st.integers(0, 800), st.data())
def test_the_order_in_which_it_is_told_changes_nothing(
    papers: list[tuple[int, int, int]], changes: list[tuple[str, int]], day: int, data: st.DataObject
) -> None:
    facts = _facts(papers, changes)
    shuffled = data.draw(st.permutations(facts))
    at_ms = NOON + day * DAY_MS
    assert set(reasons(*facts, at_ms=at_ms)) == set(reasons(*shuffled, at_ms=at_ms))


@given(_PAPERS, _CHANGES, st.integers(0, 800 * DAY_MS), st.integers(0, 800 * DAY_MS))
def test_a_standing_holds_until_something_begins_to_count_or_the_day_ends(
    papers: list[tuple[int, int, int]], changes: list[tuple[str, int]], after_ms: int, share: int
) -> None:
    history = History.of("scale", _facts(papers, changes))
    at_ms = NOON + after_ms
    from_ms, until_ms = unchanged(history, at_ms=at_ms)
    assert from_ms <= at_ms < until_ms
    found = standing(history, grade="certified", at_ms=at_ms)
    for other_ms in (from_ms, until_ms - 1, from_ms + share % (until_ms - from_ms)):
        assert standing(history, grade="certified", at_ms=other_ms) == found


# --- what becomes known later ----------------------------------------------------------------------------------


def weighed(said: InstrumentInForce | None, **more: object) -> VehicleWeighed:
    body = msgspec.json.decode(golden("vehicle.weighed"), type=VehicleWeighed)
    return msgspec.structs.replace(body, instrument=said, **more)


def in_use(*why: str) -> InstrumentInForce:
    return InstrumentInForce(device="scale", evidence=not why, reasons=why, certificate="JL-1")


def test_a_seal_that_is_found_broken_later_takes_back_what_was_weighed_since() -> None:
    history = History.of("scale", [certified(), changed("seal_broken", NOON)])
    assert objections(weighed(in_use()), history, at_ms=NOON - 1) == ()
    assert objections(weighed(in_use()), history, at_ms=NOON) == ("seal_broken",)
    assert objections(weighed(in_use("over_capacity")), history, at_ms=NOON) == (
        "over_capacity",
        "seal_broken",
    )


def test_a_weighing_that_came_late_counts_as_of_when_it_was_made() -> None:
    history = History.of("scale", [certified(), changed("seal_broken", NOON)])
    late = weighed(in_use(), quality=("late_record",), recorded_ms=NOON - 1)
    assert objections(late, history, at_ms=NOON + DAY_MS) == ()
    assert objections(msgspec.structs.replace(late, recorded_ms=NOON), history, at_ms=NOON + DAY_MS)


def test_a_certificate_that_nobody_here_has_seen_excuses_no_broken_seal() -> None:
    history = History.of("scale", [changed("seal_broken", NOON - DAY_MS)])
    assert objections(weighed(in_use()), history, at_ms=NOON) == ("seal_broken",)


def test_weighings_of_earlier_software_stand_on_the_number_and_day_they_named() -> None:
    day = china_day(NOON)
    named = weighed(None, device_certificate="JL-1", device_certificate_until=day)
    assert objections(named, History(), at_ms=NOON) == ()
    assert objections(named, History(), at_ms=NOON + DAY_MS) == ("certificate_expired",)
    assert objections(weighed(None, device_certificate=None), History(), at_ms=NOON) == ("no_certificate",)


# --- papers and errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"number": ""}, "number"),
        ({"grades": ()}, "grades"),
        ({"seals": ()}, "seals"),
        ({"issued_by": ""}, "issued_by"),
        ({"division_kg": 0}, "division_kg"),
        ({"max_kg": 400}, "min_kg"),
        ({"min_kg": -1}, "min_kg"),
        ({"max_kg": 10**25}, "max_kg"),
        ({"number": "1" * 101}, "number"),
        ({"seals": tuple(f"QF-{number}" for number in range(51))}, "seals"),
        ({"seals": ("QF-1", "2" * 101)}, "seals"),
        ({"seals": ("QF-1", " ")}, "seals"),
        ({"grades": ("certified",) * 5_000}, "grades"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_until": "2020-01-01"}, "valid_until"),
    ],
)
def test_a_paper_that_does_not_say_enough_is_named(change: dict[str, object], path: str) -> None:
    assert certificate_faults(PAPER) == []
    assert [found for found, _ in certificate_faults(msgspec.structs.replace(PAPER, **change))] == [path]


@pytest.mark.parametrize(
    ("load_kg", "error_kg"),
    [(0, 20), (10_000, 20), (10_001, 40), (40_000, 40), (40_001, 60), (100_000, 60), (200_001, None)],
)
def test_a_static_scale_of_class_iii_may_be_off_by_one_two_or_three_divisions(
    load_kg: int, error_kg: int | None
) -> None:
    found = in_service_error_kg(
        PAPER, load_kg, law=shipped.national(), on="2026-11-22", jurisdiction="370323"
    )
    assert found == error_kg


def test_a_moving_weigher_may_be_off_by_the_share_of_its_class() -> None:
    law = shipped.national()
    five = msgspec.structs.replace(PAPER, accuracy_class="5")
    assert in_service_error_kg(five, 49_999, law=law, on="2026-11-22", jurisdiction="370323") == 2_499
    none = msgspec.structs.replace(PAPER, accuracy_class="IV")
    assert in_service_error_kg(none, 49_999, law=law, on="2026-11-22", jurisdiction="370323") is None


def test_its_streams_are_kept_as_long_as_what_they_vouch_for() -> None:
    names = ("instrument.certified", "instrument.changed", "scale.checked", "shift.opened", "scale.drifted")
    assert all(STREAMS[name].keep_days >= STREAMS["vehicle.weighed"].keep_days for name in names)
