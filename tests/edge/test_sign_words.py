"""The words of the variable sign: short enough for it, never about money, and only a suspicion where nobody is."""

from __future__ import annotations

import re
from itertools import product
from typing import get_args

import pytest

from edge.controller import fitting
from edge.sign import sign_lines
from kernel.events import Outcome, VehicleFacts, VehicleWeighed, Verdict

MONEY = re.compile("罚|元|¥|fine|penalt|yuan", re.IGNORECASE)


def weighed(*, outcome: Outcome, gross_kg: int | None, attended: bool, suspected: bool) -> VehicleWeighed:
    return VehicleWeighed(
        passage="s01-lane1-000000-0000000001",
        lane="lane1",
        jurisdiction="370323",
        road_class="national",
        weighing_grade="certified" if attended else "pre_check",
        joint_mode="joint",
        attended=attended,
        method="moving_axles",
        device="scale",
        arrived_ms=None,
        left_ms=None,
        gross_kg=gross_kg,
        facts=VehicleFacts(),
        verdict=Verdict(
            outcome=outcome,
            suspected=suspected,
            decision_kg=gross_kg,
            allowance_kg=0,
            candidates=(),
            over_kg=0,
        ),
    )


CASES = list(product(get_args(Outcome), (None, 52_340), (False, True), (False, True)))


@pytest.mark.parametrize(("outcome", "gross_kg", "attended", "suspected"), CASES)
def test_no_sign_speaks_of_money_and_every_word_fits(
    outcome: Outcome, gross_kg: int | None, attended: bool, suspected: bool
) -> None:
    body = weighed(outcome=outcome, gross_kg=gross_kg, attended=attended, suspected=suspected)
    for plate in (None, "鲁C12345挂"):
        lines = sign_lines(body, plate=plate)
        assert not MONEY.search(" ".join(lines))
        assert fitting(lines) == lines, "nothing is cut off"


@pytest.mark.parametrize("attended", [False, True])
def test_what_is_only_suspected_reads_so(attended: bool) -> None:
    body = weighed(outcome="over_limit", gross_kg=52_340, attended=attended, suspected=True)
    assert any("疑似超限" in line for line in sign_lines(body))
