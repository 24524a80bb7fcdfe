"""What a camera shows of itself: a fault is said when it lasts, and vehicles, night and rain are none."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import Executor, Future
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cameras.filters import Grey
from edge.cameras.looking import NEVER_FREE, PATIENCE, VIEW, SelfCheck, compared, sized
from edge.cameras.memory import Held
from edge.cameras.references import References
from edge.cameras.settings import CameraSettings, LightSettings
from edge.cameras.stream import Coded, Session
from edge.cameras.watching import Watching
from kernel.errors import ConfigError
from simulators.cameras.camera import Camera
from simulators.scene.sheet import Image
from simulators.scene.view import Appearance
from simulators.traffic import Light, Truck, default_text, read_script
from tests.support.videos import StillClock, make_video, replayed

pytestmark = pytest.mark.broad

NOW_MS = 1_790_000_000_000
MILLI = Fraction(1, 1000)
RNG = np.random.default_rng(5)


def scene(at: tuple[int, int] = (0, 0), seed: int = 1) -> Grey:
    """A road with posts, signs and cracks; `at` is how far the camera has turned."""
    wide = np.full((360, 640), 120, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(260):
        x, y, w, h = (int(v) for v in rng.integers((0, 0, 3, 3), (620, 340, 26, 18)))
        cv2.rectangle(wide, (x, y), (x + w, y + h), int(rng.integers(30, 230)), -1)
    x, y = 100 + at[0], 80 + at[1]
    return wide[y : y + VIEW[1], x : x + VIEW[0]].copy()


def noisy(view: Grey) -> Grey:
    return np.clip(view + RNG.normal(0, 1.5, view.shape), 0, 255).astype(np.uint8)


def spotted(view: Grey, count: int) -> Grey:
    """Soft spots as mud on the glass makes them."""
    mask = np.zeros(view.shape, np.float32)
    for number in range(count):
        cv2.circle(mask, (40 + 67 * number % 250, 40 + 41 * number % 110), 22, 1.0, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 5), np.float32)
    soft = cv2.GaussianBlur(view, (0, 0), 8).astype(np.float32)
    return (view * (1 - mask) + (0.6 * soft + 20) * mask).astype(np.uint8)


def blurred(view: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(view, (0, 0), 2.5), np.uint8)


def covered(view: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(view, (0, 0), 30) // 2, np.uint8)


FAULTS: list[tuple[str, Callable[[Grey], Grey]]] = [
    ("black", lambda view: (view // 40).astype(np.uint8)),
    ("covered", covered),
    ("blurred", blurred),
    ("dirty", lambda view: spotted(view, 5)),
    ("moved", lambda view: scene(at=(30, 6))),
    ("moved", lambda view: scene(seed=9)),
]


@pytest.mark.parametrize(("word", "spoil"), FAULTS)
def test_a_fault_is_said_when_it_lasts_and_taken_back_when_it_has_been_gone_as_long(
    word: str, spoil: Callable[[Grey], Grey]
) -> None:
    check, good = SelfCheck(scene()), scene()
    for _ in range(8):
        assert check.look(good) == ()
    bad = spoil(good)
    looks = next(number for number in range(1, 80) if check.look(bad) == (word,))
    assert PATIENCE[word] <= looks <= PATIENCE[word] + 8
    looks = next(number for number in range(1, 80) if check.look(good) == ())
    assert looks <= PATIENCE[word] + 8


def test_vehicles_that_drive_through_are_no_fault() -> None:
    check = SelfCheck(scene())
    for number in range(60):
        view = noisy(scene())
        if number % 3 == 0:
            cv2.rectangle(view, (40, 20), (280, 170), 60 + number, -1)
        assert check.look(view) == ()


@pytest.mark.parametrize("brightness", [0.35, 0.6, 1.5])
def test_another_light_is_no_fault(brightness: float) -> None:
    view = np.clip(scene().astype(np.float32) * brightness, 0, 255).astype(np.uint8)
    assert compared(scene(), noisy(view)) == ""


def test_a_reference_is_taken_from_a_good_day_only() -> None:
    check = SelfCheck()
    for _ in range(7):
        check.look(scene())
        assert not check.is_fit_for_reference
    check.look(scene())
    assert check.is_fit_for_reference
    check.look(blurred(scene()))
    for _ in range(8):
        check.look((scene() // 3).astype(np.uint8))
    assert not check.is_fit_for_reference, "it is night"


@pytest.mark.parametrize("role", ["front", "rear", "side"])
def test_simulated_lanes_are_well_by_day_night_and_rain_and_found_when_turned(role: Any) -> None:
    def lane(light: Light) -> Grey:
        camera = Camera(f"l-{role}", lane="l", role=role, site="S01", light=light)
        return sized(np.asarray(cv2.cvtColor(camera.picture(NOW_MS), cv2.COLOR_BGR2GRAY), np.uint8))

    day = lane("day")
    for light in ("day", "night", "rain"):
        check, view = SelfCheck(day), lane(light)
        assert {check.look(view) for _ in range(PATIENCE["blurred"])} == {()}
        assert compared(day, view) == ""
        assert compared(day, np.roll(view, 15, axis=1)) == "moved"


# --- a lorry that is parked in front of it ---------------------------------------------------------------------

MINUTE = 4  # looks, as they are set
LORRY = Truck(
    name="six axles",
    axle_kg=(6000,) * 6,
    spacing_mm=(3200, 1350, 6400, 1310, 1310),
    groups=(1, 2, 3),
    dual_tyres=(False, True, True),
    combination=True,
    drive_axles=2,
    length_mm=17_000,
    plate_front="鲁C12345",
    plate_rear="鲁C1234挂",
    plate_colour="yellow",
)


def turned(picture: Image, degrees: float) -> Image:
    """As the camera would see it that was knocked aside, by a lens of 60 degrees."""
    height, width = picture.shape[:2]
    far, angle = width / 2 / math.tan(math.radians(30)), math.radians(degrees)
    lens = np.array([[far, 0, width / 2], [0, far, height / 2], [0, 0, 1]])
    turn = np.array(
        [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    )
    matrix = lens @ turn @ np.linalg.inv(lens)
    return np.asarray(
        cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


class Lane:
    """A simulated lane's camera, its lane empty or with a lorry that stands."""

    def __init__(self, role: Any, *, static: bool) -> None:
        empty = Camera("l", lane="l", role=role, site="S01", static=static)
        parked = Camera("l", lane="l", role=role, site="S01", static=static)
        standing = Appearance(truck=LORRY, trigger_ms=NOW_MS, speed_dkmh=200, stands_ms=600_000)
        parked.schedule([standing], now_ms=NOW_MS - 60_000)
        self._empty, self._parked = empty.picture(NOW_MS), parked.picture(NOW_MS + 60_000)
        self.check = SelfCheck(self.view())

    def view(self, *, parked: bool = False, degrees: float = 0) -> Grey:
        picture = turned(self._parked if parked else self._empty, degrees)
        return sized(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))

    def look(self, looks: int, *, parked: bool = False, degrees: float = 0, is_free: bool = True) -> set[str]:
        """Everything that was said meanwhile."""
        view = self.view(parked=parked, degrees=degrees)
        views = [noisy(view) for _ in range(5)]
        return {word for n in range(looks) for word in self.check.look(views[n % 5], is_free=is_free)}


