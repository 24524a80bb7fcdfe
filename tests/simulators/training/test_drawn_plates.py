"""What models learn from: legal texts, the same for the same seed, and corners that lie where the text is drawn."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from kernel.errors import ConfigError
from kernel.plates import ALPHABET, CLASSES, classify
from simulators.main import main
from simulators.training.crops import HEIGHT, WIDTH, samples
from simulators.training.glyphs import STROKED, Cut, glyph
from simulators.training.plates import draw
from simulators.training.scenes import SIDE, scenes
from simulators.training.site import confirmed
from simulators.training.texts import chosen

pytestmark = pytest.mark.wire  # needs the fonts that scripts/system installs


def test_every_class_is_drawn_and_every_text_is_a_plate() -> None:
    random = np.random.default_rng(1)
    plates = [chosen(random) for _ in range(2_000)]
    assert {plate.plate_class for plate in plates} == set(CLASSES)
    assert all(classify(plate.text) == plate.plate_class for plate in plates)


def test_the_same_seed_draws_the_same_and_another_something_else() -> None:
    first, again, other = (list(islice(samples(seed), 12)) for seed in (3, 3, 4))
    assert [one.text for one in first] == [one.text for one in again]
    assert all(np.array_equal(a.crop, b.crop) for a, b in zip(first, again, strict=True))
    assert [one.text for one in first] != [one.text for one in other]


def test_crops_have_the_size_that_the_recogniser_takes() -> None:
    drawn = list(islice(samples(5), 40))
    assert {one.crop.shape for one in drawn} == {(HEIGHT, WIDTH)}
    assert all(set(one.text) <= set(ALPHABET) for one in drawn)
    assert "" in {one.text for one in islice(samples(6), 200)}


@pytest.mark.parametrize("latin", range(STROKED + 1))
def test_every_character_has_ink_in_every_cut(latin: int) -> None:
    cut = Cut(latin=latin, chinese=latin, weight=0)
    masks = {char: glyph(char, 45, 90, cut) for char in ALPHABET}
    assert all(
        mask.shape == (90, 45) and 200 < np.count_nonzero(mask > 127) < 3_800 for mask in masks.values()
    )
    shapes = {char: mask.tobytes() for char, mask in masks.items() if char != "O"}  # the same as the nought
    assert len(set(shapes.values())) == len(shapes)


def test_the_rows_of_a_drawn_plate_hold_its_ink() -> None:
    random = np.random.default_rng(2)
    for _ in range(30):
        plate = chosen(random)
        drawn = draw(plate, random)
        assert len(drawn.rows) == (2 if plate.two_rows else 1)
        for left, top, right, bottom in drawn.rows:
            part = drawn.image[round(top) : round(bottom), round(left) : round(right)]
            assert part.size
            assert float(part.std()) > 15


def test_the_corners_of_a_scene_lie_in_it_and_in_order() -> None:
    seen = 0
    for scene in islice(scenes(7), 60):
        assert scene.picture.shape == (SIDE, SIDE, 3)
        for plate in scene.plates:
            seen += 1
            assert np.all((plate.corners > -4) & (plate.corners < SIDE + 4))
            after, next_but_one = (np.roll(plate.corners, -n, 0) for n in (1, 2))
            (ax, ay), (bx, by) = (after - plate.corners).T, (next_but_one - after).T
            turns = ax * by - ay * bx
            assert np.all(turns > 0)
    assert seen > 30


def _label(folder: Path, **told: object) -> None:
    cv2.imwrite(str(folder / "a.jpg"), np.full((60, 160, 3), 127, np.uint8))
    line = {"file": "a.jpg", "text": "鲁C12345", "class": "ordinary", "colour": "yellow", "double_row": False}
    (folder / "labels.jsonl").write_text(json.dumps({**line, **told}, ensure_ascii=False) + "\n", "utf-8")


def test_a_site_s_confirmed_plates_become_samples(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for two_rows in (False, True):
        _label(tmp_path, double_row=two_rows)
        [one] = confirmed(tmp_path)
        assert len(one.rows) == 1 + two_rows
        sample = one.sample(random)
        assert (sample.text, sample.crop.shape) == ("鲁C12345", (HEIGHT, WIDTH))


def test_an_unreadable_plate_teaches_nothing(tmp_path: Path) -> None:
    _label(tmp_path, text=None)
    assert confirmed(tmp_path) == ()


@pytest.mark.parametrize(
    "told",
    [{"text": "鲁I12345"}, {"file": "../a.jpg"}, {"file": "/etc/passwd"}, {"file": "b.jpg"}],
)
def test_a_label_that_cannot_be_used_is_named(tmp_path: Path, told: dict[str, object]) -> None:
    _label(tmp_path, **told)
    with pytest.raises(ConfigError, match="line 1"):
        confirmed(tmp_path)


def test_without_pytorch_the_command_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "recogniser", "--steps", "1"]) == 2
    assert "scripts/training" in capsys.readouterr().err
