"""When a vehicle may go 放行: a legal mass, and at a joint station the police result, or a supervisor who answers for it.

Unloading comes before release (卸载后放行): what was found over the limit goes only on a new weighing 复检.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kernel.events import JointMode
from station.views import Passage

Refusal = Literal[
    "already_released",
    "not_arrived",
    "taken_back",
    "not_weighed",
    "undetermined",
    "suspected",
    "over_limit",
    "needs_police",
    "open_finding",
    "reweigh_not_certified",
    "reweigh_not_legal",
    "reweigh_earlier",
    "reweigh_of_another",
    "reweigh_used",
    "override_without_reason",
]
SAME_STAY_MS = 48 * 3_600_000  # crossings of one plate this close together belong to one stay
SHORTEST_REASON = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A duty supervisor answers for the release; the role is checked by whoever knows who is signed in."""

    role: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the officer puts forward."""

    reweigh: Passage | None = None
    police_result: str = ""
    override: Override | None = None


def refusal(
    passage: Passage, grounds: Grounds, *, joint_mode: JointMode, findings: Sequence[Passage] = ()
) -> Refusal | None:
    """Why it may not go, or None.  `findings`: the other open findings of this plate, see `open_findings`."""
    if passage.act == "released":
        return "already_released"
    if passage.weighed is None:
        return "not_arrived"
    if passage.taken_back and passage.act != "held":
        return "taken_back"
    if grounds.override is not None:
        return None if len(grounds.override.reason.strip()) >= SHORTEST_REASON else "override_without_reason"
    if (why := _mass(passage, grounds.reweigh)) is not None:
        return why
    if any(grounds.reweigh is None or later(finding, grounds.reweigh) for finding in findings):
        return "open_finding"
    over = passage.found_over or bool(findings)
    if joint_mode == "joint" and over and not grounds.police_result.strip():
        return "needs_police"
    return None


def over(passage: Passage) -> Refusal | None:
    """Why nothing is to be found of it, or held, any more."""
    if passage.act == "released":
        return "already_released"
    return "taken_back" if passage.taken_back else None


def _mass(passage: Passage, reweigh: Passage | None) -> Refusal | None:
    if reweigh is not None:
        return _reweigh(passage, reweigh)
    if passage.taken_back:
        return None
    match passage.outcome:
        case "within":
            return None
        case "over_limit":
            return "suspected" if passage.suspected else "over_limit"
        case "undetermined":
            return "undetermined"
        case _:
            return "not_weighed"


def _reweigh(passage: Passage, reweigh: Passage) -> Refusal | None:
    """Only a new measurement counts, of the same vehicle, by a scale that is certified for it."""
    if not later(reweigh, passage):
        return "reweigh_earlier"
    if reweigh.taken_back:
        return "taken_back"
    if reweigh.act == "released":
        return "reweigh_used"
    if passage.vehicle and reweigh.vehicle and passage.vehicle != reweigh.vehicle:
        return "reweigh_of_another"
    if not reweigh.certified:
        return "reweigh_not_certified"
    return None if reweigh.outcome == "within" else "reweigh_not_legal"


def later(one: Passage, other: Passage) -> bool:
    """In one journal the place decides; between lanes the clocks do: one of them may have sent its backlog late."""
    return one.order > other.order if one.box == other.box else one.shown_ms > other.shown_ms


def could_be_reweigh(passage: Passage, later: Passage) -> bool:
    """Whether to offer it: it would do, and no plate speaks against it."""
    return _reweigh(passage, later) is None


def open_findings(passage: Passage, others: Sequence[Passage]) -> tuple[Passage, ...]:
    """Other crossings of the same plate that were found over the limit and that nobody has released."""
    return tuple(
        other
        for other in others
        if other.id != passage.id
        and other.vehicle is not None
        and other.vehicle == passage.vehicle
        and other.found_over
        and other.act != "released"
        and abs(passage.shown_ms - other.shown_ms) <= SAME_STAY_MS
    )
