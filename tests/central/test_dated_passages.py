"""Clocks that nobody had set: accepted in order, shown at their receipt, and dated once a check of the clock says when."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from central.recounting import Recounting
from central.store import schema
from central.store.dating import settle
from central.store.engines import Database, connect
from central.store.partitions import make_ahead, months
from central.store.projecting import reread
from central.store.queries import Filter, Queries
from central.store.receiving import CentreStore
from central.store.rollups import recount
from journal.store import Accepted
from kernel.events import (
    ClockChecked,
    EntryRef,
    JournalRecovered,
    PassageCancelled,
    RecordErased,
    VehicleWeighed,
)
from tests.central.made import NOON_MS, REGISTER, Made, open_database, weighed

pytestmark = pytest.mark.broad

HOUR, DAY = 3_600_000, 86_400_000
YEAR_2099 = 4_070_908_800_000
LATER = "2" * 16
GOOD = ClockChecked(reference="ntp", offset_ms=0, err_ms=5, state="ok")


class Centre:
    """The store, and what it counts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = CentreStore(database, store_id="centre-1", register=REGISTER)
        self.queries = Queries(database, register=REGISTER)

    def take(self, *entries: Accepted) -> None:
        with self.store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)

    def shown(self) -> dict[str, int]:
        return {row.passage: row.shown_ms for row in self.queries.passages(Filter(), limit=500).rows}

    def hours(self) -> dict[int, int]:
        counted = self.queries.hours(0, 3 * NOON_MS)
        return {row.hour_ms: row.passages for row in counted if row.passages}

    def taken_back(self) -> set[str | None]:
        rows = self.queries.passages(Filter(), limit=500).rows
        return {row.passage for row in rows if row.taken_back}

    def agrees(self) -> bool:
        """I8: what is counted is what a fold over the entries gives, and every crossing that stands counts once."""
        passage, rollup = schema.passage.c, schema.rollup_hour.c
        with self.database.reader.connect() as connection:
            differences = recount(connection, register=REGISTER).differences
            shown = connection.execute(
                select(func.count()).where(passage.seq.is_not(None), ~passage.taken_back)
            ).scalar_one()
            counted = connection.execute(select(func.coalesce(func.sum(rollup.passages), 0))).scalar_one()
        return not differences and shown == counted


@pytest.fixture
def centre(database: Database) -> Centre:
    return Centre(database)


@pytest.mark.parametrize("at_ms", [0, YEAR_2099, NOON_MS - DAY])
def test_i15_a_check_of_the_clock_dates_what_its_boot_said_before(centre: Centre, at_ms: int) -> None:
    """Attack 14: 1970, 2099 and a day back, in mid-run."""
    made = Made()
    centre.take(made.add(weighed("p0"), at_ms=NOON_MS))
    centre.take(made.add(weighed("p1"), at_ms=at_ms, clock="unset", boot=LATER, mono_ms=1_000))
    assert centre.agrees()
    check = made.add(
        GOOD, at_ms=NOON_MS + 3 * HOUR, boot=LATER, mono_ms=2 * HOUR, received_ms=NOON_MS + 3 * HOUR
    )
    centre.take(check)
    assert centre.shown() == {"p0": NOON_MS, "p1": NOON_MS + HOUR + 1_000}
    assert centre.hours() == {NOON_MS: 1, NOON_MS + HOUR: 1}
    assert centre.agrees()


def test_an_offset_that_was_measured_is_taken_off(centre: Centre) -> None:
    made = Made()
    centre.take(
        made.add(weighed(), at_ms=0, clock="unset", mono_ms=1_000),
        made.add(
            ClockChecked(reference="ntp", offset_ms=500, err_ms=5, state="ok"), at_ms=NOON_MS, mono_ms=2_000
        ),
    )
    assert centre.shown() == {"p1": NOON_MS - 1_500}


