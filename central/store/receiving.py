"""journal.store.ReceiverStore over the centre's database: custody, projections and rollups in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields

from sqlalchemy import Connection, Engine, insert, select, text

from central.live import Change
from central.store import projecting, schema
from central.store.engines import Database, upsert
from central.store.projections import Register, entry_row
from journal.store import Accepted, Declared, Head

Told = Callable[[Sequence[Change]], None]

_HEAD_COLUMNS = tuple(field.name for field in fields(Head))


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
        if transaction.changes:
            self._told(transaction.changes)

    def declared(self, box: str, sha256: str) -> Declared | None:
        named = schema.named_file
        query = (
            select(named.c.sha256, named.c.size, named.c.journal, named.c.seq, named.c.name)
            .where(named.c.sha256 == sha256, named.c.box == box)
            .order_by(named.c.journal, named.c.seq)
            .limit(1)
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return Declared(**row) if row else None

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        row = {"sha256": sha256, "box": box, "stored_ms": at_ms}
        with self._engine.begin() as connection:
            upsert(connection, schema.stored_file, [row], update=())
            passages = projecting.refresh_file(connection, box=box, sha256=sha256)
        changes = [Change(kind="passage", key=(box, passage), at_ms=at_ms) for passage in passages]
        self._told([Change(kind="file", key=(box, sha256), at_ms=at_ms), *changes])

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        """journal.store.KnowsKept: by age."""
        stored = schema.stored_file
        query = select(stored.c.sha256).where(
            stored.c.box == box, stored.c.stored_ms < before_ms, stored.c.sha256.in_(digests)
        )
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())


class CentreTransaction:
    """Implements journal.store.StoreTransaction on one open connection."""

    def __init__(self, connection: Connection, *, register: Register) -> None:
        self._connection = connection
        self._register = register
        self.changes: list[Change] = []

    def heads(self, journals: Sequence[str]) -> dict[str, Head]:
        wanted = sorted(set(journals))
        if self._connection.dialect.name == "postgresql":
            self._lock(wanted)
        query = select(schema.head).where(schema.head.c.journal.in_(wanted))
        rows = self._connection.execute(query).mappings()
        return {row["journal"]: Head(**row) for row in rows}

    def open_journal(self, box: str, process: str) -> str | None:
        head = schema.head
        query = select(head.c.journal).where(
            head.c.box == box, head.c.process == process, head.c.state == "open"
        )
        return self._connection.execute(query).scalar_one_or_none()

    def save_head(self, head: Head) -> None:
        upsert(self._connection, schema.head, [asdict(head)], update=_HEAD_COLUMNS[1:])

    def leaves(self, journal: str, start: int, count: int) -> list[bytes]:
        entry = schema.entry
        query = (
            select(entry.c.leaf)
            .where(entry.c.journal == journal, entry.c.seq >= start, entry.c.seq < start + count)
            .order_by(entry.c.seq)
        )
        return list(self._connection.execute(query).scalars())

    def insert(self, journal: str, entries: Sequence[Accepted]) -> None:
        if not entries:
            return
        bodies = [
            {"journal": journal, "seq": entry.seq, "salt": entry.salt, "body": entry.body}
            for entry in entries
            if entry.body is not None
        ]
        self._connection.execute(insert(schema.entry), [entry_row(entry) for entry in entries])
        if bodies:
            self._connection.execute(insert(schema.body), bodies)
        self.changes += projecting.project(self._connection, entries, register=self._register)
        self.changes.append(Change(kind="journal", key=(journal,), at_ms=entries[-1].received_ms))

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

    def _lock(self, journals: Sequence[str]) -> None:
        """Whether or not a head exists: a journal that two workers meet first has no row to lock yet."""
        for journal in journals:
            self._connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": int(journal[:16], 16) - 2**63}
            )
