"""A new database and one of any age end with the tables of today, whoever starts first."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from central.store import schema
from central.store.dating import settle
from central.store.engines import Database, connect
from central.store.footage import project_footage
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from central.store.projections import (
    body_row,
    entry_row,
    passage_entry_row,
    passage_row,
    read,
    rollup_rows,
)
from central.store.rollups import recount
from central.store.schema import metadata
from kernel.errors import ConfigError
from kernel.events import ClockChecked, EntryRef, PassageCancelled
from kernel.footage.bodies import FootageLinked, FootageTagged
from tests.central.made import NOON_MS, REGISTER, Made, weighed
from tests.central.test_receiving_projections import recovered

DAY_MS = 86_400_000
CHECKED = ClockChecked(reference="ntp", offset_ms=0, err_ms=5, state="ok")

MONTH = re.compile(r"(entry|body)_(default|\d{4}_\d{2})")


def differences(database: Database) -> list[Any]:
    """Between the tables that are there and the schema; months and what they go by are PostgreSQL's own."""

    def belongs(thing: Any, name: str | None, _kind: str, _reflected: bool, _other: Any) -> bool:
        return name != "part_at" and not MONTH.fullmatch(name or "") and not MONTH.fullmatch(_table(thing))

    with database.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": belongs})
        found: list[Any] = compare_metadata(context, metadata)
    return found


def _table(thing: Any) -> str:
    return str(getattr(getattr(thing, "table", None), "name", ""))


def test_the_steps_end_at_the_tables_of_the_schema(database: Database) -> None:
    migrate(database)
    assert differences(database) == []


@pytest.mark.broad
def test_starts_at_the_same_moment_make_one_database(empty_url: str) -> None:
    def start(_number: int) -> None:
        database = connect(empty_url)
        migrate(database)
        database.close()

    with ThreadPoolExecutor(3) as starts:
        list(starts.map(start, range(3)))
    database = connect(empty_url)
    assert differences(database) == []
    database.close()


def test_a_database_of_a_newer_program_is_not_touched(database: Database) -> None:
    with database.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer version"):
        migrate(database)


def test_what_was_there_before_months_and_dates_is_there_after(empty_url: str) -> None:
    """An entry of each kind from a database of step 0002: its bytes, its count, and its date by a check of its clock."""
    database = connect(empty_url)
    migrate(database, to="0002")
    made = Made()
    entries = [
        made.add(weighed("p1"), at_ms=0, clock="unset", mono_ms=1_000),
        made.add(weighed("p2"), at_ms=NOON_MS - 40 * DAY_MS, received_ms=NOON_MS - 40 * DAY_MS),
        made.add(CHECKED, at_ms=NOON_MS, mono_ms=2_000),
        made.add(b"no sense", stream="weather.seen"),
    ]
    with database.writer.begin() as connection:
        for entry in entries:
            connection.execute(insert(schema.entry), [entry_row(entry)])
            connection.execute(insert(schema.body), [body_row(entry)])
        for name, entry in (("p1", entries[0]), ("p2", entries[1])):
            row = passage_row(entry, name) | {"journal": made.journal, "seq": entry.seq, "outcome": "within"}
            del row["erased_ms"]  # not there yet
            connection.execute(text(_inserting("passage", [*row, "suspected"])), row | {"suspected": False})
        counts = [r for e in entries[:2] for r in rollup_rows([read(e, register=REGISTER)])]
        connection.execute(insert(schema.rollup_hour), counts)
    migrate(database)
    make_ahead(database, now_ms=NOON_MS)
    settle(database)
    with database.reader.connect() as connection:
        joined = schema.entry.c.seq == schema.body.c.seq
        query = (
            select(schema.entry.c.header, schema.body.c.body)
            .join(schema.body, joined)
            .order_by(schema.entry.c.seq)
        )
        found = [(row.header, row.body) for row in connection.execute(query)]
        shown = dict(connection.execute(select(schema.passage.c.passage, schema.passage.c.shown_ms)).all())
        counted = recount(connection, register=REGISTER)
    assert found == [(entry.header_bytes, entry.body) for entry in entries]
    assert shown == {"p1": NOON_MS - 1_000, "p2": NOON_MS - 40 * DAY_MS}
    assert (counted.entries, counted.differences) == (2, ())
    assert differences(database) == []
    database.close()


