"""The station's store: custody of its lanes' journals, the queue made of them, and its officers' own acts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from journal.store import Declared
from journal.stores import SqliteStore
from kernel.events import EntryRef, PassageDecided, PlateCorrected
from station import cancelling, correcting, erasing, holding
from station.projecting import SCHEMA, project, project_act

Stored = Callable[[str, str], None]  # box, digest
EraseFile = Callable[[str], None]  # digest

PATIENCE_S = 30.0  # the receiver's transactions are short


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAct:
    """An entry of the station's own journal, where it was first said."""

    ref: EntryRef
    at_ms: int
    body: PassageDecided | PlateCorrected


class StationStore(SqliteStore):
    """journal.store.ReceiverStore with views.  `on_file` is called from the storing thread."""

    def __init__(self, path: Path, *, store_id: str, on_file: Stored = lambda _box, _digest: None) -> None:
        self._path = path
        self._on_file = on_file
        super().__init__(path, store_id=store_id, project=project)
        with closing(sqlite3.connect(path)) as db:
            db.executescript(SCHEMA + erasing.SCHEMA + cancelling.SCHEMA + holding.SCHEMA + correcting.SCHEMA)
            columns = {row[1] for row in db.execute("PRAGMA table_info(passage)")}
            for name in {"erased", "taken_back"} - columns:  # a store of before
                db.execute(f"ALTER TABLE passage ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
            if "taken_back" not in columns:
                cancelling.mark_earlier(db)
            correcting.bring_up_to_date(db)
            db.commit()

    def declared(self, box: str, sha256: str) -> Declared | None:
        """None also for a file that its box has erased: it is not taken again."""
        with self._lock:
            return None if erasing.erased(self._db, box, sha256) else super().declared(box, sha256)

    def erased(self, box: str, sha256: str) -> Declared | None:
        with self._lock:
            return super().declared(box, sha256) if erasing.erased(self._db, box, sha256) else None

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        with self._lock:
            super().file_stored(box, sha256, at_ms=at_ms)
            erasing.forget_files(self._db, box, [sha256])  # erased while it was on its way
        self._on_file(box, sha256)

    def clean(self, erase_file: EraseFile) -> bool:
        """Leave no byte of what was erased; False when a reader is in the way: try again."""
        with self._lock:
            if not erasing.unclean(self._db):
                return True
            for sha256 in erasing.unclean_files(self._db):
                erase_file(sha256)
            if not erasing.empty_wal(self._db):
                return False
            erasing.mark_clean(self._db)
        return True

    def own_size(self, journal: str) -> int:
        """How many entries of the station's own journal the views hold."""
        with self._writing() as db:
            row = db.execute("SELECT size FROM own WHERE journal = ?", (journal,)).fetchone()
        return int(row[0]) if row else 0

    def project_own(self, acts: Sequence[OwnAct], *, journal: str, size: int) -> None:
        """Acts of the own journal up to `size`, in its order; what the views hold already changes nothing."""
        with self._writing() as db:
            for act in acts:
                ref = act.ref
                project_act(db, act.body, journal=ref.journal, seq=ref.seq, leaf=ref.leaf, at_ms=act.at_ms)
            db.execute(
                "INSERT OR REPLACE INTO own VALUES (?, max(?, coalesce((SELECT size FROM own WHERE journal = ?), 0)))",
                (journal, size, journal),
            )

    def forgotten(self, refs: Sequence[EntryRef]) -> None:
        """These corrections have left the own journal too."""
        with self._writing() as db:
            db.executemany(
                "UPDATE correction SET gone = 1 WHERE journal = ? AND seq = ?",
                [(ref.journal, ref.seq) for ref in refs],
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None)) as db:
            # A line that is written anew leaves no older copy of its plate behind.
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
