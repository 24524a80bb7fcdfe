"""What a recorder's clock says of true time: anchors, pieces between jumps, and the error that grows away from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernel.footage.bodies import ClockAnchor

NEVER_BEFORE_MS = 1_577_836_800_000  # 2020-01-01: a clock that says less has lost its battery
DRIFT_PPM = 140  # of a recorder without any second anchor: 0.5 s an hour
JUMP_MS = 5_000  # beyond what drift explains, it was set or has lost its time


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueTime:
    """True time of a moment of footage, how far it may be off, and the anchors it rests on."""

    true_ms: int
    err_ms: int
    anchors: tuple[ClockAnchor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockModel:
    """One recorder's clock: pieces in the order of true time, each with its anchors in order."""

    pieces: tuple[tuple[ClockAnchor, ...], ...]

    def true_of(self, own_ms: int, *, before_ms: int | None = None) -> TrueTime | None:
        """None while nothing is known; `before_ms`: when the file was here already, which nothing in it can be after."""
        found = [time for piece in self.pieces if (time := _in_piece(piece, own_ms)) is not None]
        possible = [one for one in found if before_ms is None or one.true_ms - one.err_ms <= before_ms]
        return min(possible, key=lambda one: one.err_ms, default=None)


def clock_model(anchors: Iterable[ClockAnchor]) -> ClockModel:
    """A clock that ran backwards, jumped, or stands before 2020 begins a new piece."""
    pieces: list[list[ClockAnchor]] = []
    for anchor in sorted(anchors, key=lambda one: (one.true_ms, one.own_ms)):
        if pieces and _continues(pieces[-1][-1], anchor):
            pieces[-1].append(anchor)
        else:
            pieces.append([anchor])
    return ClockModel(pieces=tuple(map(tuple, pieces)))


def _continues(before: ClockAnchor, after: ClockAnchor) -> bool:
    own, true = after.own_ms - before.own_ms, after.true_ms - before.true_ms
    lost = (before.own_ms < NEVER_BEFORE_MS) != (after.own_ms < NEVER_BEFORE_MS)
    allowed = JUMP_MS + before.err_ms + after.err_ms + _drift(true)
    return own >= 0 and not lost and abs(own - true) <= allowed


def _drift(span_ms: int) -> int:
    return abs(span_ms) * DRIFT_PPM // 1_000_000


def _in_piece(piece: tuple[ClockAnchor, ...], own_ms: int) -> TrueTime | None:
    if (piece[0].own_ms < NEVER_BEFORE_MS) != (own_ms < NEVER_BEFORE_MS):
        return None
    before = [anchor for anchor in piece if anchor.own_ms <= own_ms]
    after = [anchor for anchor in piece if anchor.own_ms > own_ms]
    if before and after:
        return _between(before[-1], after[0], own_ms)
    return _beyond(before[-1] if before else after[0], own_ms)


def _between(left: ClockAnchor, right: ClockAnchor, own_ms: int) -> TrueTime:
    """The offset changes evenly from one anchor to the next."""
    span, done = right.own_ms - left.own_ms, own_ms - left.own_ms
    offset, change = left.true_ms - left.own_ms, (right.true_ms - right.own_ms) - (left.true_ms - left.own_ms)
    err_ms = max(left.err_ms, right.err_ms)
    return TrueTime(true_ms=own_ms + offset + change * done // span, err_ms=err_ms, anchors=(left, right))


def _beyond(nearest: ClockAnchor, own_ms: int) -> TrueTime:
    away = own_ms - nearest.own_ms
    true_ms = own_ms + nearest.true_ms - nearest.own_ms
    return TrueTime(true_ms=true_ms, err_ms=nearest.err_ms + _drift(away), anchors=(nearest,))
