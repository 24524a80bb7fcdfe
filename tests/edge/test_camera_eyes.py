"""The lane's eyes over cameras that are scripted: what is missing has a name, and no fault of theirs stops a lane."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge.cameras.pictures import Frame
from edge.cameras.settings import CameraSettings, CheckSettings, Role, VisionSettings
from edge.cameras.vision import PlateOf, Shots, Vision
from edge.eyes import CameraEyes
from edge.plates.reader import PlateResult
from edge.recorder.cutting import Clip
from edge.recorder.index import Lock
from edge.vehicles.onlooker import Onlooker
from edge.vehicles.quiet import BEFORE_MS
from kernel.errors import LinkError
from kernel.events import PlateRead, VehicleHints

NOW = 1_795_400_000_000
PASSAGE = "s01-lane1-0a1b2c-0000000001"
SETTINGS = VisionSettings(
    cameras=(
        CameraSettings(name="front", url="http://front", role="front"),
        CameraSettings(name="rear", url="http://rear", role="rear"),
    )
)


def frame(number: int) -> Frame:
    return Frame(at_ms=NOW + number, jpeg=f"jpeg{number}".encode(), width=1280, height=720)


class Script(Vision):
    """Vision as the test wants it."""

    def __init__(self) -> None:
        self.shots: dict[Role, Shots] = {
            "front": Shots(camera="front", role="front", frames=(frame(0), frame(1))),
            "rear": Shots(camera="rear", role="rear", frames=(frame(2),)),
        }
        self.results = {
            "front": PlateResult(
                read=PlateRead(role="front", status="read", text="鲁C12345"), crop=b"crop", frame=1
            )
        }
        self.glances: list[int] = []
        self.free: list[bool] = []
        self.refuse: set[str] = set()
        self.settled: list[Lock] = []
        self.left: list[Lock] = []

    def lane_is_free(self, *, is_free: bool) -> None:
        self.free.append(is_free)

    def _try(self, what: str) -> None:
        if what in self.refuse:
            raise LinkError(f"{what}: the disk is full")

    async def burst(self, at_ms: int, *, roles: Sequence[Role] | None = None) -> tuple[Shots, ...]:
        return tuple(self.shots[role] for role in roles or self.shots if role in self.shots)

    async def glance(self, at_ms: int, *, roles: Sequence[Role]) -> tuple[Shots, ...]:
        self.glances.append(at_ms)
        return tuple(self.shots[role] for role in roles if role in self.shots)

    async def read(self, shots: Sequence[Shots]) -> tuple[PlateOf, ...]:
        found = [(one.camera, self.results.get(one.camera)) for one in shots]
        return tuple(PlateOf(camera=camera, result=result) for camera, result in found if result)

    async def lock(self, passage: str, at_ms: int, *, hold: bool = False) -> tuple[Lock, ...]:
        self._try("lock")
        return tuple(lock(camera, passage=passage) for camera in ("front", "rear"))

    async def clip(self, lock: Lock, *, tags: Mapping[str, str]) -> Clip:
        self._try(f"clip {lock.camera}")
        return Clip(
            path=Path(f"{lock.camera}.mp4"),
            requested_start_ms=lock.from_ms,
            actual_start_ms=lock.from_ms + 80,
            duration_ms=12_000,
            frames=150,
            width=1280,
            height=720,
            gop_sha256=("ab" * 32,),
            sources=("one",),
            flags=("gap",),
        )

    async def settle(self, lock: Lock) -> None:
        self._try("settle")
        self.settled.append(lock)

    async def pending(self) -> list[Lock]:
        self._try("pending")
        return self.left


def lock(camera: str, *, passage: str = PASSAGE) -> Lock:
    return Lock(passage=passage, camera=camera, at_ms=NOW, from_ms=NOW - 5_000, to_ms=NOW + 7_000)


def eyes_over(script: Script) -> CameraEyes:
    return CameraEyes(script, settings=SETTINGS)


async def watched(script: Script) -> CameraEyes:
    eyes = eyes_over(script)
    eyes.opened(PASSAGE, NOW)
    eyes.passed(PASSAGE, NOW + 1_000)
    return eyes


async def until_settled(script: Script, count: int) -> None:
    async with asyncio.timeout(20):
        while len(script.settled) < count:
            await asyncio.sleep(0)


async def test_a_passage_has_pictures_the_plate_with_its_proof_and_a_clip_of_each_camera() -> None:
    script = Script()
    eyes = await watched(script)
    seen = await eyes.seen(PASSAGE)
    assert [(picture.name, picture.role, data) for picture, data in seen.pictures] == [
        ("front-0.jpg", "front", b"jpeg0"),
        ("front-1.jpg", "front", b"jpeg1"),
        ("rear-0.jpg", "rear", b"jpeg2"),
    ]
    assert seen.crops == (("front-plate.jpg", b"crop"),)
    [read] = seen.plates
    assert (read.text, read.picture, read.crop) == ("鲁C12345", "front-1.jpg", "front-plate.jpg")
    assert seen.missing == ()
    cuts = await eyes.cuts(PASSAGE)
    assert [(cut.name, cut.body.camera, cut.body.flags) for cut in cuts] == [
        (f"{PASSAGE}-front.mp4", "front", ("gap",)),
        (f"{PASSAGE}-rear.mp4", "rear", ("gap",)),
    ]
    eyes.done(PASSAGE)
    await until_settled(script, 2)
    assert await eyes.cuts(PASSAGE) == ()


async def test_what_a_camera_or_the_reader_lacks_is_named() -> None:
    script = Script()
    script.shots["rear"] = Shots(camera="rear", role="rear", frames=(), reason="down: no answer")
    script.results["front"] = PlateResult(
        read=PlateRead(role="front", status="unread"), flags=("reader_down",)
    )
    eyes = await watched(script)
    seen = await eyes.seen(PASSAGE)
    assert seen.missing == ("camera rear: down: no answer", "plates front: reader_down")
    assert [picture.camera for picture, _ in seen.pictures] == ["front", "front"]
    assert (seen.plates[0].text, seen.plates[0].picture, seen.crops) == (None, None, ())


async def test_a_passage_that_nobody_announced_says_so() -> None:
    eyes = eyes_over(Script())
    assert (await eyes.seen(PASSAGE)).missing == ("cameras: not triggered",)
    assert await eyes.cuts(PASSAGE) == ()
    eyes.passed(PASSAGE, NOW)
    eyes.done(PASSAGE)


async def test_footage_that_cannot_be_locked_leaves_the_pictures(caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    script.refuse.add("lock")
    eyes = await watched(script)
    assert len((await eyes.seen(PASSAGE)).pictures) == 3
    with caplog.at_level(logging.WARNING):
        assert await eyes.cuts(PASSAGE) == ()
    eyes.done(PASSAGE)
    assert caplog.messages == ["footage not locked"]
    assert script.settled == []


async def test_a_camera_without_footage_costs_only_its_own_clip(caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    script.refuse |= {"clip rear", "settle"}
    eyes = await watched(script)
    with caplog.at_level(logging.WARNING):
        assert [cut.body.camera for cut in await eyes.cuts(PASSAGE)] == ["front"]
        await eyes.settle(lock("rear"))
    assert caplog.messages == ["no clip", "footage not let go"]


async def test_what_a_restart_left_is_found_by_passage_and_not_what_is_under_way() -> None:
    script = Script()
    script.left = [lock("front"), lock("front", passage="earlier"), lock("rear", passage="earlier")]
    eyes = await watched(script)
    assert await eyes.unfinished() == {"earlier": script.left[1:]}
    script.refuse.add("pending")
    assert await eyes.unfinished() == {}


async def test_without_any_clip_the_pictures_of_a_restart_are_missing_by_name() -> None:
    assert (await eyes_over(Script()).look_back([], left_ms=None)).missing == ("pictures: restart",)


class LookingBack(Script):
    """Remembers which moment of each clip was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: dict[str, int] = {}

    def knows(self, camera: str) -> bool:
        return True

    async def look_back(self, camera: str, path: Path, *, start_ms: int, at_ms: int) -> Shots:
        self.looked[camera] = at_ms
        return Shots(camera=camera, role="front", frames=())


