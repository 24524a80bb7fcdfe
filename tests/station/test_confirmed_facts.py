"""What an officer has seen settles the limit: the same law, the same mass, the same allowance."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import VehicleFacts, Verdict
from kernel.law.shipped import national
from kernel.law.verdict import Allowance, judge
from station.confirming import Seen, judged, merged
from tests.station.county import weighed

SIX = VehicleFacts(axle_count=6, sources=(("axle_count", "wire"),))
ON = "2026-06-01"


def verdict(gross_kg: int | None, known: VehicleFacts, seen: Seen, *, platform: bool = True) -> Verdict:
    body = weighed("p1", gross_kg, known, platform=platform, at_ms=0)
    return judged(body, merged(known, seen), law=national(), on=ON)


def test_drive_axles_decide_between_46_and_49_tonnes() -> None:
    before = weighed("p1", 47_300, SIX, platform=True, at_ms=0).verdict
    assert (before.outcome, before.limit_highest_kg) == ("undetermined", 49_000)
    tyres = {"combination": True, "single_tyre_axles": 0}
    one = verdict(47_300, SIX, msgspec.convert({"drive_axles": 1, **tyres}, Seen))
    several = verdict(47_300, SIX, msgspec.convert({"drive_axles": 2, **tyres}, Seen))
    assert (one.outcome, one.over_kg, one.limit_highest_kg) == ("over_limit", 1_300, 46_000)
    assert (several.outcome, several.missing) == ("within", ())


def test_a_platform_that_tells_no_axles_is_settled_by_the_officer_alone() -> None:
    seen = Seen(axle_count=3, combination=False, single_tyre_axles=0)
    assert verdict(25_000, VehicleFacts(), seen).outcome == "within"
    assert verdict(25_001, VehicleFacts(), seen).over_kg == 1


def test_what_an_officer_says_of_an_unattended_weighing_leaves_it_a_suspicion() -> None:
    seen = Seen(combination=True, drive_axles=1, single_tyre_axles=0)
    found = verdict(58_000, SIX, seen, platform=False)
    assert (found.outcome, found.suspected) == ("over_limit", True)


def test_without_a_weight_no_fact_makes_one() -> None:
    assert verdict(None, SIX, Seen(drive_axles=1)).outcome == "not_weighed"


def test_the_lanes_allowance_and_its_rule_are_kept() -> None:
    body = weighed("p1", 50_000, SIX, platform=False, at_ms=0)
    deducted = judge(
        50_000,
        SIX,
        law=national(),
        on=ON,
        jurisdiction="370323",
        allowance=Allowance(mode="MPE_CLASS", device_class="5"),
        suspected=True,
    )
    body = msgspec.structs.replace(body, verdict=deducted)
    found = judged(body, merged(SIX, Seen(drive_axles=1, single_tyre_axles=0)), law=national(), on=ON)
    assert found.allowance_kg == deducted.allowance_kg > 0
    assert found.decision_kg == deducted.decision_kg
    assert "jjg907-in-service-5" in found.rules


def test_every_answer_is_marked_as_the_officers_and_a_repetition_is_not() -> None:
    facts = merged(SIX, Seen(axle_count=6, drive_axles=2))
    assert dict(facts.sources) == {"axle_count": "wire", "drive_axles": "officer"}
    corrected = merged(SIX, Seen(axle_count=5))
    assert (corrected.axle_count, dict(corrected.sources)) == (5, {"axle_count": "officer"})


def test_a_counted_number_of_single_tyres_replaces_a_bound() -> None:
    bound = VehicleFacts(
        axle_count=6, single_tyre_axles_most=3, sources=(("single_tyre_axles_most", "wire"),)
    )
    facts = merged(bound, Seen(single_tyre_axles=1))
    assert (facts.single_tyre_axles, facts.single_tyre_axles_most) == (1, None)
    assert dict(facts.sources) == {"single_tyre_axles": "officer"}


@pytest.mark.parametrize(
    "rubbish",
    [
        b'{"axle_count": 1}',
        b'{"axle_count": 13}',
        b'{"axle_count": "6"}',
        b'{"axle_count": 6.5}',
        b'{"combination": 1}',
        b'{"drive_axles": 0}',
        b'{"single_tyre_axles": -1}',
        b'{"gross_kg": 1}',
        b"[]",
        b"",
    ],
)
def test_a_form_that_makes_no_sense_is_refused(rubbish: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(rubbish, type=Seen)


SEEN = st.builds(
    Seen,
    axle_count=st.none() | st.integers(2, 12),
    combination=st.none() | st.booleans(),
    drive_axles=st.none() | st.integers(1, 6),
    single_tyre_axles=st.none() | st.integers(0, 10),
    air_suspension=st.none() | st.booleans(),
)


@given(gross_kg=st.integers(500, 120_000), seen=SEEN)
def test_any_form_gives_a_verdict_that_agrees_with_its_own_limits(gross_kg: int, seen: Seen) -> None:
    found = verdict(gross_kg, SIX, seen)
    limits = [candidate.limit_kg for candidate in found.candidates]
    if found.outcome == "over_limit":
        assert gross_kg > max(limits)
    elif found.outcome == "within":
        assert gross_kg <= min(limits)
    else:
        assert not limits or min(limits) < gross_kg <= max(limits)
    assert found == verdict(gross_kg, SIX, seen)
