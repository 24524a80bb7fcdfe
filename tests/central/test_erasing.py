"""Erasure at the centre (I14): the plate is in no table, index, free page, WAL or file, and every proof still holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, text

from central.keeping.rules import DAY_MS, Retention, Row
from central.store import schema
from central.store.custody import CustodyStore
from central.store.engines import Database, connect
from central.store.keeping import Keeper, erase_again, erased_since
from central.store.migrate import migrate
from central.store.queries import Filter
from central.store.receiving import CentreStore
from central.store.staying import EVERY_CASE
from central.views import PassageDetail
from journal.store import Accepted
from kernel.errors import RefusedError
from kernel.events import (
    CaseClosed,
    CaseKept,
    CaseRecorded,
    EntryRef,
    JournalRecovered,
    RecordErased,
    RecordHeld,
)
from kernel.evidence import tree
from tests.central.made import (
    NOON_MS,
    REGISTER,
    Made,
    clip,
    clip_file,
    decided,
    picture_file,
    pictured,
    weighed,
)
from tests.central.world import World

pytestmark = pytest.mark.broad

PLATE, TRAILER = "鲁C7X9Q2", "鲁CW318挂"
PICTURE, CLIP = "c" * 64, "d" * 64


def ref(entry: Accepted) -> EntryRef:
    return EntryRef(journal=entry.header.journal, seq=entry.seq, leaf=entry.leaf.hex())


def crossing(
    made: Made, passage: str = "p1", *, outcome: str = "within", plate: str = PLATE
) -> list[Accepted]:
    return [
        made.add(weighed(passage, outcome=outcome, gross_kg=52_000)),
        made.add(pictured(passage, tractor=plate, trailer=TRAILER), files=picture_file()),
        made.add(clip(passage), files=clip_file()),
    ]


@pytest.fixture
def lane(world: World) -> Made:
    """One crossing, its picture and its clip here."""
    made = Made()
    world.take(*crossing(made))
    for digest in (PICTURE, CLIP):
        world.put_file(digest, PLATE.encode())
        world.store.file_stored("lane1-box", digest, at_ms=NOON_MS)
    return made


def detail(world: World, passage: str = "p1") -> PassageDetail:
    found = world.parts.queries.passage("lane1-box", passage)
    assert found is not None
    return found


def says(world: World, what: str) -> list[str]:
    """In which tables the text is; of every table there is."""
    found = []
    with world.database.reader.connect() as connection:
        for table in schema.metadata.sorted_tables:
            rows = connection.execute(select(table)).all()
            if any(holds(value, what) for row in rows for value in row):
                found.append(table.name)
    return found


def holds(value: object, what: str) -> bool:
    if isinstance(value, bytes | memoryview):
        return what.encode() in bytes(value)
    return isinstance(value, str) and what in value


async def test_i14_after_erasure_no_table_and_no_file_says_the_plate(world: World, lane: Made) -> None:
    assert set(says(world, PLATE)) == {"body", "passage"}
    assert await world.keeping.erase("lane1-box", "p1", rule="a request", by="li") is not None
    assert says(world, PLATE) == says(world, TRAILER) == []
    assert list(world.folder.iterdir()) == []
    row = detail(world).row
    assert (row.tractor, row.trailer, row.picture, row.clip, row.files_named) == (None, None, None, "none", 0)
    assert (row.gross_kg, row.outcome, row.erased_ms) == (52_000, "within", NOON_MS)


async def test_the_entry_is_written_before_anything_is_removed(world: World, lane: Made) -> None:
    world.refuse = RefusedError("the journal is closed")
    with pytest.raises(RefusedError):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    assert set(says(world, PLATE)) == {"body", "passage"}
    world.refuse = None
    by = await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    [erased] = [entry for entry in world.entries if isinstance(entry, RecordErased)]
    assert (erased.rule, erased.by, [each.seq for each in erased.entries]) == ("a request", "li", [1])
    assert set(erased.files) == {PICTURE, CLIP}
    told = {entry.seq: (entry.body, entry.erased) for entry in detail(world).entries}
    assert told[1] == (None, by)
    assert told[0][0] is not None
    assert await world.keeping.erase("lane1-box", "p1", rule="again", by="li") is None


async def test_i3_headers_and_leaves_stay_and_every_root_is_as_before(world: World, lane: Made) -> None:
    with world.store.begin() as transaction:
        transaction.save_head(lane.head())
    custody = CustodyStore(world.database)
    before = [custody.root(lane.journal, size) for size in range(1, 4)]
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    assert [custody.root(lane.journal, size) for size in range(1, 4)] == before
    stored = custody.stored(lane.journal, [0, 1, 2])
    assert [entry.body is None for entry in stored] == [False, True, False]
    proof = custody.inclusion(lane.journal, 1, size=3)
    assert tree.verify_inclusion(leaf=lane.leaves[1], index=1, size=3, proof=proof, root=before[2])


async def test_a_neighbour_of_the_erased_is_untouched(world: World, lane: Made) -> None:
    world.take(*[lane.add(weighed("p2")), lane.add(pictured("p2", tractor="鲁C55555"))])
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    row = detail(world, "p2").row
    assert (row.tractor, row.erased_ms) == ("鲁C55555", None)


async def test_free_words_of_officers_go_and_their_acts_stay(world: World, lane: Made) -> None:
    station = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    weighing = crossing(Made())[0]
    act = decided(weighing)
    world.take(
        station.add(type(act)(passage="p1", weighed=act.weighed, act="held", by="li", note=f"车主 {PLATE}"))
    )
    assert detail(world).decisions[0].act.note
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    assert says(world, PLATE) == []
    assert detail(world).row.decided == "held"


async def test_what_cannot_be_read_but_names_the_passage_goes_with_it(world: World, lane: Made) -> None:
    world.take(lane.add(f'{{"passage":"p1","tractor":"{PLATE}"}}'.encode(), stream="vehicle.pictured"))
    assert world.parts.queries.quarantined() == 1
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    assert says(world, PLATE) == []
    assert world.parts.queries.quarantined() == 0


async def test_what_a_successor_has_told_again_goes_too(world: World, lane: Made) -> None:
    first = crossing(Made())[1]
    successor = Made(journal="e" * 32)
    world.take(successor.add(told_again(first)))
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    assert says(world, PLATE) == []


async def test_a_crash_between_rows_and_bytes_is_made_good_at_the_next_start(
    world: World, lane: Made
) -> None:
    world.take(
        world.own.add(RecordErased(rule="r", by="li", entries=(ref(crossing(Made())[1]),), files=(PICTURE,)))
    )
    assert says(world, PLATE) == []
    assert (world.folder / PICTURE).exists()  # the process died here
    assert await world.keeping.clean()
    assert not (world.folder / PICTURE).exists()
    assert (world.folder / CLIP).exists()


# --- what must stay --------------------------------------------------------------------------------------------


async def test_a_hold_keeps_a_passage_until_it_is_released_or_over(world: World, lane: Made) -> None:
    hold = RecordHeld(act="held", passage="p1", by="li", reason="复议", until_ms=NOON_MS + DAY_MS)
    world.take(world.own.add(hold))
    with pytest.raises(RefusedError, match="held by li: 复议"):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    world.clock.at_ms += DAY_MS
    assert await world.keeping.erase("lane1-box", "p1", rule="a request", by="li") is not None
    assert says(world, PLATE) == []


@pytest.mark.parametrize("thing", ["entry", "file"])
async def test_a_hold_may_name_an_entry_or_a_file(world: World, lane: Made, thing: str) -> None:
    named = crossing(Made())[1]
    about = {"about": (ref(named),)} if thing == "entry" else {"files": (PICTURE,)}
    hold = RecordHeld(act="held", by="li", reason="复议", **about)
    world.take(world.own.add(hold))
    with pytest.raises(RefusedError, match="must stay"):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    released = RecordHeld(act="released", by="li", reason="完", **about)
    world.take(world.own.add(released))
    assert await world.keeping.erase("lane1-box", "p1", rule="a request", by="li") is not None


async def test_what_is_in_a_case_stays_while_the_case_is_kept(world: World, lane: Made) -> None:
    world.take(world.own.add(CaseRecorded(case="2026-12", entries=(ref(crossing(Made())[0]),), by="li")))
    with pytest.raises(RefusedError, match="case 2026-12"):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    world.clock.at_ms += 3650 * DAY_MS + 1000
    with pytest.raises(RefusedError, match="case 2026-12"):  # nobody has closed it
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")


@pytest.mark.parametrize(("kept_as", "days"), [("case", 3650), ("case_long", 10_950), ("permanent", None)])
async def test_a_closed_case_keeps_for_the_days_of_its_kind_and_a_reopened_one_until_it_is_closed_again(
    world: World, lane: Made, kept_as: CaseKept, days: int | None
) -> None:
    world.take(world.own.add(CaseRecorded(case="2026-12", entries=(ref(crossing(Made())[0]),), by="li")))
    closed = CaseClosed(case="2026-12", act="closed", by="li", at_ms=NOON_MS, reason="paid", kept_as=kept_as)
    world.take(world.own.add(closed))
    reopened = CaseClosed(
        case="2026-12", act="reopened", by="li", at_ms=NOON_MS, kept_as=kept_as, note="诉讼"
    )
    world.take(world.own.add(reopened))
    world.clock.at_ms = NOON_MS + 20_000 * DAY_MS
    with pytest.raises(RefusedError, match="case 2026-12"):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    again_ms = world.clock.at_ms
    world.take(world.own.add(msgspec.structs.replace(closed, at_ms=again_ms)))
    world.clock.at_ms = again_ms + (days or 20_000) * DAY_MS
    with pytest.raises(RefusedError, match="case 2026-12"):
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    world.clock.at_ms += 1000
    if days is not None:
        assert await world.keeping.erase("lane1-box", "p1", rule="a request", by="li") is not None
        assert says(world, PLATE) == []


# --- what a box erases by its own rule -------------------------------------------------------------------------


def test_what_a_box_has_erased_goes_here(world: World, lane: Made) -> None:
    picture = crossing(Made())[1]
    world.take(lane.add(RecordErased(rule="lane", by="lane1-box", entries=(ref(picture),), files=(PICTURE,))))
    assert says(world, PLATE) == []
    assert detail(world).row.erased_ms is not None


def test_no_box_erases_what_another_has_said(world: World, lane: Made) -> None:
    picture = crossing(Made())[1]
    other = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    world.take(other.add(RecordErased(rule="x", by="s01-box", entries=(ref(picture),), files=(PICTURE,))))
    assert set(says(world, PLATE)) == {"body", "passage"}
    assert detail(world).row.picture == PICTURE


def test_another_leaf_than_the_one_named_is_not_erased(world: World, lane: Made) -> None:
    wrong = EntryRef(journal=lane.journal, seq=1, leaf="0" * 64)
    world.take(lane.add(RecordErased(rule="lane", by="lane1-box", entries=(wrong,))))
    assert set(says(world, PLATE)) == {"body", "passage"}


async def test_a_box_cannot_take_from_the_centre_what_a_case_may_come_of(world: World) -> None:
    """A stolen box key erases nothing that is over limit: there the centre's own days count."""
    made = Made()
    entries = crossing(made, outcome="over_limit")
    world.take(*entries)
    world.take(made.add(RecordErased(rule="lane", by="lane1-box", entries=tuple(map(ref, entries)))))
    assert set(says(world, PLATE)) == {"body", "passage"}
    world.clock.at_ms += 737 * DAY_MS + 1000
    await world.keeping.sweep()  # marks
    world.clock.at_ms += 7 * DAY_MS
    await world.keeping.sweep()
    assert says(world, PLATE) == []


