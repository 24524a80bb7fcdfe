"""Packages of passages and cases, whole journals and slips, out of a real store: the verifier proves what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from central.evidence.journal import JournalExports
from central.packaging import Packages
from central.store.belonging import Belonging
from central.store.custody import CustodyStore
from central.store.engines import Database
from central.store.receiving import CentreStore
from journal.checking import inspect
from journal.keys import Identity, SigningKey
from journal.store import Head
from kernel.errors import RefusedError
from kernel.events import (
    Body,
    CaseRecorded,
    EntryRef,
    PassageDecided,
    PassageReviewed,
    RecordAccessed,
    RecordErased,
    SlipIssued,
)
from kernel.evidence import tree
from kernel.evidence.header import FileRef, decode
from kernel.evidence.notes import Note, cosign, encode_base64
from kernel.evidence.slips import Slip
from tests.central.made import REGISTER, clip, pictured, weighed
from tests.central.world import FolderOfFiles, World
from tests.journal.making import NOW, County, PaperJournal, TestClock
from verify.journal import Given, examine
from verify.package import PROVEN, Report, Trust, read_trust, verify

COUNTY = County()
CENTRE = SigningKey.generate(kind="cosigner", name="yiyuan-cosigner")
WITNESS = SigningKey.generate(kind="witness", name="yiyuan-witness")
CASE = "云交罚〔2026〕17号"
PICTURE, CLIP = b"\xff\xd8 front", b"\x00\x00\x00\x18ftyp clip"


def trust() -> Trust:
    rows = [("[root]", COUNTY.root), ("[[cosigner]]", CENTRE), ("[[witness]]", WITNESS)]
    return read_trust(
        '[centre]\nbox = "yiyuan-centre"\n'
        + "".join(f'{head}\nname = "{k.name}"\npublic = "{encode_base64(k.public)}"\n' for head, k in rows)
    )


class Paper(PaperJournal):
    """A journal that the centre has taken in, and its place in the register."""

    def __init__(
        self, identity: Identity, source: str, *, process: str = "edge", before: Paper | None = None
    ):
        self.source = source
        self.put = 0
        super().__init__(identity, process=process, predecessor=before.predecessor() if before else None)

    def ref(self, seq: int) -> EntryRef:
        return EntryRef(journal=self.id, seq=seq, leaf=self.leaves[seq].hex())


class Held:
    """A centre's store with a lane, a station and its own journal in it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.store = CentreStore(database, store_id="centre-1", register=REGISTER)
        self.custody = CustodyStore(database)
        self.files = FolderOfFiles(folder)
        self.lane = Paper(COUNTY.identity("lane1-box"), "yiyuan/s01/lane1")
        self.station = Paper(COUNTY.identity("s01-box"), "yiyuan/s01", process="station")
        self.centre = Paper(COUNTY.identity("yiyuan-centre"), "yiyuan/centre", process="central")
        self.packages = Packages(Belonging(database), self.custody, self.files, keys=(), clock=TestClock())
        self.folder = folder

    def file(self, name: str, data: bytes) -> FileRef:
        digest = sha256(data).hexdigest()
        (self.files.folder / digest).write_bytes(data)
        return FileRef(name=name, sha256=digest, size=len(data))

    def cross(self, lane: Paper, passage: str) -> EntryRef:
        """One truck with a picture and a clip; the weighing."""
        lane.say(weighed(passage, outcome="over_limit", gross_kg=52_000))
        at = lane.ref(lane.size - 1)
        lane.say(pictured(passage), files=(self.file("front-1.jpg", PICTURE + passage.encode()),))
        lane.say(clip(passage), files=(self.file("front.mp4", CLIP + passage.encode()),))
        return at

    def take(self, *papers: Paper, cosigned: bool = True, witnessed: bool = True) -> None:
        """As the receiver and the cosigner do."""
        for paper in papers:
            for start in range(paper.put, paper.size, 50):
                frame = paper.wire(start, min(start + 50, paper.size))
                entries = inspect(paper.box, paper.id, frame, received_ms=NOW + 500).entries
                with self.store.begin() as transaction:
                    transaction.insert(paper.id, entries)
                    transaction.save_head(self.head(paper))
            paper.put = paper.size
            self.custody.save_chain(paper.id, paper.identity.certs)
            if cosigned:
                self.cosign(paper, witnessed=witnessed)

    def head(self, paper: Paper) -> Head:
        opened = paper.entries[0][2] or b""
        before = opened.decode().partition('"predecessor":{"id":"')[2][:32]
        return Head(
            journal=paper.id,
            box=paper.box,
            process=opened.decode().partition('"process":"')[2].partition('"')[0],
            public_key=paper.key.public,
            state="open",
            size=paper.size,
            frontier=tree.Frontier.of(paper.leaves).to_bytes(),
            root=tree.root(paper.leaves),
            kept=0,
            checkpoint=paper.checkpoint(),
            predecessor=before or None,
        )

    def cosign(self, paper: Paper, *, witnessed: bool = True) -> None:
        note = Note.parse(paper.checkpoint())
        for key in (CENTRE, WITNESS)[: 1 + witnessed]:
            note = note.with_signature(
                cosign(note.text, name=key.name, public_key=key.public, sign=key.sign, at_s=NOW // 1000)
            )
        self.custody.save_note(paper.id, note.format(), size=paper.size, witnessed=witnessed)

    def close(self, paper: Paper) -> None:
        with self.store.begin() as transaction:
            transaction.save_head(replace(self.head(paper), state="closed"))

    def passage(self, passage: str, box: str = "lane1-box") -> Report:
        path = self.folder / "package.zip"
        self.packages.write(box, passage, path)
        return verify(path, trust(), NOW + 1000)

    def case(self, case: str = CASE) -> Report:
        path = self.folder / "case.zip"
        self.packages.write_case(case, path)
        return verify(path, trust(), NOW + 1000)


@pytest.fixture
def held(database: Database, tmp_path: Path) -> Held:
    return Held(database, tmp_path)


def wrong(report: Report) -> list[tuple[str, str, str, str]]:
    return [
        (line.check, line.where, line.verdict, line.en) for line in report.lines if line.verdict != PROVEN
    ]


def test_a_passage_comes_with_what_station_and_centre_did_about_it(held: Held) -> None:
    at = held.cross(held.lane, "p1")
    held.cross(held.lane, "p2")
    held.station.say(PassageDecided(passage="p1", weighed=at, act="held", by="li"))
    held.centre.say(PassageReviewed(passage="p1", weighed=at, outcome="confirmed", by="wang"))
    held.take(held.lane, held.station, held.centre)
    report = held.passage("p1")
    assert report.proven, wrong(report)
    told = " ".join(line.en for line in report.lines)
    for stream in (
        "vehicle.weighed",
        "vehicle.pictured",
        "file.stored",
        "passage.decided",
        "passage.reviewed",
    ):
        assert stream in told
    assert held.passage("p2").proven


def test_a_case_has_all_entries_of_all_its_passages_and_the_acts_on_them(held: Held) -> None:
    first, second = held.cross(held.lane, "p1"), held.cross(held.lane, "p2")
    held.cross(held.lane, "p3")
    held.station.say(PassageDecided(passage="p2", weighed=second, act="held", by="li"))
    held.centre.say(CaseRecorded(case=CASE, entries=(first,), by="wang"))
    held.centre.say(PassageReviewed(passage="p2", weighed=second, outcome="confirmed", by="wang", case=CASE))
    held.take(held.lane, held.station, held.centre)
    report = held.case()
    assert report.proven, wrong(report)
    told = " ".join(line.en for line in report.lines)
    assert f"case {CASE}: 2 passages" in told
    assert {line.where for line in report.lines if line.check == "v5"} == {
        "package", "front-1.jpg", "front.mp4",
    }  # fmt: skip
    assert (report.case, report.seq) == (CASE, first.seq)


def test_a_case_that_is_not_here_or_not_cosigned_says_why(held: Held) -> None:
    at = held.cross(held.lane, "p1")
    with pytest.raises(RefusedError, match="no such case"):
        held.case()
    held.centre.say(CaseRecorded(case=CASE, entries=(at,), by="wang"))
    held.take(held.centre, cosigned=False)
    with pytest.raises(RefusedError, match="nothing of it is here yet"):
        held.case()
    held.take(held.lane)
    with pytest.raises(RefusedError, match="not cosigned yet"):
        held.case()
    held.cosign(held.centre)
    assert held.case().proven


def test_what_was_erased_is_missing_with_the_entry_that_says_so(held: Held) -> None:
    at = held.cross(held.lane, "p1")
    held.cross(held.lane, "p2")
    held.take(held.lane)
    assert held.passage("p1").proven
    pictures = [sha256(PICTURE + b"p1").hexdigest(), sha256(CLIP + b"p1").hexdigest()]
    refs = tuple(held.lane.ref(at.seq + n) for n in (1, 2))
    held.centre.say(RecordErased(rule="retention.plates", by="wang", entries=refs, files=tuple(pictures)))
    held.take(held.centre)
    for digest in pictures:
        held.files.erase(digest)
    # Over limit and of no case: nothing but its days keeps it, and the centre has said that they are over.
    report = held.passage("p1")
    assert report.proven, wrong(report)
    told = " ".join(line.en for line in report.lines)
    assert told.count("by rule retention.plates") >= 3
    assert held.passage("p2").proven


def test_a_recovered_passage_is_proven_under_its_first_identity(held: Held) -> None:
    at = held.cross(held.lane, "p1")
    held.take(held.lane)
    old = held.lane
    following = Paper(old.identity, old.source, before=old)
    for seq in range(at.seq, old.size):
        following.say(old.retell(seq), files=decode(old.entries[seq][0]).files)
    held.station.say(PassageDecided(passage="p1", weighed=at, act="held", by="li"))
    held.close(old)
    held.take(following, held.station)
    report = held.passage("p1")
    assert report.proven, wrong(report)


def test_a_package_waits_for_nobody_but_says_who_is_missing(held: Held) -> None:
    at = held.cross(held.lane, "p1")
    held.station.say(PassageDecided(passage="p1", weighed=at, act="held", by="li"))
    held.take(held.lane, witnessed=False)
    held.take(held.station, cosigned=False)
    report = held.passage("p1")
    assert [line[:3] for line in wrong(report)] == [("v3", "witness", "NOT PROVEN")]
    with pytest.raises(RefusedError, match="not weighed yet"):
        held.passage("p9")


def test_a_whole_journal_is_exported_and_proven(held: Held, tmp_path: Path, database: Database) -> None:
    for number in range(100):
        held.cross(held.lane, f"p{number}")
    held.take(held.lane)
    held.lane.say(RecordErased(rule="days", by="box", entries=(held.lane.ref(2),)))
    held.take(held.lane)
    path = tmp_path / "export.db"
    assert JournalExports(database, held.custody).write(held.lane.id, path) == 302
    report = examine([path], Given(trust=trust(), now_ms=NOW + 1000))
    assert report.proven, [line for line in report.lines if line.verdict != PROVEN]
    [counts] = report.counts
    assert (counts.entries, counts.erased + counts.bodies) == (302, 302)
    with pytest.raises(RefusedError, match="no such journal"):
        JournalExports(database, held.custody).write("0" * 32, tmp_path / "other.db")


# --- by the API -------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.test/api/v1") as client:
        yield client


def said(world: World, kind: type[Body]) -> list[Body]:
    return [entry for entry in world.entries if isinstance(entry, kind)]


async def test_a_slip_is_an_entry_before_it_is_given_out(
    client: httpx.AsyncClient, world: World, held: Held
) -> None:
    at = held.cross(held.lane, "p1")
    held.take(held.lane)
    address, headers = f"events/{at.journal}/{at.seq}/slip", world.token("desk", role="operator")
    answer = await client.post(address, headers=headers)
    assert answer.status_code == 200, answer.text
    slip = Slip.parse(answer.json()["payload"])
    assert (slip.journal, slip.seq, slip.cosigned_size) == (at.journal, at.seq, held.lane.size)
    assert at.leaf.startswith(slip.leaf)
    [entry] = said(world, SlipIssued)
    assert isinstance(entry, SlipIssued)
    assert (entry.kind, entry.about, entry.by) == ("weighing", at, "token:desk")
    assert entry.payload == answer.json()["payload"]
    assert answer.json()["qr_svg"].startswith("<svg")
    assert (await client.post(address, headers=world.token())).status_code == 403
    assert (await client.post(f"events/{at.journal}/99/slip", headers=headers)).status_code == 404
    refused = await client.post(f"events/{at.journal}/0/slip", headers=headers)
    assert (refused.status_code, refused.json()["detail"]) == (409, "no slip is printed of journal.opened")
    assert len(said(world, SlipIssued)) == 1


async def test_a_case_and_a_journal_leave_with_an_entry_each(
    client: httpx.AsyncClient, world: World, held: Held
) -> None:
    held.cross(held.lane, "p1")
    held.take(held.lane)
    world.packages.passage = CASE
    headers = world.token("desk", role="operator")
    assert (await client.get(f"cases/{CASE}/package", headers=headers)).content == b"PK"
    refused = await client.get("cases/other/package", headers=headers)
    assert (refused.status_code, refused.json()["detail"]) == (409, "not weighed yet")
    assert (await client.get(f"cases/{CASE}/package", headers=world.token())).status_code == 403
    export = f"journals/{held.lane.id}/export"
    assert (await client.get(export, headers=headers)).status_code == 403
    audits = world.token("audits", role="auditor")
    answer = await client.get(export, headers=audits)
    assert answer.content.startswith(b"SQLite format 3")
    assert (await client.get(f"journals/{'0' * 32}/export", headers=audits)).status_code == 404
    looks = [(each.by, each.what, each.filter) for each in said(world, RecordAccessed)]  # type: ignore[attr-defined]
    assert looks[:2] == [
        ("token:desk", "package", f"case={CASE}"),
        ("token:desk", "package", "case=other"),
    ]
    assert looks[2] == ("token:audits", "export", f"journal={held.lane.id}")
