"""What stations say of footage finds its crossing."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "footage",
        Column("journal", String(32), primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("station", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("box", Text),
        Column("passage", Text),
    )
    op.create_index("footage_of", "footage", ["box", "passage"])
    op.create_index("footage_file", "footage", ["sha256", "stream"])