def test_the_book_of_a_journal_cannot_be_erased(world: World, lane: Made) -> None:
    own = lane.add(RecordErased(rule="lane", by="lane1-box", entries=()))
    world.take(own)
    world.take(lane.add(RecordErased(rule="lane", by="lane1-box", entries=(ref(own),))))
    with world.database.reader.connect() as connection:
        body = schema.body.c
        found = connection.execute(select(body.body).where(body.journal == lane.journal, body.seq == own.seq))
        assert found.scalar_one()


def test_an_erasure_that_comes_before_its_entry_waits_for_it(world: World) -> None:
    made = Made()
    entries = crossing(made)
    world.take(world.own.add(RecordErased(rule="r", by="li", entries=(ref(entries[1]),), files=(PICTURE,))))
    world.take(*entries)
    assert says(world, PLATE) == []
    assert world.store.declared("lane1-box", PICTURE) is None
    assert world.store.declared("lane1-box", CLIP) is not None
    gone = world.store.erased("lane1-box", PICTURE)
    assert gone is not None
    assert (gone.sha256, gone.journal) == (PICTURE, made.journal)
    assert world.store.erased("lane1-box", CLIP) is None
    assert world.store.erased("s01-box", PICTURE) is None, "it never was that box's"


# --- what is told again ----------------------------------------------------------------------------------------


