"""The lane's story with scripted devices: order of acts, missing parts, full disks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge.lane import Cut, Lane, Seen
from edge.settings import Lane as LaneSettings
from edge.settings import Scale
from edge.weighed import Site
from edge.weighing.values import Weighed
from journal.writer import Appended
from kernel.errors import FullError
from kernel.events import (
    AxleGroup,
    Body,
    DeviceHealth,
    FileStored,
    Picture,
    PlateRead,
    VehicleFacts,
    VehicleHints,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.header import FileRef
from kernel.law.shipped import national
from kernel.law.verdict import Allowance
from tests.support.log_lines import whole

NOW = 1_790_000_000_000


class StillClock:
    def __init__(self) -> None:
        self.slept = 0

    def now_ms(self) -> int:
        return NOW

    def mono_ms(self) -> int:
        return 100_000

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        await asyncio.sleep(0)


@dataclass
class Book:
    """A journal that remembers, and has no room as often as told."""

    story: list[str]
    bodies: list[Body] = field(default_factory=list)
    refuse: int = 0

    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended:
        if self.refuse:
            self.refuse -= 1
            raise FullError("disk full")
        self.story.append(body.stream)
        self.bodies.append(body)
        return Appended(journal="0" * 32, seq=len(self.bodies), leaf_hex="1" * 64, at=NOW, durable_ms=NOW + 3)


@dataclass
class Shelf:
    full: bool = False

    async def put(self, named: Sequence[tuple[str, bytes | Path]]) -> tuple[FileRef, ...]:
        if self.full:
            raise FullError("disk full")
        return tuple(FileRef(name=name, sha256="2" * 64, size=3) for name, _ in named)


@dataclass
class ScriptedEyes:
    story: list[str]
    seen_: Seen
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self, passage: str, at_ms: int) -> None:
        self.story.append("opened")

    def passed(self, passage: str, at_ms: int) -> None:
        self.story.append("passed")

    async def seen(self, passage: str, *, left_ms: int | None = None) -> Seen:
        self.story.append(f"seen until {left_ms}")
        return self.seen_

    async def cuts(self, passage: str) -> tuple[Cut, ...]:
        return (Cut(name="clip.mp4", data=b"mp4", body=FileStored(passage=None, weighed=None, kind="clip")),)

    def done(self, passage: str) -> None:
        self.finished.set()

    def health(self) -> Sequence[DeviceHealth]:
        return ()


SEEN = Seen(
    pictures=(
        (Picture(name="front-1.jpg", camera="front", role="front", at_ms=NOW, width=1280, height=720), b"j"),
    ),
    plates=(
        PlateRead(role="front", status="read", text="鲁C12345"),
        PlateRead(role="rear", status="read", text="鲁C1234挂"),
    ),
)


def site(*, attended: bool = False) -> Site:
    return Site(
        lane=LaneSettings(
            source="yiyuan/s01/lane1",
            jurisdiction="370323",
            road_class="national",
            weighing_grade="certified" if attended else "pre_check",
            joint_mode="joint",
            attended=attended,
        ),
        scale=Scale(driver="wim-wj", url="/dev/null"),
        method="moving_axles",
        law=national(),
        allowance=Allowance(),
    )


def weighed(gross_kg: int | None, *, groups: tuple[AxleGroup, ...] = (), axles: int | None = None) -> Weighed:
    return Weighed(
        gross_kg=gross_kg,
        arrived_ms=None,
        left_ms=NOW,
        mono_ms=99_900,
        facts=VehicleFacts(axle_count=axles),
        groups=groups,
        key="r1",
    )


async def cross(lane: Lane, result: Weighed | None, until: asyncio.Event) -> None:
    task = asyncio.create_task(lane.run())
    lane.loop(occupied=True, mono_ms=97_000)
    lane.loop(occupied=False, mono_ms=99_000)
    if result:
        lane.scale(result)
    await until.wait()
    task.cancel()


async def run_lane(
    result: Weighed | None,
    *,
    book: Book,
    shelf: Shelf | None = None,
    seen: Seen = SEEN,
    attended: bool = False,
) -> list[Body]:
    eyes = ScriptedEyes(book.story, seen)
    lane = Lane(
        site(attended=attended),
        prefix="b",
        journal=book,
        files=shelf or Shelf(),
        eyes=eyes,
        clock=StillClock(),
        show=lambda lines, colour: book.story.append(f"sign {colour} {' '.join(lines)}"),
        announce=lambda name, value: None,
        missing=lambda: ("camera rear: down",),
        confirm=lambda key: book.story.append(f"confirmed {key}"),
    )
    await cross(lane, result, eyes.finished)
    return book.bodies


def first_weighed(bodies: list[Body]) -> VehicleWeighed:
    return next(body for body in bodies if isinstance(body, VehicleWeighed))


async def test_durable_first_then_the_device_may_forget_and_the_sign_lights() -> None:
    book = Book([])
    bodies = await run_lane(weighed(52_000, axles=6), book=book)
    assert book.story == [
        "opened",
        "passed",
        "vehicle.weighed",
        "confirmed r1",
        "sign red 总重52000千克 疑似超限 请进站检测",
        f"seen until {NOW + 99_000 - StillClock().mono_ms()}",
        "vehicle.pictured",
        "file.stored",
    ]
    body = first_weighed(bodies)
    assert (body.arrived_ms, body.left_ms) == (NOW - 3_000, NOW - 1_000)
    assert body.missing == ("camera rear: down",)
    assert body.verdict.suspected
    pictured = bodies[1]
    assert isinstance(pictured, VehiclePictured)
    assert (pictured.tractor, pictured.trailer) == ("鲁C12345", "鲁C1234挂")
    assert pictured.weighed_durable_ms == NOW + 3
    clip = bodies[2]
    assert isinstance(clip, FileStored)
    assert (clip.upload, clip.priority) == ("now", 1)


async def test_no_line_of_the_log_names_a_plate(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await run_lane(weighed(52_000, axles=6), book=Book([]))
    await run_lane(weighed(52_000, axles=6), book=Book([], refuse=3), shelf=Shelf(full=True))
    assert caplog.records
    assert "鲁C1234" not in whole(caplog.records)


async def test_the_clip_of_a_compliant_vehicle_stays_on_the_box() -> None:
    bodies = await run_lane(weighed(12_000, axles=2), book=Book([]))
    clip = bodies[2]
    assert isinstance(clip, FileStored)
    assert first_weighed(bodies).verdict.outcome == "within"
    assert clip.upload == "on_demand"


async def test_what_the_picture_suggests_is_kept_and_flagged_and_changes_nothing() -> None:
    hints = VehicleHints(camera="side", axle_count=6, axle_count_permille=960, combination=True)
    plain = await run_lane(weighed(47_000, axles=5), book=Book([]))
    hinted = await run_lane(weighed(47_000, axles=5), book=Book([]), seen=replace(SEEN, hints=hints))
    assert first_weighed(hinted) == first_weighed(plain)
    pictured = [body for bodies in (plain, hinted) for body in bodies if isinstance(body, VehiclePictured)]
    assert [(body.hints, body.flags) for body in pictured] == [(None, ()), (hints, ("axle_count_differs",))]


async def test_between_two_limits_nothing_is_guessed() -> None:
    body = first_weighed(await run_lane(weighed(47_000, axles=6), book=Book([])))
    assert body.verdict.outcome == "undetermined"
    assert [c.limit_kg for c in body.verdict.candidates][-1] == 49_000
    assert 46_000 in [c.limit_kg for c in body.verdict.candidates]
    assert "drive_axles" in body.verdict.missing


async def test_a_certified_weighing_with_officers_is_no_suspicion() -> None:
    book = Book([])
    body = first_weighed(await run_lane(weighed(52_000), book=book, attended=True))
    assert not body.verdict.suspected
    assert any(line.endswith("超限 请听从指挥") for line in book.story)


async def test_a_vehicle_without_a_weight_is_said_and_not_judged() -> None:
    book = Book([])
    body = first_weighed(await run_lane(weighed(None), book=book))
    assert body.verdict.outcome == "not_weighed"
    assert any("未取得重量" in line for line in book.story)


async def test_a_full_disk_costs_pictures_and_never_the_entry() -> None:
    book = Book([], refuse=3)
    bodies = await run_lane(weighed(52_000, axles=6), book=book, shelf=Shelf(full=True))
    assert [body.stream for body in bodies] == ["vehicle.weighed", "vehicle.pictured"]
    pictured = bodies[1]
    assert isinstance(pictured, VehiclePictured)
    assert pictured.pictures == ()
    assert pictured.missing == ("pictures: disk full",)
    assert pictured.tractor == "鲁C12345"


async def test_the_sign_never_names_a_fine() -> None:
    book = Book([])
    await run_lane(weighed(80_000, axles=6), book=book)
    sign = next(line for line in book.story if line.startswith("sign"))
    assert not any(word in sign for word in ("罚", "元", "处罚", "fine", "penalty"))


async def test_a_record_that_was_journalled_before_a_restart_is_only_confirmed() -> None:
    class Known(Book):
        async def append(
            self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
        ) -> Appended:
            appended = await super().append(body, source=source, files=files, key=key)
            confirmed.set()
            return replace(appended, at=NOW + 365 * 86_400_000, known=True)  # written when the clock was fast

    confirmed = asyncio.Event()
    book = Known([])
    eyes = ScriptedEyes([], SEEN)
    lane = Lane(
        site(),
        prefix="b",
        journal=book,
        files=Shelf(),
        eyes=eyes,
        clock=StillClock(),
        show=lambda lines, colour: book.story.append("sign"),
        announce=lambda name, value: None,
        missing=tuple,
        confirm=lambda key: book.story.append(f"confirmed {key}"),
    )
    await cross(lane, weighed(52_000, axles=6), eyes.finished)  # the footage locked for it is let go
    assert book.story == ["vehicle.weighed", "confirmed r1"]


async def test_a_record_from_the_devices_memory_speaks_to_nobody_and_borrows_no_loop() -> None:
    book = Book([])
    body = first_weighed(await run_lane(replace(weighed(52_000), quality=("late_record",)), book=book))
    assert not [told for told in book.story if told.startswith("sign")]
    assert (body.gross_kg, body.arrived_ms, body.left_ms) == (52_000, None, None)
    assert set(body.quality) == {"late_record", "loop_missing"}


async def test_a_rigid_trucks_rear_plate_is_no_trailer() -> None:
    same = Seen(
        plates=(
            PlateRead(role="front", status="read", text="鲁C8K336"),
            PlateRead(role="rear", status="read", text="鲁C8K336"),
        )
    )
    bodies = await run_lane(weighed(12_000, axles=2), book=Book([]), seen=same)
    pictured = bodies[1]
    assert isinstance(pictured, VehiclePictured)
    assert (pictured.tractor, pictured.trailer) == ("鲁C8K336", None)


async def test_a_camera_for_plates_gives_the_plate_that_the_front_has_not() -> None:
    seen = Seen(
        plates=(
            PlateRead(role="front", status="unread"),
            PlateRead(role="plate", status="read", text="鲁C8K336"),
        ),
        flags=("same_place",),
    )
    pictured = (await run_lane(weighed(12_000, axles=2), book=Book([]), seen=seen))[1]
    assert isinstance(pictured, VehiclePictured)
    assert (pictured.tractor, pictured.flags) == ("鲁C8K336", ("same_place",))
