"""Keys, settings and lanes of a small county, made for the tests of the station."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from journal.clock import SystemClock, boot_id
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity, KeyKind, SigningKey, issue
from journal.settings import Destination
from journal.uplink import Uplink
from journal.writer import Appended, Journal
from kernel.events import (
    Axle,
    Body,
    DeviceHealth,
    LaneHealth,
    Picture,
    PlateRead,
    VehicleFacts,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.certificates import Kind
from kernel.evidence.notes import encode_base64
from kernel.law.shipped import national
from kernel.law.verdict import Allowance, judge
from tests.support.ports import free_port

ROOT = "yiyuan-root"
STATION, STORE, WIM, PLATFORM = "s01-station", "s01-store-1", "s01-lane1", "s01-lane2"
SOURCES = {WIM: "yiyuan/s01/lane1", PLATFORM: "yiyuan/s01/lane2"}
YEAR_MS = 366 * 86_400_000
LANES = f"""
[[boxes]]
name = "{WIM}"
password = "secret of {WIM}"
source = "{SOURCES[WIM]}"
name_zh = "1 号预检车道"
name_en = "lane 1"

[[boxes]]
name = "{PLATFORM}"
password = "secret of {PLATFORM}"
source = "{SOURCES[PLATFORM]}"
name_zh = "2 号精检车道"
name_en = "lane 2"
platform = true
"""


class KeyFolder:
    """A root, its enrolment key, and whom they certify, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._now_ms = SystemClock().now_ms()
        self.root = SigningKey.generate(kind="root", name=ROOT)
        self._enrolment = SigningKey.generate(kind="enrolment", name="yiyuan-enrolment")
        self._write("enrolment", "enrolment", self._enrolment, self.root)

    @property
    def root_public(self) -> str:
        return encode_base64(self.root.public)

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def certificates(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.cert", self.folder / "enrolment.cert"

    def make(self, kind: KeyKind, name: str) -> SigningKey:
        key = SigningKey.create(self.key(name), kind=kind, name=name)
        self._write(kind, name, key, self._enrolment)
        return key

    def identity(self, name: str) -> Identity:
        return Identity.load(self.key(name), certificates=self.certificates(name))

    def _write(self, kind: str, name: str, key: SigningKey, issuer: SigningKey) -> None:
        note = issue(
            kind=msgspec.convert(kind, Kind),
            name=key.name,
            public_key=key.public,
            issuer=issuer,
            not_before_ms=self._now_ms - YEAR_MS,
            not_after_ms=self._now_ms + YEAR_MS,
        )
        (self.folder / f"{name}.cert").write_text(note)


@dataclass(frozen=True, kw_only=True)
class County:
    """One station with a moving lane and a platform; a centre is named and, unless given, not there."""

    folder: Path
    keys: KeyFolder
    store: SigningKey
    centre: SigningKey
    mqtt_port: int
    web_port: int
    centre_port: int

    @classmethod
    def make(cls, folder: Path) -> County:
        keys = KeyFolder(folder / "keys")
        for box in (STATION, *SOURCES):
            keys.make("box", box)
        return cls(
            folder=folder,
            keys=keys,
            store=keys.make("store", STORE),
            centre=SigningKey.generate(kind="store", name="centre-store-1"),
            mqtt_port=free_port(),
            web_port=free_port(),
            centre_port=free_port(),
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def toml(self, *, data: Path | None = None, joint_mode: str = "joint") -> str:
        return f"""
data = "{data or self.folder / "data"}"
jurisdiction = "370323"
joint_mode = "{joint_mode}"

[station]
id = "yiyuan/s01"
name_zh = "南麻超限检测站"
name_en = "Nanma weigh station"

[box]
name = "{STATION}"
key = "{self.keys.key(STATION)}"
certificates = ["{self.keys.certificates(STATION)[0]}", "{self.keys.certificates(STATION)[1]}"]
root_name = "{ROOT}"
root_public = "{self.keys.root_public}"

[broker]
port = {self.mqtt_port}
password = "station secret"

[store]
id = "{STORE}"
key = "{self.keys.key(STORE)}"

[web]
port = {self.web_port}

{LANES}
[[destinations]]
name = "centre"
mqtt = "mqtt://127.0.0.1:{self.centre_port}"
password = "centre secret"
store_id = "{self.centre.name}"
store_public = "{encode_base64(self.centre.public)}"
"""

    def write(self) -> Path:
        path = self.folder / "station.toml"
        path.write_text(self.toml(), encoding="utf-8")
        return path

    def destination(self, box: str) -> Destination:
        """The station, as a lane's settings name it."""
        return Destination(
            name="station",
            mqtt=f"mqtt://127.0.0.1:{self.mqtt_port}",
            password=f"secret of {box}",
            store_id=STORE,
            store_public=encode_base64(self.store.public),
            files=self.url,
            custody=True,
            live=True,
        )


class FakeLane:
    """A lane without devices: a real journal, real files, a real uplink."""

    def __init__(self, county: County, box: str) -> None:
        folder = county.folder / box
        self.box = box
        self._clock = SystemClock()
        identity = county.keys.identity(box)
        self.journal = Journal.open(
            folder / "journal",
            box=box,
            process="edge",
            software="test",
            identity=identity.key,
            clock=self._clock,
            boot=boot_id(),
        )
        self.files = FileStore(folder / "files", clock=self._clock)
        self._cursors = Cursors(folder)
        self.uplink = Uplink(
            self.journal,
            self.files,
            self._cursors,
            identity=identity,
            destination=county.destination(box),
            source=SOURCES[box],
            software="test",
            clock=self._clock,
        )
        self._passed = 0

    def close(self) -> None:
        self.journal.close()
        self._cursors.close()

    async def say(self, body: Body, named: tuple[tuple[str, bytes], ...] = ()) -> Appended:
        refs = await self.files.put(named) if named else ()
        return await self.journal.append(body, source=SOURCES[self.box], files=refs)

    async def weigh(self, gross_kg: int | None, facts: VehicleFacts, **more: object) -> VehicleWeighed:
        """One vehicle crosses; answers what was said of it."""
        self._passed += 1
        body = weighed(
            f"{self.box}-{self._passed:04d}",
            gross_kg,
            facts,
            platform=self.box == PLATFORM,
            at_ms=self._clock.now_ms(),
            **more,
        )
        self.last = await self.say(body)
        return body

    async def picture(
        self,
        body: VehicleWeighed,
        tractor: str | None,
        *,
        trailer: str | None = None,
        jpeg: bytes = b"",
        missing: tuple[str, ...] = (),
    ) -> None:
        shot = ((f"{body.passage}-front.jpg", jpeg),) if jpeg else ()
        await self.say(
            pictured(body.passage, tractor, trailer, at_ms=self._clock.now_ms(), shots=shot, missing=missing),
            shot,
        )

    async def read(self, body: VehicleWeighed, read: PlateRead, *, jpeg: bytes, crop: bytes) -> None:
        """A picture with what was read in it, and the crop that shows it."""
        name = f"{body.passage}-front-plate.jpg"
        shots = ((f"{body.passage}-front.jpg", jpeg),)
        plain = pictured(body.passage, read.text, at_ms=self._clock.now_ms(), shots=shots)
        said = msgspec.structs.replace(plain, plates=(msgspec.structs.replace(read, crop=name),))
        await self.say(said, (*shots, (name, crop)))

    async def heartbeat(self, **states: str) -> None:
        kinds = {"scale": "scale", "front": "camera", "rear": "camera", "controller": "controller"}
        devices = tuple(
            DeviceHealth(name=name, kind=kind, state=states.get(name, "up"), since_ms=self._clock.now_ms())  # type: ignore[arg-type]
            for name, kind in kinds.items()
        )
        await self.say(LaneHealth(devices=devices, disk_free_kb=9_000_000, software="test"))

    def show_weight(self, kg: int | None, *, stable: bool, state: str, says: tuple[str, ...] = ()) -> None:
        at_ms = self._clock.now_ms()
        self.uplink.live("weight", {"kg": kg, "stable": stable, "at_ms": at_ms, "state": state, "says": says})

    def glimpse(self, state: str, gross_kg: int | None) -> None:
        seen = {"passage": "p", "state": state, "gross_kg": gross_kg, "at_ms": self._clock.now_ms()}
        self.uplink.live("passage", seen)


@asynccontextmanager
async def lanes(county: County, *boxes: str) -> AsyncIterator[list[FakeLane]]:
    """Lanes that send to the station as long as the block lasts."""
    async with AsyncExitStack() as stack:
        made = [FakeLane(county, box) for box in boxes]
        running = [asyncio.ensure_future(lane.uplink.run()) for lane in made]
        try:
            yield made
        finally:
            for task in running:
                task.cancel()
            for task in running:
                with suppress(asyncio.CancelledError):
                    await task
            for lane in made:
                stack.callback(lane.close)


def weighed(
    passage: str, gross_kg: int | None, facts: VehicleFacts, *, platform: bool, at_ms: int, **more: object
) -> VehicleWeighed:
    """A weighing as a lane would judge it."""
    verdict = judge(
        gross_kg,
        facts,
        law=national(),
        on="2026-06-01",
        jurisdiction="370323",
        allowance=Allowance(),
        suspected=not platform,
    )
    values: dict[str, object] = {
        "passage": passage,
        "lane": "lane2" if platform else "lane1",
        "jurisdiction": "370323",
        "road_class": "provincial",
        "weighing_grade": "certified" if platform else "pre_check",
        "joint_mode": "joint",
        "attended": platform,
        "method": "static_platform" if platform else "moving_axles",
        "device": "platform" if platform else "wim",
        "arrived_ms": at_ms - 9_000,
        "left_ms": at_ms,
        "gross_kg": gross_kg,
        "facts": facts,
        "verdict": verdict,
        "axles": () if platform else axles(gross_kg or 0, facts.axle_count or 2),
        "device_certificate": "鲁检-2026-0317",
        "device_certificate_until": "2027-03-16",
    }
    return msgspec.convert(msgspec.to_builtins(values | more), VehicleWeighed)


def axles(gross_kg: int, count: int) -> tuple[Axle, ...]:
    front = min(7_000, gross_kg // count) // 20 * 20
    rest = (gross_kg - front) // (count - 1)
    masses = [front, *[rest] * (count - 2), gross_kg - front - rest * (count - 2)]
    spacings = (None, 3_300, 1_350, 6_900, 1_310, 1_310, 1_310)
    return tuple(
        Axle(axle_kg=mass, spacing_mm=spacing, speed_dkmh=87, tyres="single" if spacing is None else "dual")
        for mass, spacing in zip(masses, spacings, strict=False)
    )


def pictured(
    passage: str,
    tractor: str | None,
    trailer: str | None = None,
    *,
    at_ms: int = 0,
    shots: tuple[tuple[str, bytes], ...] = (),
    missing: tuple[str, ...] = (),
) -> VehiclePictured:
    reads = [
        PlateRead(
            role="front",
            status="read" if tractor else "unread",
            text=tractor,
            colour="yellow" if tractor else None,
        )
    ]
    if trailer:
        reads.append(PlateRead(role="rear", status="read", text=trailer, colour="yellow"))
    return VehiclePictured(
        passage=passage,
        weighed=None,
        weighed_durable_ms=None,
        plates=tuple(reads),
        tractor=tractor,
        trailer=trailer,
        pictures=tuple(
            Picture(name=name, camera="front", role="front", at_ms=at_ms, width=1280, height=720)
            for name, _ in shots
        ),
        missing=missing,
    )
