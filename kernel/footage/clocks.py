"""What a recorder's clock says of true time: anchors, pieces between jumps, and the error that grows away from them.

The rules, and what they cannot know, are in docs/footage.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kernel.footage.bodies import ClockAnchor

NEVER_BEFORE_MS = 1_577_836_800_000  # 2020-01-01: a clock that says less has lost its battery
DRIFT_PPM = 140  # the most that any recorder's clock gains or loses: 0.5 s an hour
WANDER_PPM = 20  # how far its rate strays from its own mean between two anchors: a crystal in winter air
TOLD_BY_PEOPLE = ("event", "manual")
TOLD = (*TOLD_BY_PEOPLE, "gps_beside")  # a text file that anybody can write: what is measured denies it
ROUNDING_MS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueTime:
    """True time of a moment of footage, how far it may be off, and the anchors it rests on."""

    true_ms: int
    err_ms: int
    anchors: tuple[ClockAnchor, ...]

    @property
    def from_ms(self) -> int:
        return self.true_ms - self.err_ms

    @property
    def until_ms(self) -> int:
        return self.true_ms + self.err_ms


@dataclass(frozen=True, slots=True)
class Piece:
    """Anchors between which the clock ran on, by its own time; it was over when the next piece had begun."""

    anchors: tuple[ClockAnchor, ...]
    since_ms: int | None  # true time: the earliest that this piece can have begun
    until_ms: int | None
    _own: tuple[int, ...] = field(repr=False)

    def true_of(self, own_ms: int) -> TrueTime | None:
        """The narrowest of what its anchors say; None where a clock with its time cannot say this, or one without."""
        if (self._own[0] < NEVER_BEFORE_MS) != (own_ms < NEVER_BEFORE_MS):
            return None
        place = bisect_right(self._own, own_ms)
        near = self.anchors[max(place - 1, 0) : place + 1]
        said = [_from_one(anchor, own_ms) for anchor in near]
        if 0 < place < len(self.anchors):
            said.append(_between(near[0], near[1], own_ms))
        return min(said, key=lambda one: one.err_ms)

    def may_be(self, time: TrueTime) -> bool:
        """Whether this piece can have been running then."""
        begun = self.since_ms is None or time.until_ms >= self.since_ms
        return begun and (self.until_ms is None or time.from_ms <= self.until_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockModel:
    """One recorder's clock: pieces in the order of true time; `set_aside`: told, by people or by a file beside a film, against what was measured."""

    pieces: tuple[Piece, ...]
    set_aside: tuple[ClockAnchor, ...] = ()

    def true_of(
        self, own_ms: int, *, before_ms: int | None = None, after_ms: int | None = None
    ) -> TrueTime | None:
        """None while nothing is known.

        `before_ms`: when the file was here already, which nothing in it can be after.  `after_ms`: when the recorder had
        been emptied before; it only chooses between pieces, for an emptying may have been cut short.  Where more than
        one piece can have said this, the answer holds all of them, and its error says so.
        """
        found = [(piece, time) for piece in self.pieces if (time := piece.true_of(own_ms)) is not None]
        possible = [(p, t) for p, t in found if before_ms is None or t.from_ms <= before_ms]
        fitting = [time for piece, time in possible if piece.may_be(time)] or [time for _, time in possible]
        late = [time for time in fitting if after_ms is None or time.until_ms >= after_ms]
        return _all_of(late or fitting)


def clock_model(anchors: Iterable[ClockAnchor]) -> ClockModel:
    """A clock that ran backwards, jumped, or stands before 2020 begins a new piece.  The order given breaks ties."""
    wanted, aside = _without_contradicting(sorted(anchors, key=lambda one: one.true_ms))
    chains: list[list[ClockAnchor]] = []
    for anchor in wanted:
        if chains and _runs_on(chains[-1][-1], anchor):
            chains[-1].append(anchor)
        else:
            chains.append([anchor])
    return ClockModel(pieces=tuple(_pieces(chains)), set_aside=tuple(aside))


def offset_ms(anchor: ClockAnchor) -> int:
    """How far the recorder's clock was ahead."""
    return anchor.own_ms - anchor.true_ms


