"""journal.store.ReceiverStore over the centre's database: custody, projections and rollups in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, insert, or_, select, text

from central.live import Change
from central.store import projecting, schema
from central.store.engines import Database, append, upsert
from central.store.erasing import came_too_late, file_erased
from central.store.projections import Register, body_row, entry_row, part_at
from journal.store import Accepted, Declared, Head

Told = Callable[[Sequence[Change]], None]

_HEAD_COLUMNS = tuple(field.name for field in fields(Head))
_HEADS = select(*(schema.head.c[name] for name in _HEAD_COLUMNS)).where(
    schema.head.c.journal.in_(bindparam("wanted", expanding=True))
)
# In the order of the list, which every worker sorts the same way.
_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) WITH ORDINALITY AS k(key, n)"
)


class CentreStore:
    """`told` is called from the committing thread with what has changed, after the commit."""

    def __init__(
        self,
        database: Database,
        *,
        store_id: str,
        register: Register,
        told: Told = lambda _changes: None,
    ) -> None:
        self._engine: Engine = database.writer
        self._reader: Engine = database.reader
        self._store_id = store_id
        self._register = register
        self._told = told

    @property
    def store_id(self) -> str:
        return self._store_id

    @contextmanager
    def begin(self) -> Iterator[CentreTransaction]:
        with self._engine.begin() as connection:
            transaction = CentreTransaction(connection, register=self._register)
            yield transaction
            transaction.flush()
        if transaction.changes:
            self._told(transaction.changes)

    def declared(self, box: str, sha256: str) -> Declared | None:
        return self._declared(box, sha256, ~file_erased(schema.named_file))

    def erased(self, box: str, sha256: str) -> Declared | None:
        return self._declared(box, sha256, file_erased(schema.named_file))

    def _declared(self, box: str, sha256: str, where: ColumnElement[bool]) -> Declared | None:
        named = schema.named_file
        query = (
            select(named.c.sha256, named.c.size, named.c.journal, named.c.seq, named.c.name)
            .where(named.c.sha256 == sha256, named.c.box == box, where)
            .order_by(named.c.journal, named.c.seq)
            .limit(1)
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return Declared(**row) if row else None

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        row = {"sha256": sha256, "box": box, "stored_ms": at_ms}
        with self._engine.begin() as connection:
            if came_too_late(connection, box, sha256):
                return
            upsert(connection, schema.stored_file, [row], update=())
            passages = projecting.refresh_file(connection, box=box, sha256=sha256)
        changes = [Change(kind="passage", key=(box, passage), at_ms=at_ms) for passage in passages]
        self._told([Change(kind="file", key=(box, sha256), at_ms=at_ms), *changes])

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        """Those of these files of this box that were stored before, or that a finished backup holds."""
        stored = schema.stored_file
        query = select(stored.c.sha256).where(
            stored.c.box == box,
            stored.c.sha256.in_(digests),
            or_(stored.c.stored_ms < before_ms, stored.c.kept),
        )
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())


class CentreTransaction:
    """Implements journal.store.StoreTransaction on one open connection."""

    def __init__(self, connection: Connection, *, register: Register) -> None:
        self._connection = connection
        self._register = register
        self._parted = connection.dialect.name == "postgresql"
        self._closed: set[str] = set()
        self._new: list[Accepted] = []
        self._heads: list[Head] = []
        self.changes: list[Change] = []

    def heads(self, journals: Sequence[str]) -> dict[str, Head]:
        self.flush()
        wanted = sorted(set(journals))
        lock_journals(self._connection, wanted)
        rows = self._connection.execute(_HEADS, {"wanted": wanted})
        heads = {row[0]: Head(**dict(zip(_HEAD_COLUMNS, row, strict=True))) for row in rows}
        self._closed |= {journal for journal, head in heads.items() if head.state == "closed"}
        return heads

    def open_journal(self, box: str, process: str) -> str | None:
        self.flush()
        head = schema.head
        query = select(head.c.journal).where(
            head.c.box == box, head.c.process == process, head.c.state == "open"
        )
        return self._connection.execute(query).scalar_one_or_none()

    def save_head(self, head: Head) -> None:
        self._heads.append(head)

    def leaves(self, journal: str, start: int, count: int) -> list[bytes]:
        entry = schema.entry
        query = (
            select(entry.c.leaf)
            .where(entry.c.journal == journal, entry.c.seq >= start, entry.c.seq < start + count)
            .order_by(entry.c.seq)
        )
        return list(self._connection.execute(query).scalars())

    def insert(self, _journal: str, entries: Sequence[Accepted]) -> None:
        self._new += entries

    def flush(self) -> None:
        """Everything of a batch in one statement a table: most of what a small statement costs is the asking."""
        new, self._new = self._new, []
        heads, self._heads = self._heads, []
        if new:
            self._insert(new)
            self.changes += projecting.project(
                self._connection, new, register=self._register, closed=self._closed
            )
            last = {entry.header.journal: entry.received_ms for entry in new}
            self.changes += [Change(kind="journal", key=(j,), at_ms=at_ms) for j, at_ms in last.items()]
        upsert(self._connection, schema.head, [_head_row(head) for head in heads], update=_HEAD_COLUMNS[1:])

    def _insert(self, new: Sequence[Accepted]) -> None:
        entries = [entry_row(entry) for entry in new]
        bodies = [body_row(entry) for entry in new if entry.body is not None]
        if self._parted:
            entries = [row | {"part_at": part_at(entry)} for row, entry in zip(entries, new, strict=True)]
            bodies = [body_row(e) | {"part_at": part_at(e)} for e in new if e.body is not None]
        append(self._connection, schema.parted_entry if self._parted else schema.entry, entries)
        append(self._connection, schema.parted_body if self._parted else schema.body, bodies)

    def record_fork(self, journal: str, ours: str, theirs: str) -> None:
        row = {"journal": journal, "ours": ours, "theirs": theirs}
        self._connection.execute(insert(schema.fork), [row])

    def received_before(self, journal: str, before_ms: int) -> int:
        """How many entries, from the first on, were received before."""
        entry = schema.entry
        later = (
            select(entry.c.seq)
            .where(entry.c.journal == journal, entry.c.received_ms >= before_ms)
            .order_by(entry.c.received_ms, entry.c.seq)
            .limit(1)
        )
        first_later = self._connection.execute(later).scalar_one_or_none()
        if first_later is not None:
            return int(first_later)
        size = select(schema.head.c.size).where(schema.head.c.journal == journal)
        return self._connection.execute(size).scalar_one_or_none() or 0


def _head_row(head: Head) -> dict[str, object]:
    return {name: getattr(head, name) for name in _HEAD_COLUMNS}


def lock_journals(connection: Connection, journals: Sequence[str]) -> None:
    """Until the end of the transaction, in order of journal id.

    Whether or not a head exists: a journal that two workers meet first has no row to lock yet.  SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"keys": [int(journal[:16], 16) - 2**63 for journal in journals]})
