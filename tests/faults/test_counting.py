"""The counts of the light cases see what they are there to see: whatever is missing, twice, altered or given up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from central.store.receiving import CentreStore
from journal.store import Accepted as Entry
from kernel.events import EntryRef, JournalDoubted, JournalRecovered, Predecessor
from kernel.evidence import header
from tests.central.made import REGISTER, Made, open_database, weighed
from tests.faults import counting
from tests.faults.counting import Accepted
from tests.faults.rows import Counts, Found, Row, lines, row_of
from tests.support.pictures import picture

pytestmark = pytest.mark.broad

SIZES = (900, 1_200)


class Centre:
    """A centre's store in a folder, filled by hand."""

    def __init__(self, folder: Path) -> None:
        self._database = open_database(folder)
        self._store = CentreStore(self._database, store_id="centre-1", register=REGISTER)
        self.path = folder / "centre.db"
        self.blobs = folder / "files"

    def take(self, *entries: Entry) -> None:
        with self._store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)

    def upload(self, passage: str, number: int, *, data: bytes | None = None) -> None:
        whole = picture(passage, number, SIZES[number])
        [ref] = header.file_refs([("x.jpg", whole)])
        place = self.blobs / "sha256" / ref.sha256[:2] / ref.sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(whole if data is None else data)

    def count(self, *accepted: Accepted) -> Counts:
        found = counting.held(self.path)
        wrong = counting.miscounted(self.path, REGISTER)
        return counting.count(accepted, found, blobs=self.blobs, miscounted=wrong)

    def is_settled(self, *accepted: Accepted) -> bool:
        return counting.is_settled(accepted, counting.held(self.path), blobs=self.blobs)


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


def accepted(entry: Entry, passage: str, *, files: tuple[int, ...] = ()) -> Accepted:
    return Accepted(
        passage=passage, journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex(), files=files
    )


def test_what_is_there_once_is_well(centre: Centre) -> None:
    made = Made()
    entry = made.add(weighed("p1"))
    centre.take(entry)
    assert centre.count(accepted(entry, "p1")) == Counts(accepted=1)
    assert centre.is_settled(accepted(entry, "p1"))


def test_what_is_not_there_is_lost_and_so_is_what_is_another(centre: Centre) -> None:
    made = Made()
    first, second = made.add(weighed("p1")), made.add(weighed("p2"))
    centre.take(first)
    wanted = [accepted(second, "p2"), replace(accepted(first, "p1"), leaf="0" * 64)]
    assert centre.count(*wanted).lost == 2
    assert not centre.is_settled(*wanted)


def test_a_crossing_that_two_entries_tell_is_doubled(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(weighed("p1")), made.add(weighed("p1")))
    assert centre.count().doubled


def test_a_file_that_is_missing_or_changed_at_the_centre_is_torn(centre: Centre) -> None:
    made = Made()
    entry = made.add(weighed("p1"))
    centre.take(entry)
    centre.upload("p1", 0)
    assert centre.count(accepted(entry, "p1", files=SIZES)).torn == 1
    centre.upload("p1", 1, data=b"something else")
    assert centre.count(accepted(entry, "p1", files=SIZES)).torn == 1
    centre.upload("p1", 1)
    assert centre.count(accepted(entry, "p1", files=SIZES)).torn == 0


def test_a_header_or_body_that_was_altered_in_the_store_is_torn(centre: Centre) -> None:
    made = Made()
    centre.take(
        replace(made.add(weighed("p1")), body=b"{}"), replace(made.add(weighed("p2")), leaf=bytes(32))
    )
    assert centre.count().torn == 2


def test_what_a_successor_says_again_counts_as_what_it_first_was(centre: Centre) -> None:
    old, new = Made(), Made(journal="b" * 32)
    saved, gone = old.add(weighed("p1")), old.add(weighed("p2"))
    assert saved.body is not None
    assert saved.salt is not None
    again = JournalRecovered(
        old=EntryRef(journal=old.journal, seq=saved.seq, leaf=saved.leaf.hex()),
        header=saved.header_bytes.decode(),
        salt=saved.salt.hex(),
        body=saved.body.decode(),
    )
    doubted = JournalDoubted(
        predecessor=Predecessor(id=old.journal, size=2, root="0" * 64),
        reason="flipped",
        first=1,
        recovered=1,
        lost=(gone.seq,),
        lost_count=1,
    )
    centre.take(new.add(again), new.add(doubted, source="lane1-box"))
    found = centre.count(accepted(saved, "p1"), accepted(gone, "p2"))
    assert found == Counts(accepted=2, declared=1)


def test_only_whole_lines_were_written_down(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    whole = '{"passage": "p1", "journal": "j", "seq": 1, "leaf": "ab", "files": [3]}\n'
    path.write_text(whole + whole[:20])
    assert [one.files for one in counting.read_accepted(path)] == [(3,)]


def test_a_row_is_bad_for_its_counts_and_for_what_it_did_not_see() -> None:
    good = row_of(
        "x", Found(rounds=1, counts=Counts(accepted=1), recover_s=(1.0, 2.0)), baseline=False, took_s=3
    )
    assert good.good
    assert good.recover_s == 2.0
    assert not replace(good, counts=Counts(torn=1)).good
    assert not replace(good, problem="no receipt").good


def test_the_table_has_a_line_a_row_and_names_the_problem() -> None:
    shown = lines([Row(name="a", baseline=True), Row(name="b", problem="not seen")])
    assert [line.split()[0] for line in shown] == ["case", "a", "b", "!!"]
    assert "naive" in shown[1]
