"""Every limit that fits a crossing, and which entry counts of what successors of doubted journals say again."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("passage", Column("limits_kg", Text, nullable=False, server_default="[]"))
    op.create_table(
        "retold",
        Column("box", Text, nullable=False),
        Column("journal", String(32), nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("by_journal", String(32), nullable=False),
        Column("by_seq", BigInteger, nullable=False),
        PrimaryKeyConstraint("box", "journal", "seq"),
    )
