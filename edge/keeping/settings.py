"""How long what lies on a lane is kept, by which rule, and how full its disk may become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kernel.events import Outcome
from kernel.settings import above_zero, day, filled, must, refuse

What = Literal["plates", "pictures", "clips"]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: what of which vehicles leaves the lane after so many days, by whose word, from which day on.

    `plates` are the texts and candidates in `vehicle.pictured`, `pictures` its files, `clips` those of `file.stored`.
    """

    what: What
    outcome: Outcome
    days: int
    source: str  # the law, order or practice that it rests on
    effective_from: str = "2026-01-01"  # ISO date

    def __post_init__(self) -> None:
        refuse(
            above_zero("days", self.days),
            filled("source", self.source),
            day("effective_from", self.effective_from),
        )

    @property
    def name(self) -> str:
        """As `record.erased` names it."""
        return f"keeping.{self.outcome}.{self.what}.{self.days}d"


_COMPLIANT = "compliant vehicles: data stays, pictures 30 days, clips 7 days (practice of lane operators)"
_OTHERS = (
    "footage of enforcement is kept at least 6 months (公安机关现场执法视音频记录工作规定 13, by analogy)"
)
SHIPPED: tuple[Rule, ...] = (
    Rule(what="clips", outcome="within", days=7, source=_COMPLIANT),
    Rule(what="pictures", outcome="within", days=30, source=_COMPLIANT),
    Rule(what="plates", outcome="within", days=30, source=_COMPLIANT),
    *(
        Rule(what=what, outcome=outcome, days=183, source=_OTHERS)
        for outcome in ("over_limit", "undetermined", "not_weighed")
        for what in ("clips", "pictures", "plates")
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingSettings:
    """`rules` are this site's own rows beside the shipped ones; of those in force the one from the latest day counts."""

    rules: tuple[Rule, ...] = ()
    evict_after_days: int = 30  # what is kept elsewhere may leave for want of room after so long
    low_percent: int = 85  # of the disk: an alarm
    high_percent: int = 92  # of the disk: room is made, down to low_percent
    reserve_mb: int = 64  # for the journal alone; less on a tiny disk
    every_s: int = 3_600  # between two looks at what is due
    reconcile_hour: int = 3  # of the day in China, when disk and journal are held against each other

    def __post_init__(self) -> None:
        refuse(
            must(
                0 < self.low_percent < self.high_percent <= 100, "high_percent", "must be above low_percent"
            ),
            must(self.evict_after_days >= 0, "evict_after_days", "must not be below 0"),
            must(self.reserve_mb >= 0, "reserve_mb", "must not be below 0"),
            above_zero("every_s", self.every_s),
            must(0 <= self.reconcile_hour < 24, "reconcile_hour", "must be 0 to 23"),
        )

    def in_force(self, *, on: str) -> list[Rule]:
        """One rule for each kind of thing of each kind of vehicle, as of this ISO date."""
        newest: dict[tuple[What, Outcome], Rule] = {}
        for rule in (*SHIPPED, *self.rules):
            before = newest.get((rule.what, rule.outcome))
            if rule.effective_from <= on and (before is None or _counts(rule, before)):
                newest[rule.what, rule.outcome] = rule
        return list(newest.values())


def _counts(rule: Rule, before: Rule) -> bool:
    """Of two from the same day the site's own, which comes later."""
    return rule.effective_from >= before.effective_from


def days_of(rules: Sequence[Rule], what: What, outcome: Outcome) -> int:
    return next(rule.days for rule in rules if (rule.what, rule.outcome) == (what, outcome))
