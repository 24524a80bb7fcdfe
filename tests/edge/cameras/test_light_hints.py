"""Light is asked for by night, against glare and backlight; and nothing flickers."""

from __future__ import annotations

import pytest

from edge.cameras.lighting import Hint, Light, LightJudge
from edge.cameras.settings import LightSettings
from kernel.errors import ConfigError

MINUTE_MS = 60_000
DAY = Light(luma=130, plate_luma=120, clipped_permille=2)
NIGHT = Light(luma=30, plate_luma=30, clipped_permille=1)
LIT = Light(luma=90, plate_luma=110, clipped_permille=5)  # by night, under the fill light
GLARE = Light(luma=60, plate_luma=120, clipped_permille=200)
BACKLIGHT = Light(luma=150, plate_luma=35, clipped_permille=30)


class Lane:
    """Looks of one lane, half a minute apart."""

    def __init__(self) -> None:
        self.judge = LightJudge(LightSettings())
        self.mono_ms = 1_000

    def looks(self, *lights: Light, camera: str = "front") -> Hint:
        for light in lights:
            self.mono_ms += MINUTE_MS // 2
            self.judge.look(camera, light, mono_ms=self.mono_ms)
        return self.judge.hint


def test_a_day_wants_nothing() -> None:
    assert Lane().looks(*[DAY] * 5) == Hint()


@pytest.mark.parametrize(
    ("light", "hint"),
    [
        (NIGHT, Hint(fill=True, reason=("night",))),
        (GLARE, Hint(exposure="shorter", reason=("glare",))),
        (BACKLIGHT, Hint(exposure="longer", reason=("backlight",))),
    ],
)
def test_three_looks_agree_before_anything_is_asked(light: Light, hint: Hint) -> None:
    lane = Lane()
    assert lane.looks(light, light) == Hint()
    assert lane.looks(DAY, light, light) == Hint(), "a cloud"
    assert lane.looks(light) == hint
    assert lane.looks(DAY, DAY).reason == hint.reason


def test_the_fill_light_does_not_switch_itself_off() -> None:
    lane = Lane()
    assert lane.looks(*[NIGHT] * 3).fill
    assert lane.looks(*[LIT] * 100).fill
    assert not lane.looks(*[DAY] * 3).fill


def test_the_fill_light_stays_on_for_ten_minutes() -> None:
    lane = Lane()
    lane.looks(*[NIGHT] * 3)
    assert lane.looks(*[DAY] * 18).fill
    assert not lane.looks(*[DAY] * 3).fill


def test_each_camera_takes_back_only_what_it_asked_for() -> None:
    lane = Lane()
    lane.looks(*[NIGHT] * 3, camera="rear")
    assert lane.looks(*[DAY] * 40, camera="front").fill
    assert not lane.looks(*[DAY] * 40, camera="rear").fill


def test_headlights_are_seen_only_while_a_vehicle_is_there() -> None:
    lane = Lane()
    dusk = Light(luma=70, plate_luma=70, clipped_permille=2)
    for _ in range(3):
        lane.judge.vehicle("front", clipped_permille=90)
        lane.looks(*[dusk] * 4)
    assert lane.judge.hint == Hint(exposure="shorter", reason=("glare",))
    for _ in range(3):
        lane.judge.vehicle("front", clipped_permille=10)
        lane.looks(*[dusk] * 4)
    assert lane.judge.hint == Hint()


def test_nobody_knows_the_light_before_three_looks() -> None:
    lane = Lane()
    lane.looks(NIGHT, DAY)
    assert not lane.judge.is_known
    lane.looks(DAY)
    assert lane.judge.is_known


def test_glare_goes_before_backlight() -> None:
    lane = Lane()
    lane.looks(*[BACKLIGHT] * 3, camera="rear")
    assert lane.looks(*[GLARE] * 3, camera="front") == Hint(exposure="shorter", reason=("glare", "backlight"))


def test_a_day_that_is_darker_than_the_night_is_refused() -> None:
    with pytest.raises(ConfigError, match="day_luma"):
        LightSettings(night_luma=100, day_luma=100)
