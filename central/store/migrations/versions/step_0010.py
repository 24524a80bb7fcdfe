"""Cases are closed, and stations say which of them they know."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0010"
down_revision = "0009"


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