async def test_after_a_restart_each_camera_is_asked_for_the_moment_at_which_it_would_have_looked() -> None:
    roles: tuple[Role, ...] = ("front", "plate", "rear", "side")
    cameras = tuple(CameraSettings(name=role, url="http://x", role=role) for role in roles)
    script = LookingBack()
    script.results.clear()
    eyes = CameraEyes(script, settings=VisionSettings(cameras=cameras))
    locks = [lock(role) for role in roles]
    cuts = [(one, cut) for one in locks if (cut := await eyes.cut(one))]
    await eyes.look_back(cuts, left_ms=NOW + 3_000)
    assert script.looked == {"front": NOW, "plate": NOW, "rear": NOW + 3_000, "side": NOW + 3_000}


class Scripted(Onlooker):
    """An onlooker that has its answer ready."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.empty: list[str] = []

    def nobody_there(self, shots: Sequence[Shots]) -> None:
        self.empty += [one.camera for one in shots]

    async def hints(self, shots: Sequence[Shots]) -> VehicleHints | None:
        self.asked += [one.camera for one in shots]
        return HINTS if any(one.role == "side" for one in shots) else None


HINTS = VehicleHints(camera="side", axle_count=6, axle_count_permille=910)


async def test_from_the_side_a_vehicle_is_looked_at_when_its_tail_is_there() -> None:
    script, onlooker = Script(), Scripted()
    script.shots["side"] = Shots(camera="side", role="side", frames=(frame(3),), plate=False)
    eyes = CameraEyes(script, settings=SETTINGS, onlooker=onlooker)
    eyes.opened(PASSAGE, NOW)
    eyes.passed(PASSAGE, NOW + 1_000)
    seen = await eyes.seen(PASSAGE)
    assert seen.hints == HINTS
    assert [picture.name for picture, _ in seen.pictures] == [
        "front-0.jpg",
        "front-1.jpg",
        "rear-0.jpg",
        "side-0.jpg",
    ]
    assert (onlooker.asked, onlooker.empty) == (["front", "rear", "side"], ["side"])
    assert script.glances == [NOW - BEFORE_MS]
    eyes.opened("close behind", NOW + 2_000)
    await eyes.seen("close behind")
    assert script.glances == [NOW - BEFORE_MS], "nobody knows whether the first one is out of the picture"
    await onlooker.close()


@pytest.mark.parametrize(
    ("front", "rear", "flags"),
    [(True, True, ("same_place",)), (True, False, ()), (True, None, ("same_place",)), (None, None, ())],
)
async def test_pictures_that_show_no_displacement_are_flagged_when_no_camera_shows_any(
    front: bool | None, rear: bool | None, flags: tuple[str, ...]
) -> None:
    script = Script()
    script.shots["front"] = replace(script.shots["front"], same_place=front)
    script.shots["rear"] = replace(script.shots["rear"], same_place=rear)
    eyes = await watched(script)
    assert (await eyes.seen(PASSAGE)).flags == flags


async def test_the_cameras_know_from_its_arrival_until_it_is_weighed_that_a_vehicle_hides_the_lane() -> None:
    script = Script()
    eyes = await watched(script)
    eyes.opened("next", NOW + 2_000)
    assert script.free == [False, False], "its tail has left the loop, and it stands on the platform"
    await eyes.seen(PASSAGE)
    eyes.done(PASSAGE)
    assert not any(script.free)
    eyes.done("next")
    assert script.free[-1]


class Standing(Script):
    """A platform: the second shot's moment comes when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.come = asyncio.Event()
        self.begun = asyncio.Event()
        self.late: tuple[Shots, ...] = (replace(self.shots["front"], frames=(frame(10_500),)),)
        self.asked: list[tuple[int, tuple[Role, ...]]] = []

    async def until(self, at_ms: int, *, at_most_ms: int) -> None:
        await self.come.wait()

    async def once_more(self, at_ms: int, *, roles: Sequence[Role]) -> tuple[Shots, ...]:
        self.asked.append((at_ms, tuple(roles)))
        self.begun.set()
        return self.late


