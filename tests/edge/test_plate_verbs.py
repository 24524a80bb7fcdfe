"""`weighpost-edge plate`: what a technician sees of the reader."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.main import main
from edge.plates.locate import Image
from simulators.scene.plates import draw_plate

pytestmark = pytest.mark.broad


def scene(path: Path, text: str) -> Path:
    picture: Image = np.full((400, 900, 3), 90, np.uint8)
    plate = draw_plate(text, colour="yellow")
    picture[120 : 120 + plate.shape[0], 200 : 200 + plate.shape[1]] = plate
    cv2.imwrite(str(path), picture)
    return path


def test_pictures_are_read_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, none = scene(tmp_path / "a.png", "鲁C72A51"), tmp_path / "b.jpg"
    cv2.imwrite(str(none), np.full((400, 600, 3), 90, np.uint8))
    assert main(["plate", "read", "--json", str(one), str(none)]) == 0
    [first], second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["text"], first["class"], first["colour"]) == ("鲁C72A51", "ordinary", "yellow")
    assert [char for char, _ in first["characters"]] == list("鲁C72A51")
    assert len(first["corners"]) == 4
    assert first["score"] > 0.55
    x, y, width, height = first["box"]
    assert 150 < x < 300
    assert 100 < y < 180
    assert width > height
    assert second == []


def test_a_picture_that_cannot_be_opened_is_named_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = scene(tmp_path / "a.png", "鲁C72A51"), tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff\x00nonsense")
    assert main(["plate", "read", str(bad), str(tmp_path / "none.jpg"), str(good)]) == 1
    told = capsys.readouterr()
    assert "bad.jpg: 0 x 0 pixels: too small" in told.err
    assert "none.jpg: cannot be read" in told.err
    assert "鲁C72A51 (ordinary, yellow" in told.out
    assert told.out.count("unread") == 2


def test_the_reader_is_measured_on_known_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = []
    for number in range(6):
        text = f"鲁C72A5{number}"
        items.append({"file": scene(tmp_path / f"{number}.png", text).name, "text": text, "colour": "yellow"})
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"items": items}))
    counted = 0
    for half in ([], ["--final"]):
        assert main(["plate", "bench", "--manifest", str(manifest), "--json", *half]) == 0
        told = json.loads(capsys.readouterr().out)
        counted += told["pictures"]
        assert {"name": "exact", "good": told["pictures"], "n": told["pictures"]} in told["shares"]
        assert told["cpu_ms"]["median"] > 0
    assert counted == 6


def test_the_region_is_drawn_into_a_still(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, out = scene(tmp_path / "a.png", "鲁C72A51"), tmp_path / "roi.jpg"
    assert main(["plate", "roi", str(picture), "--region", "100,250,500,500", "--out", str(out)]) == 0
    assert "region (90, 100) to (539, 299)" in capsys.readouterr().out
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert np.abs(drawn[100, 300].astype(int) - (0, 255, 255)).max() < 60


@pytest.mark.parametrize("region", ["1,2,3", "0,0,1001,10", "a,b,c,d", "0,0,0,5"])
def test_a_region_outside_the_picture_is_refused(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plate", "roi", "x.jpg", "--region", region])
    assert "--region" in capsys.readouterr().err