def told_again(entry: Accepted) -> JournalRecovered:
    return JournalRecovered(
        old=ref(entry),
        header=entry.header_bytes.decode(),
        salt=(entry.salt or b"").hex(),
        body=(entry.body or b"").decode(),
    )


class Retold:
    """A crossing of a doubted journal and its picture told again by the successor, in either order."""

    def __init__(self, world: World, *, first: str, outcome: str = "within") -> None:
        self.world = world
        self.old, self.new = Made(), Made(journal="e" * 32)
        self.said = crossing(self.old, outcome=outcome)
        self.picture = self.said[1]
        self.copy = self.new.add(told_again(self.picture), source="lane1-box")
        with world.store.begin() as transaction:
            transaction.save_head(self.old.head(state="closed"))
            transaction.save_head(self.new.head())
        for entries in (self.said, [self.copy]) if first == "original" else ([self.copy], self.said):
            self.take(*entries)

    def take(self, *entries: Accepted) -> None:
        """As the receiver does: it knows which journals are closed."""
        with self.world.store.begin() as transaction:
            transaction.heads([self.old.journal, self.new.journal])
            transaction.insert(entries[0].header.journal, entries)

    def box_erases(self, *entries: Accepted) -> None:
        said = RecordErased(rule="lane", by="lane1-box", entries=tuple(map(ref, entries)))
        self.take(self.new.add(said, source="lane1-box"))

    def bodies(self) -> list[bool]:
        """Whether the picture's body is here, under each of its identities."""
        with self.world.database.reader.connect() as connection:
            places = connection.execute(select(schema.body.c.journal, schema.body.c.seq)).all()
        return [
            (each.header.journal, each.seq) in {tuple(place) for place in places}
            for each in (self.picture, self.copy)
        ]


