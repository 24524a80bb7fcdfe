"""Pictures that are not fit for evidence are flagged and kept, whatever their bytes are."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.cameras.checking import checked
from edge.cameras.judging import is_same_place
from edge.cameras.measuring import grey_of, moved_permille, sharpness
from edge.cameras.pictures import Frame
from edge.cameras.settings import BurstSettings, CameraSettings, CheckSettings, VisionSettings
from edge.plates.opening import opened
from kernel.errors import ConfigError

Image = NDArray[np.uint8]
CHECKS = CheckSettings()
NOW_MS = 1_790_000_000_000


def lane(truck_at: int = 300) -> Image:
    """A road with marks, and a truck with windows, letters and lamps on it."""
    picture = np.full((720, 1280, 3), (118, 120, 116), np.uint8)
    for x in range(0, 1280, 80):
        cv2.rectangle(picture, (x, 600), (x + 36, 612), (230, 230, 230), -1)
        cv2.line(picture, (x, 0), (x + 30, 120), (60, 90, 60), 3)
    cv2.rectangle(picture, (truck_at, 160), (truck_at + 420, 560), (150, 70, 40), -1)
    for row in range(200, 520, 40):
        cv2.putText(
            picture, "MH80 1234", (truck_at + 30, row), cv2.FONT_HERSHEY_SIMPLEX, 1, (240, 240, 240), 2
        )
    return picture


def frame(picture: Image, *, after_ms: int = 0) -> Frame:
    _, data = cv2.imencode(".jpg", picture)
    return Frame(at_ms=NOW_MS + after_ms, jpeg=data.tobytes(), width=1280, height=720, flags=("from_video",))


def words(picture: Image, region: tuple[int, ...] | None = None) -> tuple[str, ...]:
    (shown,), _ = checked([frame(picture)], region, CHECKS)
    return shown.flags[1:]


def streaked(picture: Image, length: int) -> Image:
    return np.asarray(cv2.blur(picture, (length, 1)), np.uint8)


def test_a_good_picture_has_its_measures_and_no_flag_and_keeps_its_bytes() -> None:
    given = frame(lane())
    (shown,), _ = checked([given], None, CHECKS)
    assert shown.flags == ("from_video",)
    assert shown.jpeg is given.jpeg
    assert shown.sharpness is not None
    assert shown.sharpness > 400
    assert shown.luma == pytest.approx(110, abs=15)
    assert shown.clipped_permille is not None


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.asarray(cv2.GaussianBlur(lane(), (0, 0), 6), np.uint8), ("blurred",)),
        (streaked(lane(), 41), ("blurred",)),
        ((lane() // 12).astype(np.uint8), ("too_dark",)),
        (np.asarray(cv2.addWeighted(lane(), 0.12, lane(), 0, 224), np.uint8), ("too_bright",)),
        (np.asarray(cv2.rectangle(lane(), (0, 0), (600, 500), (255, 255, 255), -1), np.uint8), ("clipped",)),
    ],
    ids=["out of focus", "motion", "night", "washed out", "glare"],
)
def test_each_fault_has_its_word(picture: Image, said: tuple[str, ...]) -> None:
    assert words(picture) == said


def test_clipping_is_asked_where_plates_appear() -> None:
    picture = np.asarray(cv2.rectangle(lane(), (0, 0), (1280, 300), (255, 255, 255), -1), np.uint8)
    assert words(picture) == ("clipped",)
    assert words(picture, (0, 500, 1000, 500)) == ()
    assert words(picture, (0, 0, 1000, 400)) == ("clipped",)


def test_sharpness_is_asked_where_plates_appear() -> None:
    picture = lane()
    picture[120:600, 260:760] = cv2.GaussianBlur(picture[120:600, 260:760], (0, 0), 6)
    assert words(picture, (260, 300, 300, 400)) == ("blurred",)
    assert words(picture) == ()


def test_sharpness_does_not_fall_with_contrast_nor_rise_with_noise() -> None:
    grey = np.asarray(cv2.cvtColor(lane(), cv2.COLOR_BGR2GRAY), np.uint8)[::4, ::4]
    dim = np.asarray(grey // 2, np.uint8)
    assert abs(sharpness(grey) - sharpness(dim)) < 120
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), 2.5), np.int16)
    noisy = np.clip(soft + np.random.default_rng(1).normal(0, 2, soft.shape), 0, 255).astype(np.uint8)
    assert sharpness(noisy) < CHECKS.sharpness_min + 100


def test_a_vehicle_that_is_seen_elsewhere_has_moved() -> None:
    burst = [frame(lane(300 + 30 * n), after_ms=400 * n) for n in range(3)]
    assert checked(burst, None, CHECKS)[1] is False


def test_shots_of_one_place_are_flagged_as_a_whole() -> None:
    burst = [frame(lane(), after_ms=400 * n) for n in range(3)]
    assert checked(burst, None, CHECKS)[1] is True


@pytest.mark.parametrize(
    ("displacement", "apart_ms", "same"),
    [
        ("moving", 400, True),
        ("moving", 60_000, True),
        ("static", 9_999, True),
        ("static", 10_000, False),
        ("off", 1, False),
    ],
)
def test_a_standing_vehicle_is_shown_ten_seconds_apart(displacement: str, apart_ms: int, same: bool) -> None:
    how = CheckSettings(displacement=displacement)  # type: ignore[arg-type]
    assert is_same_place([(NOW_MS, 0), (NOW_MS + apart_ms, 3)], how) is same
    assert not is_same_place([(NOW_MS, 0)], how), "one shot shows no displacement, and cannot lack it"


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=80))
def test_hostile_bytes_are_kept_and_called_unreadable(data: bytes) -> None:
    (shown,), same = checked([Frame(at_ms=1, jpeg=data, width=0, height=0)], None, CHECKS)
    assert (shown.jpeg, shown.flags, shown.luma, same) == (data, ("unreadable",), None, False)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (16, 16), (65_535, 65_535)], ids=["a dot", "a stamp", "four gigapixels"]
)
def test_pictures_of_no_camera_are_not_decoded(width: int, height: int) -> None:
    _, data = cv2.imencode(".jpg", np.zeros((16, 16), np.uint8))
    jpeg = bytearray(data.tobytes())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    assert grey_of(bytes(jpeg)) is None


def test_grey_and_four_colour_pictures_are_measured_too() -> None:
    _, grey = cv2.imencode(".jpg", cv2.cvtColor(lane(), cv2.COLOR_BGR2GRAY))
    found = grey_of(grey.tobytes())
    assert found is not None
    assert moved_permille(found, found) == 0
    assert moved_permille(found, found[:8]) == 1000


def test_a_camera_for_plates_gives_eight_frames_to_read() -> None:
    front = CameraSettings(name="front", url="rtsp://x", role="front")
    plate = CameraSettings(name="plate", url="rtsp://x", role="plate")
    own = CameraSettings(name="own", url="rtsp://x", role="plate", burst=BurstSettings(frames=2))
    vision = VisionSettings(cameras=(front, plate, own))
    assert [vision.burst_of(one).frames for one in vision.cameras] == [5, 8, 2]


@pytest.mark.parametrize(
    "wrong",
    [{"luma_min": 230}, {"sharpness_min": 1001}, {"apart_s": 0}, {"clipped_permille_max": -1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_limits_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        CheckSettings(**wrong)  # type: ignore[arg-type]


def test_a_lag_beyond_reason_is_refused() -> None:
    with pytest.raises(ConfigError, match="clock_offset_ms"):
        CameraSettings(name="a", url="rtsp://x", role="front", clock_offset_ms=-10_001)


def test_a_second_head_that_is_larger_than_any_camera_s_is_not_decoded() -> None:
    """The whole of it is there: nothing but its size speaks against it."""
    _, data = cv2.imencode(".jpg", np.zeros((8_200, 8_200), np.uint8))
    large = data.tobytes()
    begin = large.index(b"\xff\xc0")
    end = begin + 2 + int.from_bytes(large[begin + 2 : begin + 4], "big")
    small = bytearray(large[begin:end])
    small[5:9] = (720).to_bytes(2, "big") + (1280).to_bytes(2, "big")
    assert grey_of(large[:begin] + bytes(small) + large[begin:]) is None


@pytest.mark.parametrize("flag", [None, cv2.IMWRITE_JPEG_PROGRESSIVE], ids=["baseline", "progressive"])
def test_a_picture_that_ends_too_soon_is_unreadable(flag: int | None) -> None:
    _, data = cv2.imencode(".jpg", lane(), [flag, 1] if flag is not None else [])
    jpeg = data.tobytes()
    assert grey_of(jpeg) is not None
    assert grey_of(jpeg + bytes(40)) is not None, "some cameras add them"
    for part in (jpeg[: len(jpeg) // 2], jpeg[: len(jpeg) * 9 // 10], jpeg[: len(jpeg) // 2] + b"\xff\xd9"):
        (shown,), _ = checked([Frame(at_ms=1, jpeg=part, width=1280, height=720)], None, CHECKS)
        assert shown.flags == ("unreadable",)


def turned_by_exif(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0II*\0\x08\0\0\0" + entry
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_picture_is_measured_as_upright_as_the_reader_sees_it(orientation: int) -> None:
    _, data = cv2.imencode(".jpg", lane())
    jpeg = turned_by_exif(data.tobytes(), orientation)
    read = cv2.cvtColor(opened(jpeg).picture, cv2.COLOR_BGR2GRAY)
    grey = grey_of(jpeg)
    assert grey is not None
    wanted = cv2.resize(read, grey.shape[::-1], interpolation=cv2.INTER_AREA)
    assert grey.shape == (read.shape[0] // 4, read.shape[1] // 4)
    assert np.mean(np.abs(grey.astype(int) - wanted)) < 6
