"""A day's footage against shifts and acts 执勤、执法与录像比对: what was covered, what was not, and what does not fit together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kernel.footage.bodies import DutyKept
from kernel.footage.steps import Span

MINUTE_MS = 60_000
SHORTEST_GAP_MS = 5 * MINUTE_MS  # changing a battery is no gap
LONGEST_SHIFT_MS = 24 * 3_600_000  # a shift that nobody ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From the first to before the last millisecond, true time."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that an officer did."""

    officer: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filmed:
    """A file of that day.  `span` None: its true time is not known; `named` is whom the recorder names."""

    officer: str | None
    sha256: str
    span: Span | None
    named: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerDay:
    """One officer on one day.  `differences` are machine words (docs/footage.md)."""

    officer: str
    shifts: tuple[Stretch, ...]
    on_duty_min: int
    filmed_min: int  # of footage, on duty or not
    covered_min: int  # of the shift
    gaps: tuple[Stretch, ...]  # of the shift, five minutes and longer
    acts: int
    acts_unfilmed: int
    files: tuple[str, ...]
    differences: tuple[str, ...]


def officer_days(
    day: Stretch, *, duty: Iterable[DutyKept], acts: Iterable[Act], films: Iterable[Filmed]
) -> list[OfficerDay]:
    """Everybody who was on duty, acted or filmed that day; `duty` may begin before it."""
    duties, deeds, filmed = list(duty), list(acts), list(films)
    named = [*(one.officer for one in duties), *(one.officer for one in deeds)]
    named += [one.officer for one in filmed if one.officer is not None]
    found = (_officer(name, day, duties, deeds, filmed) for name in sorted(set(named)))
    return [one for one in found if one.shifts or one.acts or one.files]


def shifts_of(day: Stretch, duty: Iterable[DutyKept]) -> list[Stretch]:
    """One officer's shifts inside the day; one that nobody ended lasts to the next, or a day at most."""
    said = sorted(duty, key=lambda one: (one.at_ms, one.act == "begun"))
    found: list[Stretch] = []
    for here, after in pairwise([*said, None]):
        if here is not None and here.act == "begun":
            end = min(after.at_ms if after else day.to_ms, here.at_ms + LONGEST_SHIFT_MS)
            found.append(Stretch(from_ms=max(here.at_ms, day.from_ms), to_ms=min(end, day.to_ms)))
    return [one for one in found if one.length_ms > 0]


def united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time without overlaps, in order."""
    found: list[Stretch] = []
    for one in sorted(stretches, key=lambda one: one.from_ms):
        touches = bool(found) and one.from_ms <= found[-1].to_ms
        first = found.pop() if touches else one
        found.append(Stretch(from_ms=first.from_ms, to_ms=max(first.to_ms, one.to_ms)))
    return found


def within(outer: Sequence[Stretch], inner: Sequence[Stretch]) -> list[Stretch]:
    """What is in both; each is without overlaps."""
    both = (
        Stretch(from_ms=max(a.from_ms, b.from_ms), to_ms=min(a.to_ms, b.to_ms)) for a in outer for b in inner
    )
    return [one for one in both if one.length_ms > 0]


def without(outer: Sequence[Stretch], inner: Sequence[Stretch]) -> list[Stretch]:
    """What of `outer` is in none of `inner`, which is united."""
    left: list[Stretch] = []
    for one in outer:
        edges = [
            one.from_ms,
            *(edge for b in within([one], inner) for edge in (b.from_ms, b.to_ms)),
            one.to_ms,
        ]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        left += [Stretch(from_ms=first, to_ms=last) for first, last in pairs if last > first]
    return left


def _officer(
    name: str, day: Stretch, duties: list[DutyKept], deeds: list[Act], films: list[Filmed]
) -> OfficerDay:
    shifts = united(shifts_of(day, [one for one in duties if one.officer == name]))
    moments = [one.at_ms for one in deeds if one.officer == name]
    own = [one for one in films if one.officer == name]
    filmed = within([day], united(_stretch(one.span) for one in own if one.span is not None))
    covered = within(shifts, filmed)
    unfilmed = sum(not any(one.from_ms <= at < one.to_ms for one in filmed) for at in moments)
    return OfficerDay(
        officer=name,
        shifts=tuple(shifts),
        on_duty_min=_minutes(shifts),
        filmed_min=_minutes(filmed),
        covered_min=_minutes(covered),
        gaps=tuple(one for one in without(shifts, filmed) if one.length_ms >= SHORTEST_GAP_MS),
        acts=len(moments),
        acts_unfilmed=unfilmed,
        files=tuple(dict.fromkeys(one.sha256 for one in own)),
        differences=tuple(_differences(name, shifts, own, moments=moments, covered=bool(covered))),
    )


def _differences(
    name: str, shifts: list[Stretch], films: list[Filmed], *, moments: list[int], covered: bool
) -> Iterable[str]:
    checks = {
        "duty_without_footage": bool(shifts) and not covered,
        "footage_without_duty": bool(films) and not shifts,
        "acts_without_duty": any(not _in(shifts, at) for at in moments),
        "named_otherwise": any(one.named not in (None, name) for one in films),
        "time_unknown": any(one.span is None for one in films),
    }
    return (word for word, holds in checks.items() if holds)


def _in(stretches: Iterable[Stretch], at_ms: int) -> bool:
    return any(one.from_ms <= at_ms < one.to_ms for one in stretches)


def _stretch(span: Span) -> Stretch:
    return Stretch(from_ms=span.from_ms, to_ms=span.to_ms)


def _minutes(stretches: Iterable[Stretch]) -> int:
    return sum(one.length_ms for one in stretches) // MINUTE_MS
