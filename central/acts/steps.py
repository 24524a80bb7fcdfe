"""Which steps of a crossing must be on footage, and how they stand by the entries that are here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from central.views import EntryView, PassageDetail, StepView
from kernel.events import Body
from kernel.footage.bodies import FootageLinked, GapExplained, Step, StepMarked
from kernel.footage.keeping import standing_links
from kernel.footage.steps import Span, StepState, clip_span, lacking, link_spans, must_record, step_states
from kernel.law.law import Law

T = TypeVar("T", bound=Body)


def steps_of(detail: PassageDetail, law: Law) -> tuple[StepState, ...]:
    """Empty where nothing must be on footage, or it is not weighed yet."""
    weighed = detail.weighed
    if weighed is None:
        return ()
    at_ms = detail.row.shown_ms
    row = must_record(law, mode=weighed.joint_mode, at_ms=at_ms, jurisdiction=weighed.jurisdiction)
    if row is None:
        return ()
    return step_states(
        row,
        marks=list(_bodies(detail, StepMarked)),
        gaps=list(_bodies(detail, GapExplained)),
        spans=list(_spans(detail)),
    )


def step_views(detail: PassageDetail, law: Law) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            step=state.step,
            marked_ms=state.marked_ms,
            by=state.by,
            shown=state.shown,
            reason=state.reason,
            open=state.open,
        )
        for state in steps_of(detail, law)
    )


def lacking_of(detail: PassageDetail, law: Law) -> tuple[Step, ...]:
    """What keeps it from being confirmed into a case."""
    return lacking(steps_of(detail, law))


def _spans(detail: PassageDetail) -> Iterator[Span]:
    """Only the linked part of a recorder's file is known here; the file itself stays at its station."""
    clips = (clip_span(clip, "") for clip in detail.clips)
    yield from (span for span in clips if span is not None)
    for link in standing_links(_bodies(detail, FootageLinked)):
        yield from link_spans(link)


def _bodies(detail: PassageDetail, kind: type[T]) -> Iterator[T]:
    for entry in detail.entries:
        if entry.stream == kind.stream and (body := _body(entry, kind)) is not None:
            yield body


def _body(entry: EntryView, kind: type[T]) -> T | None:
    if entry.body is None or entry.quarantined is not None:
        return None
    return msgspec.json.decode(entry.body, type=kind)