@pytest.mark.parametrize(
    "check",
    [
        ClockChecked(reference="none", offset_ms=None, err_ms=5, state="unset"),
        ClockChecked(reference="none", offset_ms=None, err_ms=5, state="holdover"),
        ClockChecked(reference="ntp", offset_ms=None, err_ms=5, state="ok"),
    ],
)
def test_a_check_that_found_nothing_dates_nothing(centre: Centre, check: ClockChecked) -> None:
    made = Made()
    weighing = made.add(weighed(), at_ms=0, clock="unset", mono_ms=1_000)
    centre.take(weighing, made.add(check, at_ms=NOON_MS, mono_ms=2_000))
    assert centre.shown() == {"p1": weighing.received_ms}


def test_only_the_same_boot_of_the_same_box_before_the_check_is_dated(centre: Centre) -> None:
    lane, station = Made(), Made(journal="c" * 32, box="s01-box", source="yiyuan/s01")
    entries = [
        lane.add(weighed("before"), at_ms=0, clock="unset", mono_ms=1_000),
        lane.add(weighed("sure"), at_ms=NOON_MS - 1, clock="ok", mono_ms=1_500),
        lane.add(weighed("other boot"[:5]), at_ms=0, clock="unset", boot=LATER, mono_ms=1_000),
        lane.add(GOOD, at_ms=NOON_MS, mono_ms=2_000),
        lane.add(weighed("after"), at_ms=0, clock="unset", mono_ms=3_000),
    ]
    centre.take(*entries)
    centre.take(station.add(GOOD, at_ms=NOON_MS + HOUR, mono_ms=9_000))
    received = entries[0].received_ms
    assert centre.shown() == {
        "before": NOON_MS - 1_000,
        "sure": NOON_MS - 1,
        "other": received,
        "after": received,
    }
    assert centre.agrees()


def test_the_first_check_after_it_dates_an_entry_in_whatever_order_they_come(centre: Centre) -> None:
    """A closed journal may still have something to say when its successor's checks are here."""
    old, new = Made(), Made(journal="c" * 32)
    centre.take(new.add(GOOD, at_ms=NOON_MS + HOUR, mono_ms=10_000))
    centre.take(old.add(weighed(), at_ms=0, clock="unset", mono_ms=1_000))
    assert centre.shown() == {"p1": NOON_MS + HOUR - 9_000}
    assert centre.agrees()
    centre.take(old.add(GOOD, at_ms=NOON_MS - HOUR, mono_ms=2_000))
    assert centre.shown() == {"p1": NOON_MS - HOUR - 1_000}
    assert centre.hours() == {NOON_MS - 2 * HOUR: 1}
    assert centre.agrees()


def test_what_leaves_quarantine_is_dated_too(centre: Centre) -> None:
    made = Made(source="yiyuan/s01/lane1")
    odd = made.add(b'{"no":"weighing"}', clock="unset")
    centre.take(odd, made.add(GOOD, at_ms=NOON_MS, mono_ms=2_000))
    assert reread(centre.database, register=REGISTER) == 0
    with centre.database.writer.begin() as connection:
        connection.execute(text("DELETE FROM clock_check"))
    centre.take(made.add(weighed(), at_ms=0, clock="unset", mono_ms=1_000))
    with centre.database.writer.begin() as connection:
        row = {"box": "lane1-box", "boot": "b" * 16, "mono_ms": 2_000, "true_ms": NOON_MS}
        connection.execute(schema.clock_check.insert(), [row])
    assert settle(centre.database) == 1
    assert settle(centre.database) == 0
    assert centre.shown() == {"p1": NOON_MS - 1_000}
    assert centre.agrees()


# --- months ----------------------------------------------------------------------------------------------------


