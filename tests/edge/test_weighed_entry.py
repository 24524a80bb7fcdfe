"""The body of `vehicle.weighed`: moments from the monotonic clock, what is not known left out, what is wrong said."""

from __future__ import annotations

import pytest

from edge.passages import Complete
from edge.settings import Lane, Scale
from edge.weighed import Site, weighed_body
from edge.weighing.values import Weighed
from kernel.events import (
    Axle,
    AxleGroup,
    DeckMass,
    InstrumentInForce,
    VehicleFacts,
    VehicleWeighed,
    WeighingGrade,
)
from kernel.law.shipped import national
from kernel.law.verdict import Allowance

NOW, MONO = 1_795_400_000_000, 5_000_000
GROUPS = (
    AxleGroup(axles=1, group_kg=7_000, tyres="single"),
    AxleGroup(axles=2, group_kg=18_000, tyres="dual"),
    AxleGroup(axles=3, group_kg=27_000, tyres="dual"),
)


def site(*, attended: bool = False, grade: WeighingGrade = "pre_check") -> Site:
    return Site(
        lane=Lane(
            source="yiyuan/s01/lane1",
            jurisdiction="370323",
            road_class="village",
            weighing_grade=grade,
            joint_mode="transport",
            attended=attended,
            direction="east",
        ),
        scale=Scale(driver="wim-wj", url="/dev/null"),
        method="moving_axles",
        law=national(),
        allowance=Allowance(),
    )


def result(*, gross_kg: int | None = 52_000, **more: object) -> Weighed:
    values: dict[str, object] = {
        "arrived_ms": None,
        "left_ms": NOW - 100,
        "mono_ms": MONO - 100,
        "facts": VehicleFacts(axle_count=6),
        "groups": GROUPS,
        "axles": (Axle(axle_kg=7_000),),
    }
    return Weighed(gross_kg=gross_kg, **(values | more))  # type: ignore[arg-type]


def made(
    found: Weighed | None,
    *,
    arrived: int | None = MONO - 3_000,
    left: int | None = MONO - 400,
    at: Site | None = None,
    quality: tuple[str, ...] = (),
    instrument: InstrumentInForce | None = None,
    words: tuple[str, ...] = (),
) -> VehicleWeighed:
    done = Complete(
        passage="s01-lane1-0a1b2c-0000000001",
        arrived_mono_ms=arrived,
        left_mono_ms=left,
        result=found,
        quality=quality,
    )
    return weighed_body(
        done,
        at or site(),
        now_ms=NOW,
        now_mono_ms=MONO,
        missing=("controller controller: down",),
        instrument=instrument,
        words=words,
    )


def test_loops_are_dated_by_the_monotonic_clock() -> None:
    body = made(result())
    assert (body.arrived_ms, body.left_ms) == (NOW - 3_000, NOW - 400)


def test_a_platform_knows_itself_when_its_load_was_gone() -> None:
    assert made(result(trace=((0, 0), (900, 52_000)))).left_ms == NOW - 100


def test_without_a_loop_the_scale_says_when_it_came_and_nobody_when_it_left() -> None:
    body = made(result(arrived_ms=NOW - 2_000), arrived=None, left=None)
    assert (body.arrived_ms, body.left_ms) == (NOW - 2_000, None)


def test_the_place_and_its_terms_are_on_the_entry() -> None:
    body = made(result())
    assert (body.lane, body.jurisdiction, body.road_class) == ("lane1", "370323", "village")
    assert (body.weighing_grade, body.joint_mode, body.attended) == ("pre_check", "transport", False)
    assert (body.device_certificate, body.device_certificate_until) == (None, None)
    assert (body.direction, body.missing) == ("east", ("controller controller: down",))
    assert made(result(direction="west")).direction == "west"


def test_the_devices_own_time_stands_beside_ours_and_dates_nothing() -> None:
    body = made(result(recorded_ms=NOW - 60_000))
    assert (body.recorded_ms, body.left_ms) == (NOW - 60_000, NOW - 400)
    assert made(result()).recorded_ms is None


def test_a_weight_that_never_came_is_no_weight_and_no_guess() -> None:
    body = made(None, quality=("no_weight",))
    assert (body.gross_kg, body.axles, body.record_hex) == (None, (), "")
    assert (body.verdict.outcome, body.verdict.decision_kg) == ("not_weighed", None)
    assert body.quality == ("no_weight",)


def test_the_zero_the_frames_and_the_kinds_that_fit_are_on_the_entry() -> None:
    body = made(result(zero_kg=20, frames=("02ab03",), decks=(DeckMass(deck="front", deck_kg=52_000),)))
    assert (body.zero_kg, body.frames, body.decks[0].deck_kg) == (20, ("02ab03",), 52_000)
    assert [kind.axles for kind in body.silhouettes] == [(1, 2, 3)]
    assert (body.facts.combination, body.facts.drive_axles) == (None, None)
    nothing = made(None)
    assert (nothing.zero_kg, nothing.frames, nothing.decks, nothing.silhouettes) == (None, (), (), ())


def test_spacings_of_an_unknown_unit_are_said_with_the_verdict() -> None:
    body = made(result(quality=("spacing_unit_unknown", "stop_and_go")), quality=("stop_and_go",))
    assert body.quality == ("stop_and_go", "spacing_unit_unknown")
    assert "spacing_unit_unknown" in body.verdict.notes
    assert "spacing_unit_unknown" not in made(result()).verdict.notes


@pytest.mark.parametrize(
    ("attended", "grade", "suspected"),
    [
        (False, "pre_check", True),
        (False, "certified", True),
        (True, "pre_check", True),
        (True, "certified", False),
        (True, "reweigh", False),
    ],
)
def test_only_a_certified_weighing_with_officers_there_is_more_than_a_suspicion(
    attended: bool, grade: WeighingGrade, suspected: bool
) -> None:
    body = made(result(), at=site(attended=attended, grade=grade))
    assert (body.verdict.outcome, body.verdict.suspected) == ("over_limit", suspected)


def in_use(*reasons: str) -> InstrumentInForce:
    return InstrumentInForce(
        device="scale",
        evidence=not reasons,
        reasons=reasons,
        certificate="LC-2026-0101",
        valid_until="2027-06-30",
    )


def test_the_instrument_and_its_words_are_on_the_entry() -> None:
    body = made(result(quality=("close_behind",)), instrument=in_use(), words=("shift_not_checked",))
    assert body.instrument == in_use()
    assert body.quality == ("close_behind", "shift_not_checked")
    assert (body.device_certificate, body.device_certificate_until) == ("LC-2026-0101", "2027-06-30")


def test_a_scale_that_yields_no_evidence_only_suspects() -> None:
    at = site(attended=True, grade="certified")
    assert not made(result(), at=at, instrument=in_use()).verdict.suspected
    assert made(result(), at=at, instrument=in_use("seal_broken")).verdict.suspected
