"""A day at the county's scales, as entries: every kind of verdict, plate and absence that a page must show."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from central.settings import Station
from central.store.projections import Register
from journal.store import Accepted
from kernel.events import (
    Axle,
    AxleGroup,
    Body,
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
)
from kernel.evidence import canonical
from kernel.evidence.header import FileRef
from kernel.footage.bodies import FootageDerived, FootageLinked, FootageTagged
from kernel.law.shipped import national
from kernel.law.verdict import Allowance, judge
from tests.browser import pictures
from tests.central.made import Made

STATIONS = (
    Station(id="yiyuan/s01", name_zh="南麻检测站", name_en="Nanma"),
    Station(id="yiyuan/s02", name_zh="鲁村卡口", name_en="Lucun"),
    Station(id="yiyuan/s03", name_zh="东里检测点", name_en="Dongli"),
    Station(id="yiyuan/s04", name_zh="悦庄检测点", name_en="Yuezhuang"),
)
LANES = {
    "s01-lane1": "yiyuan/s01/lane1",
    "s01-lane2": "yiyuan/s01/lane2",
    "s02-lane1": "yiyuan/s02/lane1",
    "s03-lane1": "yiyuan/s03/lane1",
}
REGISTER = Register(
    centre="yiyuan-centre", sources={"yiyuan-centre": "yiyuan/centre", "s01-station": "yiyuan/s01", **LANES}
)
STATIC, STATION = "s01-lane2", "s01-station"
# (plate, colour, trailer, axles, facts, gross) - None as plate: not read
TRUCKS: tuple[tuple[str | None, str, str | None, VehicleFacts, int], ...] = (
    (
        "鲁C8K215",
        "yellow",
        "鲁CA318挂",
        VehicleFacts(axle_count=6, combination=True, single_tyre_axles=0),
        47_300,
    ),
    ("鲁C3D702", "yellow", None, VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0), 29_840),
    ("豫G5512H", "yellow", "豫GF207挂", VehicleFacts(axle_count=6, single_tyre_axles=0), 58_760),
    (None, "yellow", None, VehicleFacts(axle_count=3, single_tyre_axles=0), 21_420),
    (
        "鲁CD07719",
        "yellow_green",
        None,
        VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0),
        15_980,
    ),
    ("冀J90X83", "yellow", "冀JKL62挂", VehicleFacts(axle_count=5, combination=True), 41_060),
    ("鲁Q2M118", "blue", None, VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0), 4_260),
    ("苏N7730B", "yellow", None, VehicleFacts(), 36_200),
)


UNSURE = PlateRead(
    role="front",
    status="unsure",
    plate_class="ordinary",
    colour="yellow",
    score_permille=430,
    frames=6,
    agreeing=3,
    candidates=("鲁C3B702", "鲁C3D702"),
    chars_permille=(990, 985, 970, 420, 960, 950, 980),
    reader="pp-ocrv4",
)


@dataclass
class County:
    """One journal a lane; every vehicle is its weighing, its pictures and its clip."""

    files: Path
    journals: dict[str, Made] = field(default_factory=dict)
    seed: random.Random = field(default_factory=lambda: random.Random(20))
    passed: int = 0
    kept: list[tuple[str, str]] = field(
        default_factory=list
    )  # (box, sha256) whose bytes are here and not yet told

    def __post_init__(self) -> None:
        for box, source in LANES.items():
            self.journals[box] = Made(journal=_hex(box)[:32], box=box, source=source)
        self.journals[STATION] = Made(journal=_hex(STATION)[:32], box=STATION, source="yiyuan/s01/station")

    def vehicle(
        self, box: str, at_ms: int, *, pictured: bool = True, truck: int | None = None
    ) -> list[Accepted]:
        """All entries of one crossing."""
        number = self.passed if truck is None else truck
        self.passed += 1
        passage = f"{_hex(box)[:8]}-{self.passed:05d}"
        plate, colour, trailer, facts, gross_kg = TRUCKS[number % len(TRUCKS)]
        body = self._weighed(box, passage, at_ms, facts, gross_kg)
        weighed = self._add(box, body, at_ms, ())
        found = [weighed]
        about = EntryRef(journal=weighed.header.journal, seq=weighed.seq, leaf=weighed.leaf.hex())
        if pictured:
            found += self._seen(box, passage, at_ms, about, plate, colour, trailer, body.verdict.outcome)
        return found

    def filmed(self, weighed: Accepted, at_ms: int) -> list[Accepted]:
        """A recorder's film of it, linked and marked: its span begins 2 s before the clip of the lane."""
        body = canonical.decode_as(weighed.body or b"", VehicleWeighed)
        linked = FootageLinked(
            link="l-1",
            act="linked",
            sha256=_hex("film"),
            from_ms=60_000,
            to_ms=66_000,
            by="rule",
            reason="同一执法人员",
            box=weighed.box,
            passage=body.passage,
            true_from_ms=at_ms - 13_000,
            err_ms=640,
        )
        path = self.files / "span.mp4"
        pictures.clip(path, "豫G5512H", seed=2, seconds=7)
        span = self._keep(STATION, path.read_bytes(), "span.mp4")
        derived = FootageDerived(
            kind="span",
            sha256=span.sha256,
            size=span.size,
            sources=(_hex("film"),),
            by="rule",
            reason="同一执法人员",
            from_ms=59_000,
            to_ms=66_000,
            how=(("video", "h264"),),
            box=weighed.box,
            passage=body.passage,
            link="l-1",
        )
        marked = FootageTagged(
            tag="t-1",
            act="tagged",
            sha256=_hex("film"),
            from_ms=62_500,
            to_ms=64_000,
            kind="step",
            value="show_certificate",
            by="370001",
        )
        return [
            self._add(STATION, linked, at_ms, ()),
            self._add(STATION, derived, at_ms, (span,)),
            self._add(STATION, marked, at_ms, ()),
        ]

    def doubted(self, box: str, at_ms: int) -> list[Accepted]:
        """A crossing whose plate was not read past the gate, with its crop."""
        [weighed] = self.vehicle(box, at_ms, pictured=False, truck=0)
        passage = f"{_hex(box)[:8]}-{self.passed:05d}"
        image = pictures.truck("鲁C3D702", seed=self.passed)
        crop = self._keep(box, pictures.jpeg(pictures.crop(image)), "front-plate.jpg")
        body = VehiclePictured(
            passage=passage, weighed=None, weighed_durable_ms=None, plates=(replace(UNSURE, crop=crop.name),)
        )
        return [weighed, self._add(box, body, at_ms + 1_800, (crop,))]

    def decided(self, weighed: Accepted, at_ms: int) -> Accepted:
        about = EntryRef(journal=weighed.header.journal, seq=weighed.seq, leaf=weighed.leaf.hex())
        body = PassageDecided(
            passage="-", weighed=about, act="held", by="王磊", note="现场核对为双驱动轴，引导至复检区"
        )
        return self._add(weighed.box, body, at_ms, ())

    def health(self, box: str, at_ms: int, *, camera: str = "up") -> Accepted:
        return self._add(box, _health(at_ms, camera), at_ms, ())

    def unreadable(self, box: str, at_ms: int) -> Accepted:
        return self.journals[box].add(
            b'{"passage":"x"}', at_ms=at_ms, received_ms=at_ms, stream="vehicle.weighed"
        )

    def _add(self, box: str, body: Body, at_ms: int, files: tuple[FileRef, ...]) -> Accepted:
        return self.journals[box].add(body, at_ms=at_ms, received_ms=at_ms + 420, files=files)

    def _weighed(
        self, box: str, passage: str, at_ms: int, facts: VehicleFacts, gross_kg: int
    ) -> VehicleWeighed:
        static = box == STATIC
        gross_kg += self.seed.randrange(-9, 10) * 20
        verdict = judge(
            gross_kg,
            facts,
            law=national(),
            on="2026-06-01",
            jurisdiction="370323",
            allowance=Allowance(),
            suspected=not static,
        )
        axles = () if static or facts.axle_count is None else tuple(_axles(gross_kg, facts.axle_count))
        return VehicleWeighed(
            passage=passage,
            lane=LANES[box].rsplit("/")[-1],
            jurisdiction="370323",
            road_class="provincial",
            weighing_grade="certified" if static else "pre_check",
            joint_mode="joint",
            attended=static,
            method="static_platform" if static else "moving_axles",
            device="platform" if static else "wim",
            arrived_ms=at_ms - 12_000,
            left_ms=at_ms,
            gross_kg=gross_kg,
            facts=facts,
            verdict=verdict,
            axles=axles,
            groups=(AxleGroup(axles=1, group_kg=axles[0].axle_kg),) if axles else (),
            speed_dkmh=None if static else 87,
            quality=("stop_and_go",) if self.passed % 11 == 0 else (),
            missing=("camera rear: down",) if self.passed % 7 == 0 else (),
            trace=tuple(_trace(gross_kg)) if static else (),
            record_hex="" if static else "0aff31005c4b",
            device_certificate="鲁检-2026-0317",
            device_certificate_until="2027-03-16",
        )

    def _seen(
        self,
        box: str,
        passage: str,
        at_ms: int,
        about: EntryRef,
        plate: str | None,
        colour: str,
        trailer: str | None,
        outcome: str,
    ) -> Iterator[Accepted]:
        number = self.passed
        shot = self._picture(box, plate or "", number)
        picture = Picture(
            name="front-1.jpg", camera="front", role="front", at_ms=at_ms - 4_000, width=1280, height=720
        )
        away = Picture(
            name="rear-1.jpg", camera="rear", role="rear", at_ms=at_ms - 1_500, width=1280, height=720
        )
        body = VehiclePictured(
            passage=passage,
            weighed=about,
            weighed_durable_ms=at_ms + 60,
            plates=tuple(_plates(plate, colour, trailer)),
            tractor=plate,
            trailer=trailer,
            pictures=(picture, away),
        )
        rear = FileRef(name="rear-1.jpg", sha256=_hex(passage + "rear"), size=148_212)
        yield self._add(box, body, at_ms + 1_800, (shot, rear))
        film = FileStored(
            passage=passage,
            weighed=about,
            kind="clip",
            camera="front",
            actual_start_ms=at_ms - 12_000,
            requested_start_ms=at_ms - 12_000,
            duration_ms=4_000,
            frames=40,
            upload="on_demand" if outcome == "within" else "now",
        )
        yield self._add(
            box, film, at_ms + 9_000, (self._clip(box, plate or "", number, stays=outcome == "within"),)
        )

    def _picture(self, box: str, plate: str, number: int) -> FileRef:
        return self._keep(box, pictures.jpeg(pictures.truck(plate, seed=number)), "front-1.jpg")

    def _clip(self, box: str, plate: str, number: int, *, stays: bool) -> FileRef:
        if stays:
            return FileRef(name="front.mp4", sha256=_hex(f"clip {number}"), size=6_120_400)
        path = self.files / f"clip-{plate}-{number % 4}.mp4"
        if not path.exists():
            pictures.clip(path, plate, seed=number % 4)
        return self._keep(box, path.read_bytes(), "front.mp4")

    def _keep(self, box: str, data: bytes, name: str) -> FileRef:
        digest = hashlib.sha256(data).hexdigest()
        (self.files / digest).write_bytes(data)
        self.kept.append((box, digest))
        return FileRef(name=name, sha256=digest, size=len(data))