LANES = [(role, static) for role in ("front", "rear", "side") for static in (False, True)]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("role", "static", "minutes"), [*((*one, 10) for one in LANES), ("rear", True, 60)])
def test_a_parked_lorry_has_not_moved_the_camera_whether_or_not_the_lane_knows_of_it(
    role: str, static: bool, minutes: int
) -> None:
    lane = Lane(role, static=static)
    assert lane.look(8) == set()
    assert lane.look(minutes * MINUTE + 8, parked=True) == set()
    assert lane.look(minutes * MINUTE, parked=True, is_free=False) == set()
    assert lane.look(8) == set()


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("role", "static"), LANES)
def test_a_camera_that_is_turned_by_three_degrees_has_moved(role: str, static: bool) -> None:
    lane = Lane(role, static=static)
    lane.look(8)
    assert lane.look(PATIENCE["moved"] + 8, degrees=3) == {"moved"}


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("role", "static"), LANES)
def test_a_camera_that_is_turned_behind_a_lorry_has_moved_once_the_lorry_has_left(
    role: str, static: bool
) -> None:
    lane = Lane(role, static=static)
    lane.look(8)
    assert lane.look(15 * MINUTE, parked=True, degrees=3, is_free=False) == set()
    assert lane.look(PATIENCE["moved"] + 8, degrees=3) == {"moved"}


TRUCKS = read_script(default_text()).truck


def seen_by(role: Any, *, static: bool, truck: Truck | None = None) -> Image:
    camera = Camera("l", lane="l", role=role, site="S01", static=static)
    if truck:
        standing = Appearance(truck=truck, trigger_ms=NOW_MS, speed_dkmh=200, stands_ms=600_000)
        camera.schedule([standing], now_ms=NOW_MS - 60_000)
    return camera.picture(NOW_MS + 60_000)


def small(picture: Image) -> Grey:
    return noisy(sized(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)))


