"""A journal is closed in order and the next opened: nothing lost, nothing told twice, and in the order of the line."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.cursors import Cursor, Cursors
from journal.keys import Identity
from journal.settings import Succession
from journal.shelf import order_renewal
from journal.writer import Appended, Journal
from kernel.errors import RefusedError
from kernel.evidence import genesis, header
from kernel.evidence.texts import Checkpoint
from tests.journal.making import NOW, YEAR, County, TestClock, said

pytestmark = pytest.mark.broad

COUNTY = County()
IDENTITY = COUNTY.identity()
SOURCE = "yiyuan/s01/lane1"
SMALL = Succession(entries=100, days=365)


class WallClock(TestClock):
    """Only the wall's time is changed."""

    def mono_ms(self) -> int:
        return 1_000


def opened(
    folder: Path,
    *,
    succession: Succession = SMALL,
    clock: TestClock | None = None,
    identity: Identity = IDENTITY,
    box: str | None = None,
    destinations: tuple[str, ...] = (),
) -> Journal:
    return Journal.open(
        folder,
        box=box or identity.box,
        process="edge",
        software="test",
        identity=identity.key,
        clock=clock or TestClock(),
        boot="0123456789abcdef",
        succession=succession,
        destinations=destinations,
    )


async def fill(journal: Journal, count: int, *, at_once: int = 10) -> list[Appended]:
    """Ten at a time, so that a succession is never far behind its limit."""
    appended: list[Appended] = []
    for first in range(0, count, at_once):
        several = range(first, min(first + at_once, count))
        appended += await asyncio.gather(*(journal.append(said(n), source=SOURCE) for n in several))
    return appended


async def continued(journal: Journal, volumes: int) -> None:
    """The next one is opened when nobody waits, so after append() has returned."""
    async with asyncio.timeout(20):
        while len(journal.volumes) < volumes:
            await asyncio.sleep(0)


async def streams(journal: Journal) -> list[list[str]]:
    return [
        [header.decode(entry.header).stream for entry in await volume.read(0, volume.size)]
        for volume in journal.volumes
    ]


async def predecessor(journal: Journal) -> tuple[str, int, str] | None:
    head, salt, body = await journal.current.genesis()
    said = genesis.verify_entry((head, salt, body), box_key=IDENTITY.key.public).predecessor
    return (said.id, said.size, said.root) if said else None


