"""cursor.db is a saving, never a duty: losing it or not being able to write it stops nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from journal.cursors import Cursor, Cursors, Upload, kept_everywhere
from journal.logs import is_worth_a_line

JOURNAL = "0f" * 16
BOTH = ("centre", "station")


def _upload(digest: str, *, seq: int = 1, priority: int = 2) -> Upload:
    return Upload(sha256=digest * 32, size=5, journal=JOURNAL, seq=seq, priority=priority)


def test_each_destination_has_its_own_cursor_also_after_a_restart(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        assert cursors.cursor(journal=JOURNAL, destination="centre") == Cursor()
        cursors.save(Cursor(store="a", sent=9, size=8, kept=7), journal=JOURNAL, destination="centre")
        cursors.save(Cursor(store="b", sent=3, size=3, kept=2), journal=JOURNAL, destination="station")
    with closing(Cursors(quick_path)) as cursors:
        assert cursors.cursor(journal=JOURNAL, destination="centre").size == 8
        assert cursors.cursor(journal=JOURNAL, destination="station").size == 3
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=BOTH) == 2
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=["centre"]) == 7
    assert kept_everywhere(quick_path, journal="ff" * 16, destinations=BOTH) == 0


def test_i7_a_destination_that_has_never_answered_keeps_nothing(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        cursors.save(Cursor(store="b", sent=3, size=3, kept=2), journal=JOURNAL, destination="station")
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=["station"]) == 2
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=BOTH) == 0
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=()) == 0


@pytest.mark.parametrize("noise", [b"noise" * 2000, b"", b"SQLite format 3\x00" + bytes(5000)])
def test_unreadable_file_is_begun_anew(quick_path: Path, noise: bytes) -> None:
    (quick_path / "cursor.db").write_bytes(noise)
    with closing(Cursors(quick_path)) as cursors:
        cursors.save(Cursor(store="a", size=8), journal=JOURNAL, destination="centre")
        assert cursors.cursor(journal=JOURNAL, destination="centre").size == 8


def test_no_cursor_file_means_nothing_is_known_to_be_kept(quick_path: Path) -> None:
    assert kept_everywhere(quick_path, journal=JOURNAL, destinations=BOTH) == 0
    assert not (quick_path / "cursor.db").exists()


def test_file_that_cannot_be_written_stops_nothing(
    quick_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        closing(Cursors(quick_path)) as cursors,
        closing(sqlite3.connect(quick_path / "cursor.db", isolation_level=None)) as other,
    ):
        cursors._db.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        for size in range(3):
            cursors.save(Cursor(store="a", size=size), journal=JOURNAL, destination="centre")
        other.execute("ROLLBACK")
        assert [record.message for record in caplog.records] == ["cursor not saved"]
        cursors.save(Cursor(store="a", size=9), journal=JOURNAL, destination="centre")
        assert cursors.cursor(journal=JOURNAL, destination="centre").size == 9


def test_what_finds_no_room_on_the_list_is_looked_at_again(quick_path: Path) -> None:
    many = [(_upload(f"{number:02x}", seq=number), "waiting") for number in range(200)]
    with closing(Cursors(quick_path)) as cursors:
        assert cursors.list_uploads(many[:1], journal=JOURNAL, destination="centre", scanned=1)
        [pages] = cursors._db.execute("PRAGMA page_count").fetchone()
        cursors._db.execute(f"PRAGMA max_page_count = {pages}")
        assert not cursors.list_uploads(many, journal=JOURNAL, destination="centre", scanned=200)
        assert cursors.scanned(journal=JOURNAL, destination="centre") == 1
        assert cursors.waiting(destination="centre") == 1
        cursors._db.execute("PRAGMA max_page_count = 100000")
        assert cursors.list_uploads(many, journal=JOURNAL, destination="centre", scanned=200)
        assert cursors.scanned(journal=JOURNAL, destination="centre") == 200
        assert cursors.waiting(destination="centre") == 200


def test_what_another_store_lacks_waits_again_once_that_can_be_written(quick_path: Path) -> None:
    with (
        closing(Cursors(quick_path)) as cursors,
        closing(sqlite3.connect(quick_path / "cursor.db", isolation_level=None)) as other,
    ):
        _listed(cursors, "aa")
        cursors.uploaded("aa" * 32, destination="centre", kept=False)
        cursors.upload_again(store="centre-1", destination="centre")
        cursors._db.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        assert not cursors.upload_again(store="centre-2", destination="centre")
        other.execute("ROLLBACK")
        assert cursors.upload_again(store="centre-2", destination="centre")
        assert _waiting(cursors) == "aa"


def test_uploads_go_by_priority_and_age_and_on_demand_ones_wait_for_a_demand(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        listed = [
            (_upload("cc", seq=1, priority=2), "waiting"),
            (_upload("aa", seq=3, priority=0), "waiting"),
            (_upload("bb", seq=2, priority=0), "waiting"),
            (_upload("dd", seq=0, priority=0), "on_demand"),
        ]
        cursors.list_uploads(listed, journal=JOURNAL, destination="centre", scanned=4)
        cursors.list_uploads(listed, journal=JOURNAL, destination="centre", scanned=4)
        assert cursors.scanned(journal=JOURNAL, destination="centre") == 4
        assert cursors.waiting(destination="centre") == 3
        order: list[str] = []
        while upload := cursors.next_upload(destination="centre", accepted={JOURNAL: 9}):
            order.append(upload.sha256[:2])
            cursors.uploaded(upload.sha256, destination="centre", kept=False)
        assert order == ["bb", "aa", "cc"]
        assert cursors.upload_state("ee" * 32, destination="centre") is None
        assert cursors.upload_state("dd" * 32, destination="centre") == "on_demand"
        cursors.demand("dd" * 32, destination="centre")
        demanded = cursors.next_upload(destination="centre", accepted={JOURNAL: 9})
        assert demanded is not None
        assert demanded.sha256 == "dd" * 32


def _listed(cursors: Cursors, *digests: str, scanned: int = 9) -> None:
    uploads = [(_upload(digest, seq=seq), "waiting") for seq, digest in enumerate(digests)]
    cursors.list_uploads(uploads, journal=JOURNAL, destination="centre", scanned=scanned)


def _waiting(cursors: Cursors, *, below: int = 9, but: tuple[str, ...] = ()) -> str | None:
    found = cursors.next_upload(destination="centre", accepted={JOURNAL: below}, but=but)
    return found.sha256[:2] if found else None


def test_only_what_accepted_entries_name_is_next(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        _listed(cursors, "aa", "bb", "cc")
        assert [_waiting(cursors, below=size) for size in (0, 1, 3)] == [None, "aa", "aa"]
        assert _waiting(cursors, but=("aa" * 32,)) == "bb"
        assert _waiting(cursors, but=("aa" * 32, "bb" * 32, "cc" * 32)) is None
        # Another journal's entries are all accepted: it is closed, and was sent to its end before this one began.
        found = cursors.next_upload(destination="centre", accepted={"ff" * 16: 0})
        assert found is not None


def test_a_demand_before_the_list_knows_the_file_is_kept(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        cursors.demand("aa" * 32, destination="centre")
    with closing(Cursors(quick_path)) as cursors:
        uploads = [(_upload("aa"), "on_demand"), (_upload("bb"), "on_demand")]
        cursors.list_uploads(uploads, journal=JOURNAL, destination="centre", scanned=1)
        assert _waiting(cursors) == "aa"
        assert cursors.uploaded("aa" * 32, destination="centre", kept=False)
        assert _waiting(cursors) is None


def test_what_a_lost_store_had_not_kept_waits_again(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        assert not cursors.upload_again(store="centre-1", destination="centre")
        _listed(cursors, "aa", "bb", "cc")
        for digest, kept in (("aa", True), ("bb", False)):
            cursors.uploaded(digest * 32, destination="centre", kept=kept)
        assert not cursors.upload_again(store="centre-1", destination="centre")
        assert cursors.upload_again(store="centre-2", destination="centre")
        assert not cursors.upload_again(store="centre-2", destination="centre")
        states = [cursors.upload_state(digest * 32, destination="centre") for digest in ("aa", "bb", "cc")]
        assert states == ["done", "waiting", "waiting"]


def test_what_is_kept_leaves_the_list_of_what_is_not(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        _listed(cursors, "aa", "bb", "cc")
        for digest in ("aa", "bb"):
            cursors.uploaded(digest * 32, destination="centre", kept=False)
        assert cursors.unkept(destination="centre", count=9) == [("aa" * 32, 5), ("bb" * 32, 5)]
        cursors.kept(["aa" * 32, "cc" * 32], destination="centre")
        assert cursors.unkept(destination="centre", count=9) == [("bb" * 32, 5)]
        cursors.uploaded(
            "cc" * 32, destination="centre", kept=False
        )  # it was not there yet: nothing was kept
        assert len(cursors.unkept(destination="centre", count=9)) == 2


def test_counters_of_commands_are_remembered(quick_path: Path) -> None:
    with closing(Cursors(quick_path)) as cursors:
        assert cursors.counter(issuer="centre") == 0
        cursors.count_command(7, issuer="centre")
    with closing(Cursors(quick_path)) as cursors:
        assert (cursors.counter(issuer="centre"), cursors.counter(issuer="other")) == (7, 0)


def test_a_flood_writes_few_lines() -> None:
    assert [count for count in range(1, 100) if is_worth_a_line(count)] == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.broad
def test_closing_under_a_writer_in_another_thread_is_harmless(quick_path: Path) -> None:
    for number in range(20):
        (quick_path / str(number)).mkdir()
        cursors = Cursors(quick_path / str(number))
        started = threading.Event()

        def keep_saving(cursors: Cursors = cursors, started: threading.Event = started) -> None:
            for size in range(200):
                cursors.save(Cursor(store="a", size=size), journal=JOURNAL, destination="centre")
                started.set()

        thread = threading.Thread(target=keep_saving)
        thread.start()
        started.wait(2)
        cursors.close()
        thread.join()
