"""How many days what is personal stays at the centre: rows with their source, some of them the operator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kernel.settings import filled, must, once_each, refuse

What = Literal["compliant", "compliant_clip", "undetermined", "over_limit", "case", "case_long", "quarantine"]
_OF_CASES: tuple[What, ...] = (
    "case",
    "case_long",
)  # as kernel.events.CaseKept has them; what is permanent has no row

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule: what, for how many days after its receipt (of a case: after its closing), and which text or decision says so."""

    what: What
    days: int
    source: str

    def __post_init__(self) -> None:
        refuse(filled("source", self.source), must(self.days >= 1, "days", "must be at least 1"))

    @property
    def name(self) -> str:
        """As it stands in record.erased."""
        return f"centre.retention.{self.what}={self.days}d ({self.source})"

    def before_ms(self, now_ms: int) -> int:
        """What was received before this is over."""
        return now_ms - self.days * DAY_MS


_DEFAULTS = (
    Row(what="compliant", days=30, source="个人信息保护法 第十九条"),
    Row(what="compliant_clip", days=30, source="个人信息保护法 第十九条"),
    Row(what="undetermined", days=180, source="本地规定，请与主管机关确认"),
    Row(what="over_limit", days=730, source="行政处罚法 第三十六条"),
    Row(what="case", days=3650, source="案卷保管期限（十年，自结案之日起），请与主管机关确认"),
    Row(what="case_long", days=10950, source="案卷保管期限（三十年，自结案之日起），请与主管机关确认"),
    Row(what="quarantine", days=180, source="本地规定，请与主管机关确认"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A row given here takes the place of the shipped one; what a rule marks goes `wait_days` later."""

    rows: tuple[Row, ...] = ()
    wait_days: int = 7

    def __post_init__(self) -> None:
        refuse(
            once_each("rows", [row.what for row in self.rows]),
            must(self.wait_days >= 0, "wait_days", "must not be negative"),
        )

    @property
    def wait_ms(self) -> int:
        return self.wait_days * DAY_MS

    def closed_since(self, now_ms: int) -> dict[str, int]:
        """By how a case is kept: what was closed before then is over."""
        return {what: self.by_what[what].before_ms(now_ms) for what in _OF_CASES}

    @property
    def by_what(self) -> Mapping[What, Row]:
        return {row.what: row for row in (*_DEFAULTS, *self.rows)}
