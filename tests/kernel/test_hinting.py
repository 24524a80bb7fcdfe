"""A picture's count of axles held against the scale's: said when it is confident and differs, and never more than that."""

from __future__ import annotations

import pytest

from kernel.events import Axle, AxleGroup, VehicleFacts, VehicleHints, VehicleWeighed, Verdict
from kernel.hinting import CONFIDENT, axle_count_differs, scale_axles

VERDICT = Verdict(
    outcome="within", suspected=False, decision_kg=48_000, allowance_kg=0, candidates=(), over_kg=0
)


def weighed(*, axles: int = 0, groups: tuple[int, ...] = (), known: int | None = None) -> VehicleWeighed:
    return VehicleWeighed(
        passage="p",
        lane="lane1",
        jurisdiction="370323",
        road_class="national",
        weighing_grade="pre_check",
        joint_mode="joint",
        attended=False,
        method="moving_axles",
        device="wim",
        arrived_ms=None,
        left_ms=None,
        gross_kg=48_000,
        facts=VehicleFacts(axle_count=known),
        verdict=VERDICT,
        axles=tuple(Axle(axle_kg=8_000) for _ in range(axles)),
        groups=tuple(AxleGroup(axles=count, group_kg=8_000) for count in groups),
    )


def hints(axles: int | None, *, permille: int = 950, lifted: int | None = 0) -> VehicleHints:
    return VehicleHints(camera="side", axle_count=axles, axle_count_permille=permille, lifted_axles=lifted)


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (weighed(axles=6), 6),
        (weighed(groups=(1, 2, 3)), 6),
        (weighed(known=5), 5),
        (weighed(), None),
    ],
)
def test_the_scale_s_count_is_that_of_its_axles_groups_or_facts(
    said: VehicleWeighed, count: int | None
) -> None:
    assert scale_axles(said) == count


@pytest.mark.parametrize(
    ("suggested", "said", "differs"),
    [
        (hints(6), weighed(axles=5), True),
        (hints(5), weighed(axles=6), True),
        (hints(6), weighed(axles=6), False),
        (hints(6, lifted=1), weighed(axles=5), False),
        (hints(6, lifted=1), weighed(axles=6), False),
        (hints(6, lifted=1), weighed(axles=4), True),
        (hints(6, permille=CONFIDENT - 1), weighed(axles=5), False),
        (hints(6), weighed(), False),
        (hints(None), weighed(axles=5), False),
        (None, weighed(axles=5), False),
    ],
)
def test_only_a_confident_count_that_cannot_be_the_scale_s_differs(
    suggested: VehicleHints | None, said: VehicleWeighed, differs: bool
) -> None:
    assert axle_count_differs(suggested, said) is differs
