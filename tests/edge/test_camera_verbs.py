"""`weighpost-edge camera`: what a technician sees of a camera before it is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w

from edge.cameras.references import References
from edge.main import main
from tests.edge.test_lane_program import TABLE
from tests.support.videos import make_video

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("v") / "lane.mp4", seconds=8, size=(1280, 720), gop=10)


def lane(folder: Path, **urls: Path) -> Path:
    cameras = [{"name": name, "url": str(url), "role": "front"} for name, url in urls.items()]
    path = folder / "lane1.toml"
    path.write_bytes(tomli_w.dumps(TABLE | {"data": str(folder), "vision": {"cameras": cameras}}).encode())
    return path


def told(text: str) -> dict[str, bool | None]:
    return {item["word"]: item["good"] for item in json.loads(text)["items"]}


def test_a_good_camera_passes_and_what_nobody_can_see_is_said(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", "check", str(video), "--seconds", "3", "--json"]) == 0
    seen = told(capsys.readouterr().out)
    assert [word for word, good in seen.items() if good] == [
        "codec", "size", "frames_a_second", "gop", "lag", "sharpness",
    ]  # fmt: skip
    assert {word for word, good in seen.items() if good is None} == {"clock", "luma", "reference"}


def test_what_is_wrong_is_listed_and_the_verb_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = make_video(tmp_path / "bad.mp4", seconds=4, fps=4, gop=100, size=(320, 240))
    assert main(["camera", "check", str(bad), "--seconds", "3", "--language", "en"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "camera:"
    assert [line.split("\t")[0].strip() for line in lines if line.endswith("not good")] == [
        "picture size",
        "frames a second",
        "group of pictures",
    ]


def test_every_camera_of_the_settings_is_checked_and_one_that_is_away_is_named(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = lane(tmp_path, front=video, rear=tmp_path / "gone.mp4")
    assert main(["camera", "check", "--settings", str(settings), "--seconds", "1", "--json"]) == 1
    front, rear = map(json.loads, capsys.readouterr().out.splitlines())
    assert (front["camera"], front["good"]) == ("front", True)
    assert (rear["camera"], rear["items"][0]["word"]) == ("rear", "connection")
    assert "no such file" in rear["items"][0]["shown"]


def test_a_reference_view_is_kept_where_the_lane_looks_for_it_and_compared_with(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = lane(tmp_path, front=video)
    assert main(["camera", "reference", str(settings), "front"]) == 0
    assert "参考视角" in capsys.readouterr().out
    assert References(tmp_path / "cameras").of("front") is not None
    check = ["camera", "check", "front", "--settings", str(settings), "--seconds", "1", "--json"]
    assert main(check) == 0
    assert told(capsys.readouterr().out)["reference"] is True


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["check"], "a URL, or --settings"),
        (["check", "rtsp://x", "--seconds", "0"], "--seconds"),
        (["check", "gopher://x"], "url"),
        (["reference", "{settings}", "nobody"], "must be one of front"),
    ],
)
def test_wrong_questions_are_refused(
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    settings = str(lane(tmp_path, front=video))
    assert main(["camera", *(one.format(settings=settings) for one in arguments)]) == 2
    assert problem in capsys.readouterr().err