PLATFORM = replace(SETTINGS, checks=CheckSettings(displacement="static"))


async def stands(script: Standing, settings: VisionSettings = PLATFORM) -> CameraEyes:
    for role in script.shots:
        script.shots[role] = replace(script.shots[role], same_place=True)
    eyes = CameraEyes(script, settings=settings)
    eyes.opened(PASSAGE, NOW)
    eyes.passed(PASSAGE, NOW + 1_000)
    return eyes


async def test_a_vehicle_that_stands_is_shown_again_ten_seconds_later() -> None:
    script = Standing()
    eyes = await stands(script)
    script.come.set()
    await script.begun.wait()
    seen = await eyes.seen(PASSAGE)
    assert script.asked == [(NOW + 10_500, ("front", "plate"))]
    assert [picture.name for picture, _ in seen.pictures] == [
        "front-0.jpg",
        "front-1.jpg",
        "front-2.jpg",
        "rear-0.jpg",
    ]
    assert seen.pictures[2][0].at_ms == NOW + 10_500
    assert (seen.flags, seen.missing) == ((), ())
    assert [plate.text for plate in seen.plates] == ["鲁C12345"]


async def test_an_entry_never_waits_for_the_second_shot_of_a_vehicle_that_has_left() -> None:
    script = Standing()
    eyes = await stands(script)
    seen = await eyes.seen(PASSAGE)
    assert seen.flags == ("same_place", "second_shot_missing")
    assert seen.missing == ("second shot: the vehicle had left",)
    assert len(seen.pictures) == 3
    script.come.set()
    eyes.done(PASSAGE)
    await asyncio.sleep(0)
    assert script.asked == [], "its place is empty, or another's"


