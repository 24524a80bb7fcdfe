from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.plates.scoring import Outcome, Scene, Share, amiss, answered_at, scenes, shares
from kernel.errors import ConfigError


def outcome(text: str, *read: str, score: int = 900, colour: str = "yellow", number: int = 1) -> Outcome:
    scene = Scene(
        file=Path(f"{number}.jpg"), text=text, colour=colour if text else None, double_row=False, others=()
    )
    return Outcome(scene=scene, texts=read, scores=(score,) * len(read), colour=colour, cpu_ms=1)


def by_name(rows: list[Share]) -> dict[str, tuple[int, int]]:
    return {row.name: (row.good, row.n) for row in rows}


def test_each_share_counts_what_it_says() -> None:
    rows = by_name(
        shares(
            [
                outcome("鲁C12345", "鲁C12345"),
                outcome("鲁C12O45", "鲁C12045"),
                outcome("鲁C12345", "豫C12345"),
                outcome("鲁C12345"),
                outcome("", "鲁C99999"),
                outcome(""),
            ]
        )
    )
    assert rows["exact"] == (2, 4)
    assert rows["exact but for the province"] == (3, 4)
    assert rows["answered"] == (3, 4)
    assert rows["legal but wrong"] == (1, 4)
    assert rows["a plate where there is none"] == (1, 2)
    assert rows["exact, yellow"] == (2, 4)


def test_a_small_number_is_listed_and_not_rated() -> None:
    assert str(Share(name="exact", good=3, n=4)) == "exact: 3 of 4"
    assert str(Share(name="exact", good=39, n=40)) == "exact: 39 of 40 = 97.5 %"


def test_the_gate_is_set_where_the_answers_are_right_often_enough() -> None:
    good = [outcome("鲁C12345", "鲁C12345", score=900 - n) for n in range(99)]
    bad = outcome("鲁C12345", "豫C12345", score=500)
    worse = [outcome("鲁C12345", "豫C12345", score=400 - n) for n in range(5)]
    found = answered_at([*good, bad, *worse], permille=990)
    assert (found.good, found.n) == (100, 105)
    assert answered_at([*good, bad, *worse], permille=999).good == 99
    # A gate cannot fall between equal scores.
    assert (
        answered_at([outcome("鲁C12345", "鲁C12345"), outcome("鲁C12345", "豫C12345")], permille=990).good
        == 0
    )


def test_what_went_wrong_is_named_with_its_picture() -> None:
    lines = amiss([outcome("鲁C12345", "豫C12345", number=7), outcome("", number=8)])
    assert lines == ["7.jpg: 鲁C12345 (yellow) read as 豫C12345"]


def test_a_manifest_is_read_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"items": [{"file": "a.jpg", "text": "鲁C12345", "colour": "yellow"}]}))
    [scene] = scenes(manifest)
    assert (scene.file, scene.kind) == (tmp_path / "a.jpg", "yellow")
    for wrong in ("", "{}", '{"items": [{}]}', '{"items": []}'):
        manifest.write_text(wrong)
        with pytest.raises(ConfigError, match="manifest"):
            scenes(manifest)
    with pytest.raises(ConfigError, match="cannot be read"):
        scenes(tmp_path / "none.json")


def test_the_halves_are_about_equal_and_fixed() -> None:
    halves = [
        Scene(file=Path(f"{n:04}.jpg"), text="", colour=None, double_row=False, others=()).unseen
        for n in range(200)
    ]
    assert 70 < sum(halves) < 130
    again = Scene(file=Path("elsewhere/0000.jpg"), text="x", colour=None, double_row=False, others=())
    assert again.unseen == halves[0]
