"""Readings as officers see them, and their word beside a reading, which stays as it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from journal.erasing import Erasing
from kernel.events import PlateCorrected, PlateRead, RecordErased
from kernel.evidence import canonical, header
from kernel.evidence.header import FileRef
from kernel.plates.correcting import Answer
from kernel.plates.saying import Refused
from station.acts import Done, Tap
from station.main import main
from station.plates import Corrections, Forgetting, NotCorrected, Plates
from station.releasing import Grounds
from tests.journal.making import NOW
from tests.station.county import PLATFORM, WIM, County
from tests.station.desk import Desk
from web.labelled import LabelledFolder

CROP = FileRef(name="front-plate.jpg", sha256=hashlib.sha256(b"crop").hexdigest(), size=4)
READ, RIGHT, NEAR = "鲁C7X902", "鲁C7X9Q2", "鲁C7X9D2"
ONE_ROW = ((0, 0), (440, 0), (440, 140), (0, 140))


def sure(text: str = READ, *, colour: str = "yellow") -> PlateRead:
    return PlateRead(
        role="front",
        status="read",
        text=text,
        plate_class="ordinary",
        colour=colour,
        crop=CROP.name,
        corners=ONE_ROW,
    )


def unsure() -> PlateRead:
    return PlateRead(role="front", status="unsure", candidates=(RIGHT, NEAR), crop=CROP.name)


def plates(desk: Desk) -> Plates:
    return Plates(desk.folder / "station.db")


def tap(desk: Desk, passage: str, *, key: str = "") -> Tap:
    return desk.tap(passage, box=WIM, key=key)


async def correct(
    desk: Desk, passage: str, answer: Answer, *, key: str = "", role: str = "front"
) -> Done | NotCorrected | None:
    officers = Corrections(desk.officers, desk.queries, told=lambda box, name: desk.told.append((box, name)))
    return await officers.correct(tap(desk, passage, key=key), role, answer)


def said(text: str = RIGHT, **more: str) -> Answer:
    return Answer(said="plate", text=text, **more)


async def own(desk: Desk) -> list[bytes | None]:
    """Bodies of the corrections in the station's own journal, None where one is erased."""
    entries = await desk.journal.read(0, 100)
    return [e.body for e in entries if header.decode(e.header).stream == PlateCorrected.stream]


class Read:
    """One crossing of the moving lane, as it was read; its crop is here."""

    def __init__(self, desk: Desk, read: PlateRead, *, gross_kg: int = 20_000, at: int = NOW) -> None:
        self.desk = desk
        self.passage = desk.moving.weigh(gross_kg, at=at).passage
        self.seq = desk.moving.read_plates(self.passage, read, files=(CROP,))
        desk.moving.put()
        desk.store.file_stored(WIM, CROP.sha256, at_ms=NOW)

    def erase(self) -> None:
        """As the lane does when its days are over."""
        refs, files = (self.desk.moving.ref(self.seq),), (CROP.sha256,)
        body = RecordErased(rule="lane", by=WIM, entries=refs, files=files)
        self.desk.moving.say_bytes(canonical.encode(body), stream=RecordErased.stream)
        self.desk.moving.put()


async def test_a_correction_is_an_entry_beside_the_reading_which_stays(desk: Desk) -> None:
    passage = Read(desk, sure()).passage
    done = await correct(desk, passage, said("鲁c·7x9q2", note="mud"), key="same-key-1")
    again = await correct(desk, passage, said(), key="same-key-1")
    assert isinstance(done, Done)
    assert isinstance(again, Done)
    assert (again.ref, again.again) == (done.ref, True)
    [body] = await own(desk)
    told = msgspec.json.decode(body or b"", type=PlateCorrected)
    assert (told.read, told.text, told.plate_class, told.colour) == (READ, RIGHT, "ordinary", "yellow")
    assert (told.box, told.passage, told.by, told.crop, told.note) == (WIM, passage, "li", CROP.sha256, "mud")
    [reading] = plates(desk).newest()
    assert reading.read.text == READ
    assert reading.said is not None
    assert reading.said.body.text == RIGHT
    row = desk.row(passage, box=WIM)
    assert (row.tractor, row.vehicle) == (READ, RIGHT)
    assert (WIM, passage) in desk.told


