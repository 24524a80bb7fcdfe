"""The QR clock 二维码时钟: what the tablet's code says, and what filming it says of a recorder's clock.

A code says when it was drawn; it stands until the next is drawn, so every frame that shows one bounds true time from both
sides.  The bounds of all frames of one filming are laid over each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

PREFIX = "WP1"
REDRAWN_MS = 200
SHOWN_MS = 60  # from drawing until the screen has changed everywhere: two of its frames, and its own slowness
LONGEST_STATION = 40  # so that the code stays small: large modules are what a moving camera reads
APART_MS = 10_000  # codes further apart are two filmings
FEWEST = 3  # a page that stands still, or a photograph of one, shows no three codes
AGREEING_PERCENT = 80
OLDEST_MS = 400 * 86_400_000
LEAST_ERR_MS = 20  # a frame's own exposure and stamp

_TEXT = re.compile(r"WP1:([A-Z0-9/-]{1,40}):(\d{13}):(\d{1,4})", re.ASCII)

Ignored = Literal["other_text", "other_station", "too_few", "contradicting", "time_impossible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A code that was read in one frame, so long after the first frame."""

    in_file_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What one code says: it was drawn at `at_ms` of the station's time, give or take `err_ms`."""

    station: str
    at_ms: int
    err_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filming:
    """At `in_file_ms` it was `true_ms`; or why nothing follows from what was filmed."""

    in_file_ms: int
    true_ms: int
    err_ms: int
    codes: int
    ignored: Ignored | None = None


def station_code(station: str) -> str:
    return station.upper()[:LONGEST_STATION]


def clock_text(station: str, at_ms: int, err_ms: int) -> str:
    """Only what QR's alphanumeric mode holds; `static/clock.js` writes the same."""
    return f"{PREFIX}:{station_code(station)}:{at_ms}:{err_ms}"


def parse(text: str) -> Code | None:
    """None: it is no clock of ours."""
    found = _TEXT.fullmatch(text)
    return found and Code(station=found[1], at_ms=int(found[2]), err_ms=int(found[3]))


def filmings(hits: Iterable[Hit], *, station: str, before_ms: int) -> list[Filming]:
    """One for each time that a clock was filmed; `before_ms`: the file was here then."""
    groups: list[list[Hit]] = []
    for hit in sorted(hits, key=lambda one: one.in_file_ms):
        if groups and hit.in_file_ms - groups[-1][-1].in_file_ms <= APART_MS:
            groups[-1].append(hit)
        else:
            groups.append([hit])
    return [_filming(group, station=station_code(station), before_ms=before_ms) for group in groups]


def _filming(hits: Sequence[Hit], *, station: str, before_ms: int) -> Filming:
    read = [(hit, code) for hit in hits if (code := parse(hit.text)) is not None]
    own = [(hit, code) for hit, code in read if code.station == station]
    if not own:
        return _ignored(hits, "other_station" if read else "other_text")
    different = len({code.at_ms for _, code in own})
    if different < FEWEST:
        return _ignored(hits, "too_few")
    bounds = [_bounds(hit, code) for hit, code in own]
    first, last, agree = _overlap(bounds)
    if agree * 100 < len(bounds) * AGREEING_PERCENT:
        return _ignored(hits, "contradicting")
    middle = (hits[0].in_file_ms + hits[-1].in_file_ms) // 2
    true_ms = (first + last) // 2 + middle
    if not before_ms - OLDEST_MS <= true_ms <= before_ms + REDRAWN_MS:
        return _ignored(hits, "time_impossible")
    err_ms = max((last - first + 1) // 2, LEAST_ERR_MS)
    return Filming(in_file_ms=middle, true_ms=true_ms, err_ms=err_ms, codes=different)


def _bounds(hit: Hit, code: Code) -> tuple[int, int]:
    """Of the true time of the first frame."""
    earliest = code.at_ms - hit.in_file_ms - code.err_ms
    return earliest, earliest + REDRAWN_MS + SHOWN_MS + 2 * code.err_ms


def _overlap(bounds: Sequence[tuple[int, int]]) -> tuple[int, int, int]:
    """Where most bounds agree, and how many do: one frame that was read wrongly does not spoil the others."""
    edges = sorted([(first, 0) for first, _ in bounds] + [(last, 1) for _, last in bounds])
    best, begun, depth, ended = 0, 0, 0, 0
    for place, (at_ms, closes) in enumerate(edges):
        depth += -1 if closes else 1
        if depth > best:
            best, begun, ended = depth, at_ms, edges[place + 1][0]
    return begun, ended, best


def _ignored(hits: Sequence[Hit], why: Ignored) -> Filming:
    return Filming(in_file_ms=hits[0].in_file_ms, true_ms=0, err_ms=0, codes=0, ignored=why)
