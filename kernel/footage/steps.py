"""Steps of enforcement that must be on footage 应当记录的环节: which were come to, which are shown, which lack it and why.

The list by mode of enforcement is a row of the law (`must_record`).  A step is shown when footage of its passage holds
the moment at which it was marked, by true time and with its error taken against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kernel.events import FileStored, JointMode
from kernel.footage.bodies import FootageLinked, GapExplained, Step, StepMarked
from kernel.law.law import Law
from kernel.law.rows import MustRecordRow, china_day

Shown = Literal["shown", "perhaps", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of true time that a file holds, give or take `err_ms`."""

    from_ms: int
    to_ms: int
    err_ms: int
    sha256: str

    def shows(self, at_ms: int) -> Shown:
        if self.from_ms + self.err_ms <= at_ms <= self.to_ms - self.err_ms:
            return "shown"
        return "perhaps" if self.from_ms - self.err_ms <= at_ms <= self.to_ms + self.err_ms else "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of a passage as it stands; `open`: it keeps the case from passing review."""

    step: Step
    before_release: bool
    marked_ms: int | None
    by: str
    shown: Shown
    files: tuple[str, ...]  # SHA-256 of what shows it
    reason: str  # why it lacks footage, in a person's words

    @property
    def open(self) -> bool:
        return self.shown != "shown" and not self.reason

    @property
    def undone(self) -> bool:
        """Neither come to nor explained: what is known before any recorder is docked."""
        return self.before_release and self.marked_ms is None and not self.reason


def must_record(law: Law, *, mode: JointMode, at_ms: int, jurisdiction: str) -> MustRecordRow | None:
    """The list of the day on which it was weighed; None: nothing must be on footage."""
    rows = law.in_force(lambda layer: layer.must_record, on=china_day(at_ms), jurisdiction=jurisdiction)
    return rows.get(mode)


def step_states(
    row: MustRecordRow,
    *,
    marks: Sequence[StepMarked],
    gaps: Sequence[GapExplained],
    spans: Sequence[Span],
) -> tuple[StepState, ...]:
    """In the order of the list; a step that only must be shown if it is done is there once it was marked.

    Of several marks of one step the one that is shown best counts, of those the last.
    """
    done = [step for step in row.when_done if any(mark.step == step for mark in marks)]
    return tuple(
        _state(step, row, [mark for mark in marks if mark.step == step], gaps, spans)
        for step in (*row.steps, *done)
    )


def lacking(states: Iterable[StepState]) -> tuple[Step, ...]:
    """What keeps the case from passing review."""
    return tuple(state.step for state in states if state.open)


def undone(states: Iterable[StepState]) -> tuple[Step, ...]:
    """What keeps the vehicle from being released, where steps are asked for."""
    return tuple(state.step for state in states if state.undone)


def link_spans(link: FootageLinked, *, duration_ms: int | None = None) -> tuple[Span, ...]:
    """What the linked file holds: all of it where its length is known, else what travels of it; none without true time."""
    if link.true_from_ms is None or link.err_ms is None:
        return ()
    start = link.true_from_ms - link.from_ms
    parts = link.travels if duration_ms is None else ((0, max(link.to_ms, duration_ms)),)
    return tuple(
        Span(from_ms=start + from_ms, to_ms=start + to_ms, err_ms=link.err_ms, sha256=link.sha256)
        for from_ms, to_ms in parts
    )


def clip_span(clip: FileStored, sha256: str) -> Span | None:
    """What a lane's clip holds; its clock is the station's own."""
    if clip.kind != "clip" or clip.actual_start_ms is None or clip.duration_ms is None:
        return None
    end = clip.actual_start_ms + clip.duration_ms
    return Span(from_ms=clip.actual_start_ms, to_ms=end, err_ms=0, sha256=sha256)


def _state(
    step: Step,
    row: MustRecordRow,
    marks: Sequence[StepMarked],
    gaps: Sequence[GapExplained],
    spans: Sequence[Span],
) -> StepState:
    best = max(marks, key=lambda mark: (_worth(_shown(mark.at_ms, spans)), mark.at_ms), default=None)
    reason = next((gap.reason for gap in reversed(gaps) if gap.step == step), "")
    shown: Shown = _shown(best.at_ms, spans) if best else "missing"
    return StepState(
        step=step,
        before_release=step in row.before_release,
        marked_ms=best.at_ms if best else None,
        by=best.by if best else "",
        shown=shown,
        files=_files(best.at_ms, spans) if best else (),
        reason=reason,
    )


def _shown(at_ms: int, spans: Sequence[Span]) -> Shown:
    found = [span.shows(at_ms) for span in spans]
    return max(found, key=_worth, default="missing")


def _worth(shown: Shown) -> int:
    return ("missing", "perhaps", "shown").index(shown)


def _files(at_ms: int, spans: Sequence[Span]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(span.sha256 for span in spans if span.shows(at_ms) == "shown"))
