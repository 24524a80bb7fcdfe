"""Where closed journals end, what backups hold, when undated passages happened; PostgreSQL keeps entries by month."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Connection, PrimaryKeyConstraint, String, Text, text

revision = "0003"
down_revision = "0002"

_ENTRY = "journal, seq, leaf, header, box, stream, source, at_ms, received_ms, absent"
_DAY_MS = 86_400_000
# at, where it is credible beside the time of receipt; else the time of receipt.
_PART_AT = (
    f"CASE WHEN at_ms BETWEEN received_ms - {400 * _DAY_MS} AND received_ms + {_DAY_MS}"
    " THEN at_ms ELSE received_ms END"
)
# Only our own words are put together here.
_BOUNDS = f"SELECT min({_PART_AT}), max({_PART_AT}) FROM entry_whole"  # noqa: S608
_FILL_ENTRY = f"INSERT INTO entry ({_ENTRY}, part_at) SELECT {_ENTRY}, {_PART_AT} FROM entry_whole"  # noqa: S608
_FILL_BODY = (
    "INSERT INTO body (journal, seq, salt, body, part_at)"  # noqa: S608
    f" SELECT b.journal, b.seq, b.salt, b.body, {_PART_AT} FROM body_whole b"
    " JOIN entry_whole e ON e.journal = b.journal AND e.seq = b.seq"
)
_BEHIND_MS = 5 * 366 * _DAY_MS  # what is older goes into the net: then the centre's own clock was wrong once


def upgrade() -> None:
    op.add_column("head", Column("bound", BigInteger))
    op.add_column("stored_file", Column("kept", Boolean, nullable=False, server_default=text("false")))
    for column in (
        Column("boot", String(16)),
        Column("mono_ms", BigInteger),
        Column("dated_mono_ms", BigInteger),
    ):
        op.add_column("passage", column)
    op.create_index("passage_undated", "passage", ["box", "boot"])
    op.create_table(
        "clock_check",
        Column("box", Text, nullable=False),
        Column("boot", String(16), nullable=False),
        Column("mono_ms", BigInteger, nullable=False),
        Column("true_ms", BigInteger, nullable=False),
        PrimaryKeyConstraint("box", "boot", "mono_ms"),
    )
    op.create_table(
        "backup",
        Column("sha256", String(64), primary_key=True),
        Column("store", Text, nullable=False),
        Column("made_ms", BigInteger, nullable=False),
        *(Column(name, BigInteger, nullable=False) for name in ("journals", "entries", "files", "bytes")),
    )
    connection = op.get_bind()
    _fill_boots(connection)
    if connection.dialect.name == "postgresql":
        _part(connection)


def _fill_boots(connection: Connection) -> None:
    """Of weighings whose clock nobody had set; the others need no dating."""
    rows = connection.execute(
        text(
            "SELECT passage.box, passage.passage, entry.header FROM passage"
            " JOIN entry ON entry.journal = passage.journal AND entry.seq = passage.seq"
        )
    )
    found: list[dict[str, Any]] = []
    for box, passage, header in rows:
        said = json.loads(header)
        if said["clock"]["state"] == "unset":
            found.append({"box": box, "passage": passage, "boot": said["boot"], "mono_ms": said["mono_ms"]})
    if found:
        connection.execute(
            text(
                "UPDATE passage SET boot = :boot, mono_ms = :mono_ms WHERE box = :box AND passage = :passage"
            ),
            found,
        )
        _fill_checks(connection)


def _fill_checks(connection: Connection) -> None:
    """What dates them; the centre does it when it starts."""
    rows = connection.execute(
        text(
            "SELECT entry.box, entry.header, body.body FROM entry"
            " JOIN body ON body.journal = entry.journal AND body.seq = entry.seq"
            " LEFT JOIN quarantine ON quarantine.journal = entry.journal AND quarantine.seq = entry.seq"
            " WHERE entry.stream = 'clock.checked' AND quarantine.reason IS NULL"
        )
    )
    checks: dict[tuple[str, str, int], int] = {}
    for box, header, body in rows:
        said, found = json.loads(header), json.loads(body)
        if found["state"] == "ok" and found["offset_ms"] is not None:
            checks.setdefault((box, said["boot"], said["mono_ms"]), said["at"] - found["offset_ms"])
    if checks:
        connection.execute(
            text(
                "INSERT INTO clock_check (box, boot, mono_ms, true_ms) VALUES (:box, :boot, :mono_ms, :true_ms)"
            ),
            [
                {"box": b, "boot": o, "mono_ms": m, "true_ms": true_ms}
                for (b, o, m), true_ms in checks.items()
            ],
        )


def _part(connection: Connection) -> None:
    """Entries and bodies by the month of part_at, with a default partition as net; the head row keeps them unique."""
    for table in ("entry", "body"):
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
        op.execute(f"ALTER INDEX {table}_pkey RENAME TO {table}_whole_pkey")
    op.execute("DROP INDEX entry_received")
    op.execute(
        "CREATE TABLE entry (journal varchar(32) NOT NULL, seq bigint NOT NULL, leaf bytea NOT NULL,"
        " header bytea NOT NULL, box text NOT NULL, stream text NOT NULL, source text NOT NULL,"
        " at_ms bigint NOT NULL, received_ms bigint NOT NULL, absent text, part_at bigint NOT NULL,"
        " PRIMARY KEY (journal, seq, part_at)) PARTITION BY RANGE (part_at)"
    )
    op.execute(
        "CREATE TABLE body (journal varchar(32) NOT NULL, seq bigint NOT NULL, salt bytea NOT NULL,"
        " body bytea NOT NULL, part_at bigint NOT NULL, PRIMARY KEY (journal, seq, part_at))"
        " PARTITION BY RANGE (part_at)"
    )
    op.execute("CREATE INDEX entry_received ON entry (journal, received_ms, seq)")
    for table in ("entry", "body"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    first, last = connection.execute(text(_BOUNDS)).one()
    if first is not None:
        _months(max(first, last - _BEHIND_MS), last)
    op.execute(_FILL_ENTRY)
    op.execute(_FILL_BODY)
    op.execute("DROP TABLE body_whole")
    op.execute("DROP TABLE entry_whole")


def _months(first_ms: int, last_ms: int) -> None:
    """One partition for each month of what is here; later ones are made ahead by the centre itself."""
    month, end = _month(first_ms), _month(last_ms)
    while month <= end:
        until = _after(month)
        for table in ("entry", "body"):
            op.execute(
                f"CREATE TABLE {table}_{month:%Y_%m} PARTITION OF {table}"
                f" FOR VALUES FROM ({_ms(month)}) TO ({_ms(until)})"
            )
        month = until


def _month(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _ms(month: datetime) -> int:
    return int(month.timestamp()) * 1000