def rolled(picture: Image, degrees: float, zoom: float) -> Image:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


@pytest.mark.parametrize(("role", "static"), LANES)
def test_a_camera_that_rolled_on_its_mount_or_whose_zoom_slipped_has_moved(role: str, static: bool) -> None:
    empty = seen_by(role, static=static)
    turns = [(3.5, 1), (5, 1), (6, 1), (8, 1), (-7, 1), (10, 1), (0, 1.1), (0, 1.2), (0, 0.9), (0, 0.8)]
    said = {turn: compared(small(empty), small(rolled(empty, *turn))) for turn in turns}
    assert said == dict.fromkeys(turns, "moved")
    assert compared(small(empty), small(rolled(empty, 1.5, 1))) == "", "wind and warmth"
    assert compared(small(empty), small(rolled(empty, 0, 1.02))) == ""


@pytest.mark.parametrize(("role", "static"), LANES)
def test_no_vehicle_that_stands_is_taken_for_another_view_or_for_dirt(role: str, static: bool) -> None:
    empty = small(seen_by(role, static=static))
    standing = {truck.name: small(seen_by(role, static=static, truck=truck)) for truck in TRUCKS[:6]}
    assert {name: compared(empty, view) for name, view in standing.items()} == dict.fromkeys(standing, "")


def said_at(check: SelfCheck, busy: Grey, free: Grey, *, busy_looks: int, looks: int) -> dict[str, int]:
    """Which words came with which look, so many busy ones to each free one."""
    first: dict[str, int] = {}
    for number in range(1, looks + 1):
        is_free = number % (busy_looks + 1) == 0
        for word in check.look(free if is_free else busy, is_free=is_free):
            first.setdefault(word, number)
    return first


@pytest.mark.parametrize(("busy_looks", "looks"), [(1, 88), (3, 176), (5, 264)])
def test_what_a_busy_lane_s_lorries_hide_is_judged_by_its_free_moments_alone(
    busy_looks: int, looks: int
) -> None:
    wall, still, moved = scene(seed=9), SelfCheck(scene()), SelfCheck(scene())
    assert said_at(still, wall, scene(), busy_looks=busy_looks, looks=looks + 8) == {}
    found = said_at(moved, wall, scene(at=(30, 6)), busy_looks=busy_looks, looks=looks)
    assert list(found) == ["moved"]


def test_a_camera_of_a_lane_that_is_never_free_is_judged_by_what_is_known_again() -> None:
    check, elsewhere = SelfCheck(scene()), scene(at=(30, 6))
    looks = next(number for number in range(1, 400) if check.look(elsewhere, is_free=False) == ("moved",))
    assert looks == NEVER_FREE + PATIENCE["moved"]
    for _ in range(60):
        assert check.look(scene(seed=9), is_free=False) == ("moved",), "a wall takes nothing back"
    for _ in range(PATIENCE["moved"] + 8):
        said = check.look(scene(), is_free=False)
    assert said == ()


def test_a_wall_of_a_lorry_that_hides_everything_says_nothing_while_the_lane_knows_of_it() -> None:
    check = SelfCheck(scene())
    wall = scene(seed=9)
    assert {check.look(wall, is_free=False) for _ in range(60 * MINUTE)} == {()}
    looks = next(number for number in range(1, 80) if check.look(wall) == ("moved",))
    assert looks == PATIENCE["moved"]


def test_no_reference_is_taken_of_a_lorry() -> None:
    check = SelfCheck()
    for _ in range(12):
        check.look(scene(), is_free=False)
    assert not check.is_fit_for_reference
    fit = []
    for _ in range(8):
        check.look(scene())
        check.look(scene(seed=9), is_free=False)
        fit.append(check.is_fit_for_reference)
    assert fit == [False] * 7 + [True]
    assert compared(scene(), check.empty_scene()) == ""
    assert np.array_equal(check.empty_scene(), scene())


# --- on disk, and fed by a camera ------------------------------------------------------------------------------


def test_a_reference_is_kept_and_a_new_one_counts_at_once(tmp_path: Path) -> None:
    references = References(tmp_path / "cameras")
    assert references.of("front") is None
    path = references.put("front", scene())
    assert np.array_equal(References(tmp_path / "cameras").of("front"), scene())  # type: ignore[arg-type]
    path.write_bytes(b"no picture")
    assert references.of("front") is None
    assert [one.name for one in path.parent.iterdir()] == ["front.png"]


def test_a_reference_that_cannot_be_written_is_the_operator_s_business(tmp_path: Path) -> None:
    (tmp_path / "cameras").write_bytes(b"a file")
    with pytest.raises(ConfigError, match="data"):
        References(tmp_path / "cameras").put("front", scene())