@pytest.mark.parametrize(
    ("late", "missing"),
    [
        (Shots(camera="front", role="front", frames=(), reason="down: silent"), ("front: down: silent",)),
        (Shots(camera="front", role="front", frames=(frame(9_000),), reason="late"), ("front: late",)),
        (Shots(camera="front", role="front", frames=(replace(frame(10_500), flags=("frozen",)),)), ()),
        (Shots(camera="front", role="front", frames=(replace(frame(10_500), jpeg=b"jpeg1"),)), ()),
    ],
    ids=["down", "too early", "frozen", "the same bytes"],
)
async def test_what_the_second_shot_does_not_show_is_flagged(late: Shots, missing: tuple[str, ...]) -> None:
    script = Standing()
    script.late = (late,)
    eyes = await stands(script)
    script.come.set()
    await script.begun.wait()
    seen = await eyes.seen(PASSAGE)
    assert seen.flags == ("same_place", "second_shot_missing")
    assert seen.missing == tuple(f"second shot {one}" for one in missing)


@pytest.mark.parametrize(
    ("left_ms", "pictures", "flags", "missing"),
    [
        (NOW + 9_000, 3, ("same_place", "second_shot_missing"), ("second shot: the vehicle had left",)),
        (NOW + 10_500, 4, (), ()),
    ],
    ids=["had left", "was there"],
)
async def test_a_second_shot_of_after_the_vehicle_left_is_not_its_own(
    left_ms: int, pictures: int, flags: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    script = Standing()
    eyes = await stands(script)
    script.come.set()
    await script.begun.wait()  # only then it is known that the vehicle has left
    seen = await eyes.seen(PASSAGE, left_ms=left_ms)
    assert (len(seen.pictures), seen.flags, seen.missing) == (pictures, flags, missing)


async def test_a_camera_that_is_down_gives_its_old_picture_once() -> None:
    script = Standing()
    script.late = (Shots(camera="front", role="front", frames=(frame(1),), reason="down: silent"),)
    eyes = await stands(script)
    script.come.set()
    await script.begun.wait()
    seen = await eyes.seen(PASSAGE)
    assert [picture.at_ms for picture, _ in seen.pictures] == [NOW, NOW + 1, NOW + 2]
    assert seen.missing == ("second shot front: down: silent",)


async def test_a_platform_without_a_front_camera_is_shown_again_from_behind() -> None:
    script = Standing()
    script.shots.pop("front")
    script.late = ()
    eyes = await stands(script, replace(PLATFORM, cameras=SETTINGS.cameras[1:]))
    script.come.set()
    await script.begun.wait()
    assert script.asked == [(NOW + 11_500, ("rear", "side"))]
    eyes.done(PASSAGE)
    assert (await eyes.seen(PASSAGE)).missing == ("cameras: not triggered",)


async def test_a_restart_leaves_a_platform_without_its_second_shot() -> None:
    script = LookingBack()
    script.results.clear()
    eyes = CameraEyes(script, settings=PLATFORM)
    cuts = [(one, cut) for one in [lock("front")] if (cut := await eyes.cut(one))]
    seen = await eyes.look_back(cuts, left_ms=None)
    assert seen.flags == ("second_shot_missing",)
    assert seen.missing == ("second shot: restart",)
