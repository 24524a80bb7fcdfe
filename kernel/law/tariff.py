"""What a violation costs: by place, road class, mode and day; the lighter law where it changed since the act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from kernel.events import JointMode, RoadClass, WeighingGrade
from kernel.law.law import Law
from kernel.law.limits import spaced
from kernel.law.rows import Bracket, FractionRow, SizeTariffRow, TariffRow

FineKind = Literal["none", "education", "warning", "amount", "range"]

GRAMS = 1000  # of a kg: shares of a limit stay whole numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and in which mode the act was found: what the tariff depends on besides the day."""

    jurisdiction: str
    road_class: RoadClass
    joint_mode: JointMode
    weighing_grade: WeighingGrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Measured outer size; None was not measured and breaks nothing."""

    height_mm: int | None = None
    width_mm: int | None = None
    length_mm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fine:
    """A span of money, or a reason why there is none here.

    none: this tariff sets no fine, `reason` says why.  education 批评教育 and warning 警告 cost nothing.  amount:
    one sum.  range: left to discretion between lowest and highest.
    """

    kind: FineKind
    lowest_fen: int
    highest_fen: int
    warning: bool
    reason: str
    rules: tuple[str, ...]
    explain_zh: str
    explain_en: str
    law_of: Literal["act", "decision"] = "act"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is asked, on one day's law."""

    over_kg: int
    limit_kg: int
    size: Size
    place: Place
    law: Law
    on: str

    def fraction(self) -> FractionRow | None:
        rows = self.law.in_force(
            lambda layer: layer.fraction, on=self.on, jurisdiction=self.place.jurisdiction
        )
        return next(iter(rows.values()), None)

    def sizes_broken(self) -> list[str]:
        """Ids of the size limits that are exceeded."""
        rows = self.law.in_force(
            lambda layer: layer.size_limit, on=self.on, jurisdiction=self.place.jurisdiction
        )
        size = {"height": self.size.height_mm, "width": self.size.width_mm, "length": self.size.length_mm}
        return [row.id for row in rows.values() if (size[row.quantity] or 0) > row.limit_mm]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The answer for one violation, with its words and citation in Chinese and English."""

    words: tuple[str, str]
    cite: tuple[str, str]
    rules: tuple[str, ...]
    from_fen: int = 0
    to_fen: int = 0
    mild: Literal["", "education", "warning"] = ""


def fine(
    over_kg: int,
    *,
    limit_kg: int,
    place: Place,
    law: Law,
    on: str,
    size: Size | None = None,
    decided_on: str | None = None,
) -> Fine:
    """The fine for the mass above the limit and the size together, by the law of the act or a lighter later one."""
    case = _Case(over_kg=over_kg, limit_kg=limit_kg, size=size or Size(), place=place, law=law, on=on)
    at_act = _on_its_day(case)
    if decided_on is None or decided_on <= on:
        return at_act
    later = _on_its_day(replace(case, on=decided_on))
    if later.reason == "no_tariff_row" or _weight(later) >= _weight(at_act):
        return at_act
    return replace(later, law_of="decision")


def _weight(answer: Fine) -> tuple[int, int, int]:
    order = ("none", "education", "warning", "amount", "range")
    return answer.highest_fen, answer.lowest_fen, order.index(answer.kind)


def _on_its_day(case: _Case) -> Fine:
    row = tariff_row(case.place, law=case.law, on=case.on)
    if row is None:
        return _none("no_tariff_row", (), "该日该地无适用标准", "no tariff in force here that day")
    if row.kind == "none":
        return _none(row.reason, (row.id,), row.cite_zh, row.cite_en)
    broken = case.sizes_broken()
    parts = _parts(case, row, broken)
    if parts:
        return _summed(parts, row)
    if broken:
        return _none(
            "no_size_tariff", (row.id, *broken), "外廓尺寸超限，无罚款标准", "over size, no tariff for it"
        )
    return _none("not_over", (row.id,), "未超限", "not over the limit")


def tariff_row(place: Place, *, law: Law, on: str) -> TariffRow | None:
    """The row for a road class, mode and grade; the nearest jurisdiction wins."""
    rows = law.in_force(lambda layer: layer.tariff, on=on, jurisdiction=place.jurisdiction)
    return rows.get((place.road_class, place.joint_mode, place.weighing_grade))


def _parts(case: _Case, row: TariffRow, broken: list[str]) -> list[_Part]:
    if row.kind == "range":
        return [_discretion(row)] if case.over_kg > 0 or broken else []
    weigh = _by_share if row.kind == "bands" else _by_mass
    parts = [weigh(case, row)] if case.over_kg > 0 else []
    if broken and row.size_tariff:
        rows = case.law.in_force(
            lambda layer: layer.size_tariff, on=case.on, jurisdiction=case.place.jurisdiction
        )
        parts += [_oversize(case.size, broken, found) for found in rows.values()]
    return parts


def _by_mass(case: _Case, row: TariffRow) -> _Part:
    over_kg, fraction = case.over_kg, case.fraction()
    cite = row.cite_zh, row.cite_en
    if over_kg <= row.warning_to_kg:
        words = f"超限{over_kg}千克，警告", f"over {spaced(over_kg)} kg: warning"
        return _Part(mild="warning", rules=(row.id,), words=words, cite=cite)
    counted = over_kg - 1000 if fraction is not None and fraction.subtract_first_1000 else over_kg
    fen = _by_tonne(counted * GRAMS, row.fen_per_tonne, fraction)
    each = yuan(row.fen_per_tonne)
    words = (
        f"超限{over_kg}千克，每1000千克{each}元，计{yuan(fen)}元",
        f"over {spaced(over_kg)} kg, {each} yuan per 1 000 kg: {yuan(fen)} yuan",
    )
    return _Part(from_fen=fen, to_fen=fen, rules=(row.id, *_ids(fraction)), words=words, cite=cite)


def _by_share(case: _Case, row: TariffRow) -> _Part:
    """Sums by share of the limit; each band counts its own part of the excess."""
    over_g, limit_kg, fraction = case.over_kg * GRAMS, case.limit_kg, case.fraction()
    zh, en = f"超限{case.over_kg}千克", f"over {spaced(case.over_kg)} kg of {spaced(limit_kg)} kg"
    cite = row.cite_zh, row.cite_en
    if over_g <= limit_kg * row.education_to_permille:
        words = f"{zh}，批评教育，可以不予处罚", f"{en}: told off, may go unpunished"
        return _Part(mild="education", rules=(row.id,), words=words, cite=cite)
    fen = 0
    for band in row.bands:
        top = over_g if band.to_permille is None else min(over_g, limit_kg * band.to_permille)
        fen += _by_tonne(max(0, top - limit_kg * band.from_permille), band.fen_per_tonne, fraction)
    words = f"{zh}，限值{limit_kg}千克，分段计{yuan(fen)}元", f"{en}, by bands: {yuan(fen)} yuan"
    return _Part(from_fen=fen, to_fen=fen, rules=(row.id, *_ids(fraction)), words=words, cite=cite)


def _by_tonne(grams: int, fen_per_tonne: int, fraction: FractionRow | None) -> int:
    """Whole tonnes, begun tonnes, or in proportion; without a row the reading lightest for the party."""
    tonne = 1000 * GRAMS
    rule = "FLOOR" if fraction is None else fraction.fraction
    if rule == "PRO_RATA":
        return grams * fen_per_tonne // tonne
    return (-(-grams // tonne) if rule == "CEIL" else grams // tonne) * fen_per_tonne


def _discretion(row: TariffRow) -> _Part:
    zh = "；".join(f"{step.when_zh}{yuan(step.from_fen)}至{yuan(step.to_fen)}元" for step in row.steps)
    en = "; ".join(f"{step.when_en} {yuan(step.from_fen)} to {yuan(step.to_fen)} yuan" for step in row.steps)
    return _Part(
        from_fen=min(step.from_fen for step in row.steps),
        to_fen=max(step.to_fen for step in row.steps),
        rules=(row.id,),
        words=(zh, en),
        cite=(row.cite_zh, row.cite_en),
    )


def _oversize(size: Size, broken: list[str], row: SizeTariffRow) -> _Part:
    bracket = next(bracket for bracket in row.brackets if _fits(size, bracket))
    low, high = yuan(bracket.from_fen), yuan(bracket.to_fen)
    return _Part(
        from_fen=bracket.from_fen,
        to_fen=bracket.to_fen,
        rules=(row.id, *broken),
        words=(f"外廓尺寸超限{low}至{high}元", f"over size: {low} to {high} yuan"),
        cite=(row.cite_zh, row.cite_en),
    )


def _fits(size: Size, bracket: Bracket) -> bool:
    pairs = (
        (size.height_mm, bracket.height_to_mm),
        (size.width_mm, bracket.width_to_mm),
        (size.length_mm, bracket.length_to_mm),
    )
    return all(value is None or most is None or value <= most for value, most in pairs)


def _summed(parts: list[_Part], row: TariffRow) -> Fine:
    """Several violations add up; the cap is on the sum."""
    lowest, highest = sum(part.from_fen for part in parts), sum(part.to_fen for part in parts)
    capped = 0 < row.cap_fen < highest
    if capped:
        lowest, highest = min(lowest, row.cap_fen), row.cap_fen
    return Fine(
        kind=_kind(parts, lowest, highest),
        lowest_fen=lowest,
        highest_fen=highest,
        warning=any(part.mild == "warning" for part in parts),
        reason="discretion" if lowest < highest else "",
        rules=tuple(dict.fromkeys(rule for part in parts for rule in part.rules)),
        explain_zh=_told(parts, 0, f"合计不超过{yuan(row.cap_fen)}元" if capped else "", "，"),
        explain_en=_told(parts, 1, f"together at most {yuan(row.cap_fen)} yuan" if capped else "", ", "),
    )


def _told(parts: list[_Part], language: int, cap: str, comma: str) -> str:
    cites = dict.fromkeys(part.cite[language] for part in parts)
    return comma.join([*[part.words[language] for part in parts], *([cap] if cap else []), *cites])


def _kind(parts: list[_Part], lowest: int, highest: int) -> FineKind:
    if lowest < highest:
        return "range"
    return parts[0].mild or "amount" if highest == 0 else "amount"


def _none(reason: str, rules: tuple[str, ...], zh: str, en: str) -> Fine:
    return Fine(
        kind="none",
        lowest_fen=0,
        highest_fen=0,
        warning=False,
        reason=reason,
        rules=rules,
        explain_zh=zh,
        explain_en=en,
    )


def _ids(fraction: FractionRow | None) -> tuple[str, ...]:
    return () if fraction is None else (fraction.id,)


def yuan(fen: int) -> str:
    """Fen as yuan, with cents only where there are some."""
    whole, cents = divmod(fen, 100)
    return f"{whole}.{cents:02d}" if cents else str(whole)
