"""Entries, journals and databases made for the tests of the centre."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.projections import Register
from journal.store import Accepted, Head
from kernel.events import (
    Body,
    Candidate,
    DeviceHealth,
    EntryRef,
    FileStored,
    LaneHealth,
    PassageDecided,
    Picture,
    PlateRead,
    VehicleFacts,
    VehiclePictured,
    VehicleWeighed,
    Verdict,
)
from kernel.evidence import canonical, header, tree
from kernel.evidence.header import ClockState, FileRef, Header

NOON_MS = 1_795_000_000_000 - 1_795_000_000_000 % 3_600_000
SALT = bytes(16)
REGISTER = Register(
    centre="yiyuan-centre",
    sources={"yiyuan-centre": "yiyuan/centre", "lane1-box": "yiyuan/s01/lane1", "s01-box": "yiyuan/s01"},
)


def open_database(folder: Path) -> Database:
    database = connect(f"sqlite:///{folder / 'centre.db'}")
    migrate(database)
    return database


@dataclass
class Made:
    """A journal of a box, entry after entry; nothing is signed."""

    journal: str = "a" * 32
    box: str = "lane1-box"
    source: str = "yiyuan/s01/lane1"
    leaves: list[bytes] = field(default_factory=list)

    def add(
        self,
        body: Body | bytes,
        *,
        at_ms: int = NOON_MS,
        received_ms: int = NOON_MS + 200,
        stream: str | None = None,
        files: tuple[FileRef, ...] = (),
        source: str | None = None,
        absent: str | None = None,
        clock: Literal["ok", "holdover", "unset"] = "ok",
        boot: str = "b" * 16,
        mono_ms: int = 1,
    ) -> Accepted:
        data = body if isinstance(body, bytes) else canonical.encode(body)
        head = Header(
            at=at_ms,
            body=header.body_digest(SALT, data),
            boot=boot,
            clock=ClockState(err_ms=None if clock == "unset" else 5, state=clock),
            files=files,
            journal=self.journal,
            mono_ms=mono_ms,
            seq=len(self.leaves),
            source=source or self.source,
            stream=stream or (body.stream if isinstance(body, Body) else "vehicle.weighed"),
        )
        encoded = header.encode(head)
        self.leaves.append(header.leaf(encoded))
        return Accepted(
            box=self.box,
            seq=head.seq,
            leaf=self.leaves[-1],
            header_bytes=encoded,
            header=head,
            salt=None if absent else SALT,
            body=None if absent else data,
            absent=absent,
            received_ms=received_ms,
        )

    def head(self, *, process: str = "edge", state: str = "open", kept: int = 0) -> Head:
        return Head(
            journal=self.journal,
            box=self.box,
            process=process,
            public_key=bytes(32),
            state=state,  # type: ignore[arg-type]
            size=len(self.leaves),
            frontier=tree.Frontier.of(self.leaves).to_bytes(),
            root=tree.root(self.leaves),
            kept=kept,
            checkpoint="note",
        )


def weighed(
    passage: str = "p1", *, outcome: str = "within", gross_kg: int = 30_000, **changes: object
) -> VehicleWeighed:
    verdict = Verdict(
        outcome=outcome,  # type: ignore[arg-type]
        suspected=outcome == "over_limit",
        decision_kg=gross_kg,
        allowance_kg=0,
        candidates=tuple(
            Candidate(limit_kg=kg, rules=(), explain_zh="", explain_en="") for kg in (49_000, 46_000, 46_000)
        ),
        over_kg=max(0, gross_kg - 49_000),
        limit_lowest_kg=46_000,
        limit_highest_kg=49_000,
    )
    values: dict[str, object] = {
        "passage": passage,
        "lane": "lane1",
        "jurisdiction": "370323",
        "road_class": "county",
        "weighing_grade": "pre_check",
        "joint_mode": "joint",
        "attended": False,
        "method": "moving_axles",
        "device": "wim",
        "arrived_ms": NOON_MS - 3000,
        "left_ms": NOON_MS,
        "gross_kg": gross_kg,
        "facts": VehicleFacts(axle_count=6),
        "verdict": verdict,
        "device_certificate": "LC-2026-0101",
    }
    return VehicleWeighed(**(values | changes))  # type: ignore[arg-type]


def pictured(
    passage: str = "p1", *, tractor: str | None = "鲁C12345", trailer: str | None = None
) -> VehiclePictured:
    read = PlateRead(role="front", status="read", text=tractor, colour="yellow")
    picture = Picture(name="front-1.jpg", camera="front", role="front", at_ms=NOON_MS, width=1280, height=720)
    return VehiclePictured(
        passage=passage,
        weighed=None,
        weighed_durable_ms=None,
        plates=(read,) if tractor else (),
        tractor=tractor,
        trailer=trailer,
        pictures=(picture,),
    )


def picture_file(digest: str = "c" * 64) -> tuple[FileRef, ...]:
    return (FileRef(name="front-1.jpg", sha256=digest, size=150_000),)


def clip(passage: str = "p1", *, on_demand: bool = False) -> FileStored:
    return FileStored(
        passage=passage, weighed=None, kind="clip", camera="front", upload="on_demand" if on_demand else "now"
    )


def clip_file(digest: str = "d" * 64) -> tuple[FileRef, ...]:
    return (FileRef(name="front.mp4", sha256=digest, size=6_000_000),)


def decided(of: Accepted, *, act: str = "released", leaf: str | None = None) -> PassageDecided:
    about = EntryRef(journal=of.header.journal, seq=of.seq, leaf=leaf or of.leaf.hex())
    return PassageDecided(passage="p1", weighed=about, act=act, by="li")  # type: ignore[arg-type]


def health(*, camera: str = "up", waiting: int = 0) -> LaneHealth:
    devices = (
        DeviceHealth(name="scale", kind="scale", state="up", since_ms=NOON_MS),
        DeviceHealth(name="front", kind="camera", state=camera, since_ms=NOON_MS, detail=""),  # type: ignore[arg-type]
    )
    return LaneHealth(devices=devices, disk_free_kb=9_000_000, software="0.1.0", waiting=waiting)
