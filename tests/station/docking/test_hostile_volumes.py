"""A volume may hold anything: only its own regular files are opened, each by the name it was found under."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kernel.errors import LinkError, RefusedError
from station.docking.volume import Found, Volume


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "recorder"
    (folder / "DCIM").mkdir(parents=True)
    (folder / "DCIM" / "a.mp4").write_bytes(b"footage")
    return folder


def found(top: Path) -> dict[str, Found]:
    return {one.place: one for one in Volume(top, skip=("System Volume Information",)).files()}


def test_links_devices_pipes_and_sockets_are_refused_and_not_followed(top: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    (top / "out").symlink_to(tmp_path / "secret")
    (top / "key.mp4").symlink_to("../secret/key")
    os.mkfifo(top / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(top / "s"))
    files = found(top)
    assert {place: one.refused for place, one in files.items()} == {
        "DCIM/a.mp4": "",
        "out": "link",
        "key.mp4": "link",
        "pipe.mp4": "no_file",
        "s": "no_file",
    }


@pytest.mark.parametrize("place", ["../secret", "DCIM/../../secret", "key.mp4", "out/key", "pipe.mp4"])
def test_what_is_no_regular_file_of_the_volume_is_never_opened(place: str, top: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (top / "key.mp4").symlink_to(tmp_path / "secret")
    (top / "out").symlink_to(tmp_path)
    os.mkfifo(top / "pipe.mp4")
    with pytest.raises((LinkError, RefusedError)):
        Volume(top).open(Found(place=place))


def test_a_file_that_becomes_a_link_after_it_was_found_is_not_opened(top: Path, tmp_path: Path) -> None:
    one = found(top)["DCIM/a.mp4"]
    (top / "DCIM" / "a.mp4").unlink()
    (top / "DCIM" / "a.mp4").symlink_to("/etc/passwd")
    with pytest.raises(LinkError):
        Volume(top).open(one)
    with pytest.raises(LinkError):
        Volume(top).remove(one)
    (top / "DCIM" / "a.mp4").unlink()
    (top / "DCIM").rmdir()
    (top / "DCIM").symlink_to("/etc")
    with pytest.raises(LinkError):
        Volume(top).open(Found(place="DCIM/passwd"))


def test_names_are_shown_as_text_and_opened_as_they_are(top: Path) -> None:
    (top / "现场 录像 1.mp4").write_bytes(b"1")
    broken = os.fsencode(top) + b"/\xff\xfe\n.mp4"
    with open(broken, "wb") as file:  # noqa: PTH123 - no Path holds these bytes
        file.write(b"2")
    files = {one.name: one for one in Volume(top).files()}
    assert files["现场 录像 1.mp4"].readable_name
    strange = files["\\xff\\xfe\n.mp4"]
    assert not strange.readable_name
    with Volume(top).open(strange) as file:
        assert file.read() == b"2"


def test_only_the_file_that_was_found_is_removed(top: Path) -> None:
    one = found(top)["DCIM/a.mp4"]
    (top / "DCIM" / "a.mp4").write_bytes(b"another")
    os.utime(top / "DCIM" / "a.mp4", ns=(1, 1))
    with pytest.raises(RefusedError, match="changed"):
        Volume(top).remove(one)
    Volume(top).remove(found(top)["DCIM/a.mp4"])
    assert not (top / "DCIM" / "a.mp4").exists()


def test_folders_of_other_systems_are_left_out_and_no_volume_is_nothing(top: Path, tmp_path: Path) -> None:
    (top / "System Volume Information").mkdir()
    (top / "System Volume Information" / "x").write_bytes(b"x")
    assert list(found(top)) == ["DCIM/a.mp4"]
    assert Volume(top).there()
    assert not Volume(tmp_path / "nowhere").there()
    with pytest.raises(LinkError):
        list(Volume(tmp_path / "nowhere").files())


def test_folders_deeper_than_any_recorder_has_are_refused_and_not_walked(top: Path) -> None:
    (top / "/".join("abcdefghijklmnopqrst")).mkdir(parents=True)
    (top / "/".join(["d" * 250] * 5)).mkdir(parents=True)
    files = found(top)
    refused = [place for place, one in files.items() if one.refused == "too_deep"]
    assert sorted(map(len, refused)) == [33, 1_003]
    assert "DCIM/a.mp4" in files
