"""Cases are closed, and stations say which of them they know; the cases that their marks have named so far count."""

from __future__ import annotations

import json
from collections.abc import Iterator

from alembic import op
from sqlalchemy import BigInteger, Column, Connection, String, Text, text

from kernel.events import JournalRecovered
from kernel.evidence.recovery import unwrap

revision = "0010"
down_revision = "0009"

_LONGEST = 100
_SAID = """
SELECT entry.box, entry.stream, body.body FROM footage
JOIN entry ON entry.journal = footage.journal AND entry.seq = footage.seq
JOIN body ON body.journal = footage.journal AND body.seq = footage.seq
"""


def upgrade() -> None:
    op.create_table(
        "case_state",
        Column("case_id", Text, primary_key=True),
        Column("journal", String(32), nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("leaf", String(64), nullable=False),
        Column("closed_ms", BigInteger),
        Column("by", Text, nullable=False),
        Column("reason", Text),
        Column("kept_as", Text, nullable=False),
        Column("note", Text, nullable=False),
    )
    op.create_table(
        "case_noted",
        Column("box", Text, primary_key=True),
        Column("case_id", Text, primary_key=True),
        Column("lane", Text, primary_key=True),
        Column("passage", Text, primary_key=True),
        Column("journal", String(32), nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("closed_ms", BigInteger),
        Column("kept_as", Text, nullable=False),
    )
    op.create_table(
        "case_named",
        Column("box", Text, primary_key=True),
        Column("case_id", Text, primary_key=True),
    )
    bind = op.get_bind()
    for box, case in sorted(set(_named(bind))):
        values = {"box": box, "case_id": case}
        bind.execute(text("INSERT INTO case_named (box, case_id) VALUES (:box, :case_id)"), values)


def _named(bind: Connection) -> Iterator[tuple[str, str]]:
    """What stations have said of footage was read when it came: it is what it should be, or is said again."""
    for box, stream, body in bind.execute(text(_SAID)):
        first = unwrap(bytes(body)).body if stream == JournalRecovered.stream else bytes(body)
        said = json.loads(first or b"{}")
        case = said.get("value") if said.get("kind") == "case" else said.get("case")
        if case and len(case) <= _LONGEST:
            yield box, case
