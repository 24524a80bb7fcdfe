"""Files and dockings as rows, for a person or a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import msgspec

from kernel.footage.bodies import (
    ClockAnchored,
    FootageImported,
    ImportState,
    RecorderDocked,
    RecorderIssued,
)
from kernel.footage.clocks import TrueTime
from kernel.footage.register import Holding, holder_in, holdings
from station.docking.importing import Outcome
from station.footage.index import FootageIndex, Said
from station.footage.times import Times

CHINA = timezone(timedelta(hours=8))


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """One file, for a person or a program; starts are ISO 8601 in China's time."""

    name: str
    digest: str | None
    device: str | None
    officer: str | None
    start_own: str | None
    start_true: str | None
    error_ms: int | None  # of the true start; where it is not known, of reading the own one
    duration_ms: int | None
    status: ImportState
    folder: str
    size: int
    group: str
    important: bool
    problems: tuple[str, ...]


class DockedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One docking; `clock_off_ms` is the recorder's clock, as it was read, less true time."""

    at: str | None
    dock: str
    recorder: str | None
    model: str
    state: str
    clock_off_ms: int | None
    clock_err_ms: int | None
    free_kb: int | None
    files: int
    note: str


def row_of(outcome: Outcome) -> FileRow:
    """What had been taken in before is a duplicate this time."""
    again = outcome.again and outcome.body.state == "imported"
    true, read_ms = outcome.true, outcome.body.start_err_ms
    row = _file_row(outcome.body, replace(true, err_ms=true.err_ms + read_ms) if true else None)
    return (
        msgspec.structs.replace(row, status="duplicate", problems=(*row.problems, "collected_before"))
        if again
        else row
    )


def files(index: FootageIndex, *, most: int) -> list[FileRow]:
    """The newest files that were taken in.  Blocking."""
    said = index.of(FootageImported, newest=most)
    recorders = {one.body.recorder for one in said if one.body.recorder}
    known = {recorder: (Times.of(index, recorder), _held(index, recorder)) for recorder in recorders}
    return [_timed_row(one, *known.get(one.body.recorder or "", (None, ()))) for one in said]


def dockings(index: FootageIndex, *, most: int) -> list[DockedRow]:
    """The newest dockings.  Blocking."""
    return [_docked_row(one, index) for one in index.of(RecorderDocked, newest=most)]


def _docked_row(said: Said[RecorderDocked], index: FootageIndex) -> DockedRow:
    body = said.body
    anchors = index.of(ClockAnchored, recorder=body.recorder) if body.recorder else []
    held = next((one.body.anchor for one in anchors if one.body.anchor.own_ms == body.own_clock_ms), None)
    return DockedRow(
        at=_shown(body.at_ms),
        dock=body.dock,
        recorder=body.recorder,
        model=body.model,
        state=body.state,
        clock_off_ms=held.own_ms - held.true_ms if held else None,
        clock_err_ms=body.clock_err_ms,
        free_kb=body.free_kb,
        files=body.files,
        note=body.note,
    )


def _held(index: FootageIndex, recorder: str) -> list[Holding]:
    return holdings(one.body for one in index.of(RecorderIssued, recorder=recorder))


def _timed_row(said: Said[FootageImported], times: Times | None, held: Sequence[Holding]) -> FileRow:
    """By what is known of clock and holder now, as on the pages."""
    body, true = said.body, times.start(said) if times else None
    at_ms = true.true_ms if true else body.own_start_ms
    officer = holder_in(held, at_ms) if at_ms is not None else None
    return _file_row(msgspec.structs.replace(body, officer=officer or body.officer), true)


def _file_row(body: FootageImported, true: TrueTime | None) -> FileRow:
    """`true` with the error of reading the own start."""
    return FileRow(
        name=body.name,
        digest=body.sha256,
        device=body.recorder or body.named_device,
        officer=body.officer or body.named_officer,
        start_own=_shown(body.own_start_ms),
        start_true=_shown(true.true_ms if true else None),
        error_ms=true.err_ms if true else body.start_err_ms or None,
        duration_ms=body.duration_ms,
        status=body.state,
        folder=body.folder,
        size=body.size,
        group=body.group,
        important=body.important,
        problems=body.problems,
    )


def _shown(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, CHINA).isoformat(timespec="milliseconds")
