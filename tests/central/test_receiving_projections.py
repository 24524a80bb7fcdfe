"""What the centre makes of entries: rows, counts, quarantine, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from central.live import Change
from central.store import schema
from central.store.custody import CustodyStore
from central.store.engines import Database
from central.store.projecting import reread
from central.store.projections import Register
from central.store.queries import Filter, Queries
from central.store.receiving import CentreStore
from central.store.rollups import recount
from journal.store import Accepted
from kernel.errors import ConfigError
from kernel.events import EntryRef, FileRequested, JournalRecovered, PassageCancelled, RecordErased
from kernel.evidence import header, tree
from tests.central.made import (
    NOON_MS,
    REGISTER,
    Made,
    clip,
    clip_file,
    decided,
    health,
    picture_file,
    pictured,
    weighed,
)


@dataclass
class Centre:
    """The store, what is asked of it, and what it told."""

    database: Database
    told: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = CentreStore(self.database, store_id="centre-1", register=REGISTER, told=self.told.extend)
        self.queries = Queries(self.database, register=REGISTER)

    def take(self, *entries: Accepted, made: Made | None = None) -> None:
        with self.store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)
            if made is not None:
                transaction.save_head(made.head())

    def recounted(self) -> bool:
        with self.database.reader.connect() as connection:
            return not recount(connection, register=REGISTER).differences

    def counts(self) -> dict[str, int]:
        rows = self.queries.hours(0, 2 * NOON_MS)
        return {
            name: sum(getattr(row, name) for row in rows) for name in ("passages", "within", "over_limit")
        }


def ref(entry: Accepted) -> EntryRef:
    return EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())


def taking_back(weighing: Accepted, passage: str | None) -> PassageCancelled:
    return PassageCancelled(passage=passage, weighed=ref(weighing), device="wim")


def retold(entry: Accepted) -> JournalRecovered:
    assert entry.salt is not None
    assert entry.body is not None
    return JournalRecovered(
        old=ref(entry), header=entry.header_bytes.decode(), salt=entry.salt.hex(), body=entry.body.decode()
    )


@pytest.fixture
def centre(database: Database) -> Centre:
    return Centre(database)


def rows(centre: Centre, **wanted: object) -> Sequence[str]:
    return [row.passage for row in centre.queries.passages(Filter(**wanted)).rows]  # type: ignore[arg-type]


def test_a_weighing_its_pictures_and_its_clip_become_one_row(centre: Centre) -> None:
    made = Made()
    entries = [
        made.add(weighed(outcome="over_limit", gross_kg=52_000)),
        made.add(pictured(trailer="鲁C1234挂"), files=picture_file()),
        made.add(clip(), files=clip_file()),
    ]
    centre.take(*entries)
    [row] = centre.queries.passages(Filter()).rows
    assert (row.station, row.lane, row.gross_kg, row.over_kg) == ("yiyuan/s01", "lane1", 52_000, 3_000)
    assert (row.tractor, row.tractor_colour, row.trailer) == ("鲁C12345", "yellow", "鲁C1234挂")
    assert (row.files_named, row.files_stored, row.clip, row.picture) == (2, 0, "expected", None)
    centre.store.file_stored("lane1-box", "c" * 64, at_ms=NOON_MS)
    centre.store.file_stored("lane1-box", "d" * 64, at_ms=NOON_MS)
    [row] = centre.queries.passages(Filter()).rows
    assert (row.files_stored, row.clip, row.picture) == (2, "stored", "c" * 64)
    assert centre.counts() == {"passages": 1, "within": 0, "over_limit": 1}
    assert centre.recounted()


def test_pictures_and_files_that_come_first_wait_for_their_weighing(centre: Centre) -> None:
    later, earlier = Made(journal="b" * 32), Made()
    centre.take(
        later.add(pictured(), files=picture_file()), later.add(clip(on_demand=True), files=clip_file())
    )
    [row] = centre.queries.passages(Filter()).rows
    assert (row.journal, row.gross_kg, row.pictured, row.clip) == (None, None, True, "on_box")
    centre.take(earlier.add(weighed()))
    [row] = centre.queries.passages(Filter()).rows
    assert (row.journal, row.gross_kg, row.tractor) == (earlier.journal, 30_000, "鲁C12345")


@pytest.mark.parametrize("weighing_first", [True, False])
def test_a_weighing_that_the_weigher_took_back_says_so_in_either_order(
    centre: Centre, weighing_first: bool
) -> None:
    lane = Made()
    weighing = lane.add(weighed(quality=("stop_and_go",), outcome="over_limit", gross_kg=52_000))
    back = lane.add(taking_back(weighing, "p1"))
    other = lane.add(weighed("p2", outcome="over_limit", gross_kg=52_000))
    for entry in (weighing, back, other) if weighing_first else (back, other, weighing):
        centre.take(entry)
    shown = {row.passage: row.quality for row in centre.queries.passages(Filter()).rows}
    assert shown == {"p1": ("stop_and_go", "taken_back"), "p2": ()}
    detail = centre.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert [entry.stream for entry in detail.entries] == ["vehicle.weighed", "passage.cancelled"]
    assert centre.counts() == {"passages": 1, "within": 0, "over_limit": 1}
    assert sum(hour.suspected for hour in centre.queries.hours(0, 2 * NOON_MS)) == 1
    assert rows(centre) == ["p2", "p1"]
    assert rows(centre, outcome="over_limit") == ["p2"]
    assert (detail.row.taken_back, detail.row.outcome, detail.row.gross_kg) == (True, "over_limit", 52_000)
    assert centre.recounted()


def test_a_weighing_that_is_taken_back_twice_leaves_the_counts_once(centre: Centre) -> None:
    lane, successor = Made(), Made(journal="c" * 32)
    weighing = lane.add(weighed())
    back, once_more = lane.add(taking_back(weighing, "p1")), lane.add(taking_back(weighing, "p1"))
    for entry in (weighing, back, once_more):
        centre.take(entry)
    centre.take(*(successor.add(retold(entry)) for entry in (weighing, back, once_more)))
    centre.take(successor.add(taking_back(weighing, None)))
    assert centre.counts()["passages"] == 0
    assert centre.recounted()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_weighing_that_is_named_by_its_entry_alone_is_found_in_any_order(
    centre: Centre, order: tuple[int, ...]
) -> None:
    """After a restart its lane knows no passage; the weighing may be here by what a successor says again of it."""
    old, new, later = Made(), Made(journal="c" * 32), Made(journal="d" * 32)
    weighing = old.add(weighed(outcome="over_limit"))
    again = new.add(retold(weighing))
    back = later.add(taking_back(weighing, None))
    said = (weighing, again, back)
    for place in order:
        centre.take(said[place])
    [row] = centre.queries.passages(Filter()).rows
    assert (row.taken_back, row.quality) == (True, ("taken_back",))
    assert centre.counts()["passages"] == 0
    assert centre.recounted()
    detail = centre.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert "passage.cancelled" in [entry.stream for entry in detail.entries]


def test_a_weighing_that_only_a_successor_has_told_is_taken_back_by_its_first_identity(
    centre: Centre,
) -> None:
    old, new = Made(), Made(journal="c" * 32)
    first = old.add(weighed())
    centre.take(new.add(retold(first)))
    centre.take(new.add(taking_back(first, None)))
    assert centre.counts()["passages"] == 0
    assert centre.recounted()


@pytest.mark.parametrize("wrong", ["another box", "another leaf"])
def test_nobody_takes_back_what_is_not_the_weighing_of_his_own_lane(centre: Centre, wrong: str) -> None:
    lane, other = Made(), Made(journal="c" * 32, box="s01-box", source="yiyuan/s01")
    weighing = lane.add(weighed())
    centre.take(weighing)
    about = EntryRef(journal=lane.journal, seq=weighing.seq, leaf="0" * 64)
    if wrong == "another box":
        centre.take(other.add(taking_back(weighing, None)))
    else:
        centre.take(lane.add(PassageCancelled(passage=None, weighed=about, device="wim")))
    centre.take(lane.add(weighed("p2")))
    assert centre.counts()["passages"] == 2
    assert not any(row.taken_back for row in centre.queries.passages(Filter()).rows)
    assert centre.recounted()


def test_a_word_of_the_weighing_itself_takes_nothing_back(centre: Centre) -> None:
    centre.take(Made().add(weighed(quality=("taken_back",))))
    assert centre.counts()["passages"] == 1
    assert centre.recounted()


@pytest.mark.parametrize("weighing_first", [True, False])
def test_what_is_erased_of_it_counts_no_more_either(centre: Centre, weighing_first: bool) -> None:
    lane = Made()
    centre.take(lane.add(health()))
    weighing = lane.add(weighed())
    back = lane.add(taking_back(weighing, "p1"))
    gone = lane.add(RecordErased(rule="test", by="test", entries=(ref(back),)))
    for entry in (weighing, back, gone) if weighing_first else (gone, back, weighing):
        centre.take(entry)
    assert centre.counts()["passages"] == 0
    assert centre.recounted()
    with centre.database.reader.connect() as connection:
        held = select(schema.body.c.seq).where(schema.body.c.seq == back.seq)
        assert connection.execute(held).first() is None


def test_a_reversal_that_names_no_passage_is_kept_and_changes_nothing(centre: Centre) -> None:
    lane = Made()
    centre.take(lane.add(weighed()))
    centre.take(lane.add(PassageCancelled(passage=None, weighed=None, device="wim", quality=("too_late",))))
    [row] = centre.queries.passages(Filter()).rows
    assert row.quality == ()
    assert centre.counts()["passages"] == 1


def test_an_act_that_comes_before_its_weighing_is_found_by_reference(centre: Centre) -> None:
    lane, station = Made(), Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    weighing = lane.add(weighed())
    centre.take(station.add(decided(weighing)))
    assert rows(centre) == []
    centre.take(weighing)
    [row] = centre.queries.passages(Filter()).rows
    assert row.decided == "released"
    detail = centre.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert [act.matches for act in detail.decisions] == [True]


def test_an_act_on_another_leaf_is_shown_as_not_matching(centre: Centre) -> None:
    lane, station = Made(), Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    weighing = lane.add(weighed())
    centre.take(weighing)
    centre.take(station.add(decided(weighing, leaf="0" * 64)))
    detail = centre.queries.passage("lane1-box", "p1")
    assert detail is not None
    assert [act.matches for act in detail.decisions] == [False]
    assert detail.row.decided is None


def test_no_box_but_its_stations_decides_on_a_crossing(centre: Centre) -> None:
    lane = Made()
    other = Made(journal="c" * 32, box="yiyuan-centre", source="yiyuan/centre")
    weighing = lane.add(weighed())
    centre.take(weighing)
    centre.take(lane.add(decided(weighing)))
    centre.take(other.add(decided(weighing)))
    [row] = centre.queries.passages(Filter()).rows
    assert row.decided is None


@pytest.mark.parametrize(
    ("body", "stream", "source", "reason"),
    [
        (b"not json", "vehicle.weighed", None, "invalid body"),
        (b'{"passage":"p1"}', "vehicle.weighed", None, "invalid body"),
        (b'{"a":1,"a":2}', "vehicle.weighed", None, "invalid body: duplicate key"),
        (b"{}", "vehicle.flown", None, "unknown stream"),
        (weighed("p 1\n"), None, None, "invalid body: passage is not a name"),
        (weighed(device="x\0"), None, None, "invalid body: NUL in a text"),
        (pictured(tractor="鲁" * 3000), None, None, "invalid body: plate is too long"),
        (weighed(), None, "yiyuan/s01/lane2", "source is not of this box"),
        (FileRequested(sha256="c" * 64, box="lane1-box", stored=decided(Made().add(weighed())).weighed, by="li"),
         None, None, "only the centre asks for files"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_held_shown_and_not_counted(
    centre: Centre, body: bytes, stream: str | None, source: str | None, reason: str
) -> None:
    made = Made()
    good = made.add(weighed("good"))
    bad = made.add(body, stream=stream, source=source)
    centre.take(good, bad)
    [held] = centre.queries.quarantine()
    assert held.seq == 1
    assert held.reason.startswith(reason)
    assert centre.counts()["passages"] == 1
    shown = centre.queries.entry(made.journal, 1)
    assert shown is not None
    assert shown.leaf == bad.leaf.hex()
    assert centre.recounted()


def test_a_second_weighing_of_a_passage_changes_and_counts_nothing(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(weighed()), made.add(weighed(gross_kg=10)))
    centre.take(made.add(weighed(gross_kg=20)))
    [row] = centre.queries.passages(Filter()).rows
    assert row.gross_kg == 30_000
    assert sorted(held.seq for held in centre.queries.quarantine()) == [1, 2]
    assert centre.counts()["passages"] == 1
    assert centre.recounted()


def test_the_same_entry_twice_is_refused_by_the_table_and_nothing_of_the_batch_stays(centre: Centre) -> None:
    made = Made()
    entry = made.add(weighed())
    centre.take(entry)
    with pytest.raises(IntegrityError):
        centre.take(made.add(weighed("p2")), entry)
    assert rows(centre) == ["p1"]
    assert centre.counts()["passages"] == 1


def test_an_entry_without_its_body_is_in_custody_and_no_fault(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(weighed(), absent="erased"))
    shown = centre.queries.entry(made.journal, 0)
    assert shown is not None
    assert (shown.body, shown.absent, shown.quarantined) == (None, "erased", None)
    assert rows(centre) == []


def test_an_absurd_clock_is_shown_at_the_time_of_receipt(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(weighed("p1970"), at_ms=0), made.add(weighed("p2099"), at_ms=4_070_908_800_000))
    assert {row.shown_ms for row in centre.queries.passages(Filter()).rows} == {NOON_MS + 200}
    assert centre.counts()["passages"] == 2
    assert centre.recounted()


def test_two_boxes_with_one_passage_id_do_not_meet(centre: Centre) -> None:
    lane, station = Made(), Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    centre.take(lane.add(weighed()))
    centre.take(station.add(weighed(gross_kg=7)))
    assert centre.queries.boxes_of("p1") == ("lane1-box", "s01-box")
    assert sorted(row.gross_kg or 0 for row in centre.queries.passages(Filter()).rows) == [7, 30_000]


def test_lists_are_narrowed_and_walked_page_by_page(centre: Centre) -> None:
    made = Made()
    for number in range(5):
        passage = f"p{number}"
        outcome = "over_limit" if number == 3 else "within"
        centre.take(
            made.add(weighed(passage, outcome=outcome), at_ms=NOON_MS + number),
            made.add(pictured(passage, tractor=f"鲁C0000{number}")),
        )
    assert rows(centre, outcome="over_limit") == ["p3"]
    assert rows(centre, plate="鲁C00002") == ["p2"]
    assert rows(centre, plate="鲁C") == ["p4", "p3", "p2", "p1", "p0"]
    assert rows(centre, station="yiyuan/s01", lane="lane1", from_ms=NOON_MS + 1, to_ms=NOON_MS + 3) == [
        "p2",
        "p1",
    ]
    assert rows(centre, lane="lane2") == []
    page = centre.queries.passages(Filter(), limit=2)
    seen = [row.passage for row in page.rows]
    while page.cursor is not None:
        page = centre.queries.passages(Filter(), limit=2, cursor=page.cursor)
        seen += [row.passage for row in page.rows]
    assert seen == ["p4", "p3", "p2", "p1", "p0"]


@pytest.mark.parametrize(
    "cursor", ["", "1", "1~lane1-box", "x~lane1-box~p1", "1~lane1-box~p1'; --", "9" * 40 + "~abc~p"]
)
def test_a_made_up_cursor_is_refused(centre: Centre, cursor: str) -> None:
    with pytest.raises(ConfigError, match="cursor"):
        centre.queries.passages(Filter(), cursor=cursor)


def test_the_last_heartbeat_in_order_of_custody_is_the_state(centre: Centre) -> None:
    made = Made()
    centre.take(
        made.add(health(), at_ms=NOON_MS + 900), made.add(health(camera="down", waiting=4), at_ms=NOON_MS)
    )
    [source] = centre.queries.sources(NOON_MS + 300)
    assert (source.state, source.waiting, source.behind_ms) == ("up", 4, 200)
    assert [device.state for device in source.devices] == ["up", "down"]
    [source] = centre.queries.sources(NOON_MS + 200 + 180_001)
    assert source.state == "silent"


def test_a_lane_that_never_spoke_of_its_health_is_listed(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(weighed()), made=made)
    assert [(source.source, source.state) for source in centre.queries.sources(NOON_MS)] == [
        ("yiyuan/s01/lane1", "unheard")
    ]


def test_a_requested_clip_is_due(centre: Centre) -> None:
    lane = Made()
    own = Made(journal="e" * 32, box="yiyuan-centre", source="yiyuan/centre")
    stored = lane.add(clip(on_demand=True), files=clip_file())
    centre.take(lane.add(weighed()), stored)
    about = decided(stored).weighed
    centre.take(own.add(FileRequested(sha256="d" * 64, box="lane1-box", stored=about, by="li")))
    [row] = centre.queries.passages(Filter()).rows
    assert (row.clip, row.files_named, row.files_stored) == ("requested", 1, 0)
    assert [file.state for file in centre.queries.files("d" * 64)] == ["requested"]


def test_only_declared_files_of_that_box_are_taken(centre: Centre) -> None:
    made = Made()
    centre.take(made.add(pictured(), files=picture_file()))
    declared = centre.store.declared("lane1-box", "c" * 64)
    assert declared is not None
    assert (declared.size, declared.seq, declared.name) == (150_000, 0, "front-1.jpg")
    assert centre.store.declared("s01-box", "c" * 64) is None
    assert centre.store.declared("lane1-box", "0" * 64) is None


def test_every_commit_tells_what_changed_and_a_failed_one_nothing(centre: Centre) -> None:
    made = Made()
    entry = made.add(weighed())
    centre.take(entry, made.add(health()))
    assert [(change.kind, change.key) for change in centre.told] == [
        ("passage", ("lane1-box", "p1")),
        ("source", ("lane1-box", "yiyuan/s01/lane1")),
        ("journal", (made.journal,)),
    ]
    with pytest.raises(IntegrityError):
        centre.take(entry)
    assert len(centre.told) == 3


def test_proofs_over_stored_leaves_are_those_of_the_tree(centre: Centre) -> None:
    made = Made()
    centre.take(*[made.add(health()) for _ in range(600)], made=made)
    custody = CustodyStore(centre.database)
    for seq, size in ((0, 600), (255, 256), (300, 513), (599, 600)):
        proof = custody.inclusion(made.journal, seq, size=size)
        root = tree.root(made.leaves[:size])
        assert tree.verify_inclusion(leaf=made.leaves[seq], index=seq, size=size, proof=proof, root=root)
    for old, new in ((1, 600), (256, 600), (300, 599)):
        assert custody.consistency(made.journal, old, new) == tree.consistency_proof(made.leaves[:new], old)
    assert header.leaf(b"") not in made.leaves


def recovered(entry: Accepted) -> JournalRecovered:
    assert entry.salt is not None
    assert entry.body is not None
    return JournalRecovered(
        old=EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex()),
        header=entry.header_bytes.decode(),
        salt=entry.salt.hex(),
        body=entry.body.decode(),
    )


def test_what_a_successor_saved_counts_once_under_its_first_identity(centre: Centre) -> None:
    old, new = Made(), Made(journal="b" * 32)
    kept, lost = old.add(weighed("kept")), old.add(weighed("lost", outcome="over_limit"))
    seen = old.add(pictured("lost"), files=picture_file())
    centre.take(kept)
    centre.take(*[new.add(recovered(entry), source="lane1-box") for entry in (kept, lost, seen)])
    assert sorted(rows(centre)) == ["kept", "lost"]
    assert centre.counts() == {"passages": 2, "within": 1, "over_limit": 1}
    detail = centre.queries.passage("lane1-box", "lost")
    assert detail is not None
    assert detail.weighed is not None
    assert (detail.row.journal, detail.row.seq, detail.weighed.passage) == (new.journal, 1, "lost")
    assert [entry.stream for entry in detail.entries] == ["journal.recovered"] * 2
    assert centre.recounted()
    assert centre.queries.quarantined() == 0


def test_what_two_successors_saved_counts_once(centre: Centre) -> None:
    old, second, third = Made(), Made(journal="b" * 32), Made(journal="c" * 32)
    lost = old.add(weighed("lost", outcome="over_limit"))
    other = old.add(weighed("other"))
    centre.take(second.add(recovered(lost), source="lane1-box"))
    again = [third.add(recovered(entry), source="lane1-box") for entry in (lost, lost, other)]
    centre.take(*again)
    assert sorted(rows(centre)) == ["lost", "other"]
    assert centre.counts() == {"passages": 2, "within": 1, "over_limit": 1}
    detail = centre.queries.passage("lane1-box", "lost")
    assert detail is not None
    assert detail.row.journal == second.journal
    assert centre.queries.quarantined() == 0
    assert centre.recounted()


def test_i8_a_weighing_told_again_that_left_quarantine_counts_once_whatever_came_meanwhile(
    centre: Centre,
) -> None:
    """Its first identity was held only because it had been told again: one of the two must count in the end."""
    old, new = Made(), Made(journal="b" * 32)
    lost = old.add(weighed("lost", outcome="over_limit"))
    strange = Register(centre=REGISTER.centre, sources={"yiyuan-centre": "yiyuan/centre"})
    early = CentreStore(centre.database, store_id="centre-1", register=strange)
    with early.begin() as transaction:
        transaction.save_head(old.head(state="closed"))
        transaction.insert(new.journal, [new.add(recovered(lost), source="lane1-box")])
    assert centre.queries.quarantined() == 1
    with centre.store.begin() as transaction:
        transaction.heads([old.journal])
        transaction.insert(old.journal, [lost])
    assert rows(centre) == []
    assert reread(centre.database, register=REGISTER) == 1
    assert rows(centre) == ["lost"]
    assert centre.counts() == {"passages": 1, "within": 0, "over_limit": 1}
    assert centre.recounted()
    assert (reread(centre.database, register=REGISTER), centre.recounted()) == (0, True)


def test_a_recovered_entry_that_is_not_what_it_names_is_quarantined(centre: Centre) -> None:
    old, new = Made(), Made(journal="b" * 32)
    entry = old.add(weighed())
    forged = msgspec.structs.replace(recovered(entry), body='{"passage":"p9"}')
    other = msgspec.structs.replace(
        recovered(entry), old=EntryRef(journal="c" * 32, seq=0, leaf=entry.leaf.hex())
    )
    centre.take(new.add(forged), new.add(other), new.add(recovered(new.add(recovered(entry)))))
    assert len(centre.queries.quarantine()) == 3
    assert rows(centre) == []


def test_a_row_names_every_limit_and_only_what_is_over_counts_as_suspected(centre: Centre) -> None:
    made = Made()
    unsure = weighed("p1", outcome="undetermined")
    unsure = msgspec.structs.replace(unsure, verdict=msgspec.structs.replace(unsure.verdict, suspected=True))
    centre.take(made.add(unsure), made.add(weighed("p2", outcome="over_limit")))
    assert [row.limits_kg for row in centre.queries.passages(Filter()).rows] == [(46_000, 49_000)] * 2
    [hour] = centre.queries.hours(NOON_MS - 3_600_000, NOON_MS + 3_600_000)
    assert (hour.undetermined, hour.over_limit, hour.suspected) == (1, 1, 1)