IN_ANY_ORDER = pytest.mark.parametrize("first", ["original", "copy"])


@IN_ANY_ORDER
@pytest.mark.parametrize("named", ["original", "copy", "both"])
def test_i14_a_told_again_body_that_must_stay_is_not_dragged_out(
    world: World, first: str, named: str
) -> None:
    """The box names both identities, or either: what a hold keeps goes under none of them."""
    retold = Retold(world, first=first)
    world.take(world.own.add(RecordHeld(act="held", passage="p1", by="li", reason="复议")))
    asked = {"original": [retold.picture], "copy": [retold.copy], "both": [retold.picture, retold.copy]}
    retold.box_erases(*asked[named])
    assert retold.bodies() == [True, True]
    world.take(world.own.add(RecordHeld(act="released", passage="p1", by="li", reason="完")))
    changes = Keeper(world.database).settle_waiting(now_ms=NOON_MS, closed_since=EVERY_CASE)
    assert [change.key for change in changes] == [("lane1-box", "p1")]
    assert retold.bodies() == [False, False]
    assert says(world, PLATE) == []


@IN_ANY_ORDER
@pytest.mark.parametrize("held", ["original", "copy"])
def test_i14_a_hold_of_one_identity_holds_the_other(world: World, first: str, held: str) -> None:
    retold = Retold(world, first=first)
    about = (ref(retold.picture if held == "original" else retold.copy),)
    world.take(world.own.add(RecordHeld(act="held", about=about, by="li", reason="复议")))
    retold.box_erases(retold.picture, retold.copy)
    assert retold.bodies() == [True, True]


