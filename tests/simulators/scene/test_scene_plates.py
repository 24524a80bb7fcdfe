from __future__ import annotations

import numpy as np
import pytest

from simulators.scene.plates import GROUND, Colour, draw_plate, layout, seen_from_afar

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"


@pytest.mark.parametrize(
    ("text", "colour", "two_rows", "size"),
    [
        ("鲁C12345", "yellow", False, (140, 440)),
        ("鲁CQW678", "blue", False, (140, 440)),
        ("鲁CD90123", "green", False, (140, 480)),
        ("鲁C67890D", "yellow_green", False, (140, 480)),
        ("鲁A1234警", "white", False, (140, 440)),
        ("粤Z8H90港", "black", False, (140, 440)),
        ("鲁C5678挂", "yellow", True, (220, 440)),
        ("豫PJ3K52", "yellow", True, (220, 440)),
        ("UB 4821 A", "foreign", True, (112, 520)),
    ],
)
def test_a_plate_has_the_size_of_the_standard_in_mm(
    text: str, colour: Colour, two_rows: bool, size: tuple[int, int]
) -> None:
    plate = draw_plate(text, colour=colour, two_rows=two_rows)
    assert plate.shape == (*size, 3)


@pytest.mark.parametrize("colour", ["yellow", "blue", "white", "black"])
def test_between_the_characters_the_plate_shows_its_ground(colour: Colour) -> None:
    plate = draw_plate("鲁C12345", colour=colour)
    assert tuple(plate[18, 220]) == GROUND[colour]


def test_large_new_energy_plates_are_yellow_then_green() -> None:
    plate = draw_plate("鲁C67890D", colour="yellow_green")
    assert tuple(plate[18, 60]) == GROUND["yellow"]
    assert tuple(plate[18, 160]) == GROUND["yellow_green"]


def test_small_new_energy_plates_fade_from_white_to_green() -> None:
    plate = draw_plate("鲁CD90123", colour="green").astype(int)
    assert plate[12, 240, 2] > plate[70, 12, 2] > plate[125, 240, 2]


@pytest.mark.parametrize(
    ("text", "two_rows", "sizes"),
    [
        ("鲁C12345", False, [(45, 90)] * 7),
        ("鲁C67890D", False, [(43, 90)] * 8),
        ("鲁C5678挂", True, [(80, 60)] * 2 + [(65, 110)] * 5),
    ],
)
def test_characters_stand_in_cells_of_the_standard(
    text: str, two_rows: bool, sizes: list[tuple[int, int]]
) -> None:
    plan = layout(text, colour="yellow", two_rows=two_rows)
    assert [(cell.width, cell.height) for cell in plan.cells] == sizes
    assert "".join(cell.text for cell in plan.cells) == text
    inside = [cell.x >= 0 and cell.x + cell.width <= plan.width for cell in plan.cells]
    assert all(inside)


def test_every_character_fills_its_cell_with_ink() -> None:
    plate = draw_plate("鲁C82345", colour="yellow")
    dark = plate.max(axis=2) < 90
    for cell in layout("鲁C82345", colour="yellow").cells:
        part = dark[round(cell.y) : round(cell.y + cell.height), round(cell.x) : round(cell.x + cell.width)]
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        assert rows[-1] - rows[0] > 0.9 * cell.height
        assert columns[-1] - columns[0] > 0.85 * cell.width


def test_all_provinces_look_different() -> None:
    seen = {draw_plate(f"{province}A12345", colour="yellow").tobytes() for province in PROVINCES}
    assert len(seen) == 31


def test_a_nought_has_no_slash_and_is_no_eight() -> None:
    plate = draw_plate("鲁C00000", colour="yellow")
    cell = layout("鲁C00000", colour="yellow").cells[3]
    middle = plate[round(cell.y + cell.height / 2), round(cell.x + cell.width / 2)]
    assert tuple(middle) == GROUND["yellow"]


def test_dirt_is_the_same_for_the_same_seed() -> None:
    one, same, other = (draw_plate("鲁C12345", colour="yellow", seed=seed, dirt=0.5) for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_from_afar_a_plate_is_small_and_keeps_its_shape() -> None:
    small = seen_from_afar(draw_plate("鲁C12345", colour="yellow"), height=28)
    assert small.shape == (28, 88, 3)


def test_a_character_the_font_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="the font has no"):
        draw_plate("鲁C1234\u200b", colour="yellow")
