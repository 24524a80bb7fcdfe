"""How far each journal is held, the notes with the signatures of those who vouch for it, and proofs over its leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from central.store import schema
from central.store.engines import Database, upsert
from central.views import CosignerView, Custody
from journal.store import Head
from kernel.errors import ProtocolError
from kernel.evidence import tree
from kernel.evidence.notes import Note

_COSIGNATURE_BYTES = 72  # be64 seconds and an Ed25519 signature; a journal's own signature has 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """The newest cosigned notes of a journal; `witnessed` is the newest that a witness signed too."""

    size: int
    note: str
    witnessed_size: int
    witnessed_note: str | None
    refused: str | None

    def speaking_of(self, first: int, last: int) -> str | None:
        """The best note: one that a witness signed and that covers all to `last`, else less and less."""
        notes = [(self.witnessed_size, self.witnessed_note), (self.size, self.note)]
        for wanted in (last, first):
            for size, note in notes:
                if note is not None and wanted < size:
                    return note
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A checkpoint as the journal signed it."""

    size: int
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry's bytes."""

    seq: int
    header: bytes
    salt: bytes | None
    body: bytes | None


class CustodyStore:
    """Blocking.  Notes and proofs beside the receiver's heads."""

    def __init__(self, database: Database) -> None:
        self._writer: Engine = database.writer
        self._reader: Engine = database.reader

    def vouched(self, journal: str) -> Vouched | None:
        with self._reader.connect() as connection:
            return _vouched(connection, journal)

    def save_note(
        self, journal: str, note: str, *, size: int, witnessed: bool, refused: str | None = None
    ) -> None:
        """Keep a cosigned note; an older one than is held changes nothing."""
        with self._writer.begin() as connection:
            held = _vouched(connection, journal)
            if held is not None and held.size > size:
                return
            row = {"journal": journal, "size": size, "note": note, "refused": refused}
            if witnessed:
                row |= {"witnessed_size": size, "witnessed_note": note}
            else:
                row |= {
                    "witnessed_size": held.witnessed_size if held else 0,
                    "witnessed_note": held.witnessed_note if held else None,
                }
            upsert(connection, schema.cosigned, [row], update=[name for name in row if name != "journal"])

    def cosigned_notes(self) -> tuple[str, ...]:
        """The newest cosigned note of every journal, and the newest that a witness signed too."""
        table = schema.cosigned
        with self._reader.connect() as connection:
            rows = connection.execute(select(table.c.note, table.c.witnessed_note)).all()
        return tuple(note for row in rows for note in row if note is not None)

    def save_chain(self, journal: str, certificates: Sequence[str]) -> None:
        rows = [{"journal": journal, "place": place, "note": note} for place, note in enumerate(certificates)]
        with self._writer.begin() as connection:
            upsert(connection, schema.certificate, rows, update=("note",))

    def chain(self, journal: str) -> tuple[str, ...]:
        """The certificates that the box showed for this journal, its own first."""
        table = schema.certificate
        query = select(table.c.note).where(table.c.journal == journal).order_by(table.c.place)
        with self._reader.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def root(self, journal: str, size: int) -> bytes:
        """The root of its first `size` leaves, out of what is stored."""
        return self._roots(journal, [(0, size)])[0]

    def newest(self, journal: str) -> Newest | None:
        """What is to be cosigned: the journal's newest own checkpoint, unless there is none or it is in doubt."""
        head = schema.head
        query = select(head.c.size, head.c.checkpoint).where(
            head.c.journal == journal, head.c.size > 0, head.c.state != "forked"
        )
        with self._reader.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Newest(size=row.size, checkpoint=row.checkpoint) if row else None

    def unvouched(self, *, witnesses: bool) -> tuple[str, ...]:
        """Journals that have grown since their last cosignature, or since a witness's."""
        head, table = schema.head, schema.cosigned
        reached = table.c.witnessed_size if witnesses else table.c.size
        query = (
            select(head.c.journal)
            .select_from(head.outerjoin(table, table.c.journal == head.c.journal))
            .where(head.c.size > func.coalesce(reached, 0), head.c.state != "forked")
        )
        with self._reader.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def heads(self) -> tuple[Head, ...]:
        """Every journal that is held."""
        with self._reader.connect() as connection:
            rows = connection.execute(select(schema.head).order_by(schema.head.c.journal)).mappings()
            return tuple(Head(**row) for row in rows)

    def stored(self, journal: str, seqs: Sequence[int]) -> tuple[Stored, ...]:
        """Entries byte for byte, in order."""
        entry, body = schema.entry, schema.body
        same = (body.c.journal == entry.c.journal) & (body.c.seq == entry.c.seq)
        query = (
            select(entry.c.seq, entry.c.header, body.c.salt, body.c.body)
            .select_from(entry.outerjoin(body, same))
            .where(entry.c.journal == journal, entry.c.seq.in_(seqs))
            .order_by(entry.c.seq)
        )
        with self._reader.connect() as connection:
            return tuple(Stored(**row) for row in connection.execute(query).mappings())

    def inclusion(self, journal: str, seq: int, *, size: int) -> list[bytes]:
        """The proof that entry `seq` is in the tree of `size`."""
        return self._roots(journal, tree.inclusion_spans(seq, size))

    def consistency(self, journal: str, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `old` leaves is a beginning of that of `new`."""
        return self._roots(journal, tree.consistency_spans(old, new))

    def _roots(self, journal: str, spans: Sequence[tree.Span]) -> list[bytes]:
        self._complete_blocks(journal)
        with self._reader.connect() as connection:

            def leaves(start: int, end: int) -> Iterable[bytes]:
                return read_leaves(connection, journal, start, end)

            def blocks(start: int, end: int) -> Iterable[bytes]:
                return _read_blocks(connection, journal, start, end)

            return [tree.span_root(span, leaves=leaves, blocks=blocks) for span in spans]

    def _complete_blocks(self, journal: str) -> None:
        """Roots of blocks that have become full since the last proof."""
        table, head = schema.block, schema.head
        with self._reader.connect() as connection:
            last = connection.execute(
                select(func.max(table.c.place)).where(table.c.journal == journal)
            ).scalar_one()
            size = connection.execute(
                select(head.c.size).where(head.c.journal == journal)
            ).scalar_one_or_none()
            known = 0 if last is None else last + 1
            rows = [
                {
                    "journal": journal,
                    "place": place,
                    "root": tree.root(_block_leaves(connection, journal, place)),
                }
                for place in range(known, (size or 0) // tree.BLOCK)
            ]
        if rows:
            with self._writer.begin() as connection:
                upsert(connection, table, rows, update=())


def custody_view(connection: Connection, journal: str) -> Custody | None:
    """What is shown of a journal's custody."""
    head = (
        connection.execute(select(schema.head).where(schema.head.c.journal == journal))
        .mappings()
        .one_or_none()
    )
    if head is None:
        return None
    held = _vouched(connection, journal)
    witnessed_size = held.witnessed_size if held else 0
    best = (held.witnessed_note or held.note) if held else None
    return Custody(
        journal=journal,
        box=head["box"],
        process=head["process"],
        state=head["state"],
        size=head["size"],
        kept=head["kept"],
        root=head["root"].hex(),
        cosigned_size=held.size if held else 0,
        witnessed_size=witnessed_size,
        unwitnessed_since_ms=_received_ms(connection, journal, witnessed_size),
        refused=held.refused if held else None,
        cosigners=_cosigners(best) if best else (),
    )


def read_leaves(connection: Connection, journal: str, start: int, end: int) -> list[bytes]:
    entry = schema.entry
    query = (
        select(entry.c.leaf)
        .where(entry.c.journal == journal, entry.c.seq >= start, entry.c.seq < end)
        .order_by(entry.c.seq)
    )
    leaves = list(connection.execute(query).scalars())
    if len(leaves) != end - start:
        raise ProtocolError(f"journal {journal} has no leaves {start} to {end}")
    return leaves


def _block_leaves(connection: Connection, journal: str, place: int) -> list[bytes]:
    return read_leaves(connection, journal, place * tree.BLOCK, (place + 1) * tree.BLOCK)


def _read_blocks(connection: Connection, journal: str, start: int, end: int) -> list[bytes]:
    block = schema.block
    query = (
        select(block.c.root)
        .where(block.c.journal == journal, block.c.place >= start, block.c.place < end)
        .order_by(block.c.place)
    )
    return list(connection.execute(query).scalars())


def _vouched(connection: Connection, journal: str) -> Vouched | None:
    table = schema.cosigned
    row = connection.execute(select(table).where(table.c.journal == journal)).mappings().one_or_none()
    return Vouched(**{name: row[name] for name in row if name != "journal"}) if row else None


def _received_ms(connection: Connection, journal: str, seq: int) -> int | None:
    entry = schema.entry
    query = select(entry.c.received_ms).where(entry.c.journal == journal, entry.c.seq == seq)
    return connection.execute(query).scalar_one_or_none()


def _cosigners(note: str) -> tuple[CosignerView, ...]:
    return tuple(
        CosignerView(name=each.name, time_ms=int.from_bytes(each.payload[:8], "big") * 1000)
        for each in Note.parse(note).signatures
        if len(each.payload) == _COSIGNATURE_BYTES
    )