@IN_ANY_ORDER
@pytest.mark.parametrize("named", ["original", "copy"])
def test_i14_a_case_keeps_a_told_again_body_under_both_identities(
    world: World, first: str, named: str
) -> None:
    retold = Retold(world, first=first)
    entry = retold.picture if named == "original" else retold.copy
    world.take(world.own.add(CaseRecorded(case="2026-12", entries=(ref(entry),), by="li")))
    retold.box_erases(retold.picture, retold.copy)
    assert retold.bodies() == [True, True]


@IN_ANY_ORDER
def test_i14_no_box_takes_a_told_again_body_of_what_is_over_limit(world: World, first: str) -> None:
    retold = Retold(world, first=first, outcome="over_limit")
    retold.box_erases(retold.picture, retold.copy)
    assert retold.bodies() == [True, True]
    world.take(world.own.add(RecordErased(rule="r", by="li", entries=(ref(retold.picture),))))
    assert retold.bodies() == [False, False], "the centre's own word counts"


def test_i14_a_case_of_the_first_identity_keeps_the_copy_where_the_first_is_not_here(world: World) -> None:
    """As after a backup was put back."""
    old, new = Made(), Made(journal="e" * 32)
    picture = crossing(old)[1]
    world.take(world.own.add(CaseRecorded(case="2026-12", entries=(ref(picture),), by="li")))
    copy = new.add(told_again(picture), source="lane1-box")
    with world.store.begin() as transaction:
        transaction.save_head(new.head())
    world.take(copy)
    world.take(new.add(RecordErased(rule="lane", by="lane1-box", entries=(ref(copy),)), source="lane1-box"))
    assert "body" in says(world, PLATE)


@pytest.mark.parametrize("named", ["original", "copy"])
@pytest.mark.parametrize("order", ["erasure first", "between", "erasure last"])
@pytest.mark.parametrize("here", ["copy", "original then copy", "copy then original"])
def test_i14_an_erased_body_that_is_told_again_goes_under_every_identity(
    world: World, named: str, order: str, here: str
) -> None:
    old, new = Made(), Made(journal="e" * 32)
    picture = crossing(old)[1]
    copy = new.add(told_again(picture), source="lane1-box")
    came = [picture if word == "original" else copy for word in here.split(" then ")]
    erased = world.own.add(
        RecordErased(rule="r", by="li", entries=(ref(picture if named == "original" else copy),))
    )
    came.insert({"erasure first": 0, "between": 1, "erasure last": len(came)}[order], erased)
    for entry in came:
        world.take(entry)
    assert says(world, PLATE) == []


def test_no_box_erases_what_another_has_said_by_saying_it_again(world: World, lane: Made) -> None:
    picture = crossing(Made())[1]
    other = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    copy = other.add(told_again(picture), source="s01-box")
    with world.store.begin() as transaction:
        transaction.save_head(other.head())
    world.take(copy)
    about = RecordErased(rule="x", by="s01-box", entries=(ref(copy),))
    world.take(other.add(about, source="s01-box"))
    assert detail(world).entries[1].body is not None
    hold = RecordHeld(act="held", about=(ref(copy),), by="s01-box", reason="x")
    world.take(other.add(hold, source="s01-box"))
    world.take(world.own.add(RecordErased(rule="r", by="li", entries=(ref(picture),))))
    assert detail(world).entries[1].body is None, "nor does it keep it"