def _axles(gross_kg: int, count: int) -> Iterator[Axle]:
    front = min(7_000, gross_kg // count)
    rest = (gross_kg - front) // (count - 1) // 20 * 20
    masses = [gross_kg - rest * (count - 1), *[rest] * (count - 1)]
    spacings = [None, 3_300, 1_350, 6_900, 1_310, 1_310][:count]
    for mass, spacing in zip(masses, spacings, strict=True):
        yield Axle(
            axle_kg=mass, spacing_mm=spacing, speed_dkmh=87, tyres="single" if spacing is None else "dual"
        )


def _trace(gross_kg: int) -> Iterator[tuple[int, int]]:
    for ms in range(0, 12_000, 80):
        if ms < 3_000:
            share = ms * 1_000 // 3_000
        elif ms < 9_500:
            share = 1_000 + (40 - (ms - 3_000) // 60 if ms < 5_400 else 0) * (1 if ms // 240 % 2 else -1)
        else:
            share = max(0, 1_000 - (ms - 9_500) * 1_000 // 2_300)
        yield ms, gross_kg * share // 1_000 // 20 * 20


def _plates(plate: str | None, colour: str, trailer: str | None) -> Iterator[PlateRead]:
    if plate is None:
        yield PlateRead(role="front", status="unread", frames=7)
    else:
        yield PlateRead(
            role="front", status="read", text=plate, colour=colour, score_permille=987, frames=7, agreeing=7
        )
    if trailer:
        yield PlateRead(
            role="rear",
            status="read",
            text=trailer,
            colour="yellow",
            score_permille=951,
            frames=6,
            agreeing=5,
        )


def _health(at_ms: int, camera: str) -> LaneHealth:
    states = {
        "scale": ("scale", "up"),
        "front": ("camera", "up"),
        "rear": ("camera", camera),
        "controller": ("controller", "up"),
        "plates": ("plates", "up"),
        "disk": ("disk", "up"),
    }
    return LaneHealth(
        devices=tuple(
            DeviceHealth(
                name=name,
                kind=kind,
                state=state,  # type: ignore[arg-type]
                since_ms=at_ms - 5_400_000,
                detail="" if state == "up" else "no answer for 30 s",
                good=48_211,
                dropped=3,
            )
            for name, (kind, state) in states.items()
        ),
        disk_free_kb=61_440_000,
        software="0.1.0",
    )


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
