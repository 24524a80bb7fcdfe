"""Which footage belongs to which passage: linked by rule where officer or station and true time fit, else proposed to a person.

What a person has decided stays decided, and grows by the steps that are marked later where the time of the film is sure;
what the rule linked or added and can no longer answer for is put to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import msgspec

from kernel.footage.bodies import FootageLinked

RULE = "rule:time"  # no account has a colon in its name
WINDOW_MS = 60_000  # beside the error of the footage's time
NEARBY_MS = 10 * 60_000  # further away than the window, and yet worth a look
UNSURE_MS = 5 * 60_000  # a clock that may be off by more decides nothing by itself
LOST_MS = 2 * 3_600_000  # and one that may be off by more not even proposes: it needs an anchor first
APART_MS = 5 * 60_000  # moments further apart are two parts: what lies between them need not travel
MOVED_MS = 1_000  # a new anchor that moves a link by less changes nothing that is seen

Who = Literal["acted", "on_duty", "station", "other"]
Doubt = Literal["number_twice", "length_uncertain"]  # what was found when the file was taken in
Reason = Literal[
    "officer_acted",  # linked: the officer of the footage acted on this passage
    "officer_on_duty",
    "same_station",
    "other_unit",  # proposed: the recorder is of elsewhere, and its officer is not on duty here
    "clock_unsure",
    "clock_unknown",
    "nearby",
    "number_twice",
    "length_uncertain",
    "no_longer_fits",  # proposed anew: an anchor has moved the footage away
    "step_marked",  # linked by a person, and a step that was marked since is part of it
]


DOUBTED: Reason = "no_longer_fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One file in true time; `err_ms` None: nothing is known of its clock, and `from_ms` is its own time."""

    sha256: str
    from_ms: int
    duration_ms: int
    err_ms: int | None
    recorder: str | None = None
    officer: str | None = None
    on_duty: bool = False  # the officer, at this station, while it was recorded
    home: bool = False  # the recorder is one of this station's
    doubt: Doubt | None = None  # with one it is only ever proposed

    @property
    def to_ms(self) -> int:
        return self.from_ms + self.duration_ms

    @property
    def window_ms(self) -> int:
        return WINDOW_MS if self.err_ms is None else self.err_ms + WINDOW_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A passage that concerns an officer: when it was weighed, who acted on it when, and who marked a step of it when."""

    box: str
    passage: str
    at_ms: int
    acts: tuple[tuple[str, int], ...] = ()  # (officer, when)
    steps: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the rule says of one file and one passage."""

    sure: bool
    reason: Reason
    from_ms: int  # since the first frame
    to_ms: int
    parts: tuple[tuple[int, int], ...] = ()  # where it is more than one


def fit(film: Film, crossing: Crossing) -> Fit | None:
    """None: they have nothing to do with each other, or nobody can tell."""
    if film.err_ms is not None and film.err_ms > LOST_MS:
        return None
    moments = _moments(film, crossing)
    inside = [at for at in moments if _away(film, at) <= film.window_ms]
    near = inside or [at for at in moments if _away(film, at) <= film.window_ms + NEARBY_MS]
    who = _who(film, crossing)
    if not near or (not inside and who != "acted"):
        return None
    parts = _parts(film, [*near, *_marked(film, crossing)])
    reason = _reason(film, who, inside=bool(inside))
    return Fit(
        sure=reason in SURE,
        reason=reason,
        from_ms=parts[0][0],
        to_ms=parts[-1][1],
        parts=parts if len(parts) > 1 else (),
    )


SURE = frozenset[Reason](("officer_acted", "officer_on_duty", "same_station"))
# Whose recorder it is is no reason to doubt a link: a register that is begun later speaks of no time.
UNSURE = frozenset[Reason](("clock_unsure", "clock_unknown", "nearby", "number_twice", "length_uncertain"))
_BY_WHO: Mapping[Who, Reason] = {
    "acted": "officer_acted",
    "on_duty": "officer_on_duty",
    "station": "same_station",
    "other": "other_unit",
}


def link_name(sha256: str, box: str, passage: str) -> str:
    """The same file and passage have one link, however often it is proposed, made and taken back."""
    return f"{sha256[:16]}.{box}.{passage}"


def newest(links: Iterable[FootageLinked]) -> dict[str, FootageLinked]:
    """How every link stands; entries in the order in which they were said."""
    return {link.link: link for link in links}


def decide(film: Film, crossing: Crossing, known: FootageLinked | None) -> FootageLinked | None:
    """What the rule has to say beyond what is known of this link; None: nothing."""
    found = fit(film, crossing)
    if known is None:
        return _said(film, crossing, found) if found else None
    if known.act in ("declined", "unlinked"):
        return None
    if (person := decided_by(known)) is not None:
        if known.confirmed_by is not None and _is_elsewhere(film, known):
            return _doubted(film, crossing, known)
        return _grown(film, crossing, known, person)
    if found is None or (known.act == "linked" and found.reason in UNSURE):
        return _doubted(film, crossing, known)
    if not found.sure:
        return None
    said = _said(film, crossing, found)
    return said if known.act == "proposed" or _moved(known, said) else None