@pytest.mark.parametrize("turned", [False, True])
def test_i14_what_was_asked_for_before_goes_from_every_journal_of_a_batch(world: World, turned: bool) -> None:
    lanes = [Made(journal=letter * 32) for letter in "ab"]
    entries = [
        entry for number, made in enumerate(lanes) for entry in crossing(made, f"p{number}", plate=PLATE)
    ]
    pictures = tuple(ref(entry) for entry in entries if entry.header.stream == "vehicle.pictured")
    world.take(world.own.add(RecordErased(rule="r", by="li", entries=pictures)))
    world.take(*(reversed(entries) if turned else entries))
    assert says(world, PLATE) == []


# --- rules -----------------------------------------------------------------------------------------------------


async def test_a_rule_marks_waits_seven_days_and_erases(world: World, lane: Made) -> None:
    world.clock.at_ms += 30 * DAY_MS
    await world.keeping.sweep()
    assert world.keeping.due() == []
    world.clock.at_ms += 1000
    await world.keeping.sweep()
    due = world.keeping.due()
    assert {(each.passage, each.held) for each in due} == {("p1", None)}
    assert {each.erased_from_ms for each in due} == {world.clock.at_ms + 7 * DAY_MS}
    world.clock.at_ms += 7 * DAY_MS - 1
    await world.keeping.sweep()
    assert set(says(world, PLATE)) == {"body", "passage"}
    world.clock.at_ms += 1
    await world.keeping.sweep()
    assert says(world, PLATE) == []
    [erased] = {entry.rule for entry in world.entries if isinstance(entry, RecordErased)}
    assert erased == "centre.retention.compliant=30d (个人信息保护法 第十九条)"
    await world.keeping.sweep()
    assert world.keeping.due() == []


async def test_over_limit_and_open_questions_have_their_own_days(world: World) -> None:
    made = Made()
    for number, outcome in enumerate(("within", "over_limit", "undetermined")):
        world.take(*crossing(made, f"p{number}", outcome=outcome, plate=f"鲁C0000{number}"))
    gone = {}
    for days in (38, 188, 738):
        world.clock.at_ms = NOON_MS + (days - 7) * DAY_MS + 1000
        await world.keeping.sweep()
        world.clock.at_ms = NOON_MS + days * DAY_MS + 1000
        await world.keeping.sweep()
        gone[days] = [n for n in range(3) if not says(world, f"鲁C0000{n}")]
    assert gone == {38: [0], 188: [0, 2], 738: [0, 1, 2]}


async def test_what_is_held_is_shown_as_due_and_stays(world: World, lane: Made) -> None:
    world.take(world.own.add(RecordHeld(act="held", passage="p1", by="li", reason="复议")))
    for _ in range(2):
        world.clock.at_ms += 40 * DAY_MS
        await world.keeping.sweep()
    assert {each.held for each in world.keeping.due()} == {"held by li: 复议"}
    assert set(says(world, PLATE)) == {"body", "passage"}


@pytest.mark.parametrize("ends", ["released", "by itself", "while nobody was there"])
async def test_what_was_held_waits_its_days_from_the_end_of_that(world: World, lane: Made, ends: str) -> None:
    """What could not go has shown nobody a day on which it would."""
    until_ms = None if ends == "released" else NOON_MS + 60 * DAY_MS
    world.take(world.own.add(RecordHeld(act="held", passage="p1", by="li", reason="复议", until_ms=until_ms)))
    for days in (40, 50) if ends == "while nobody was there" else (40, 60):
        world.clock.at_ms = NOON_MS + days * DAY_MS - 1
        await world.keeping.sweep()
    if ends == "released":
        world.take(world.own.add(RecordHeld(act="released", passage="p1", by="li", reason="完")))
    for milliseconds in (-2, 0):
        assert set(says(world, PLATE)) == {"body", "passage"}
        world.clock.at_ms = NOON_MS + 67 * DAY_MS + milliseconds
        await world.keeping.sweep()
    assert says(world, PLATE) == []


