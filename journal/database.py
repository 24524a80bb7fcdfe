"""journal.db: entries that are never changed, their tree and its newest signed checkpoint, in one transaction.

Blocking.  One `JournalFile` writes (and it alone checkpoints the WAL); any number of `Reader`s open read-only, because
SQLite before 3.51.3 can corrupt a WAL when two connections checkpoint at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from journal.keys import SigningKey
from kernel.errors import FullError, ProtocolError, RestartError
from kernel.evidence import header, tree
from kernel.evidence.header import Header
from kernel.evidence.texts import Checkpoint
from kernel.evidence.tree import BLOCK, Frontier

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "wal_autocheckpoint = 1000",
    "journal_size_limit = 16777216",
)
PATIENCE_MS = (100, 5_000)  # with readers, while appends wait; and otherwise
# A full disk has no room for the shared memory that opening needs.
_OF_THE_MOMENT = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_BUSY_RECOVERY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR_NOMEM,
}
SCHEMA = """
CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, header BLOB NOT NULL);
CREATE TABLE body (seq INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE block (i INTEGER PRIMARY KEY, root BLOB NOT NULL);
CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, frontier BLOB NOT NULL, checkpoint TEXT NOT NULL
);
CREATE TABLE idem (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
  BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
  BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;
CREATE TRIGGER body_is_never_changed BEFORE UPDATE ON body
  BEGIN SELECT RAISE(ABORT, 'a body is never changed'); END;
CREATE TRIGGER block_is_never_changed BEFORE UPDATE ON block
  BEGIN SELECT RAISE(ABORT, 'a block is never changed'); END;
"""

EARLIER = """
CREATE TABLE IF NOT EXISTS earlier (
  key TEXT PRIMARY KEY, journal TEXT NOT NULL, seq INTEGER NOT NULL, leaf BLOB NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID
"""


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A Struct, as one is made for every append: a frozen dataclass costs five times as much."""

    header: bytes
    leaf: bytes
    salt: bytes
    body: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One entry as it lies on disk; salt and body are None once erased or evicted."""

    seq: int
    leaf: bytes
    header: bytes
    salt: bytes | None
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The entry that was appended under an idempotency key, in this journal or in one that it continues."""

    key: str
    journal: str
    seq: int
    leaf: bytes
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRow:
    """What the database says of itself; nothing of it is checked."""

    size: int
    frontier: bytes
    checkpoint: str


class DoubtError(ProtocolError):
    """What is on disk is not what this journal wrote; it must not be continued."""


class JournalFile:
    """The writing end.  `frontier` and `checkpoint` are those of the last commit."""

    def __init__(self, path: Path, *, key: SigningKey, create: bool = False) -> None:
        self.key = key
        self.journal = header.journal_id(key.public)
        self.frontier = Frontier()
        self.checkpoint = ""
        with doubting("cannot be opened"):
            self._db = _connect(path, create=create)
        if not create:
            try:
                self.frontier, self.checkpoint = _verified(self._db, key)
            except BaseException:
                self.close()
                raise
        self._earlier = _has_earlier(self._db)

    @property
    def size(self) -> int:
        return self.frontier.size

    def close(self) -> None:
        self._db.close()

    def retire(self) -> None:
        """Close for ever: what is in the WAL is folded in, so that one file holds it all."""
        with contextlib.suppress(sqlite3.OperationalError):  # no room or a reader: the WAL stays
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.close()

    def known(self, key: str) -> Known | None:
        with doubting("cannot be read"):
            return _known(self._db, key, earlier=self._earlier)

    def remember(self, known: Sequence[Known]) -> None:
        """Keys of the journal that this one continues; what is known already stays as it is."""
        rows = [(each.key, each.journal, each.seq, each.leaf, each.at) for each in known]
        with self._transaction() as db:
            db.execute(EARLIER)
            db.executemany("INSERT OR IGNORE INTO earlier VALUES (?, ?, ?, ?, ?)", rows)
        self._earlier = True

    def genesis(self) -> StoredEntry:
        """DoubtError when it is not there."""
        with doubting("cannot be read"):
            return _first(self._db)

    def root_at(self, size: int) -> bytes:
        with doubting("cannot be read"):
            return frontier_at(self._db, size).root()

    def commit(self, entries: Sequence[NewEntry]) -> None:
        """All of them, the tree and its signed checkpoint are durable; or FullError and nothing is."""
        frontier, blocks = self.frontier.copy(), []
        for entry in entries:
            frontier.append(entry.leaf)
            if frontier.size % BLOCK == 0:
                blocks.append((frontier.size // BLOCK - 1, self._block_root(entries, frontier.size)))
        signed = Checkpoint(journal=self.journal, size=frontier.size, root=frontier.root()).signed(
            public_key=self.key.public, sign=self.key.sign
        )
        checkpoint = signed.format()
        self._write(entries, blocks, (frontier.size, frontier.to_bytes(), checkpoint))
        self.frontier, self.checkpoint = frontier, checkpoint

    def erase(self, seqs: Sequence[int]) -> bool:
        """The bodies and salts of these entries are gone; headers and leaves stay.  FullError: they are not.

        False: somebody reads the WAL, which may still hold older copies; calling again removes those too.
        """
        return _erase(self._db, seqs)

    def _block_root(self, entries: Sequence[NewEntry], end: int) -> bytes:
        first = self.size
        stored = leaves(self._db, end - BLOCK, min(end, first))
        return tree.root(
            [*stored, *(entry.leaf for entry in entries[max(end - BLOCK - first, 0) : end - first])]
        )

    def _write(
        self, entries: Sequence[NewEntry], blocks: list[tuple[int, bytes]], head: tuple[int, bytes, str]
    ) -> None:
        numbered = list(enumerate(entries, self.size))
        with self._transaction() as db:
            db.executemany("INSERT INTO entry VALUES (?, ?, ?)", [(n, e.leaf, e.header) for n, e in numbered])
            db.executemany("INSERT INTO body VALUES (?, ?, ?)", [(n, e.salt, e.body) for n, e in numbered])
            if blocks:
                db.executemany("INSERT INTO block VALUES (?, ?)", blocks)
            if keys := [(e.key, n) for n, e in numbered if e.key]:
                db.executemany("INSERT INTO idem VALUES (?, ?)", keys)
            db.execute("INSERT OR REPLACE INTO head VALUES (0, ?, ?, ?)", head)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """FullError: there was no room and nothing is changed.  DoubtError: what is there is damaged."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if _code(error) == sqlite3.SQLITE_FULL:
                raise FullError("no room for the journal") from error
            if _code(error) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise DoubtError(f"journal.db is damaged: {error}") from error
            raise


def erase_unwritten(path: Path, seqs: Sequence[int]) -> bool:
    """As `JournalFile.erase`, in the database of a journal that nobody writes any more; DoubtError when it is damaged."""
    with doubting("cannot be erased from"), closing(_connect(path, create=False)) as db:
        return _erase(db, seqs)


def _erase(db: sqlite3.Connection, seqs: Sequence[int]) -> bool:
    try:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM body WHERE seq = ?", [(seq,) for seq in seqs])
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise FullError("no room to erase") from error
        raise
    # secure_delete has zeroed the pages; the WAL still holds them as they were.
    db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS[0]}")
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        busy = True  # the rows are gone; the WAL goes when there is room to fold it in
    db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS[1]}")
    return not busy


class Reader:
    """The reading end: read-only, short transactions, so that it never keeps the WAL from being checkpointed."""

    def __init__(self, path: Path) -> None:
        # One connection, used by one thread at a time; the caller sees to that.
        self._db = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA wal_autocheckpoint = 0")

    def close(self) -> None:
        self._db.close()

    def size(self) -> int:
        """Rows there are, whatever the head says."""
        last = self._db.execute("SELECT max(seq) FROM entry").fetchone()[0]
        return 0 if last is None else int(last) + 1

    def verified(self, key: SigningKey) -> Frontier:
        """DoubtError unless tail, blocks, frontier and the newest checkpoint say the same."""
        return _verified(self._db, key)[0]

    def head(self) -> HeadRow:
        """DoubtError when it is not there, or not at the last entry."""
        return _head(self._db)

    def genesis(self) -> StoredEntry:
        """DoubtError when it is not there."""
        return _first(self._db)

    def known(self, key: str) -> Known | None:
        return _known(self._db, key, earlier=_has_earlier(self._db))

    def keys(self, after: str, count: int) -> list[tuple[str, int]]:
        """Idempotency keys and their entries, in order of the keys."""
        sql = "SELECT key, seq FROM idem WHERE key > ? ORDER BY key LIMIT ?"
        return self._db.execute(sql, (after, count)).fetchall()

    def earlier(self, after: str, count: int) -> list[Known]:
        """Keys that this journal was given by those that it continues, in order of the keys."""
        if not _has_earlier(self._db):
            return []
        sql = "SELECT key, journal, seq, leaf, at FROM earlier WHERE key > ? ORDER BY key LIMIT ?"
        return [_as_known(row) for row in self._db.execute(sql, (after, count))]

    def block(self, i: int) -> bytes | None:
        """The root of leaves 256i to 256i + 255, as stored."""
        return next(iter(_blocks(self._db, i, i + 1)), None)

    def entries(self, start: int, count: int) -> list[StoredEntry]:
        """DoubtError when one of them is not what was written."""
        found = list(_entries(self._db, start, count))
        for entry in found:
            verify_entry(entry)
        return found

    def bodies(self, seqs: Sequence[int]) -> set[int]:
        """Which of these entries still have theirs."""
        marks = ", ".join("?" * len(seqs))
        rows = self._db.execute(f"SELECT seq FROM body WHERE seq IN ({marks})", tuple(seqs))  # noqa: S608
        return {row[0] for row in rows}

    def holding(self, words: Sequence[str], start: int) -> list[int]:
        """The entries from `start` on whose headers hold one of these words; no body is read."""
        marks = " OR ".join("instr(header, ?)" for _ in words)
        rows = self._db.execute(
            f"SELECT seq FROM entry WHERE seq >= ? AND ({marks}) ORDER BY seq",  # noqa: S608
            (start, *(word.encode() for word in words)),
        )
        return [row[0] for row in rows]

    def frontier(self, size: int) -> Frontier:
        return frontier_at(self._db, size)

    def checkpoint(self) -> str:
        """The newest one signed."""
        return str(self._db.execute("SELECT checkpoint FROM head").fetchone()[0])

    def proof(self, spans: Iterable[tree.Span]) -> list[bytes]:
        return [
            tree.span_root(
                span,
                leaves=lambda start, end: leaves(self._db, start, end),
                blocks=lambda start, end: _blocks(self._db, start, end),
            )
            for span in spans
        ]


def _code(error: sqlite3.Error) -> int:
    """SQLite's; 0 for what the Python module itself objects to, such as a text that is none."""
    return getattr(error, "sqlite_errorcode", 0)


def _verified(db: sqlite3.Connection, key: SigningKey) -> tuple[Frontier, str]:
    """Tree and newest checkpoint, when tail, blocks and head say the same; DoubtError when not."""
    with doubting("cannot be read"):
        head = _head(db)
        rebuilt = frontier_at(db, head.size)
        _verify_tail(db, head.size)
    if rebuilt.to_bytes() != head.frontier:
        raise DoubtError("tree and head differ")
    try:
        newest = Checkpoint.open(
            head.checkpoint, journal=header.journal_id(key.public), public_key=key.public
        )
    except ProtocolError as error:
        raise DoubtError(f"newest checkpoint: {error}") from error
    if (newest.size, newest.root) != (rebuilt.size, rebuilt.root()):
        raise DoubtError("tree and newest checkpoint differ")
    return rebuilt, head.checkpoint


def _head(db: sqlite3.Connection) -> HeadRow:
    row = db.execute("SELECT size, frontier, checkpoint, (SELECT max(seq) FROM entry) FROM head").fetchone()
    if row is None or row[3] != row[0] - 1:
        raise DoubtError("entries and head differ")
    return HeadRow(size=row[0], frontier=bytes(row[1]), checkpoint=str(row[2]))


def _first(db: sqlite3.Connection) -> StoredEntry:
    first = next(_entries(db, 0, 1), None)
    if first is None:
        raise DoubtError("the genesis is missing")
    verify_entry(first)
    return first


def _known(db: sqlite3.Connection, key: str, *, earlier: bool) -> Known | None:
    sql = "SELECT seq, leaf, header FROM idem JOIN entry USING (seq) WHERE key = ?"
    row = db.execute(sql, (key,)).fetchone()
    if row is not None:
        decoded = _decoded(row[0], leaf=row[1], header_bytes=row[2])
        return Known(key=key, journal=decoded.journal, seq=row[0], leaf=row[1], at=decoded.at)
    if not earlier:
        return None
    sql = "SELECT key, journal, seq, leaf, at FROM earlier WHERE key = ?"
    row = db.execute(sql, (key,)).fetchone()
    return _as_known(row) if row else None


def _has_earlier(db: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'earlier'"
    with doubting("cannot be read"):
        return db.execute(sql).fetchone() is not None


def _as_known(row: tuple[Any, ...]) -> Known:
    return Known(key=row[0], journal=row[1], seq=row[2], leaf=row[3], at=row[4])


def frontier_at(db: sqlite3.Connection, size: int) -> Frontier:
    full = size // BLOCK
    frontier = Frontier.from_blocks(_blocks(db, 0, full), leaves(db, full * BLOCK, size))
    if frontier.size != size:
        raise DoubtError(f"leaves below {size} are missing")
    return frontier


def leaves(db: sqlite3.Connection, start: int, end: int) -> list[bytes]:
    rows = db.execute("SELECT leaf FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", (start, end))
    return [row[0] for row in rows]


@contextmanager
def doubting(problem: str) -> Iterator[None]:
    """A database that cannot be read is a doubt about the journal, not a bug.

    RestartError: it cannot be read for want of room, memory or turn, which says nothing about what is in it.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if _code(error) in _OF_THE_MOMENT:
            raise RestartError(f"journal.db {problem} now: {error} ({error.sqlite_errorname})") from error
        raise DoubtError(f"journal.db {problem}: {error}") from error
    except (sqlite3.DatabaseError, OverflowError, TypeError, UnicodeDecodeError) as error:
        raise DoubtError(f"journal.db {problem}: {error}") from error


def _blocks(db: sqlite3.Connection, start: int, end: int) -> list[bytes]:
    return [
        row[0] for row in db.execute("SELECT root FROM block WHERE i >= ? AND i < ? ORDER BY i", (start, end))
    ]


def _entries(db: sqlite3.Connection, start: int, count: int) -> Iterator[StoredEntry]:
    rows = db.execute(
        "SELECT entry.seq, leaf, header, salt, body FROM entry LEFT JOIN body USING (seq)"
        " WHERE entry.seq >= ? AND entry.seq < ? ORDER BY entry.seq",
        (start, start + count),
    )
    for seq, leaf, header_bytes, salt, body in rows:
        if not (isinstance(leaf, bytes) and isinstance(header_bytes, bytes)):
            raise DoubtError(f"entry {seq} is not bytes")
        if type(salt) is not type(body) or not isinstance(body, bytes | None):
            raise DoubtError(f"body {seq} is not bytes")
        yield StoredEntry(seq=seq, leaf=leaf, header=header_bytes, salt=salt, body=body)


def _verify_tail(db: sqlite3.Connection, size: int) -> None:
    """Every entry after the last full block, and that block: its leaf, its place, its body."""
    start = max(size // BLOCK - 1, 0) * BLOCK
    for entry in _entries(db, start, size - start):
        verify_entry(entry)


def verify_entry(entry: StoredEntry) -> None:
    """DoubtError unless header, place and body are those that were hashed."""
    decoded = _decoded(entry.seq, leaf=entry.leaf, header_bytes=entry.header)
    if entry.salt is not None and not header.body_matches(decoded, salt=entry.salt, body=entry.body or b""):
        raise DoubtError(f"body {entry.seq} is not what was hashed")


def _decoded(seq: int, *, leaf: bytes, header_bytes: bytes) -> Header:
    """DoubtError unless it is the header that was hashed in this place."""
    if header.leaf(header_bytes) != leaf:
        raise DoubtError(f"header {seq} is not what was hashed")
    try:
        decoded = header.decode(header_bytes)
    except ProtocolError as error:
        raise DoubtError(f"header {seq} cannot be read: {error.problem}") from error
    if decoded.seq != seq:
        raise DoubtError(f"header {seq} says {decoded.seq}")
    return decoded


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    # Made by one thread, handed to the writer thread, never used by two at once.
    db = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False)
    try:
        for pragma in PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        if create:
            db.executescript(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
