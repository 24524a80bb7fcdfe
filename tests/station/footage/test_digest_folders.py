"""A file is stored under its digest once it was read back as what it is; nothing else ever appears there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kernel.errors import ProtocolError
from station.footage.folders import DigestFolder


@pytest.fixture
def folder(tmp_path: Path) -> DigestFolder:
    return DigestFolder(tmp_path / "originals")


def part(folder: DigestFolder, content: bytes) -> Path:
    path = folder.incoming / "1.part"
    path.write_bytes(content)
    return path


def test_what_was_taken_is_found_read_only_and_listed(folder: DigestFolder) -> None:
    digest = hashlib.sha256(b"footage").hexdigest()
    stored = folder.take(part(folder, b"footage"), digest)
    assert folder.path(digest) == stored
    assert stored.read_bytes() == b"footage"
    assert stored.stat().st_mode & 0o777 == 0o444
    assert list(folder.digests()) == [digest]
    assert not list(folder.incoming.iterdir())


def test_a_part_that_is_read_back_as_something_else_is_not_stored(folder: DigestFolder) -> None:
    torn = part(folder, b"foot")
    with pytest.raises(ProtocolError, match="read back"):
        folder.take(torn, hashlib.sha256(b"footage").hexdigest())
    assert torn.exists()
    assert not list(folder.digests())


def test_the_same_file_again_changes_nothing(folder: DigestFolder) -> None:
    digest = hashlib.sha256(b"footage").hexdigest()
    first = folder.take(part(folder, b"footage"), digest)
    before = first.stat().st_ino
    assert folder.take(part(folder, b"footage"), digest).stat().st_ino == before


def test_removing_frees_its_bytes_and_only_once(folder: DigestFolder) -> None:
    digest = hashlib.sha256(b"footage").hexdigest()
    folder.take(part(folder, b"footage"), digest)
    assert folder.remove(digest) == 7
    assert folder.remove(digest) == 0
    assert folder.path(digest) is None


def test_what_no_rule_explains_is_a_stranger(folder: DigestFolder) -> None:
    (folder.folder / "ab").mkdir()
    (folder.folder / "ab" / "holiday.mp4").write_bytes(b"x")
    (folder.folder / "cd").mkdir()
    (folder.folder / "cd" / ("ab" * 32)).write_bytes(b"x")
    assert [path.name for path in folder.strangers()] == ["holiday.mp4", "ab" * 32]
    with pytest.raises(ValueError, match="no SHA-256"):
        folder.path("../../etc/passwd")