def test_no_clock_is_without_a_month(centre: Centre) -> None:
    """Attack 14 on the partitions of PostgreSQL: what is not credible lies at its receipt; order and custody hold."""
    make_ahead(centre.database, now_ms=NOON_MS)
    made = Made()
    times = [0, YEAR_2099, NOON_MS - DAY, NOON_MS - 399 * DAY, -1, NOON_MS + DAY // 2, 2**53 - 1]
    centre.take(*(made.add(weighed(f"p{n}"), at_ms=at_ms) for n, at_ms in enumerate(times)))
    with centre.database.reader.connect() as connection:
        query = select(schema.entry.c.seq, schema.entry.c.at_ms).order_by(schema.entry.c.seq)
        assert [tuple(row) for row in connection.execute(query)] == list(enumerate(times))
        if connection.dialect.name == "postgresql":
            for table in ("entry", "body"):
                net = connection.execute(text(f"SELECT count(*) FROM {table}_default"))
                assert net.scalar_one() == 0
                kept = connection.execute(text(f"SELECT count(DISTINCT tableoid) FROM {table}"))
                assert kept.scalar_one() == 2
    assert centre.agrees()


def test_what_the_net_has_caught_goes_into_its_month(centre: Centre) -> None:
    made = Made()
    entries = [made.add(weighed(f"p{n}"), at_ms=NOON_MS + n * HOUR) for n in range(5)]
    centre.take(*entries)
    new = make_ahead(centre.database, now_ms=NOON_MS)
    assert make_ahead(centre.database, now_ms=NOON_MS) == ()
    later = make_ahead(centre.database, now_ms=NOON_MS + 31 * DAY)
    with centre.database.reader.connect() as connection:
        count = connection.execute(select(func.count()).select_from(schema.entry)).scalar_one()
        assert count == 5
        if connection.dialect.name == "postgresql":
            assert (len(new), len(later)) == (2 * 18, 2)
            assert connection.execute(text("SELECT count(*) FROM entry_default")).scalar_one() == 0
    centre.take(made.add(weighed("p9"), at_ms=NOON_MS))
    assert centre.agrees()


def test_months_are_whole_and_follow_each_other() -> None:
    found = months(NOON_MS, [NOON_MS - 800 * DAY, 0])
    assert len(found) == 19
    assert all(month.day == 1 and month.hour == 0 for month in found)
    assert found == sorted(set(found))


# --- counts ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        open_database(Path(name)).close()
        yield Path(name)


said = st.tuples(
    st.sampled_from(
        ["weighed", "unset", "check", "again", "second", "odd", "back", "back by entry", "erased"]
    ),
    st.integers(0, 1),  # which journal
    st.integers(0, 6),  # which passage, and when
    st.sampled_from(["within", "over_limit"]),
)


@given(st.lists(st.lists(said, min_size=1, max_size=6), min_size=1, max_size=5))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_i8_counts_are_a_fold_over_the_entries_at_every_commit(
    template: Path, batches: list[list[tuple[str, int, int, str]]]
) -> None:
    shutil.copy(template / "centre.db", template / "run.db")
    for name in ("run.db-wal", "run.db-shm"):
        (template / name).unlink(missing_ok=True)
    database = connect(f"sqlite:///{template / 'run.db'}")
    journals = (Made(), Made(journal="c" * 32))
    told: list[Accepted] = []
    back: set[str | None] = set()
    try:
        centre = Centre(database)
        for batch in batches:
            for which in (0, 1):
                entries = [_say(journals[which], told, *one) for one in batch if one[1] == which]
                first = {_passage(entry): entry for entry in reversed(told) if _is_weighing(entry)}
                weighed_now = set(first)
                back |= {gone for entry in entries if (gone := _taken_back(entry, first)) is not None}
                if entries:
                    centre.take(*entries)
                    assert centre.agrees()
                    assert centre.taken_back() == back & weighed_now
    finally:
        database.close()


def _say(made: Made, told: list[Accepted], what: str, _which: int, number: int, outcome: str) -> Accepted:
    at_ms, mono_ms = NOON_MS + number * HOUR // 3, number * 1_000
    passage = f"{made.journal[0]}{len(told)}"
    if what == "check":
        return made.add(GOOD, at_ms=at_ms, mono_ms=mono_ms, boot=LATER)
    if what == "odd":
        return made.add(b'{"odd":true}')
    if what == "again" and told:
        return made.add(_retold(told[number % len(told)]))
    if what in ("back", "back by entry") and told:
        entry = told[number % len(told)]
        # A passage of that name may come later, or be weighed already.
        named = None if what == "back by entry" else f"{entry.header.journal[0]}{number}"
        told.append(made.add(PassageCancelled(passage=named, weighed=_ref(entry), device="wim")))
        return told[-1]
    cancels = [entry for entry in told if entry.header.stream == PassageCancelled.stream]
    if what == "erased" and cancels:
        gone = _ref(cancels[number % len(cancels)])
        return made.add(RecordErased(rule="test", by="test", entries=(gone,)))
    if what == "second" and told:
        passage = "a0"
    unset = what == "unset"
    entry = made.add(
        weighed(passage, outcome=outcome),
        at_ms=0 if unset else at_ms,
        clock="unset" if unset else "ok",
        boot=LATER,
        mono_ms=mono_ms,
    )
    told.append(entry)
    return entry


def _is_weighing(entry: Accepted) -> bool:
    return entry.header.stream == VehicleWeighed.stream


def _passage(entry: Accepted) -> str | None:
    passage: str | None = msgspec.json.decode(entry.body or b"")["passage"]
    return passage


def _taken_back(entry: Accepted, first: dict[str | None, Accepted]) -> str | None:
    """Which passage this entry takes back: the one it names, or that of whose weighing it names the entry."""
    if entry.header.stream != PassageCancelled.stream:
        return None
    body = msgspec.json.decode(entry.body or b"", type=PassageCancelled)
    by_entry = (name for name, weighing in first.items() if _ref(weighing) == body.weighed)
    return body.passage or next(by_entry, None)


def _ref(entry: Accepted) -> EntryRef:
    return EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())


