import pytest

from edge.cameras.settings import CameraSettings, VisionSettings
from kernel.errors import ConfigError
from kernel.settings import read

CAMERA = {"name": "front", "url": "rtsp://10.0.0.5/1", "role": "front"}


def test_reads_a_whole_table() -> None:
    table = {
        "cameras": [{**CAMERA, "region": [0, 300, 1000, 700]}, {**CAMERA, "name": "rear", "role": "rear"}],
        "recorder": {"folder": "ring"},
        "plates": {},
    }
    settings = read(VisionSettings, table)
    assert settings.cameras[0].region == (0, 300, 1000, 700)
    assert settings.recorder is not None
    assert settings.recorder.pre_ms + settings.recorder.post_ms == 12_000


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"url": "ftp://x"}, "cameras[0].url"),
        ({"url": ""}, "cameras[0].url"),
        ({"url": "http://[::bad"}, "cameras[0].url"),
        ({"url": "http://admin:s3 cret@camera:99999/x"}, "cameras[0].url"),
        ({"name": "../etc"}, "cameras[0].name"),
        ({"role": "top"}, "cameras[0].role"),
        ({"region": [0, 0, 1001, 10]}, "cameras[0].region"),
        ({"region": [0, 0, 10]}, "cameras[0].region"),
        ({"patience_s": 0.0}, "cameras[0].patience_s"),
        ({"colour": "red"}, "cameras[0].colour"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(change: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(VisionSettings, {"cameras": [{**CAMERA, **change}]})
    assert [fault[0] for fault in caught.value.faults] == [path]


@pytest.mark.parametrize("url", ["ftp://admin:s3cret@camera/x", "http://admin:s3cret@[::bad/x"])
def test_a_camera_s_password_is_not_in_what_is_said_of_its_url(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CameraSettings(name="front", url=url, role="front")
    assert "s3cret" not in str(caught.value)


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two are called 'front'"):
        read(VisionSettings, {"cameras": [CAMERA, CAMERA]})


def test_more_pictures_than_one_entry_can_name_are_refused() -> None:
    cameras = [{**CAMERA, "name": f"front-{number}"} for number in range(4)]
    assert len(read(VisionSettings, {"cameras": cameras}).cameras) == 4
    with pytest.raises(ConfigError, match="fewer frames"):
        read(VisionSettings, {"cameras": cameras, "burst": {"frames": 8}})
    with pytest.raises(ConfigError, match="fewer frames"):
        read(VisionSettings, {"cameras": [{**CAMERA, "burst": {"frames": 40}}]})


@pytest.mark.parametrize(
    ("roles", "second"),
    [(("front", "rear", "side", "plate"), ("front", "plate")), (("rear", "side"), ("rear", "side"))],
)
def test_on_a_platform_one_picture_more_is_counted_of_the_cameras_that_take_it(
    roles: tuple[str, ...], second: tuple[str, ...]
) -> None:
    cameras = [{**CAMERA, "name": role, "role": role} for role in roles]
    settings = read(VisionSettings, {"cameras": cameras, "checks": {"displacement": "static"}})
    assert settings.second_roles == second
    assert read(VisionSettings, {"cameras": cameras}).second_roles == ()


def test_a_second_shot_that_one_entry_cannot_name_is_refused() -> None:
    table = {"cameras": [CAMERA], "burst": {"frames": 28}}
    assert read(VisionSettings, table).burst.frames == 28
    with pytest.raises(ConfigError, match="fewer frames"):
        read(VisionSettings, {**table, "checks": {"displacement": "static"}})