def drift_ms(span_ms: int, ppm: int = DRIFT_PPM) -> int:
    """The most that a clock gains or loses in so long."""
    return -(-abs(span_ms) * ppm // 1_000_000)


def _without_contradicting(anchors: Sequence[ClockAnchor]) -> tuple[list[ClockAnchor], list[ClockAnchor]]:
    """What was told stays out where the measured anchors before and after it agree on the contrary."""
    measured = [one for one in anchors if one.kind not in TOLD]
    by_own = sorted(measured, key=lambda one: one.own_ms)
    true, own = [one.true_ms for one in measured], [one.own_ms for one in by_own]
    wanted: list[ClockAnchor] = []
    aside: list[ClockAnchor] = []
    for anchor in anchors:
        around = _around(measured, bisect_right(true, anchor.true_ms))
        shown = _around(by_own, bisect_right(own, anchor.own_ms))
        denied = anchor.kind in TOLD and (
            _denied(anchor, around) or _is_of_another_time(anchor, around, shown)
        )
        (aside if denied else wanted).append(anchor)
    return wanted, aside


def _around(anchors: Sequence[ClockAnchor], place: int) -> Sequence[ClockAnchor]:
    return anchors[max(place - 1, 0) : place + 1]


def _denied(anchor: ClockAnchor, around: Sequence[ClockAnchor]) -> bool:
    """`around`: what was measured before and after."""
    if len(around) < 2 or not _runs_on(around[0], around[1]):
        return False
    return not (_runs_on(around[0], anchor) and _runs_on(anchor, around[1]))


def _is_of_another_time(
    anchor: ClockAnchor, around: Sequence[ClockAnchor], shown: Sequence[ClockAnchor]
) -> bool:
    """Its true time may be so wrong that nothing was measured around it; `shown`: around what the clock showed.

    A clock that was set back showed it twice: what is borne out by a measurement next to its true time stays.
    """
    return _denied(anchor, shown) and not any(_runs_on(*_in_order(anchor, one)) for one in around)


def _in_order(one: ClockAnchor, other: ClockAnchor) -> tuple[ClockAnchor, ClockAnchor]:
    return (one, other) if one.true_ms <= other.true_ms else (other, one)


def _runs_on(before: ClockAnchor, after: ClockAnchor) -> bool:
    """Whether drift and the errors of both explain what the clock did in between."""
    if (before.own_ms < NEVER_BEFORE_MS) != (after.own_ms < NEVER_BEFORE_MS):
        return False
    span_ms = after.true_ms - before.true_ms
    return abs(offset_ms(after) - offset_ms(before)) <= before.err_ms + after.err_ms + drift_ms(span_ms) + 1


def _pieces(chains: Sequence[Sequence[ClockAnchor]]) -> Iterable[Piece]:
    for place, chain in enumerate(chains):
        before = chains[place - 1][-1] if place else None
        after = chains[place + 1][0] if place + 1 < len(chains) else None
        useful = _telling(sorted(chain, key=lambda one: (one.own_ms, one.err_ms)))
        yield Piece(
            tuple(useful),
            before.true_ms - before.err_ms if before else None,
            after.true_ms + after.err_ms if after else None,
            tuple(one.own_ms for one in useful),
        )


def _telling(anchors: Sequence[ClockAnchor]) -> list[ClockAnchor]:
    """Without those of which a neighbour knows more than they do themselves: they would only widen what lies between."""
    forward, backward = _known_before(anchors), _known_before(anchors[::-1])[::-1]
    # Of two that know the same, the first stays.
    known = zip(anchors, forward, backward, strict=True)
    return [one for one, left, right in known if one.err_ms < left and one.err_ms <= right]


def _known_before(anchors: Sequence[ClockAnchor]) -> list[int]:
    """For each anchor, the error with which those before it know its moment."""
    known: list[int] = []
    best: ClockAnchor | None = None
    for anchor in anchors:
        reach = best.err_ms + drift_ms(anchor.own_ms - best.own_ms) if best else anchor.err_ms + 1
        known.append(reach)
        best = anchor if best is None or anchor.err_ms < reach else best
    return known


def _from_one(anchor: ClockAnchor, own_ms: int) -> TrueTime:
    err_ms = anchor.err_ms + drift_ms(own_ms - anchor.own_ms)
    return TrueTime(true_ms=own_ms - offset_ms(anchor), err_ms=err_ms, anchors=(anchor,))


def _between(left: ClockAnchor, right: ClockAnchor, own_ms: int) -> TrueTime:
    """The offset changes evenly from one anchor to the next, but for the wandering of its rate."""
    span, done = right.own_ms - left.own_ms, own_ms - left.own_ms
    ahead = offset_ms(left) + (offset_ms(right) - offset_ms(left)) * done // span
    told = (left.err_ms * (span - done) + right.err_ms * done) // span
    err_ms = told + drift_ms(min(done, span - done), WANDER_PPM) + ROUNDING_MS
    return TrueTime(true_ms=own_ms - ahead, err_ms=err_ms, anchors=(left, right))


def _all_of(times: Sequence[TrueTime]) -> TrueTime | None:
    if len(times) < 2:
        return times[0] if times else None
    first, last = min(time.from_ms for time in times), max(time.until_ms for time in times)
    rested = dict.fromkeys(anchor for time in times for anchor in time.anchors)
    middle = (first + last) // 2
    return TrueTime(true_ms=middle, err_ms=last - middle, anchors=tuple(rested))
