"""Reviews, cases, publications, holds and what was erased; a copy of central.store.schema as it was then."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

revision = "0004"
down_revision = "0003"

metadata = MetaData()


def _required(name: str, kind: type[BigInteger] | type[Text] | type[LargeBinary]) -> Column[Any]:
    return Column(name, kind, nullable=False)


review = Table(
    "review",
    metadata,
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    Column("weighed_journal", String(32), nullable=False),
    _required("weighed_seq", BigInteger),
    Column("weighed_leaf", String(64), nullable=False),
    _required("outcome", Text),
    PrimaryKeyConstraint("journal", "seq"),
)
Index("review_about", review.c.weighed_journal, review.c.weighed_seq)

case_entry = Table(
    "case_entry",
    metadata,
    _required("case_id", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    Column("leaf", String(64), nullable=False),
    _required("at_ms", BigInteger),  # of the newest act that names it
    Column("by_journal", String(32), nullable=False),  # the first act that named it
    _required("by_seq", BigInteger),
    PrimaryKeyConstraint("case_id", "journal", "seq"),
)
Index("case_entry_of", case_entry.c.journal, case_entry.c.seq)

publication = Table(  # the newest act of each case
    "publication",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("act", Text),
    _required("about", Text),  # JSON list of references
    _required("fields", Text),  # JSON list of names
    Column("until_ms", BigInteger),
)
Index("publication_time", publication.c.at_ms, publication.c.case_id)

hold = Table(  # `thing` is passage:ID, entry:JOURNAL/SEQ or file:SHA256; `box` whose, * for any box's
    "hold",
    metadata,
    _required("thing", Text),
    _required("box", Text),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("by", Text),
    _required("reason", Text),
    Column("until_ms", BigInteger),
    PrimaryKeyConstraint("thing", "box"),
)

marked = Table(  # a rule says that it is to go, and it goes after some days
    "marked",
    metadata,
    _required("box", Text),
    _required("passage", Text),
    _required("rule", Text),
    _required("marked_ms", BigInteger),
    _required("seen_ms", BigInteger),  # when the rule last wanted it
    PrimaryKeyConstraint("box", "passage", "rule"),
)

erasure = (
    Table(  # every entry whose body is to go; `done_ms` once it has, `cleaned` once no byte of it is left
        "erasure",
        metadata,
        Column("journal", String(32), nullable=False),
        _required("seq", BigInteger),
        Column("leaf", String(64), nullable=False),
        _required("box", Text),  # who asks; * is the centre
        Column("by_journal", String(32), nullable=False),  # the record.erased
        _required("by_seq", BigInteger),
        _required("at_ms", BigInteger),
        _required("rule", Text),
        Column("done_ms", BigInteger),
        Column("cleaned", Boolean, nullable=False, server_default=text("false")),
        PrimaryKeyConstraint("journal", "seq"),
    )
)
Index("erasure_time", erasure.c.at_ms)

erased_file = Table(  # the same for files; `box` whose file it is, * for any box's
    "erased_file",
    metadata,
    Column("sha256", String(64), nullable=False),
    _required("box", Text),
    Column("by_journal", String(32), nullable=False),
    _required("by_seq", BigInteger),
    _required("at_ms", BigInteger),
    _required("rule", Text),
    Column("done_ms", BigInteger),
    Column("cleaned", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("sha256", "box"),
)
Index("erased_file_time", erased_file.c.at_ms)

copied = Table(  # journal.recovered entries: whose body lies in them a second time
    "copied",
    metadata,
    Column("by_journal", String(32), nullable=False),
    _required("by_seq", BigInteger),
    Column("journal", String(32), nullable=False),
    _required("seq", BigInteger),
    PrimaryKeyConstraint("by_journal", "by_seq"),
)
Index("copied_of", copied.c.journal, copied.c.seq)


def upgrade() -> None:
    op.add_column("passage", Column("reviewed", Text))
    op.add_column("passage", Column("erased_ms", BigInteger))
    unerased = text("erased_ms IS NULL")
    op.create_index(
        "passage_keeping", "passage", ["received_ms"], sqlite_where=unerased, postgresql_where=unerased
    )
    op.add_column("access", Column("wanted", Text, nullable=False, server_default=""))
    op.create_index("access_person", "access", ["by", "at_ms"])
    op.create_index("access_passage", "access", ["passage", "at_ms"])
    metadata.create_all(op.get_bind())
