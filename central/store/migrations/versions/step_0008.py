"""What people say of plates stands beside the readings, and finds its crossing."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("passage", Column("corrected", Text))
    op.add_column("passage", Column("tractor_hash", String(64)))
    op.add_column("passage", Column("trailer_hash", String(64)))
    op.create_index("passage_tractor_hash", "passage", ["tractor_hash"])
    op.create_index("passage_trailer_hash", "passage", ["trailer_hash"])
    op.create_table(
        "correction",
        Column("journal", String(32), primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("at_ms", BigInteger, nullable=False),
        Column("box", Text, nullable=False),
        Column("passage", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("text", Text),
    )
    op.create_index("correction_of", "correction", ["box", "passage"])
    op.create_index("correction_text", "correction", ["text"])
