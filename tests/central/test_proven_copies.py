"""A copy of the database is a backup only where every header and every body in it is what was hashed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, update

from central.backups import dumping
from central.store import schema
from central.store.engines import Database
from central.store.receiving import CentreStore
from kernel.errors import RefusedError
from tests.central.made import REGISTER, Made, pictured, weighed

LAST = 6


@pytest.fixture
def made(database: Database) -> Made:
    """Seven entries of one journal in the centre, a body of them never sent."""
    made = Made()
    entries = [made.add(weighed(f"p{number}")) for number in range(LAST - 1)]
    entries += [made.add(pictured("p1")), made.add(weighed("p9"), absent="erased")]
    with CentreStore(database, store_id="centre-1", register=REGISTER).begin() as transaction:
        transaction.insert(made.journal, entries)
        transaction.save_head(made.head())
    return made


def damage(database: Database, table: Table, at: int, **values: Any) -> None:
    with database.writer.begin() as connection:
        connection.execute(update(table).where(table.c.seq == at).values(**values))


def flipped(data: bytes) -> bytes:
    return data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]


def test_a_whole_copy_is_proven_where_bodies_were_erased_too(
    database: Database, made: Made, tmp_path: Path
) -> None:
    with database.writer.begin() as connection:
        connection.execute(delete(schema.body).where(schema.body.c.seq == 5))
    [held] = dumping.dump(database, tmp_path).journals
    assert (held.journal, held.size) == (made.journal, LAST + 1)


@pytest.mark.parametrize("seq", [0, 3, 5])
@pytest.mark.parametrize("what", ["leaf", "header", "salt", "body"])
def test_i7_a_flipped_bit_at_the_centre_is_no_backup_and_its_place_is_named(
    database: Database, made: Made, tmp_path: Path, seq: int, what: str
) -> None:
    """What is in a finished backup is kept: the box may remove the only good copy."""
    table = schema.body if what in ("salt", "body") else schema.entry
    with database.reader.connect() as connection:
        good = connection.execute(table.select().where(table.c.seq == seq)).mappings().one()[what]
    damage(database, table, seq, **{what: flipped(bytes(good))})
    with pytest.raises(RefusedError, match=f"journal {made.journal}, entry {seq}: "):
        dumping.dump(database, tmp_path)


def test_an_entry_that_is_missing_at_the_end_or_moved_is_no_backup(
    database: Database, made: Made, tmp_path: Path
) -> None:
    damage(database, schema.entry, LAST, seq=LAST + 1)
    with pytest.raises(RefusedError, match=f"entry {LAST + 1}: header {LAST + 1} says {LAST}"):
        dumping.dump(database, tmp_path)
    with database.writer.begin() as connection:
        connection.execute(delete(schema.entry).where(schema.entry.c.seq == LAST + 1))
    (tmp_path / "again").mkdir()
    with pytest.raises(RefusedError, match="is not whole in the copy"):
        dumping.dump(database, tmp_path / "again")
