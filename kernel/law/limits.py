"""Which mass limits fit what is known of a vehicle: all of them, lowest first, each with its sentence.

What is unknown widens the answer and is never assumed away.  Only exemptions that the party has to show (air
suspension, a low-speed vehicle) count as absent until an officer has seen them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.events import AxleGroup, Candidate, VehicleFacts
from kernel.law.axle_loads import AxleSet, AxleSum, axle_sum
from kernel.law.law import Law
from kernel.law.rows import AirSuspensionRow, LicenceRow, LimitRow, SingleTyreRow

COMBINATION_FROM = 5  # Art. 3 has no row for a rigid truck with as many axles


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicable:
    """The limits that fit, the facts that would settle it, and what a reader must know (docs/law.md)."""

    candidates: tuple[Candidate, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    air_more_kg: int = 0  # what air suspension would add to the highest, while nobody has looked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """The rows of one day and place."""

    limits: tuple[LimitRow, ...]
    single_tyre: SingleTyreRow | None
    air: tuple[AirSuspensionRow, ...]
    licence: dict[str, LicenceRow]
    axle_sum: AxleSum | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """One step of an explanation: the limit after it, and where it comes from (Chinese, English)."""

    kg: int
    rules: tuple[str, ...]
    words: tuple[str, str]
    cite: tuple[str, str]
    cap: bool = False


def candidates(facts: VehicleFacts, *, law: Law, on: str, jurisdiction: str) -> tuple[Candidate, ...]:
    """Every limit that fits, lowest first."""
    return applicable(facts, law=law, on=on, jurisdiction=jurisdiction).candidates


def applicable(
    facts: VehicleFacts, *, law: Law, on: str, jurisdiction: str, axle_sets: Sequence[AxleSet] = ()
) -> Applicable:
    """Every limit that fits with what is missing; `axle_sets` describes all axles, where somebody has."""
    book = _book(law, on, jurisdiction, axle_sets)
    low_speed = book.licence.get("low_speed")
    if facts.low_speed and low_speed is not None and low_speed.effect == "limit":
        return _by_licence(facts, low_speed)
    rows = tuple(row for row in book.limits if _fits(row, facts))
    if not rows:
        return Applicable(candidates=(), notes=("manual_review", *_contradictions(facts, rows)))
    return Applicable(
        candidates=_sorted([_full(row, facts, book) for row in rows] + _lower_bound(rows, facts, book)),
        missing=_missing(rows, facts, book),
        notes=_notes(rows, facts, book),
        air_more_kg=_air_unseen(rows, facts, book),
    )


def facts_from_wire(axle_count: int | None, groups: Sequence[AxleGroup]) -> VehicleFacts:
    """What a weighing record makes certain: no more than the axles and which of them cannot have single tyres."""
    if axle_count is None:
        return VehicleFacts()
    if axle_count == 2:  # a combination has three axles or more
        sources = (("axle_count", "wire"), ("combination", "wire"), ("single_tyre_axles", "wire"))
        return VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0, sources=sources)
    if sum(group.axles for group in groups) != axle_count:
        return VehicleFacts(axle_count=axle_count, sources=(("axle_count", "wire"),))
    most = _single_at_most(groups)
    field = "single_tyre_axles_most" if most else "single_tyre_axles"
    return VehicleFacts(
        axle_count=axle_count,
        single_tyre_axles=None if most else 0,
        single_tyre_axles_most=most or None,
        sources=(("axle_count", "wire"), (field, "wire")),
    )


def _single_at_most(groups: Sequence[AxleGroup]) -> int:
    """The front group steers, and a lone axle after it steers or drives: neither lowers the limit.

    Single tyres may be wide ones, which no record tells, so the wire gives a bound and not a number.
    """
    after_front = list(groups[1:])
    if after_front and after_front[0].axles == 1:
        after_front = after_front[1:]
    return sum(group.axles for group in after_front if group.tyres != "dual")


def _book(law: Law, on: str, jurisdiction: str, axle_sets: Sequence[AxleSet]) -> _Book:
    single = law.in_force(lambda layer: layer.single_tyre, on=on, jurisdiction=jurisdiction)
    licence = law.in_force(lambda layer: layer.licence, on=on, jurisdiction=jurisdiction)
    return _Book(
        limits=tuple(law.in_force(lambda layer: layer.limit, on=on, jurisdiction=jurisdiction).values()),
        single_tyre=next(iter(single.values()), None),
        air=tuple(
            law.in_force(lambda layer: layer.air_suspension, on=on, jurisdiction=jurisdiction).values()
        ),
        licence={row.vehicles: row for row in licence.values()},
        axle_sum=axle_sum(axle_sets, law=law, on=on, jurisdiction=jurisdiction),
    )


def _fits(row: LimitRow, facts: VehicleFacts) -> bool:
    if facts.combination is not None and facts.combination != (row.body == "combination"):
        return False
    count = facts.axle_count
    if count is not None and not (count == row.axles or (row.and_more and count > row.axles)):
        return False
    drives = facts.drive_axles
    return not drives or row.drive == "any" or (drives == 1) == (row.drive == "single")


def _by_licence(facts: VehicleFacts, row: LicenceRow) -> Applicable:
    if facts.licence_kg is None:
        return Applicable(candidates=(), missing=("licence_kg",), notes=("limit_by_licence",))
    reason = _Reason(
        kg=facts.licence_kg,
        rules=(row.id,),
        words=("低速货车、拖拉机、农用车按行驶证", "low-speed truck, tractor or farm vehicle by its licence"),
        cite=(row.cite_zh, row.cite_en),
    )
    return Applicable(candidates=(_explained([reason]),), notes=("limit_by_licence",))


def _full(row: LimitRow, facts: VehicleFacts, book: _Book) -> Candidate:
    """The limit of a row with everything that is certain taken into account."""
    count = _counted(facts.single_tyre_axles or 0, row, facts)
    return _candidate(row, facts, book, single=count, certain=True)


def _lower_bound(rows: Sequence[LimitRow], facts: VehicleFacts, book: _Book) -> list[Candidate]:
    """While tyres are unknown: the lowest limit they could lead to, if it is below every other."""
    if facts.single_tyre_axles is not None:
        return []
    lowest = min(_full(row, facts, book).limit_kg for row in rows)
    bounds = [
        _candidate(row, facts, book, single=_possible(row, facts), certain=False)
        for row in rows
        if _possible(row, facts) and book.single_tyre is not None
    ]
    below = [bound for bound in bounds if bound.limit_kg < lowest]
    return [min(below, key=lambda bound: bound.limit_kg)] if below else []


def _possible(row: LimitRow, facts: VehicleFacts) -> int:
    """How many axles could lower the limit: all but one that steers and those that drive."""
    driving = facts.drive_axles or (2 if row.drive == "several" else 1)
    free = max(0, (facts.axle_count or row.axles) - 1 - driving)
    most = facts.single_tyre_axles_most
    return free if most is None else min(free, most)


def _counted(single: int, row: LimitRow, facts: VehicleFacts) -> int:
    return max(0, min(single, _possible(row, facts)))


def _candidate(row: LimitRow, facts: VehicleFacts, book: _Book, *, single: int, certain: bool) -> Candidate:
    reasons = [
        _Reason(kg=row.limit_kg, rules=(row.id,), words=_name(row, facts), cite=(row.cite_zh, row.cite_en))
    ]
    if single and book.single_tyre is not None:
        reasons.append(_single_tyres(reasons[-1].kg, book.single_tyre, single, certain=certain))
    air = _air_row(row, book) if facts.air_suspension else None
    if air is not None:
        reasons.append(_air_suspension(reasons[-1].kg, air))
    licence = _licence_cap(facts, book)
    if licence is not None and facts.licence_kg is not None:
        reasons.append(_licence(facts.licence_kg, licence))
    if book.axle_sum is not None:
        reasons.append(_axle_sum(book.axle_sum))
    return _explained(_telling(reasons))


def _telling(reasons: Sequence[_Reason]) -> list[_Reason]:
    """Without the caps that do not bind."""
    kept: list[_Reason] = []
    for reason in reasons:
        if not (reason.cap and reason.kg >= kept[-1].kg):
            kept.append(reason)
    return kept


def _single_tyres(before: int, row: SingleTyreRow, single: int, *, certain: bool) -> _Reason:
    less = row.less_kg * (single if row.counted == "per_axle" else 1)
    zh, en = f"{single}轴每侧单轮胎减{less}千克", f"{single} axles with single tyres -{spaced(less)} kg"
    words = (zh, en) if certain else (f"至多{zh}（轮胎待确认）", f"at most {en} (tyres to confirm)")
    return _Reason(kg=before - less, rules=(row.id,), words=words, cite=(row.cite_zh, row.cite_en))


def _air_suspension(before: int, row: AirSuspensionRow) -> _Reason:
    words = (f"空气悬架加{row.more_kg}千克", f"air suspension +{spaced(row.more_kg)} kg")
    return _Reason(kg=before + row.more_kg, rules=(row.id,), words=words, cite=(row.cite_zh, row.cite_en))


def _licence(licence_kg: int, row: LicenceRow) -> _Reason:
    words = ("不超过行驶证核定总质量", "not above the mass on the licence")
    return _Reason(kg=licence_kg, rules=(row.id,), words=words, cite=(row.cite_zh, row.cite_en), cap=True)


def _axle_sum(total: AxleSum) -> _Reason:
    words = ("不超过各车轴最大允许轴荷之和", "not above the sum of the largest axle loads")
    return _Reason(kg=total.kg, rules=total.rules, words=words, cite=("GB 1589", "GB 1589"), cap=True)


def _name(row: LimitRow, facts: VehicleFacts) -> tuple[str, str]:
    if row.and_more and facts.axle_count is not None and facts.axle_count > row.axles:
        return row.more_zh, row.more_en
    return row.name_zh, row.name_en


def _explained(reasons: Sequence[_Reason]) -> Candidate:
    limit = reasons[-1].kg
    zh = (
        "，".join(reason.words[0] for reason in reasons)
        + "，"
        + "、".join(reason.cite[0] for reason in reasons)
    )
    en = ", ".join([*[reason.words[1] for reason in reasons], *[reason.cite[1] for reason in reasons]])
    return Candidate(
        limit_kg=limit,
        rules=tuple(rule for reason in reasons for rule in reason.rules),
        explain_zh=f"限值{limit}千克：{zh}",
        explain_en=f"limit {spaced(limit)} kg: {en}",
    )


def spaced(number: int) -> str:
    """46 000: thousands apart, as the field writes them in English."""
    return f"{number:,}".replace(",", " ")


def _sorted(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(found, key=lambda candidate: (candidate.limit_kg, candidate.rules)))


def _missing(rows: Sequence[LimitRow], facts: VehicleFacts, book: _Book) -> tuple[str, ...]:
    if facts.axle_count is None:
        return ("axle_count",)  # the rest is asked once this is known: most vehicles need no more
    words = []
    if len({row.body for row in rows}) > 1:
        words.append("combination")
    if len({row.drive for row in rows}) > 1:
        words.append("drive_axles")
    if _lower_bound(rows, facts, book):
        words.append("tyres")
    return tuple(words)


def _notes(rows: Sequence[LimitRow], facts: VehicleFacts, book: _Book) -> tuple[str, ...]:
    words = list(_contradictions(facts, rows))
    if facts.combination is None and (facts.axle_count or 0) >= COMBINATION_FROM:
        words.append("combination_assumed")
    if _licence_cap(facts, book) is not None:
        words.append("limit_by_licence")
    return tuple(words)


def _contradictions(facts: VehicleFacts, rows: Sequence[LimitRow]) -> tuple[str, ...]:
    """Facts that cannot all be true of one vehicle."""
    count, drives = facts.axle_count, facts.drive_axles
    if count is not None and drives is not None and not 0 < drives < count:
        return ("facts_contradict",)
    if facts.combination and count is not None and count < 3:
        return ("facts_contradict",)
    single = facts.single_tyre_axles or 0
    if rows and not 0 <= single <= max(_possible(row, facts) for row in rows):
        return ("facts_contradict",)
    return ()


def _licence_cap(facts: VehicleFacts, book: _Book) -> LicenceRow | None:
    row = book.licence.get("two_axle")
    two_axle_known = facts.axle_count == 2 and facts.licence_kg is not None
    return row if row is not None and row.effect == "limit" and two_axle_known else None


def _air_row(row: LimitRow, book: _Book) -> AirSuspensionRow | None:
    return next((air for air in book.air if (air.body, air.axles) == (row.body, row.axles)), None)


def _air_unseen(rows: Sequence[LimitRow], facts: VehicleFacts, book: _Book) -> int:
    """What the highest limit would gain if the vehicle turned out to have air suspension."""
    if facts.air_suspension is not None:
        return 0
    highest = max(rows, key=lambda row: row.limit_kg)
    air = _air_row(highest, book)
    return air.more_kg if air else 0