class Now(Executor):
    """At once, in this thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        fn(*args, **kwargs)
        return Future()


def watching(folder: Path, clock: StillClock) -> Watching:
    return Watching(LightSettings(), every_s=15, folder=folder, clock=clock, run_in=Now())


def test_a_key_frame_is_looked_at_every_fifteen_seconds_and_no_other(tmp_path: Path) -> None:
    clock, told = StillClock(), list[tuple[str, ...]]()
    sink = watching(tmp_path, clock).sink(
        CameraSettings(name="front", url="rtsp://x", role="front"), told.append
    )
    with replayed(make_video(tmp_path / "v.mp4", seconds=4, gop=5)) as (session, packets):
        sink.begin(session)
        for packet in packets[1:]:
            sink.packet(session, packet)
        sink.end()
        assert told == [()]
        clock.now += 15_000
        sink.packet(session, packets[1])
        assert len(told) == 1, "no key frame"
        sink.packet(session, packets[0])
        assert len(told) == 2


def test_a_camera_that_is_turned_is_said_and_its_first_good_day_is_kept(tmp_path: Path) -> None:
    clock, told = StillClock(), list[tuple[str, ...]]()
    watched = watching(tmp_path / "cameras", clock)
    sink = watched.sink(CameraSettings(name="front", url="rtsp://x", role="front"), told.append)
    session = Session(name="s", codec="mjpeg", head=b"", width=0, height=0, time_base=MILLI)

    def show(view: Grey, times: int) -> tuple[str, ...]:
        _, data = cv2.imencode(".jpg", cv2.resize(view, (1280, 720)), [cv2.IMWRITE_JPEG_QUALITY, 95])
        for _ in range(times):
            clock.now += 15_000
            sink.packet(session, Coded(data=data.tobytes(), pts=0, dts=0, key=True, arrived_ms=0))
        return told[-1]

    assert show(scene(), 8) == ()
    assert (tmp_path / "cameras" / "front.png").exists()
    assert show(scene(at=(40, 0)), 48) == ("moved",)
    assert show((scene() // 6).astype(np.uint8), 3) == ("moved",)
    assert watched.hint is not None
    assert watched.hint.fill


class Behind(Now):
    """What is given to it waits until it is told to work."""

    def __init__(self) -> None:
        self._waits: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._waits.append(partial(fn, *args, **kwargs))
        return Future()

    def work(self) -> None:
        while self._waits:
            self._waits.pop(0)()


def still_of(view: Grey) -> Held:
    session = Session(name="s", codec="mjpeg", head=b"", width=0, height=0, time_base=MILLI)
    _, data = cv2.imencode(".jpg", cv2.resize(view, (1280, 720)), [cv2.IMWRITE_JPEG_QUALITY, 95])
    packet = Coded(data=data.tobytes(), pts=0, dts=0, key=True, arrived_ms=0)
    return Held(session=session, packet=packet)


def test_a_look_is_of_its_own_moment_however_long_it_waits_to_be_decoded(tmp_path: Path) -> None:
    waits, camera = Behind(), CameraSettings(name="front", url="rtsp://x", role="front")
    watched = Watching(LightSettings(), every_s=15, folder=tmp_path, clock=StillClock(), run_in=waits)
    watched.is_free = False
    for _ in range(8):
        watched.submit(camera, still_of(scene()), lambda words: None)
    watched.is_free = True
    waits.work()
    assert not list(tmp_path.iterdir()), "a vehicle stood there"


def test_that_a_lane_is_never_free_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched, held = watching(tmp_path, StillClock()), still_of(scene())
    camera = CameraSettings(name="front", url="rtsp://x", role="front")
    with caplog.at_level(logging.WARNING):
        for _ in range(NEVER_FREE):
            watched.looked(camera, held, is_free=False)
        assert caplog.messages == []
        for _ in range(3):
            watched.looked(camera, held, is_free=False)
    assert caplog.messages == ["lane never free: camera hardly checked"]


def test_what_cannot_be_decoded_costs_one_look(tmp_path: Path) -> None:
    told = list[tuple[str, ...]]()
    sink = watching(tmp_path, StillClock()).sink(
        CameraSettings(name="front", url="rtsp://x", role="front"), told.append
    )
    for codec in ("h264", "mjpeg", "no such codec"):
        session = Session(name="s", codec=codec, head=b"", width=0, height=0, time_base=MILLI)
        sink.packet(session, Coded(data=b"\0\0\0\1nonsense", pts=0, dts=0, key=True, arrived_ms=0))
    assert told == [()]
