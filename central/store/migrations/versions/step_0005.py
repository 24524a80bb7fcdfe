"""Who may speak: tokens of enrolment, boxes certified over the wire, revocations."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "enrolment_token",
        Column("token_hash", String(64), primary_key=True),
        Column("box", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("hosts", Text, nullable=False),
        Column("made_ms", BigInteger, nullable=False),
        Column("expires_ms", BigInteger, nullable=False),
        Column("by", Text, nullable=False),
        Column("public_key", Text),
    )
    op.create_table(
        "enrolled",
        Column("box", Text, primary_key=True),
        Column("source", Text, nullable=False),
        Column("public_key", Text, nullable=False),
        Column("not_after_ms", BigInteger, nullable=False),
        Column("by", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("renewed", Boolean, nullable=False),
        Column("said", Boolean, nullable=False),
    )
    op.create_table(
        "revocation",
        Column("id", Integer, primary_key=True),
        Column("box", Text, nullable=False),
        Column("journal", String(32)),
        Column("size", BigInteger),
        Column("reason", Text, nullable=False),
        Column("by", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("said", Boolean, nullable=False),
    )
