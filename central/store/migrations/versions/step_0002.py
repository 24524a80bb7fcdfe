"""Every limit that fits a crossing, and not only the lowest and the highest."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("passage", Column("limits_kg", Text, nullable=False, server_default="[]"))