async def test_a_setting_takes_the_place_of_a_shipped_rule(database: Database, tmp_path: Path) -> None:
    retention = Retention(rows=(Row(what="compliant_clip", days=3, source="本局"),), wait_days=0)
    world = World(database, tmp_path, retention=retention)
    world.take(*crossing(Made()))
    world.store.file_stored("lane1-box", CLIP, at_ms=NOON_MS)
    world.clock.at_ms += 3 * DAY_MS + 1000
    await world.keeping.sweep()
    assert [(file.sha256, file.state) for file in detail(world).files] == [
        (PICTURE, "expected"),
        (CLIP, "erased"),
    ]
    assert set(says(world, PLATE)) == {"body", "passage"}
    assert detail(world).row.erased_ms is None


async def swept(world: World, *, days: int) -> None:
    """Marked so many days after noon, and gone a week later."""
    for at_days in (days, days + 7):
        world.clock.at_ms = NOON_MS + at_days * DAY_MS + 1000
        await world.keeping.sweep()


async def test_a_file_of_two_passages_goes_with_the_one_that_is_kept_longer(world: World) -> None:
    made = Made()
    world.take(*crossing(made, "p1"), *crossing(made, "p2", outcome="over_limit"))
    await swept(world, days=30)
    assert detail(world).row.erased_ms is not None
    assert {file.state for file in detail(world, "p2").files} == {"expected"}
    erased = [entry for entry in world.entries if isinstance(entry, RecordErased)]
    assert [digest for entry in erased for digest in entry.files] == []
    await swept(world, days=730)
    assert {file.state for file in detail(world, "p2").files} == {"erased"}
    assert {file.state for file in detail(world).files} == {"erased"}


@pytest.mark.parametrize("why", ["hold", "case"])
async def test_a_file_of_a_passage_that_must_stay_is_not_said_to_be_erased(world: World, why: str) -> None:
    made = Made()
    kept = crossing(made, "p2")
    world.take(*crossing(made, "p1"), *kept)
    if why == "hold":
        world.take(world.own.add(RecordHeld(act="held", passage="p2", by="li", reason="复议")))
    else:
        world.take(world.own.add(CaseRecorded(case="2026-12", entries=(ref(kept[0]),), by="li")))
    await swept(world, days=30)
    [erased] = [entry for entry in world.entries if isinstance(entry, RecordErased)]
    assert (len(erased.entries), erased.files) == (1, ())
    assert {file.state for file in detail(world, "p2").files} == {"expected"}


async def test_two_that_are_due_together_share_no_file_for_ever(world: World) -> None:
    made = Made()
    world.take(*crossing(made, "p1"), *crossing(made, "p2"))
    await swept(world, days=30)
    assert {file.state for file in (*detail(world).files, *detail(world, "p2").files)} == {"erased"}


async def test_what_stays_unreadable_is_asked_for_once_and_is_not_in_the_way(world: World) -> None:
    """What may never go, and what is held, must not keep the rest waiting for ever."""
    made = Made()
    world.take(*[made.add(b"{", stream="journal.opened") for _ in range(250)])
    held = [made.add(b"{", stream="vehicle.pictured") for _ in range(250)]
    world.take(*held)
    for entry in held:
        about = RecordHeld(act="held", about=(ref(entry),), by="li", reason="复议")
        world.take(world.own.add(about))
    world.take(made.add(f"{{{PLATE}".encode(), stream="vehicle.pictured", received_ms=NOON_MS + 300))
    world.clock.at_ms += 188 * DAY_MS
    for _ in range(2):
        await world.keeping.sweep()
    assert "body" not in says(world, f"{{{PLATE}")
    erased = [entry for entry in world.entries if isinstance(entry, RecordErased)]
    named = [each for entry in erased for each in entry.entries]
    assert len(named) == len(set(named)) == 251
    await world.keeping.sweep()
    assert [entry for entry in world.entries if isinstance(entry, RecordErased)] == erased


