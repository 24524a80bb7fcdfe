"""The folder of labelled crops holds exactly what it is told to, touches nothing else, and survives what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.plates.scoring import scenes
from kernel.plates.labels import Label
from web.labelled import LabelledFolder


def label(number: int, text: str = "鲁C12345", suffix: str = ".jpg") -> Label:
    return Label(
        sha256=f"{number:064x}",
        suffix=suffix,
        text=text,
        plate_class="ordinary",
        colour="yellow",
        double_row=False,
    )


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number:064x}").write_bytes(b"crop %d" % number)
    return tmp_path


def test_it_holds_what_it_is_told_and_forgets_the_rest(crops: Path) -> None:
    folder = LabelledFolder(crops / "labels")
    here = (crops / "labels").joinpath
    assert folder.hold([label(0), label(1)], lambda sha256: crops / sha256) == 2
    here("mine.txt").write_text("somebody's own")
    assert folder.hold([label(1), label(2)], lambda sha256: crops / sha256) == 2
    files = [json.loads(line)["file"] for line in here("labels.jsonl").read_text().splitlines()]
    assert files == [label(1).file, label(2).file]
    assert not here(label(0).file).exists()
    assert here("mine.txt").exists()


def test_a_crop_that_is_not_here_is_not_listed(crops: Path) -> None:
    folder = LabelledFolder(crops / "labels")
    missing = {label(0).sha256: crops / label(0).sha256, label(1).sha256: crops / "gone"}.get
    assert folder.hold([label(0), label(1), label(2)], missing) == 1
    assert folder.hold([label(0, suffix=".exe"), label(1, suffix="/../x")], lambda s: crops / s) == 0


def test_what_must_go_goes_also_when_nothing_can_be_written(crops: Path) -> None:
    folder, here = LabelledFolder(crops / "labels"), (crops / "labels").joinpath
    folder.hold([label(0), label(1)], lambda sha256: crops / sha256)
    here(f"{7:064x}.part").write_bytes(b"half a crop")
    here("mine.part").write_bytes(b"somebody's own")
    here("labels.jsonl.part").mkdir()  # the list cannot be written
    with pytest.raises(OSError, match=r"labels\.jsonl\.part"):
        folder.hold([label(1)], lambda sha256: crops / sha256)
    assert not here(label(0).file).exists()
    assert not here("labels.jsonl").exists()
    here("labels.jsonl.part").rmdir()
    assert folder.hold([label(1)], lambda sha256: crops / sha256) == 1
    names = sorted(path.name for path in here().iterdir())
    assert names == [label(1).file, "labels.jsonl", "manifest.json", "mine.part"]


def test_a_crop_that_cannot_be_copied_leaves_no_part_of_itself(crops: Path) -> None:
    folder = LabelledFolder(crops / "labels")
    with pytest.raises(OSError, match="Input/output"):  # its first byte cannot be read
        folder.hold([label(0)], lambda _sha256: Path("/proc/self/mem"))
    assert list((crops / "labels").iterdir()) == []


def test_the_bench_reads_its_manifest(crops: Path) -> None:
    LabelledFolder(crops / "labels").hold([label(0), label(1, "鲁C99999")], lambda sha256: crops / sha256)
    found = scenes(crops / "labels" / "manifest.json")
    assert sorted(scene.text for scene in found) == ["鲁C12345", "鲁C99999"]
    assert all(scene.file.exists() for scene in found)
