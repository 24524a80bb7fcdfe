"""The instrument as a person reads it: what is in force, what is due and since when; a look that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from edge.instrument.book import Book, fact_of, shift_began_ms
from edge.instrument.memory import Kept
from edge.instrument.settings import CheckSettings
from kernel.events import (
    CheckKind,
    InstrumentCertificate,
    InstrumentCertified,
    InstrumentChanged,
    ScaleChecked,
    ScaleDrifted,
    WeighingGrade,
)
from kernel.law.instruments import standing


class Shown(Struct, frozen=True, kw_only=True):
    """`reasons` say why a weighing of this grade would be no evidence now."""

    device: str
    grade: WeighingGrade
    evidence: bool
    reasons: tuple[str, ...]
    certificate: InstrumentCertificate | None
    shift_ms: int | None
    unchecked: tuple[CheckKind, ...]
    checks: tuple[ScaleChecked, ...]
    drifts: tuple[ScaleDrifted, ...]  # that are not over
    certified: tuple[InstrumentCertified, ...]
    changes: tuple[InstrumentChanged, ...]


def shown(
    kept: Kept | None,
    *,
    device: str,
    grade: WeighingGrade,
    checks: CheckSettings,
    kinds: tuple[CheckKind, ...],
    now_ms: int,
) -> Shown:
    """Of what the lane remembers; of nothing, when it never ran."""
    book = Book(device)
    for told in kept.facts if kept else ():
        book.add(fact_of(told.stream, bytes(told.body)))
    found = standing(book.history, grade=grade, at_ms=now_ms)
    shift_ms = shift_began_ms(now_ms, starts=checks.shift_starts, opened_ms=book.opened_ms)
    return Shown(
        device=device,
        grade=grade,
        evidence=found.evidence,
        reasons=found.reasons,
        certificate=found.certificate,
        shift_ms=shift_ms,
        unchecked=book.unchecked(kinds, shift_ms),
        checks=tuple(book.checks.values()),
        drifts=tuple(book.drifting()),
        certified=book.history.certified,
        changes=book.history.changes,
    )


def lines(found: Shown) -> Iterator[str]:
    """For a terminal."""
    paper = found.certificate
    yield f"{found.device}: {'evidence' if found.evidence else 'no evidence'} as {found.grade}"
    yield from (f"  {reason}" for reason in found.reasons)
    if paper is not None:
        yield f"certificate {paper.number}, class {paper.accuracy_class}, {paper.valid_from} to {paper.valid_until}"
        yield f"  {paper.min_kg} to {paper.max_kg} kg, d = {paper.division_kg} kg, seals {', '.join(paper.seals)}"
    for kind in found.unchecked:
        yield f"this shift owes a check: {kind}"
    for check in found.checks:
        word = "within" if check.within else "NOT within"
        yield f"{check.kind}: {check.shown_kg} kg for {check.expected_kg} kg, {word} {check.limit_kg} kg"
    for drift in found.drifts:
        yield f"drifts: {drift.kind}, {drift.measured_kg} kg, more than {drift.limit_kg} kg"
