"""Instruments: what boxes say of their scales, and what the centre has said of them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "instrument_fact",
        Column("journal", String(32), primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("box", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("said", Text, nullable=False),
    )
    op.create_index("instrument_fact_of", "instrument_fact", ["box", "stream", "at_ms"])
    op.create_table(
        "instrument_order",
        Column("box", Text, primary_key=True),
        Column("id", Text, primary_key=True),
        Column("args", Text),
        Column("ordered_ms", BigInteger),
        Column("accepted_ms", BigInteger),
    )
