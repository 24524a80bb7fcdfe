"""What lies in the ring and what must stay there: SQLite, used by one thread only."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from edge.recorder.segment import Segment

SCHEMA = """
CREATE TABLE IF NOT EXISTS segment (
  path TEXT PRIMARY KEY, camera TEXT NOT NULL, session TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER,
  base_num INTEGER NOT NULL, base_den INTEGER NOT NULL, dts0 INTEGER NOT NULL,
  size INTEGER NOT NULL, sha256 TEXT, gops TEXT NOT NULL, clock_err_ms INTEGER);
CREATE INDEX IF NOT EXISTS segment_by_time ON segment (camera, start_ms);
CREATE TABLE IF NOT EXISTS locked (
  passage TEXT NOT NULL, camera TEXT NOT NULL, at_ms INTEGER NOT NULL, from_ms INTEGER NOT NULL,
  to_ms INTEGER NOT NULL, hold INTEGER NOT NULL, cut INTEGER NOT NULL, PRIMARY KEY (passage, camera));
"""
_LOCKED_BY = """SELECT passage FROM locked WHERE locked.camera = segment.camera
  AND locked.from_ms < coalesce(segment.end_ms, 9e15) AND locked.to_ms > segment.start_ms LIMIT 1"""


Row = tuple[str, str, str, int, int | None, int, int, int, int, str | None, str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Footage of one camera that a passage needs.  It stays until the clip is settled; on hold, for ever."""

    passage: str
    camera: str
    at_ms: int
    from_ms: int
    to_ms: int
    hold: bool = False


class Index:
    def __init__(self, path: Path) -> None:
        # Autocommit: each statement is one fact.  FULL, because a lock must outlive a power cut.
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
            self._widen()
        except sqlite3.Error:
            self._db.close()
            raise

    def _widen(self) -> None:
        """An index of before: its segments have no word on their clocks."""
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(segment)")}
        if "clock_err_ms" not in columns:
            self._db.execute("ALTER TABLE segment ADD COLUMN clock_err_ms INTEGER")

    def close(self) -> None:
        self._db.close()

    def put(self, segment: Segment) -> None:
        row = (
            str(segment.path),
            segment.camera,
            segment.session,
            segment.start_ms,
            segment.end_ms,
            segment.base.numerator,
            segment.base.denominator,
            segment.dts0,
            segment.size,
            segment.sha256,
            json.dumps(segment.gops),
            segment.clock_err_ms,
        )
        self._db.execute(f"INSERT OR REPLACE INTO segment VALUES ({','.join('?' * len(row))})", row)  # noqa: S608

    def renamed(self, old: Path, segment: Segment) -> None:
        """One transaction: the row is never there twice nor missing."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM segment WHERE path = ?", (str(old),))
        self.put(segment)
        self._db.execute("COMMIT")

    def forget(self, path: Path) -> None:
        self._db.execute("DELETE FROM segment WHERE path = ?", (str(path),))

    def segments(self, camera: str, *, from_ms: int, to_ms: int) -> list[Segment]:
        return self._read(
            "WHERE camera = ? AND start_ms < ? AND coalesce(end_ms, 9e15) > ? ORDER BY start_ms",
            (camera, to_ms, from_ms),
        )

    def all(self) -> list[Segment]:
        return self._read("ORDER BY start_ms", ())

    def unlocked(self) -> list[Segment]:
        """Finished segments that no lock needs, oldest first."""
        return self._read(f"WHERE sha256 IS NOT NULL AND NOT EXISTS ({_LOCKED_BY}) ORDER BY start_ms", ())

    def bytes_used(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(size), 0) FROM segment").fetchone()[0])

    def lock(self, lock: Lock) -> None:
        """The same passage may lock again: the later word counts."""
        self._db.execute(
            "INSERT OR REPLACE INTO locked VALUES (?, ?, ?, ?, ?, ?, 0)",
            (lock.passage, lock.camera, lock.at_ms, lock.from_ms, lock.to_ms, lock.hold),
        )

    def settle(self, passage: str, camera: str) -> None:
        """The clip is kept elsewhere: its footage may go, unless it is on hold."""
        self._db.execute(
            "DELETE FROM locked WHERE passage = ? AND camera = ? AND NOT hold", (passage, camera)
        )
        self._db.execute("UPDATE locked SET cut = 1 WHERE passage = ? AND camera = ?", (passage, camera))

    def pending(self) -> list[Lock]:
        """Clips still to be cut, oldest first."""
        rows = self._db.execute(
            "SELECT passage, camera, at_ms, from_ms, to_ms, hold FROM locked WHERE NOT cut ORDER BY at_ms, camera"
        )
        return [
            Lock(passage=p, camera=c, at_ms=at, from_ms=begin, to_ms=end, hold=bool(hold))
            for p, c, at, begin, end, hold in rows
        ]

    def locked_by(self, path: Path) -> str | None:
        row = self._db.execute(f"SELECT ({_LOCKED_BY}) FROM segment WHERE path = ?", (str(path),)).fetchone()  # noqa: S608
        return row[0] if row else None

    def _read(self, where: str, values: tuple[object, ...]) -> list[Segment]:
        columns = "path, camera, session, start_ms, end_ms, base_num, base_den, dts0, size, sha256, gops, clock_err_ms"
        rows = self._db.execute(f"SELECT {columns} FROM segment {where}", values)  # noqa: S608
        return [_segment(row) for row in rows]


def _segment(row: Row) -> Segment:
    path, camera, session, start_ms, end_ms, num, den, dts0, size, sha256, gops, clock_err_ms = row
    return Segment(
        camera=camera,
        session=session,
        path=Path(path),
        start_ms=start_ms,
        end_ms=end_ms,
        base=Fraction(num, den),
        dts0=dts0,
        size=size,
        sha256=sha256,
        gops=tuple(json.loads(gops)),
        clock_err_ms=clock_err_ms,
    )
