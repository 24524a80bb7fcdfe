"""What an officer has seen of a vehicle settles what the scale could not know; the law is applied again, not guessed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kernel.events import VehicleFacts, VehicleWeighed, Verdict
from kernel.law.law import Law
from kernel.law.verdict import Allowance, judge

OFFICER = "officer"
# Words in a verdict's notes that are about the measurement and not about the law: they stay as the lane said them.
MEASURED = ("spacing_unit_unknown",)


class Seen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form as it was filled in; None was not answered."""

    axle_count: Annotated[int, Meta(ge=2, le=12)] | None = None
    combination: bool | None = None
    drive_axles: Annotated[int, Meta(ge=1, le=6)] | None = None
    single_tyre_axles: Annotated[int, Meta(ge=0, le=10)] | None = None
    air_suspension: bool | None = None

    @property
    def answered(self) -> dict[str, int | bool]:
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


def merged(known: VehicleFacts, seen: Seen) -> VehicleFacts:
    """What is known now, each answer marked as the officer's; an answer that says the same stays the lane's."""
    changed = {name: value for name, value in seen.answered.items() if getattr(known, name) != value}
    sources = dict(known.sources) | dict.fromkeys(changed, OFFICER)
    values: dict[str, object] = {**changed, "sources": tuple(sorted(sources.items()))}
    if "single_tyre_axles" in changed:
        values["single_tyre_axles_most"] = None
        values["sources"] = tuple(sorted((k, v) for k, v in sources.items() if k != "single_tyre_axles_most"))
    return msgspec.structs.replace(known, **values)


def judged(weighed: VehicleWeighed, facts: VehicleFacts, *, law: Law, on: str) -> Verdict:
    """The verdict with these facts, from the same mass and the same allowance as the lane's."""
    before = weighed.verdict
    verdict = judge(
        weighed.gross_kg,
        facts,
        law=law,
        on=on,
        jurisdiction=weighed.jurisdiction,
        allowance=_allowance(before),
        suspected=before.suspected,
        notes=tuple(note for note in before.notes if note in MEASURED),
    )
    return msgspec.structs.replace(
        verdict, rules=tuple(dict.fromkeys((*verdict.rules, *_allowance_rules(before))))
    )


def _allowance(before: Verdict) -> Allowance:
    """What the lane took off, as a mass: its own rule for it is not sent."""
    if before.allowance_kg > 0:
        return Allowance(mode="KG", kg=before.allowance_kg)
    return Allowance()


def _allowance_rules(before: Verdict) -> tuple[str, ...]:
    of_limits = {rule for candidate in before.candidates for rule in candidate.rules}
    return tuple(rule for rule in before.rules if rule not in of_limits)
