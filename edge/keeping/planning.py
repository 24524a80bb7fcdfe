"""What may leave the box, and in which order: pure, so that the promise can be tested for every state of a file.

Nothing leaves that the destination with custody does not keep, but for the clips of compliant vehicles past their days,
whose entry it keeps and which nobody has asked for.  Nothing leaves that is on hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from edge.keeping.settings import DAY_MS, Rule, days_of
from kernel.events import Outcome

Kind = Literal["pictures", "clips"]
Ground = Literal["kept", "compliant_clip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One entry that names a file (or has a body to erase), and what is known of its vehicle."""

    what: Kind
    outcome: Outcome
    since_ms: int | None  # None: nobody knows yet what day it was
    kept: bool  # the entry, by the destination with custody
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A file on this disk.  The same bytes may belong to several entries; the strictest of them decides."""

    sha256: str
    size: int
    kept: bool  # a receipt for this file says so
    asked: bool  # somebody wants it, or it goes without being asked for
    named: tuple[Named, ...]

    @property
    def held(self) -> bool:
        return any(one.held for one in self.named)

    @property
    def entries_kept(self) -> bool:
        return bool(self.named) and all(one.kept for one in self.named)

    @property
    def since_ms(self) -> int | None:
        """When the youngest of them was said."""
        days = [one.since_ms for one in self.named]
        return None if None in days or not days else max(day for day in days if day is not None)

    @property
    def compliant_clip(self) -> bool:
        return all((one.what, one.outcome) == ("clips", "within") for one in self.named)

    @property
    def within(self) -> bool:
        return all(one.outcome == "within" for one in self.named)


def is_past(since_ms: int | None, days: int, *, today_ms: int) -> bool:
    return since_ms is not None and since_ms + days * DAY_MS <= today_ms


def is_due(file: Lying, rules: Sequence[Rule], *, today_ms: int) -> bool:
    """Whether a file's days are over, by the rule of each entry that names it."""
    if file.held or not file.entries_kept:
        return False
    if not all(
        is_past(one.since_ms, days_of(rules, one.what, one.outcome), today_ms=today_ms) for one in file.named
    ):
        return False
    if file.compliant_clip:
        return file.kept or not file.asked
    return file.kept or file.within


def may_make_room(file: Lying, rules: Sequence[Rule], *, days: int, today_ms: int) -> Ground | None:
    """On which ground it may be evicted for want of room, if on any; `days` is for what is kept elsewhere."""
    if file.held or not file.entries_kept:
        return None
    if file.compliant_clip and not file.asked and is_due(file, rules, today_ms=today_ms):
        return "compliant_clip"
    if file.kept and is_past(file.since_ms, days, today_ms=today_ms):
        return "kept"
    return None


def enough(files: Iterable[Lying], wanted: int) -> list[Lying]:
    """The first of them that free so many bytes; all of them when they do not."""
    chosen: list[Lying] = []
    for file in files:
        if wanted <= 0:
            break
        chosen.append(file)
        wanted -= file.size
    return chosen


# What goes first when room is short, after derived copies and the unlocked ring: (what, of which vehicles).
ORDER: tuple[tuple[Kind, tuple[Outcome, ...]], ...] = (
    ("clips", ("within",)),
    ("clips", ("not_weighed", "undetermined", "over_limit")),
    ("pictures", ("within",)),
    ("pictures", ("not_weighed", "undetermined", "over_limit")),
)