def test_what_was_counted_although_it_was_taken_back_is_taken_out(empty_url: str) -> None:
    database = connect(empty_url)
    migrate(database, to="0006")
    made = Made()
    entries = [made.add(weighed(f"p{n}", outcome="over_limit")) for n in range(3)]
    about = EntryRef(journal=made.journal, seq=0, leaf=entries[0].leaf.hex())
    back = made.add(PassageCancelled(passage="p0", weighed=about, device="wim"))
    parted = not empty_url.startswith("sqlite")
    entry_table, body_table = (
        (schema.parted_entry, schema.parted_body) if parted else (schema.entry, schema.body)
    )
    month = {"part_at": NOON_MS} if parted else {}
    with database.writer.begin() as connection:
        for entry in (*entries, back):
            connection.execute(insert(entry_table), [entry_row(entry) | month])
            connection.execute(insert(body_table), [body_row(entry) | month])
            said = read(entry, register=REGISTER).body
            connection.execute(insert(schema.passage_entry), [passage_entry_row(entry, said)])
        for number, entry in enumerate(entries):
            row = passage_row(entry, f"p{number}") | {"journal": made.journal, "seq": entry.seq}
            values = row | {"outcome": "over_limit", "suspected": True}
            connection.execute(text(_inserting("passage", [*values])), values)
        counts = rollup_rows([read(entry, register=REGISTER) for entry in entries])
        connection.execute(insert(schema.rollup_hour), counts)
    migrate(database)
    with database.reader.connect() as connection:
        kept = schema.rollup_hour.c
        assert connection.execute(select(kept.passages, kept.suspected)).all() == [(2, 2)]
        marked = select(schema.passage.c.passage).where(schema.passage.c.taken_back)
        assert connection.execute(marked).scalars().all() == ["p0"]
        assert recount(connection, register=REGISTER).differences == ()
    database.close()


def test_a_case_that_a_mark_has_named_before_cases_were_closed_is_told_when_it_is(empty_url: str) -> None:
    database = connect(empty_url)
    migrate(database, to="0009")
    station = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    mark = FootageTagged(
        tag="t", act="tagged", sha256="e" * 64, from_ms=0, to_ms=1, kind="case", value="2026-12", by="li"
    )
    note = msgspec.structs.replace(mark, tag="u", kind="note")
    link = FootageLinked(
        link="l", act="linked", sha256="e" * 64, from_ms=0, to_ms=1, by="li", reason="", case="2026-13"
    )
    old = Made(journal="a" * 32, box="s01-box", source="yiyuan/s01")
    again = recovered(old.add(msgspec.structs.replace(mark, tag="v", value="2026-14")))
    retold = station.add(again, source="s01-box")
    parted = not empty_url.startswith("sqlite")
    tables = (schema.parted_entry, schema.parted_body) if parted else (schema.entry, schema.body)
    month = {"part_at": NOON_MS} if parted else {}
    with database.writer.begin() as connection:
        for entry in (retold, station.add(mark), station.add(note), station.add(link)):
            connection.execute(insert(tables[0]), [entry_row(entry) | month])
            connection.execute(insert(tables[1]), [body_row(entry) | month])
            project_footage(connection, [read(entry, register=REGISTER)])
    migrate(database)
    with database.reader.connect() as connection:
        named = connection.execute(select(schema.case_named).order_by(schema.case_named.c.case_id)).all()
    assert named == [("s01-box", f"2026-{number}") for number in (12, 13, 14)]
    database.close()


def _inserting(table: str, columns: list[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
