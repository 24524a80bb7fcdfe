import numpy as np
import pytest

from edge.plates.colours import colour, has_red, stands_out
from edge.plates.locate import Image, Line
from edge.plates.models import FINDER, RECOGNISER, model
from edge.plates.rectify import ROW_PX, from_both_rows, from_lower_row, row, straight, stretched
from kernel.errors import ConfigError
from simulators.scene.plates import Colour, draw_plate

AT = (120, 60)


def scene(plate: Image, ground: tuple[int, int, int] = (90, 90, 90)) -> Image:
    picture = np.full((400, 700, 3), ground, np.uint8)
    picture[AT[1] : AT[1] + plate.shape[0], AT[0] : AT[0] + plate.shape[1]] = plate
    return picture


def line(x: float, y: float, width: float, height: float) -> Line:
    a, b = (AT[0] + x, AT[1] + y), (AT[0] + x + width, AT[1] + y + height)
    return Line(corners=np.array([a, (b[0], a[1]), b, (a[0], b[1])], np.float32), score=0.9)


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("鲁C12345", "yellow"),
        ("鲁C12345", "blue"),
        ("鲁CD12345", "green"),
        ("鲁C12345D", "yellow_green"),
        ("鲁C1234警", "white"),
        ("使123456", "black"),
    ],
)
@pytest.mark.parametrize("light", [1.0, 0.6])
def test_the_ground_has_its_colour_in_bright_and_dull_light(text: str, ground: Colour, light: float) -> None:
    picture = scene(draw_plate(text, colour=ground)).astype(np.float32) * light
    crop = straight(picture.astype(np.uint8), line(12, 18, 416, 104).corners)
    assert colour(crop) == ground


def test_a_colour_that_is_not_there_is_not_named() -> None:
    assert colour(np.full((48, 200, 3), (160, 40, 200), np.uint8)) is None


def test_red_characters_are_seen() -> None:
    white = scene(draw_plate("鲁C12345", colour="white"))
    red = white.copy()
    red[AT[1] + 25 : AT[1] + 115, AT[0] + 15 : AT[0] + 60] = (30, 30, 200)
    corners = line(12, 18, 416, 104).corners
    assert has_red(straight(red, corners))
    assert not has_red(straight(white, corners))


def test_a_plate_stands_out_and_an_overlay_does_not() -> None:
    plate = scene(draw_plate("鲁C12345", colour="white"))
    assert stands_out(plate, line(12, 18, 416, 104))
    assert not stands_out(np.full((400, 700, 3), 90, np.uint8), line(12, 18, 416, 104))


def test_a_row_is_widened_to_the_left_by_a_quarter() -> None:
    picture = scene(draw_plate("鲁C12345", colour="blue"))
    found = line(100, 18, 320, 104)
    crop = row(picture, found)
    assert crop.shape[0] == ROW_PX
    assert crop.shape[1] == pytest.approx(ROW_PX * 320 * 1.29 / 104, abs=2)
    moved = stretched(found.corners, left=0.25)
    assert moved[0][0] == pytest.approx(found.corners[0][0] - 80)
    assert moved[1][0] == found.corners[1][0]


def test_two_rows_come_to_lie_side_by_side() -> None:
    picture = scene(draw_plate("鲁C1234挂", colour="yellow", two_rows=True))
    lower, both = line(27, 90, 386, 110), line(20, 10, 400, 200)
    for crop in (from_lower_row(picture, lower), from_both_rows(picture, both)):
        assert crop.shape[0] == ROW_PX
        dark = (crop.max(axis=2) < 110).mean(axis=0)
        left = dark[: crop.shape[1] // 3]
        assert left.max() > 0.2  # the upper row's characters are in it


def test_the_models_are_found_without_importing_their_carrier() -> None:
    assert model(FINDER).stat().st_size > 1_000_000
    assert model(RECOGNISER).stat().st_size > 1_000_000


def test_a_missing_model_is_the_operator_s_business() -> None:
    with pytest.raises(ConfigError, match="edge-vision"):
        model("no-such.onnx")
