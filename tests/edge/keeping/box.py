"""A lane's disk without a lane: journal, files, cursors and housekeeping, and what the destination has said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

from edge.keeping.custody import Custody
from edge.keeping.housekeeping import Housekeeping
from edge.keeping.relieving import Disk
from edge.keeping.settings import DAY_MS, KeepingSettings
from journal.cursors import Cursor, Cursors, Upload
from journal.disk import Room
from journal.erasing import Erasing
from journal.files import FileStore
from journal.leaving import remove_closed
from journal.reserve import Reserve
from journal.settings import Destination, Succession
from journal.writer import Appended, Journal
from kernel.errors import LinkError
from kernel.events import (
    Body,
    FileStored,
    Outcome,
    PlateRead,
    VehicleFacts,
    VehiclePictured,
    VehicleWeighed,
    Verdict,
)
from kernel.evidence import header
from kernel.evidence.header import ClockState, FileRef
from tests.journal.making import BOX, County, TestClock

CENTRE = Destination(
    name="centre",
    mqtt="mqtt://127.0.0.1:1",
    password="x",
    store_id="yiyuan-centre-1",
    store_public="A" * 43 + "=",
    files="http://127.0.0.1:1",
    custody=True,
)
IDENTITY = County().identity()
SOURCE = "yiyuan/s01/lane1"
MB = 1 << 20


@dataclass(slots=True, kw_only=True)
class FakeRing:
    """So much footage that may go, and what is recorded."""

    recorded: tuple[str, ...] = ("front", "rear", "side")
    unlocked: int = 0
    asked: list[int] = field(default_factory=list)
    not_recorded: frozenset[str] = frozenset()
    broken: bool = False
    strangers: list[str] = field(default_factory=list)

    async def make_room(self, wanted: int) -> int:
        if self.broken:
            raise LinkError("the recorder has not begun")
        self.asked.append(wanted)
        freed = min(wanted, self.unlocked)
        self.unlocked -= freed
        return freed

    def shed(self, cameras: frozenset[str]) -> None:
        self.not_recorded = cameras

    async def reconcile(self) -> tuple[list[str], list[str]]:
        return self.strangers, []


class LaneBox:
    """`full(percent)` says how full the disk is; what is freed is counted off it."""

    def __init__(
        self, folder: Path, *, settings: KeepingSettings | None = None, reserve_bytes: int = 4096
    ) -> None:
        self.folder = folder
        self.clock = TestClock()
        self.reserve_bytes = reserve_bytes
        self.settings = settings or KeepingSettings()
        self.ring = FakeRing()
        self.told_ms: int | None = None
        self.used = 50 * MB
        self.clock_state = ClockState(err_ms=1, state="ok")
        self.at: int | None = None  # what the clock says, where it says something else
        self.succession = Succession(days=100_000)
        self.open()

    # --- the process -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        home = self.folder / "journal"
        self.reserve = Reserve(home / "reserve", size=self.reserve_bytes)
        home.mkdir(exist_ok=True)
        self.reserve.make()
        self.journal = Journal.open(
            home,
            box=BOX,
            process="edge",
            software="test",
            identity=IDENTITY.key,
            clock=self.clock,
            boot="0123456789abcdef",
            source_clock=lambda: self.clock_state,
            succession=self.succession,
            reserve=self.reserve,
        )
        self.files = FileStore(self.folder / "files", clock=self.clock, may_write=lambda: self.reserve.held)
        self.cursors = Cursors(home)
        self.erasing = Erasing(self.journal, source=SOURCE, files=self.files, cursors=self.cursors)
        custody = Custody(
            self.cursors,
            destination="centre",
            takes_files=True,
            told_ms=lambda: self.told_ms,
            clock=self.clock,
        )
        self.keeping = Housekeeping(
            append=lambda body: self.journal.append(body, source=SOURCE),
            by=BOX,
            erasing=self.erasing,
            custody=custody,
            files=self.files,
            disk=Disk(room=self.room, reserve=self.reserve, footage=self.ring),
            ring=self.ring,
            leave=lambda is_needed: remove_closed(
                self.journal, self.cursors, destinations=(CENTRE,), source=SOURCE, is_needed=is_needed
            ),
            settings=self.settings,
            register=self.folder / "keeping.db",
            clock=self.clock,
        )

    async def close(self) -> None:
        await self.keeping._inventory.close()
        self.journal.close()
        self.cursors.close()

    async def again(self) -> None:
        await self.close()
        self.open()

    async def run(self) -> None:
        """Until housekeeping has nothing more to do at once."""
        while await self.keeping.step():
            pass

    def room(self) -> Room:
        lying = sum(path.stat().st_size for path in self.files.names())
        used = min(self.used + lying + self.ring.unlocked, 100 * MB)
        return Room(used=used, free=100 * MB - used)

    # --- what happens on the lane ----------------------------------------------------------------------------------

    async def say(
        self, body: Body, files: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[Appended, tuple[FileRef, ...]]:
        refs = await self.files.put(files) if files else ()
        return await self.journal.append(body, source=SOURCE, files=refs, at=self.at), refs

    async def drive(
        self, passage: str, outcome: Outcome = "within", *, picture: bytes = b"", clip: int = 2000
    ) -> Passed:
        """One vehicle, whole; its picture and its clip have bytes of their own."""
        weighed, _ = await self.say(weighing(passage, outcome))
        plate = plate_of(passage)
        pictured, pictures = await self.say(
            VehiclePictured(
                passage=passage,
                weighed=weighed.ref,
                weighed_durable_ms=None,
                plates=(PlateRead(role="front", status="read", text=plate),),
                tractor=plate,
            ),
            [("front-0.jpg", picture or b"picture of " + plate.encode())],
        )
        content = plate.encode().ljust(clip, b"c")
        stored, clips = await self.say(
            FileStored(
                passage=passage,
                weighed=weighed.ref,
                kind="clip",
                upload="on_demand" if outcome == "within" else "now",
            ),
            [(f"{passage}-front.mp4", content)],
        )
        self._list(pictured, pictures, "waiting")
        self._list(stored, clips, "on_demand" if outcome == "within" else "waiting")
        return Passed(
            weighed=weighed,
            pictured=pictured,
            stored=stored,
            picture=pictures[0].sha256,
            clip=clips[0].sha256,
        )

    async def drive_blind(self, passage: str) -> Appended:
        """One vehicle, weighed and not pictured."""
        return (await self.say(weighing(passage, "over_limit")))[0]

    def _list(self, appended: Appended, files: Sequence[FileRef], state: str) -> None:
        uploads = [
            (
                Upload(sha256=f.sha256, size=f.size, journal=appended.journal, seq=appended.seq, priority=2),
                state,
            )
            for f in files
        ]
        self.cursors.list_uploads(
            uploads, journal=appended.journal, destination="centre", scanned=appended.seq + 1
        )

    # --- what the centre says --------------------------------------------------------------------------------------

    def kept(self, seq: int | None = None) -> None:
        """Receipts, signed now, for all there is or for the first entries of the current journal."""
        for volume in self.journal.volumes:
            size = volume.size if seq is None or volume.closed else seq
            cursor = Cursor(store="s", sent=size, size=size, kept=size)
            self.cursors.save(cursor, journal=volume.id, destination="centre")
            self.cursors.list_uploads([], journal=volume.id, destination="centre", scanned=size)
        self.told_ms = self.clock.ms

    def uploaded(self, *names: str, kept: bool = True) -> None:
        for name in names:
            self.cursors.uploaded(name, destination="centre", kept=kept)

    def days(self, days: int) -> None:
        """Later, and the centre is still there."""
        self.clock.ms += days * DAY_MS
        self.kept()

    # --- what is seen ----------------------------------------------------------------------------------------------

    def here(self, *names: str) -> list[bool]:
        return [self.files.path(name) is not None for name in names]

    async def said(self, kind: type[Body]) -> list[Body]:
        entries = await self.journal.read(0, 10_000)
        return [
            msgspec.json.decode(entry.body, type=kind)
            for entry in entries
            if entry.body and header.decode(entry.header).stream == kind.stream
        ]

    def everywhere(self) -> bytes:
        return b"\0".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())

    def upload_rows(self) -> set[str]:
        with closing(sqlite3.connect(self.folder / "journal" / "cursor.db")) as db:
            return {row[0] for row in db.execute("SELECT sha256 FROM upload")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    weighed: Appended
    pictured: Appended
    stored: Appended
    picture: str
    clip: str


def plate_of(passage: str) -> str:
    return "鲁C" + sha256(passage.encode()).hexdigest()[:5].upper()


def weighing(passage: str, outcome: Outcome) -> VehicleWeighed:
    return VehicleWeighed(
        passage=passage,
        lane="lane1",
        jurisdiction="370323",
        road_class="national",
        weighing_grade="pre_check",
        joint_mode="joint",
        attended=False,
        method="moving_axles",
        device="scale",
        arrived_ms=None,
        left_ms=None,
        gross_kg=40_000,
        facts=VehicleFacts(),
        verdict=Verdict(
            outcome=outcome, suspected=True, decision_kg=40_000, allowance_kg=0, candidates=(), over_kg=0
        ),
    )
