"""PostgreSQL keeps entries and bodies by month; months are made ahead, and what the net caught goes where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from central.store.engines import Database

TABLES = ("entry", "body")
BEHIND, AHEAD = 14, 3  # months: an entry may be 400 days old when it comes
FARTHEST = 240  # months from now; beyond, the centre's own clock was wrong and the net may hold it


def make_ahead(database: Database, *, now_ms: int) -> tuple[str, ...]:
    """Every month that entries may fall into now; the names of those that are new.  Blocking; SQLite has none."""
    if database.writer.dialect.name != "postgresql":
        return ()
    with database.writer.connect() as connection:
        there = set(connection.execute(text(_PARTITIONS), {"tables": list(TABLES)}).scalars())
        caught = list(connection.execute(text(_CAUGHT)).scalars())
    missing = [
        (table, month)
        for month in months(now_ms, caught)
        for table in TABLES
        if _name(table, month) not in there
    ]
    for table, month in missing:
        with database.writer.begin() as connection:
            _make(connection, table, month)
    return tuple(_name(table, month) for table, month in missing)


def months(now_ms: int, caught_ms: Sequence[int] = ()) -> list[datetime]:
    """From the oldest to the newest that may be needed, and those of what the net has caught, as after a restore."""
    now = _number(now_ms)
    caught = {_number(at_ms) for at_ms in caught_ms}
    numbers = {*range(now - BEHIND, now + AHEAD + 1), *(n for n in caught if abs(n - now) <= FARTHEST)}
    return [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in sorted(numbers)]


def _number(at_ms: int) -> int:
    month = datetime.fromtimestamp(at_ms / 1000, UTC)
    return month.year * 12 + month.month - 1


_PARTITIONS = """
SELECT child.relname FROM pg_inherits
JOIN pg_class child ON child.oid = pg_inherits.inhrelid
JOIN pg_class parent ON parent.oid = pg_inherits.inhparent
WHERE parent.relname = ANY(:tables)
"""
# One time of each month that is in the net.
_CAUGHT = """
SELECT min(part_at) FROM entry_default
GROUP BY date_trunc('month', to_timestamp(part_at / 1000.0) AT TIME ZONE 'UTC')
"""


def _name(table: str, month: datetime) -> str:
    return f"{table}_{month:%Y_%m}"


def _make(connection: Connection, table: str, month: datetime) -> None:
    """Filled from the net before it is attached: PostgreSQL refuses a month that the net holds rows of."""
    name, start, end = _name(table, month), _ms(month), _ms(_next(month))
    within = f"part_at >= {start} AND part_at < {end}"
    for statement in (
        "SELECT pg_advisory_xact_lock(hashtext('weighpost partitions'))",
        f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE",
        f"WITH moved AS (DELETE FROM {table}_default WHERE {within} RETURNING *)"  # noqa: S608 - our own names
        f" INSERT INTO {name} SELECT * FROM moved",
    ):
        connection.execute(text(statement))
    if not connection.execute(text(_ATTACHED), {"name": name}).scalar_one():
        connection.execute(
            text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})")
        )


_ATTACHED = "SELECT relispartition FROM pg_class WHERE relname = :name"


def _next(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _ms(month: datetime) -> int:
    return int(month.timestamp()) * 1000