async def test_i2_a_full_journal_is_continued_while_callers_append(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        appended = await fill(journal, 500, at_once=50)
        places = [(one.journal, one.seq) for one in appended]
        await continued(journal, 2)
        ids = [volume.id for volume in journal.volumes]
        # Every journal has its genesis and no hole, and the callers' order is the order of the line.
        assert places == sorted(places, key=lambda place: (ids.index(place[0]), place[1]))
        for volume in journal.volumes:
            assert [seq for one, seq in places if one == volume.id] == list(range(1, volume.size))
            assert volume.closed == (volume is not journal.current)
        told = [stream for one in await streams(journal) for stream in one]
        assert (told.count("clock.checked"), told.count("journal.recovered")) == (500, 0)


async def test_i4_a_successor_has_its_own_key_and_names_size_and_root_of_the_last(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        await fill(journal, 98)
        assert await predecessor(journal) is None
        first = journal.current
        await fill(journal, 1)
        await continued(journal, 2)
        assert journal.id != first.id
        assert journal.public_key != first.key.public
        assert journal.id == header.journal_id(journal.public_key)
        assert await predecessor(journal) == (first.id, first.size, (await first.root(first.size)).hex())


async def test_i3_a_closed_journal_signs_what_it_holds_and_nothing_new(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        await fill(journal, 120)
        await continued(journal, 2)
        old = journal.volumes[0]
        for size in (1, 50, old.size):
            note = await old.checkpoint(size)
            assert Checkpoint.open(note, journal=old.id, public_key=old.key.public).root == await old.root(
                size
            )
        with pytest.raises(RefusedError):
            await old.checkpoint(old.size + 1)
        assert await old.frame(old.size) is None
        note = await old.checkpoint()
    with closing(opened(quick_path)) as journal:
        again = journal.volumes[0]
        assert (again.id, again.size, again.closed) == (old.id, old.size, True)
        assert await again.checkpoint() == note


async def test_a_year_makes_the_next_journal_and_a_clock_that_jumps_loses_nothing(quick_path: Path) -> None:
    clock = WallClock()
    with closing(opened(quick_path, clock=clock)) as journal:
        await fill(journal, 3)
        clock.ms += YEAR - 1
        await fill(journal, 1)
        assert len(journal.volumes) == 1
        clock.ms += 1
        await fill(journal, 1)
        await continued(journal, 2)
        assert [volume.size for volume in journal.volumes] == [6, 1]
        clock.ms = NOW - 50 * YEAR
        await fill(journal, 2)
        assert [volume.size for volume in journal.volumes] == [6, 3]


async def test_an_operators_order_is_obeyed_by_the_running_process_and_by_the_next_start(
    quick_path: Path,
) -> None:
    with pytest.raises(RefusedError, match="no journal"):
        order_renewal(quick_path)
    with closing(opened(quick_path)) as journal:
        await fill(journal, 3)
        assert "0001" in order_renewal(quick_path)
        await fill(journal, 1)
        await continued(journal, 2)
        assert [volume.size for volume in journal.volumes] == [5, 1]
    order_renewal(quick_path)
    with closing(opened(quick_path)) as journal:
        assert [volume.size for volume in journal.volumes] == [5, 1, 1]
        assert [len(one) for one in await streams(journal)] == [5, 1, 1]


async def test_keys_hold_across_journals(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        first = await journal.append(said(1), source=SOURCE, key="weighed:1")
        await fill(journal, 99)
        await continued(journal, 2)
        again = await journal.append(said(2), source=SOURCE, key="weighed:1")
        assert (again.known, again.ref, again.at) == (True, first.ref, first.at)
    with closing(opened(quick_path)) as journal:
        again = await journal.append(said(3), source=SOURCE, key="weighed:1")
        assert (again.known, again.ref) == (True, first.ref)
        assert journal.size == 1


@pytest.mark.parametrize("what", ["key", "box"])
async def test_another_identity_says_again_what_only_it_can_introduce(quick_path: Path, what: str) -> None:
    with closing(opened(quick_path)) as journal:
        first = await journal.append(said(1), source=SOURCE, key="weighed:1")
        await fill(journal, 149)
        await continued(journal, 2)
        old = [volume.id for volume in journal.volumes]
        sizes = [volume.size for volume in journal.volumes]
    other = COUNTY.identity("s01-lane9" if what == "box" else IDENTITY.box)
    for _ in range(2):  # a second start says nothing again
        with closing(opened(quick_path, identity=other, succession=Succession())) as journal:
            assert len(journal.volumes) == 1
            assert journal.id not in old
            told = (await streams(journal))[0]
            assert told.count("journal.recovered") == sum(sizes) - len(old)
            assert told.count("journal.doubted") == 2
            again = await journal.append(said(9), source=SOURCE, key="weighed:1")
            assert (again.known, again.ref) == (True, first.ref)


@pytest.mark.parametrize(("answered", "said_again"), [(("station",), 9), (("station", "centre"), 6)])
async def test_i7_what_some_destination_never_had_is_said_again(
    quick_path: Path, answered: tuple[str, ...], said_again: int
) -> None:
    with closing(opened(quick_path)) as journal:
        await fill(journal, 9)
        journal.doubt("on trial")
        with closing(Cursors(quick_path)) as cursors:
            for name in answered:
                cursors.save(Cursor(store=name, size=4, kept=4), journal=journal.id, destination=name)
    with closing(opened(quick_path, destinations=("centre", "station"))) as journal:
        assert (await streams(journal))[0].count("journal.recovered") == said_again


def damage(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        assert db.execute(sql).rowcount == 1


async def test_a_closed_journal_found_damaged_is_saved_into_the_current_one_once(quick_path: Path) -> None:
    with closing(opened(quick_path)) as journal:
        first = await journal.append(said(1), source=SOURCE, key="weighed:1")
        for volumes in (2, 3):
            await fill(journal, 105)
            await continued(journal, volumes)
        ids = [volume.id for volume in journal.volumes]
        lost = journal.volumes[1].size - 2
    damage(quick_path / "0002" / "journal.db", f"UPDATE body SET body = X'7b7d' WHERE seq = {lost}")
    for _ in range(2):
        with closing(opened(quick_path, succession=Succession())) as journal:
            assert journal.doubted is None
            assert [volume.id for volume in journal.volumes] == [ids[0], ids[2]]
            told = (await streams(journal))[-1]
            assert (told.count("journal.recovered"), told.count("journal.doubted")) == (lost, 1)
            [declared] = [
                entry.body
                for entry in await journal.read(0, journal.size)
                if header.decode(entry.header).stream == "journal.doubted"
            ]
            assert f'"lost":[{lost}]'.encode() in (declared or b"")
            again = await journal.append(said(9), source=SOURCE, key="weighed:1")
            assert again.ref == first.ref


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 140), min_size=1, max_size=6))
def test_i2_i3_any_rhythm_of_appends_starts_and_successions(
    tmp_path_factory: pytest.TempPathFactory, runs: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("line")
    roots: dict[tuple[str, int], bytes] = {}
    places: list[tuple[str, int]] = []

    async def run(count: int) -> None:
        with closing(opened(folder)) as journal:
            places.extend((one.journal, one.seq) for one in await fill(journal, count))
            for volume in journal.volumes:
                assert [e.seq for e in await volume.read(0, 10_000)] == list(range(volume.size))
                for size in {1, volume.size // 2, volume.size}:
                    assert roots.setdefault((volume.id, size), await volume.root(size)) == await volume.root(
                        size
                    )

    for count in runs:
        asyncio.run(run(count))
    assert len(set(places)) == len(places) == sum(runs)