async def test_what_stays_unreadable_goes_in_the_end(world: World, lane: Made) -> None:
    world.take(lane.add(f"{{{PLATE}".encode(), stream="vehicle.pictured"))
    world.clock.at_ms += 188 * DAY_MS
    await world.keeping.sweep()
    assert world.parts.queries.quarantined() == 0
    assert "body" not in says(world, f"{{{PLATE}")


async def test_many_that_must_stay_are_not_in_the_way_of_the_rest(world: World) -> None:
    made = Made()
    for number in range(12):
        world.take(*crossing(made, f"p{number}", plate=f"鲁C{number:05d}"))
        if number < 10:
            world.take(world.own.add(RecordHeld(act="held", passage=f"p{number}", by="li", reason="x")))
    for days in (31, 8):
        world.clock.at_ms += days * DAY_MS
        await world.keeping.sweep()
    rows = world.parts.queries.passages(Filter(), limit=50).rows
    assert sorted(row.passage for row in rows if row.erased_ms is not None) == ["p10", "p11"]


# --- every byte ------------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = connect(f"sqlite:///{tmp_path / 'centre.db'}")
    migrate(database)
    yield database
    database.close()


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_i14_no_byte_of_database_wal_or_file_says_the_plate(sqlite: Database, tmp_path: Path) -> None:
    """Among thousands of rows, so that pages were split, freed and used again before."""
    world = World(sqlite, tmp_path / "files")
    world.folder.mkdir()
    made = Made()
    for number in range(0, 400, 50):
        world.take(
            *[
                entry
                for each in range(number, number + 50)
                for entry in crossing(made, f"p{each}", plate=PLATE if each % 100 == 7 else f"鲁C{each:05d}")
            ]
        )
    world.put_file(PICTURE, PLATE.encode())
    assert PLATE.encode() in raw(tmp_path)
    for each in range(7, 400, 100):
        await world.keeping.erase("lane1-box", f"p{each}", rule="a request", by="li")
    assert await world.keeping.clean()
    assert PLATE.encode() not in raw(tmp_path)
    assert "鲁C00008".encode() in raw(tmp_path)


async def test_a_reader_in_the_way_delays_and_nothing_else(sqlite: Database, tmp_path: Path) -> None:
    world = World(sqlite, tmp_path / "files")
    world.folder.mkdir()
    made = Made()
    with sqlite.reader.connect() as looking:
        world.take(*crossing(made))
        looking.execute(text("SELECT count(*) FROM passage")).scalar_one()
        await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
        assert not await world.keeping.clean()
    assert await world.keeping.clean()
    assert PLATE.encode() not in raw(tmp_path)


# --- backups ---------------------------------------------------------------------------------------------------


async def test_a_restored_backup_loses_again_what_was_erased_since(sqlite: Database, tmp_path: Path) -> None:
    folder, backup = tmp_path / "files", tmp_path / "backup"
    folder.mkdir()
    backup.mkdir()
    world = World(sqlite, folder)
    world.take(*crossing(Made()))
    with sqlite.writer.connect() as connection:
        connection.execute(text("SELECT 1"))
        shutil.copy(tmp_path / "centre.db", backup / "centre.db")
        shutil.copy(tmp_path / "centre.db-wal", backup / "centre.db-wal")
    backup_ms = world.clock.at_ms
    world.clock.at_ms += 1000
    await world.keeping.erase("lane1-box", "p1", rule="a request", by="li")
    erased = erased_since(sqlite, backup_ms)
    assert {each.rule for each in erased} == {"a request"}
    restored = connect(f"sqlite:///{backup / 'centre.db'}")
    assert PLATE.encode() in raw(backup)
    erase_again(restored, erased, now_ms=world.clock.at_ms)
    assert Keeper(restored).clean()
    store = CentreStore(restored, store_id="centre-2", register=REGISTER)
    assert store.declared("lane1-box", PICTURE) is None
    restored.close()
    assert PLATE.encode() not in raw(backup)
