"""What a recorder's satellite receiver says of its clock: sentences held against where they stand in its film 卫星对时.

A sentence tells of a second that is over when it is written: true time is later than it says, by less than the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from kernel.footage.clocks import NEVER_BEFORE_MS
from kernel.footage.nmea import Rmc

LATE_MS = 1_000  # from a fix until its sentence is in the file: the next one would be there
JITTER_MS = 1_200  # sentences are written as the recorder finds time, or a second's worth at once
APART_MS = 30_000  # sentences further apart are two receptions
FEWEST = 5
AGREEING_PERCENT = 80
OLDEST_MS = 400 * 86_400_000
COVERS_MS = 3_000  # how much shorter or longer than its film a file beside it may be

Ignored = Literal["no_fix", "too_few", "contradicting", "time_impossible", "not_of_this_length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A sentence that stands so long after the first frame."""

    in_file_ms: int
    rmc: Rmc


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """At `in_file_ms` it was `true_ms`; or why nothing follows from what was received."""

    in_file_ms: int
    true_ms: int
    err_ms: int
    sentences: int
    ignored: Ignored | None = None


def receptions(stamps: Iterable[Stamp], *, before_ms: int) -> list[Reception]:
    """One for each part of a film with sentences; `before_ms`: the file was here then."""
    groups: list[list[Stamp]] = []
    for stamp in sorted(stamps, key=lambda one: one.in_file_ms):
        if groups and stamp.in_file_ms - groups[-1][-1].in_file_ms <= APART_MS:
            groups[-1].append(stamp)
        else:
            groups.append([stamp])
    return [_reception(group, before_ms=before_ms) for group in groups]


def along(lines: Sequence[Rmc], *, duration_ms: int, before_ms: int) -> Reception:
    """Of a file beside the film, whose sentences stand at no time of it: one a step, if they are as long as the film.

    Then the first was written when the film began, give or take a step and what the lengths differ.
    """
    lines = _of_one_system(lines)
    step_ms = _step_ms(lines)
    if not step_ms:
        return _ignored("too_few" if any(one.utc_ms is not None for one in lines) else "no_fix")
    differ_ms = abs(len(lines) * step_ms - duration_ms)
    if differ_ms > COVERS_MS:
        return _ignored("not_of_this_length")
    placed = [Stamp(in_file_ms=number * step_ms, rmc=rmc) for number, rmc in enumerate(lines)]
    found = _reception(placed, before_ms=before_ms)
    return found if found.ignored else replace(found, err_ms=found.err_ms + differ_ms + step_ms)


def _of_one_system(lines: Sequence[Rmc]) -> list[Rmc]:
    """Where several write side by side there are as many sentences a second; the one with the most fixes counts."""
    fixes = Counter(one.talker for one in lines if one.utc_ms is not None)
    [(talker, _times)] = fixes.most_common(1) or [("", 0)]
    return [one for one in lines if one.talker == talker] if talker else list(lines)


def _step_ms(lines: Sequence[Rmc]) -> int:
    """From one sentence to the next, mostly; 0: too few follow each other."""
    told = [one.utc_ms for one in lines]
    steps = sorted(b - a for a, b in pairwise(told) if a is not None and b is not None)
    return max(steps[len(steps) // 2], 0) if len(steps) + 1 >= FEWEST else 0


def _reception(stamps: Sequence[Stamp], *, before_ms: int) -> Reception:
    fixed = [(one.in_file_ms, one.rmc.utc_ms) for one in stamps if one.rmc.utc_ms is not None]
    if len(fixed) < FEWEST:
        return _ignored("too_few" if fixed else "no_fix")
    ahead = sorted(utc_ms - in_file_ms for in_file_ms, utc_ms in fixed)
    median = ahead[len(ahead) // 2]
    spread = [abs(one - median) for one in ahead if abs(one - median) <= JITTER_MS]
    if len(spread) * 100 < len(ahead) * AGREEING_PERCENT:
        return _ignored("contradicting")
    window_ms = LATE_MS + max(one.rmc.step_ms for one in stamps if one.rmc.utc_ms is not None)
    in_file_ms = (fixed[0][0] + fixed[-1][0]) // 2
    true_ms, err_ms = in_file_ms + median + window_ms // 2, (window_ms + 1) // 2 + max(spread)
    # A receiver that has lost count of the weeks is nineteen years behind.
    if not max(before_ms - OLDEST_MS, NEVER_BEFORE_MS) <= true_ms <= before_ms + err_ms:
        return _ignored("time_impossible")
    return Reception(in_file_ms=in_file_ms, true_ms=true_ms, err_ms=err_ms, sentences=len(spread))


def _ignored(why: Ignored) -> Reception:
    return Reception(in_file_ms=0, true_ms=0, err_ms=0, sentences=0, ignored=why)
