"""The law applied to one weighing: within, over, or undetermined, and every row it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kernel.errors import ConfigError
from kernel.events import Outcome, VehicleFacts, Verdict
from kernel.law.axle_loads import AxleSet
from kernel.law.law import Law
from kernel.law.limits import Applicable, applicable
from kernel.settings import Faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is taken off a measured mass before it is judged 认定扣减; a site's setting, `round_kg` its interval d.

    simple: m x (1 - p).  bound: m / (1 + p), the least true mass the instrument may show as m.
    """

    mode: Literal["NONE", "PERCENT", "MPE_CLASS", "KG"] = "NONE"
    permille: int = 0
    kg: int = 0
    device_class: str | None = None
    formula: Literal["simple", "bound"] = "simple"
    round_kg: int = 1

    def __post_init__(self) -> None:
        faults: Faults = []
        if self.mode == "PERCENT" and not 0 < self.permille < 1000:
            faults.append(("permille", f"must be 1 to 999 for PERCENT, is {self.permille}"))
        if self.mode == "KG" and self.kg <= 0:
            faults.append(("kg", f"must be above zero for KG, is {self.kg}"))
        if self.mode == "MPE_CLASS" and not self.device_class:
            faults.append(("device_class", "is required for MPE_CLASS"))
        if self.round_kg <= 0:
            faults.append(("round_kg", f"must be above zero, is {self.round_kg}"))
        if faults:
            raise ConfigError(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    decision_kg: int
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge(
    gross_kg: int | None,
    facts: VehicleFacts,
    *,
    law: Law,
    on: str,
    jurisdiction: str,
    allowance: Allowance,
    suspected: bool,
    notes: Sequence[str] = (),
    axle_sets: Sequence[AxleSet] = (),
) -> Verdict:
    """Apply the rows in force `on` the day of the act; equal to the limit is legal."""
    found = applicable(facts, law=law, on=on, jurisdiction=jurisdiction, axle_sets=axle_sets)
    if gross_kg is None or gross_kg < 0:
        why = () if gross_kg is None else ("negative_mass",)
        return _verdict("not_weighed", found, None, suspected=suspected, notes=(*notes, *found.notes, *why))
    taken = deduct(gross_kg, allowance, law=law, on=on, jurisdiction=jurisdiction)
    outcome = _outcome(taken.decision_kg, found)
    words = (*notes, *found.notes, *taken.notes, *_remarks(outcome, taken.decision_kg, facts, found))
    return _verdict(outcome, found, taken, suspected=suspected, notes=words, gross_kg=gross_kg)


def deduct(gross_kg: int, allowance: Allowance, *, law: Law, on: str, jurisdiction: str) -> Deduction:
    """The mass that counts: deducted once, from the total, rounded down in the party's favour."""
    if allowance.mode == "NONE":
        return Deduction(decision_kg=gross_kg)
    if allowance.mode == "KG":
        return Deduction(decision_kg=_down(gross_kg - allowance.kg, allowance))
    if allowance.mode == "PERCENT":
        return Deduction(decision_kg=_down(_less(gross_kg, allowance.permille, allowance), allowance))
    rows = law.in_force(lambda layer: layer.allowance, on=on, jurisdiction=jurisdiction)
    row = rows.get(allowance.device_class)
    if row is None:
        return Deduction(decision_kg=gross_kg, notes=("no_allowance_row",))
    return Deduction(decision_kg=_down(_less(gross_kg, row.permille, allowance), allowance), rules=(row.id,))


def _less(gross_kg: int, permille: int, allowance: Allowance) -> int:
    if allowance.formula == "simple":
        return gross_kg * (1000 - permille) // 1000
    return gross_kg * 1000 // (1000 + permille)


def _down(kg: int, allowance: Allowance) -> int:
    return max(0, kg // allowance.round_kg * allowance.round_kg)


def _outcome(decision_kg: int, found: Applicable) -> Outcome:
    if not found.candidates:
        return "undetermined"
    if decision_kg <= found.candidates[0].limit_kg:
        return "within"
    return "over_limit" if decision_kg > found.candidates[-1].limit_kg else "undetermined"


def _remarks(outcome: Outcome, decision_kg: int, facts: VehicleFacts, found: Applicable) -> tuple[str, ...]:
    words = []
    if outcome == "over_limit" and decision_kg <= found.candidates[-1].limit_kg + found.air_more_kg:
        words.append("air_suspension_unknown")
    if facts.licence_kg is not None and decision_kg > facts.licence_kg:
        words.append("over_licence")
    return tuple(words)


def _verdict(
    outcome: Outcome,
    found: Applicable,
    taken: Deduction | None,
    *,
    suspected: bool,
    notes: tuple[str, ...],
    gross_kg: int = 0,
) -> Verdict:
    limits = [candidate.limit_kg for candidate in found.candidates]
    rules = [rule for candidate in found.candidates for rule in candidate.rules]
    over_kg = taken.decision_kg - limits[-1] if taken is not None and limits else 0
    return Verdict(
        outcome=outcome,
        suspected=suspected,
        decision_kg=None if taken is None else taken.decision_kg,
        allowance_kg=0 if taken is None else gross_kg - taken.decision_kg,
        candidates=found.candidates,
        over_kg=max(0, over_kg),
        missing=found.missing if outcome == "undetermined" else (),
        notes=tuple(dict.fromkeys(notes)),
        rules=tuple(dict.fromkeys([*rules, *(taken.rules if taken else ())])),
        limit_lowest_kg=limits[0] if limits else None,
        limit_highest_kg=limits[-1] if limits else None,
    )