def _retold(entry: Accepted) -> JournalRecovered:
    assert entry.salt is not None
    assert entry.body is not None
    return JournalRecovered(
        old=_ref(entry),
        header=entry.header_bytes.decode(),
        salt=entry.salt.hex(),
        body=entry.body.decode(),
    )


def test_a_count_that_is_wrong_is_found_in_its_hour_and_gone_when_it_is_right(centre: Centre) -> None:
    made = Made()
    centre.take(*(made.add(weighed(f"p{n}"), at_ms=NOON_MS + n * HOUR) for n in range(4)))
    recounting = Recounting(centre.database, register=REGISTER, choose=lambda hours: hours[1])
    now_ms = NOON_MS + 5 * HOUR
    assert recounting.look(now_ms=now_ms) == 1
    assert recounting.differences == {}
    wrong = text("UPDATE rollup_hour SET passages = passages + :by WHERE hour_ms = :hour")
    with centre.database.writer.begin() as connection:
        connection.execute(wrong, {"by": 2, "hour": NOON_MS + HOUR})
        connection.execute(wrong, {"by": 1, "hour": NOON_MS + 2 * HOUR})
    recounting.look(now_ms=now_ms)
    [[difference]] = recounting.differences.values()
    assert (difference.hour_ms, difference.counted, difference.entries) == (NOON_MS + HOUR, 3, 1)
    with centre.database.writer.begin() as connection:
        connection.execute(wrong, {"by": -2, "hour": NOON_MS + HOUR})
    recounting.look(now_ms=now_ms)
    assert recounting.differences == {}


def test_nothing_is_recounted_before_an_hour_is_over(centre: Centre) -> None:
    recounting = Recounting(centre.database, register=REGISTER)
    assert recounting.look(now_ms=NOON_MS) == 0
    made = Made()
    centre.take(made.add(weighed(), at_ms=NOON_MS))
    assert recounting.look(now_ms=NOON_MS + 1) == 0
