"""Whatever a recorder's clock does, true time lies within the error that is shown, and a narrower one is never made up."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.footage.bodies import AnchorKind, ClockAnchor
from kernel.footage.clocks import DRIFT_PPM, WANDER_PPM, TrueTime, clock_model

START = 1_795_400_000_000
LOST = 946_684_800_000  # 2000-01-01
HOUR = 3_600_000
STRAY = WANDER_PPM // 2  # either way, so that no rate is further than WANDER_PPM from a mean of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The clock between two jumps: at `begun_ms` it showed `shown_ms`, then it went at its rate, straying from it."""

    begun_ms: int
    ended_ms: int
    shown_ms: int
    rate_ppm: int
    turn_ms: int  # the rate is STRAY higher for so long, then as much lower, and so on

    def own(self, true_ms: int) -> int:
        passed = true_ms - self.begun_ms
        _turns, rest = divmod(passed, 2 * self.turn_ms)
        strayed = STRAY * min(rest, 2 * self.turn_ms - rest)
        return self.shown_ms + passed + (self.rate_ppm * passed + strayed) // 1_000_000


def clocks(seed: int) -> tuple[list[Run], list[ClockAnchor]]:
    """A few runs, each held against true time at least once, with what was read off by no more than its error."""
    dice = random.Random(seed)
    runs: list[Run] = []
    anchors: list[ClockAnchor] = []
    true_ms, shown = START, START + dice.randint(-HOUR, HOUR)
    for _ in range(dice.randint(1, 4)):
        ended = true_ms + dice.randint(1, 40 * HOUR)
        run = Run(
            begun_ms=true_ms,
            ended_ms=ended,
            shown_ms=shown,
            rate_ppm=dice.randint(STRAY - DRIFT_PPM, DRIFT_PPM - STRAY),
            turn_ms=dice.randint(1_000, 10 * HOUR),
        )
        runs.append(run)
        anchors += [read(run, dice) for _ in range(dice.randint(1, 5))]
        # Set forward, set back, or its battery was empty; by more than drift and reading could explain.
        jump = dice.choice((-1, 1)) * dice.randint(200_000, 30 * HOUR)
        true_ms, shown = ended, LOST if dice.random() < 0.3 else run.own(ended) + jump
        shown = max(shown, LOST) if shown < START - 400 * 24 * HOUR else shown
    dice.shuffle(anchors)
    return runs, anchors


def read(run: Run, dice: random.Random) -> ClockAnchor:
    at_ms = dice.randint(run.begun_ms, run.ended_ms)
    err_ms = dice.choice((50, 500, 5_000, 60_000))
    kind: AnchorKind = dice.choice(("dock", "qr", "gps"))
    return ClockAnchor(
        kind=kind, own_ms=run.own(at_ms), true_ms=at_ms + dice.randint(-err_ms, err_ms), err_ms=err_ms
    )


def holds(time: TrueTime | None, true_ms: int) -> bool:
    return time is not None and time.from_ms <= true_ms <= time.until_ms


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), part=st.floats(0, 1), there=st.booleans())
def test_true_time_is_within_its_error_however_the_clock_ran_and_jumped(
    seed: int, part: float, there: bool
) -> None:
    runs, anchors = clocks(seed)
    model = clock_model(anchors)
    for run in runs:
        true_ms = run.begun_ms + int(part * (run.ended_ms - run.begun_ms))
        time = model.true_of(run.own(true_ms), before_ms=true_ms + 1 if there else None)
        assert holds(time, true_ms), (time, true_ms)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_order_in_which_anchors_come_does_not_matter(seed: int) -> None:
    _runs, anchors = clocks(seed)
    shuffled = random.Random(seed + 1).sample(anchors, len(anchors))
    one, other = clock_model(anchors), clock_model(shuffled)
    assert [piece.anchors for piece in one.pieces] == [piece.anchors for piece in other.pieces]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.builds(
            ClockAnchor,
            kind=st.sampled_from(("dock", "qr", "gps", "gps_beside", "event", "manual")),
            own_ms=st.integers(0, 2**44),
            true_ms=st.integers(0, 2**44),
            err_ms=st.integers(0, 2**40),
        ),
        max_size=8,
    ),
    st.integers(-(2**50), 2**50),
    st.none() | st.integers(0, 2**44),
)
def test_no_anchors_however_mad_break_the_model(
    anchors: list[ClockAnchor], own_ms: int, before_ms: int | None
) -> None:
    model = clock_model(anchors)
    assert all(piece.anchors for piece in model.pieces)
    time = model.true_of(own_ms, before_ms=before_ms)
    assert time is None or (time.err_ms >= 0 and time.anchors)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), away=st.integers(0, 400 * 24 * HOUR))
def test_the_error_never_shrinks_with_the_distance_from_the_last_anchor(seed: int, away: int) -> None:
    anchor = read(
        Run(begun_ms=START, ended_ms=START, shown_ms=START, rate_ppm=0, turn_ms=1), random.Random(seed)
    )
    model = clock_model([anchor])
    near, far = model.true_of(anchor.own_ms + away // 2), model.true_of(anchor.own_ms + away)
    assert near is not None
    assert far is not None
    assert anchor.err_ms <= near.err_ms <= far.err_ms


def test_anchors_that_claim_to_be_exact_would_be_found_out() -> None:
    """Else the property above would hold of anything."""
    outside = 0
    for seed in range(20):
        runs, anchors = clocks(seed)
        sure = [ClockAnchor(kind=a.kind, own_ms=a.own_ms, true_ms=a.true_ms, err_ms=0) for a in anchors]
        ends = [run.ended_ms for run in runs]
        told = [clock_model(sure).true_of(run.own(run.ended_ms)) for run in runs]
        outside += sum(not holds(time, at_ms) for time, at_ms in zip(told, ends, strict=True))
    assert outside > 5