async def test_what_is_no_plate_is_refused_and_what_was_meant_is_said(desk: Desk) -> None:
    passage = Read(desk, sure()).passage
    cases = {
        "鲁C7X9O2": Refused(why="letters_o_i", meant="鲁C7X902"),
        "鲁C7X": Refused(why="not_a_plate"),
        "鲁" * 4_000: Refused(why="not_a_plate"),
    }
    for text, refused in cases.items():
        assert await correct(desk, passage, said(text)) == NotCorrected(refused=refused)
    wrong = await correct(desk, passage, said(RIGHT, colour="green"))
    assert wrong == NotCorrected(refused=Refused(why="colour_differs"))
    assert await correct(desk, passage, said(), role="rear") == NotCorrected(why="no_such_read")
    assert await correct(desk, "nobody", said()) is None
    assert await own(desk) == []


async def test_an_unsure_reading_has_candidates_and_no_text_until_a_person_gives_one(desk: Desk) -> None:
    passage = Read(desk, unsure()).passage
    assert desk.row(passage, box=WIM).vehicle is None
    await correct(desk, passage, Answer(said="unreadable"))
    assert desk.row(passage, box=WIM).vehicle is None
    await correct(desk, passage, said())
    [reading] = plates(desk).newest(status="unsure")
    assert (reading.read.text, reading.read.candidates) == (None, (RIGHT, NEAR))
    assert desk.row(passage, box=WIM).vehicle == RIGHT


def test_the_newest_readings_come_first_and_are_narrowed_by_lane_and_status(desk: Desk) -> None:
    first, second = Read(desk, sure(), at=NOW - 1_000).passage, Read(desk, unsure(), at=NOW).passage
    desk.weighed(48_000)
    shown = plates(desk)
    assert [one.passage for one in shown.newest(box=WIM)] == [second, first]
    assert [one.passage for one in shown.newest(status="unsure")] == [second]
    assert [one.box for one in shown.newest(box=PLATFORM)] == [PLATFORM]
    assert len(shown.newest(most=2)) == 2


async def test_a_corrected_plate_is_the_same_vehicle_when_it_is_to_be_released(desk: Desk) -> None:
    over = desk.weighed(58_000, plate=READ)
    officers = Corrections(desk.officers, desk.queries, told=lambda _box, _passage: None)
    later = desk.weighed(48_000, plate=RIGHT)
    free = await desk.officers.release(desk.tap(later), Grounds())
    assert isinstance(free, Done)
    assert isinstance(await officers.correct(desk.tap(over), "front", said()), Done)
    once_more = desk.weighed(48_000, plate=RIGHT)
    refused = await desk.officers.release(desk.tap(once_more), Grounds())
    assert not isinstance(refused, Done)
    assert refused is not None
    assert (refused.why, refused.finding and refused.finding.passage) == ("open_finding", over)


async def test_after_a_crash_between_journal_and_view_the_correction_is_shown(desk: Desk) -> None:
    passage = Read(desk, sure()).passage
    body = PlateCorrected(passage=passage, box=WIM, role="front", read=READ, text=RIGHT, by="li")
    await desk.journal.append(body, source="yiyuan/s01/station")
    await desk.officers.hold(tap(desk, passage))  # another act is projected before it
    await desk.officers.catch_up()
    assert desk.row(passage, box=WIM).vehicle == RIGHT


