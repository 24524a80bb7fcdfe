"""What the lanes' own journals promised, held against centre, station, disks and what really happened.

Everything is read-only and read from disk: nobody that could be wrong is asked.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journal.database import Reader
from journal.files import digest_of
from kernel.evidence import header
from kernel.evidence.header import FileRef
from simulators.world import Truth

Key = tuple[str, int, bytes]
NEAR_MS = 6_000
MARGIN_MS = 4_000  # a device is not yet listened to when its process is


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """One entry that a lane's journal called durable."""

    lane: str
    journal: str
    seq: int
    leaf: bytes
    stream: str
    at_ms: int
    files: tuple[FileRef, ...]
    body: dict[str, Any]

    @property
    def key(self) -> Key:
        return self.journal, self.seq, self.leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A lane's process was not there."""

    lane: str
    from_ms: int
    until_ms: int


def promised(folder: Path, lanes: Iterable[str]) -> list[Promised]:
    """Every entry of every journal of these lanes, oldest first."""
    found = [
        entry
        for lane in lanes
        for path in sorted((folder / lane / "journal").glob("[0-9]*/journal.db"))
        for entry in _entries(lane, path)
    ]
    return sorted(found, key=lambda entry: entry.at_ms)


def _entries(lane: str, path: Path) -> Iterator[Promised]:
    with closing(Reader(path)) as reader:
        for stored in reader.entries(0, reader.size()):
            head = header.decode(stored.header)
            yield Promised(
                lane=lane,
                journal=head.journal,
                seq=head.seq,
                leaf=stored.leaf,
                stream=head.stream,
                at_ms=head.at,
                files=head.files,
                body=json.loads(stored.body or b"{}"),
            )


def held(database: Path) -> Counter[Key]:
    """How often a receiver holds each entry."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT journal, seq, leaf FROM entry").fetchall()
    return Counter((str(journal), int(seq), bytes(leaf)) for journal, seq, leaf in rows)


def weighings(entries: Iterable[Promised]) -> list[Promised]:
    return [entry for entry in entries if entry.stream == "vehicle.weighed"]


def doubled(entries: Sequence[Promised]) -> list[Promised]:
    """Weighings that an earlier one has told already: the same record, or the same passage."""
    seen: set[str] = set()
    twice = []
    for entry in weighings(entries):
        name = entry.body["record_hex"] or entry.body["passage"]
        if name in seen:
            twice.append(entry)
        seen.add(name)
    return twice


def torn(folder: Path, entries: Iterable[Promised], *, centre: Path) -> list[tuple[Promised, str]]:
    """Files named by entries that are not whole: missing or changed on the lane, or changed at the centre."""
    return [
        (entry, file.sha256)
        for entry in entries
        for file in entry.files
        if not _whole(folder / entry.lane / "files", file) or not _unspoilt(centre, file)
    ]


def _whole(files: Path, file: FileRef) -> bool:
    return any(digest_of(path) == (file.sha256, file.size) for path in files.glob(f"*/{file.sha256}"))


def _unspoilt(centre: Path, file: FileRef) -> bool:
    path = blob(centre, file)
    return not path.exists() or digest_of(path) == (file.sha256, file.size)


def blob(centre: Path, file: FileRef) -> Path:
    return centre / "files" / "sha256" / file.sha256[:2] / file.sha256


def unmeasured(truths: Iterable[Truth], entries: Iterable[Promised]) -> list[Truth]:
    """Crossings of which no weighing tells; one that never showed a weight is told by an event without one."""
    free = weighings(entries)
    missed = []
    for truth in sorted(truths, key=lambda one: one.left_ms):
        weightless = truth.wire_gross_kg is None
        own = next(
            (e for e in free if tells(e, truth) and (weightless or e.body["gross_kg"] is not None)), None
        )
        if own is None:
            missed.append(truth)
        else:
            free.remove(own)
    return missed


def tells(entry: Promised, truth: Truth) -> bool:
    body = entry.body
    if entry.lane != truth.lane:
        return False
    if truth.record_hex:
        return bool(body["record_hex"] == truth.record_hex)
    return body["left_ms"] is not None and abs(body["left_ms"] - truth.left_ms) < NEAR_MS


def excused(truth: Truth, aways: Iterable[Away]) -> bool:
    """A platform keeps nothing: what crossed it while nobody listened was never measured.

    An axle weigher keeps its records, so there is no excuse for it.
    """
    return not truth.record_hex and any(
        away.lane == truth.lane
        and truth.arrived_ms <= away.until_ms + MARGIN_MS
        and truth.left_ms >= away.from_ms
        for away in aways
    )
