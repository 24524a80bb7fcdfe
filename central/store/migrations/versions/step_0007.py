"""Weighings that their weigher took back count no more, those that were counted before included."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, String, Text, text

revision = "0007"
down_revision = "0006"

_WHERE = text("stream = 'passage.cancelled'")
_MARK = """
UPDATE passage SET taken_back = true WHERE journal IS NOT NULL AND EXISTS (
  SELECT 1 FROM passage_entry AS said
  WHERE said.box = passage.box AND said.passage = passage.passage AND said.stream = 'passage.cancelled')
"""
_COUNTED = """
SELECT station, lane, shown_ms - shown_ms % 3600000 AS hour_ms, outcome, count(*) AS passages,
  sum(CASE WHEN suspected AND outcome = 'over_limit' THEN 1 ELSE 0 END) AS suspected
FROM passage WHERE taken_back GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_TAKE_OUT = """
UPDATE rollup_hour SET passages = passages - :passages, suspected = suspected - :suspected
WHERE station = :station AND lane = :lane AND hour_ms = :hour_ms AND outcome = :outcome
"""


def upgrade() -> None:
    op.add_column("passage", Column("taken_back", Boolean, nullable=False, server_default=text("false")))
    op.create_index(
        "passage_entry_cancelled",
        "passage_entry",
        ["box", "passage"],
        sqlite_where=_WHERE,
        postgresql_where=_WHERE,
    )
    op.create_table(
        "reversal",
        Column("journal", String(32), primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("box", Text, nullable=False),
        Column("weighed_journal", String(32), nullable=False),
        Column("weighed_seq", BigInteger, nullable=False),
        Column("weighed_leaf", String(64), nullable=False),
    )
    op.create_index("reversal_box", "reversal", ["box"])
    connection = op.get_bind()
    connection.execute(text(_MARK))
    counted = [dict(row) for row in connection.execute(text(_COUNTED)).mappings()]
    for row in counted:
        connection.execute(text(_TAKE_OUT), row)