def test_who_passed_before_is_found_by_the_plate_and_by_one_that_is_an_edit_away(desk: Desk) -> None:
    for minute, text in enumerate((NEAR, "鲁C11111", RIGHT)):
        Read(desk, sure(text), at=NOW - 3_600_000 + minute * 60_000)
    found = plates(desk).seen((RIGHT,), before_ms=NOW)
    assert [(one.text, one.agrees, one.source) for one in found] == [
        (RIGHT, True, "pre_check"),
        (NEAR, False, "pre_check"),
    ]
    assert plates(desk).seen((RIGHT,), before_ms=NOW - 4_000_000) == []
    assert plates(desk).seen((), before_ms=NOW) == []


async def test_i14_when_the_lane_erases_no_byte_of_the_correction_is_left_at_the_station(desk: Desk) -> None:
    crossing = Read(desk, sure())
    await correct(desk, crossing.passage, said(note="车主说是这个"))
    crossing.erase()
    erasing = Erasing(desk.journal, source="yiyuan/s01/station")
    forgetting = Forgetting(plates(desk), erasing, desk.store.forgotten, by="s01-station")
    await forgetting.forget()
    await forgetting.forget()
    assert desk.store.clean(lambda _sha256: None)
    assert await own(desk) == [None]
    entries = await desk.journal.read(0, 100)
    assert sum(header.decode(e.header).stream == RecordErased.stream for e in entries) == 1
    for path in sorted(desk.folder.rglob("*.db*")):
        assert RIGHT.encode() not in path.read_bytes(), path
    assert plates(desk).newest() == []
    assert await correct(desk, crossing.passage, said()) == NotCorrected(why="erased")


async def test_a_folder_of_crops_is_as_people_have_said_and_forgets_with_the_lane(
    desk: Desk, tmp_path: Path
) -> None:
    crossing = Read(desk, sure())
    (tmp_path / "crop").write_bytes(b"crop")
    folder = LabelledFolder(tmp_path / "labels")
    path_of = {CROP.sha256: tmp_path / "crop"}.get
    assert folder.hold(plates(desk).labels(), path_of) == 0
    await correct(desk, crossing.passage, said(READ))
    await correct(desk, crossing.passage, said())
    assert folder.hold(plates(desk).labels(), path_of) == 1
    file = f"{CROP.sha256}.jpg"
    assert (tmp_path / "labels" / file).read_bytes() == b"crop"
    line = {"file": file, "text": RIGHT, "class": "ordinary", "colour": "yellow", "double_row": False}
    assert json.loads((tmp_path / "labels" / "labels.jsonl").read_text()) == line
    crossing.erase()
    assert folder.hold(plates(desk).labels(), path_of) == 0
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == ["labels.jsonl", "manifest.json"]


async def test_nobody_can_read_it_labels_nothing(desk: Desk) -> None:
    passage = Read(desk, sure()).passage
    await correct(desk, passage, Answer(said="no_plate"))
    assert plates(desk).labels() == []
    [reading] = plates(desk).newest()
    assert reading.said is not None
    assert reading.said.body.without == "no_plate"


def test_a_form_with_more_than_it_may_hold_is_no_answer() -> None:
    for wrong in (
        b'{"said":"maybe"}',
        b'{"said":"plate","text":"' + b"A" * 50 + b'"}',
        b'{"said":"plate","by":"x"}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Answer)


async def test_the_verb_lists_readings_with_what_people_say(
    quick_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    county = County.make(quick_path / "county")
    file = county.write()
    folder = quick_path / "county" / "data"
    folder.mkdir()
    desk = await Desk.open(folder)
    try:
        passage = Read(desk, unsure()).passage
        await correct(desk, passage, said())
        desk.weighed(48_000)
        asked = ["--settings", str(file)]
        assert main(["plates", "--status", "unsure", "--json", *asked]) == 0
        [row] = json.loads(capsys.readouterr().out)
        assert (row["passage"], row["text"], row["said"], row["said_by"]) == (passage, None, RIGHT, "li")
        assert main(["plates", "--lane", PLATFORM, *asked]) == 0
        assert capsys.readouterr().out.count("\n") == 2
        for wrong in (["--lane", "nobody"], ["--limit", "0"]):
            assert main(["plates", *wrong, *asked]) == 2
    finally:
        desk.close()