def decided_by(known: FootageLinked) -> str | None:
    """The person whose word a link rests on; None: it is the rule's own."""
    return known.confirmed_by or (known.by if known.by != RULE else None)


def _grown(film: Film, crossing: Crossing, known: FootageLinked, person: str) -> FootageLinked | None:
    """What a person has linked loses nothing; steps that the film shows become part of it as they do by rule."""
    steps = _marked(film, crossing)
    is_sure = film.doubt is None and film.err_ms is not None and film.err_ms <= UNSURE_MS
    if known.act != "linked" or not steps or not is_sure:
        return None
    parts = _joined(film, [*known.travels, *_parts(film, steps)])
    grown = Fit(
        sure=True,
        reason="step_marked",
        from_ms=parts[0][0],
        to_ms=parts[-1][1],
        parts=parts if len(parts) > 1 else (),
    )
    said = msgspec.structs.replace(
        _said(film, crossing, grown), link=known.link, case=known.case, confirmed_by=person
    )
    return said if _moved(known, said) else None


def _moments(film: Film, crossing: Crossing) -> list[int]:
    """The weighing, and what the officer of this footage did about it."""
    done = (*crossing.acts, *crossing.steps)
    return [crossing.at_ms, *(at_ms for officer, at_ms in done if officer == film.officer)]


def _marked(film: Film, crossing: Crossing) -> list[int]:
    """Steps that the film shows, whoever has come to them: they must be seen where the film itself is not."""
    return [at_ms for _officer, at_ms in crossing.steps if _away(film, at_ms) <= film.window_ms]


def _away(film: Film, at_ms: int) -> int:
    return max(film.from_ms - at_ms, at_ms - film.to_ms, 0)


def _who(film: Film, crossing: Crossing) -> Who:
    done = (*crossing.acts, *crossing.steps)
    if film.officer is not None and any(officer == film.officer for officer, _ in done):
        return "acted"
    if film.officer is not None and film.on_duty:
        return "on_duty"
    return "station" if film.home else "other"


def _reason(film: Film, who: Who, *, inside: bool) -> Reason:
    if film.doubt is not None:
        return film.doubt
    if film.err_ms is None:
        return "clock_unknown"
    if not inside:
        return "nearby"
    if film.err_ms > UNSURE_MS:
        return "clock_unsure"
    return _BY_WHO[who]


def _parts(film: Film, moments: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Around moments that lie close together, as wide as the window, within the file."""
    groups: list[list[int]] = []
    for moment in sorted(moments):
        if groups and moment - groups[-1][-1] <= max(APART_MS, 2 * film.window_ms):
            groups[-1].append(moment)
        else:
            groups.append([moment])
    return tuple(_part(film, group[0] - film.from_ms, group[-1] - film.from_ms) for group in groups)


def _joined(film: Film, parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those that overlap, or whose moments lie close together, as one."""
    near_ms = max(APART_MS - 2 * film.window_ms, 0)
    joined: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if joined and first - joined[-1][1] <= near_ms:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def _part(film: Film, first: int, last: int) -> tuple[int, int]:
    from_ms = min(max(first - film.window_ms, 0), film.duration_ms)
    return from_ms, max(min(last + film.window_ms, film.duration_ms), from_ms)


def _said(film: Film, crossing: Crossing, found: Fit) -> FootageLinked:
    return FootageLinked(
        link=link_name(film.sha256, crossing.box, crossing.passage),
        act="linked" if found.sure else "proposed",
        sha256=film.sha256,
        from_ms=found.from_ms,
        to_ms=found.to_ms,
        by=RULE,
        reason=found.reason,
        box=crossing.box,
        passage=crossing.passage,
        true_from_ms=_true_ms(film, found.from_ms),
        err_ms=film.err_ms,
        parts=found.parts,
    )


def _true_ms(film: Film, from_ms: int) -> int | None:
    return None if film.err_ms is None else film.from_ms + from_ms


def _is_elsewhere(film: Film, known: FootageLinked) -> bool:
    """Whether its time is found to be another than it was taken for, and by more than was said to be possible."""
    before_ms, now_ms = known.true_from_ms, _true_ms(film, known.from_ms)
    if before_ms is None or now_ms is None:
        return before_ms != now_ms
    return abs(now_ms - before_ms) > MOVED_MS + (known.err_ms or 0)


def _doubted(film: Film, crossing: Crossing, known: FootageLinked) -> FootageLinked | None:
    """The part stays the one that was linked: it is what a person has to look at."""
    if known.act != "linked":
        return None
    fitted = Fit(sure=False, reason=DOUBTED, from_ms=known.from_ms, to_ms=known.to_ms, parts=known.parts)
    return msgspec.structs.replace(_said(film, crossing, fitted), link=known.link, case=known.case)


def _moved(known: FootageLinked, said: FootageLinked) -> bool:
    if len(known.travels) != len(said.travels):
        return True
    ends = zip(chain(*known.travels), chain(*said.travels), strict=True)
    return max(abs(before - after) for before, after in ends) > MOVED_MS
