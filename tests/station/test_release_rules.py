"""放行: only with a legal mass, after unloading only on a new weighing, at a joint station with the police result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernel.events import EntryRef
from station.releasing import Grounds, Override, Refusal, could_be_reweigh, open_findings, refusal
from station.views import Passage

LEGAL = Passage(
    box="s01-lane2",
    passage="p1",
    order=10,
    shown_ms=1_000_000,
    source="yiyuan/s01/lane2",
    weighed=EntryRef(journal="a" * 32, seq=3, leaf="b" * 64),
    gross_kg=48_000,
    axle_count=6,
    outcome="within",
    suspected=False,
    over_kg=0,
    limits=(49_000,),
    grade="certified",
    attended=True,
    tractor="鲁C12345",
    vehicle="鲁C12345",
    tractor_colour="yellow",
    trailer=None,
    trailer_colour=None,
    pictured=True,
    missing=(),
    quality=(),
    confirmed=True,
    act=None,
    act_by="",
    act_ms=None,
)
OVER = replace(LEGAL, outcome="over_limit", gross_kg=58_000, over_kg=9_000)
SUSPECTED = replace(OVER, suspected=True, grade="pre_check", attended=False)
AGAIN = replace(LEGAL, passage="p2", order=11)
BOSS = Override(role="reviewer", reason="大件运输许可 2026-31")


@pytest.mark.parametrize(
    ("passage", "why"),
    [
        (LEGAL, None),
        (OVER, "over_limit"),
        (SUSPECTED, "suspected"),
        (replace(LEGAL, outcome="undetermined"), "undetermined"),
        (replace(LEGAL, outcome="not_weighed", gross_kg=None), "not_weighed"),
        (replace(LEGAL, weighed=None, outcome=None), "not_arrived"),
        (replace(LEGAL, act="released"), "already_released"),
        (replace(LEGAL, act="held"), None),
        (replace(OVER, act="held"), "over_limit"),
        (replace(OVER, taken_back=True), "taken_back"),
        (replace(LEGAL, taken_back=True), "taken_back"),
        (replace(OVER, taken_back=True, act="held"), None),  # who is held on nothing is let go
        (replace(OVER, taken_back=True, act="released"), "already_released"),
    ],
)
@pytest.mark.parametrize("police", ["", "沂公交移 2026-118"])
def test_without_another_weighing_only_a_legal_mass_may_go(
    passage: Passage, why: Refusal | None, police: str
) -> None:
    assert refusal(passage, Grounds(police_result=police), joint_mode="joint") == why


def test_what_was_found_over_goes_on_a_new_weighing_and_the_police_result() -> None:
    assert refusal(OVER, Grounds(reweigh=AGAIN), joint_mode="joint") == "needs_police"
    assert refusal(OVER, Grounds(reweigh=AGAIN, police_result="  "), joint_mode="joint") == "needs_police"
    assert refusal(OVER, Grounds(reweigh=AGAIN, police_result="118"), joint_mode="joint") is None


def test_where_transport_checks_alone_no_police_result_is_asked_for() -> None:
    assert refusal(OVER, Grounds(reweigh=AGAIN), joint_mode="transport") is None
    assert refusal(OVER, Grounds(), joint_mode="transport") == "over_limit"


def test_a_suspicion_ends_with_a_certified_weighing_and_needs_no_police() -> None:
    assert refusal(SUSPECTED, Grounds(reweigh=AGAIN), joint_mode="joint") is None


@pytest.mark.parametrize(
    ("reweigh", "why"),
    [
        (replace(AGAIN, order=9), "reweigh_earlier"),
        (OVER, "reweigh_earlier"),
        (replace(AGAIN, act="released"), "reweigh_used"),
        (replace(AGAIN, taken_back=True), "taken_back"),
        (replace(AGAIN, vehicle="豫G99999"), "reweigh_of_another"),
        (replace(AGAIN, grade="pre_check"), "reweigh_not_certified"),
        (replace(AGAIN, attended=False), "reweigh_not_certified"),
        (replace(AGAIN, suspected=True), "reweigh_not_certified"),  # its scale yields no evidence
        (replace(AGAIN, outcome="over_limit"), "reweigh_not_legal"),
        (replace(AGAIN, outcome="undetermined"), "reweigh_not_legal"),
        (replace(AGAIN, vehicle=None), None),
    ],
)
def test_not_every_weighing_is_a_re_weighing(reweigh: Passage, why: Refusal | None) -> None:
    given = Grounds(reweigh=reweigh, police_result="118")
    assert refusal(OVER, given, joint_mode="joint") == why
    assert could_be_reweigh(OVER, reweigh) == (why is None)


def test_a_supervisor_answers_with_a_reason_for_everything_but_a_second_release() -> None:
    for passage in (
        OVER,
        SUSPECTED,
        replace(LEGAL, outcome="not_weighed"),
        replace(LEGAL, outcome="undetermined"),
    ):
        assert refusal(passage, Grounds(override=BOSS), joint_mode="joint") is None
        silent = Grounds(override=replace(BOSS, reason="  ok "))
        assert refusal(passage, silent, joint_mode="joint") == "override_without_reason"
    gone = replace(OVER, act="released")
    assert refusal(gone, Grounds(override=BOSS), joint_mode="joint") == "already_released"


def test_a_legal_weighing_does_not_free_a_vehicle_that_was_found_over_before() -> None:
    """只罚不卸 the other way round: the finding itself has to be closed."""
    findings = open_findings(AGAIN, [OVER])
    assert findings == (OVER,)
    assert refusal(AGAIN, Grounds(), joint_mode="joint", findings=findings) == "open_finding"
    closed = Grounds(reweigh=AGAIN, police_result="118")
    assert refusal(OVER, closed, joint_mode="joint", findings=open_findings(OVER, [AGAIN])) is None


def test_a_re_weighing_closes_every_finding_before_it_and_none_after() -> None:
    twice = replace(OVER, passage="p3", order=11)
    last = replace(LEGAL, passage="p4", order=12)
    given = Grounds(reweigh=last, police_result="118")
    assert refusal(OVER, given, joint_mode="joint", findings=(twice,)) is None
    later = replace(OVER, passage="p5", order=13)
    assert refusal(OVER, given, joint_mode="joint", findings=(later,)) == "open_finding"


def test_a_lane_that_sends_its_backlog_late_does_not_turn_the_order_around() -> None:
    """The pre-check was seen before the certified weighing, and its entry came after it."""
    late = replace(SUSPECTED, box="s01-lane1", order=99, shown_ms=AGAIN.shown_ms - 60_000)
    assert refusal(late, Grounds(reweigh=AGAIN), joint_mode="joint") is None
    ahead = replace(late, order=1, shown_ms=AGAIN.shown_ms + 60_000)
    assert refusal(ahead, Grounds(reweigh=AGAIN), joint_mode="joint") == "reweigh_earlier"


@pytest.mark.parametrize(
    "other",
    [
        replace(OVER, passage="p0", vehicle="豫G99999"),
        replace(OVER, passage="p0", vehicle=None),
        replace(OVER, passage="p0", act="released"),
        replace(OVER, passage="p0", taken_back=True),
        replace(OVER, passage="p0", shown_ms=LEGAL.shown_ms - 49 * 3_600_000),
        replace(SUSPECTED, passage="p0"),
        replace(LEGAL, passage="p0"),
        OVER,
    ],
)
def test_what_is_no_open_finding_of_this_vehicle(other: Passage) -> None:
    assert open_findings(LEGAL, [other]) == ()
