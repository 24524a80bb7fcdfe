"""A start on a full disk says nothing about the journal: it is not in doubt, and room is all it waits for."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.errors import RestartError
from tests.journal.making import County, open_journal, said

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

IDENTITY = County().identity()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as an operator's disk would be; needs root, as `make test` in CI has."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


async def test_a_sound_journal_waits_for_room_and_goes_on(small_disk: Path) -> None:
    folder = small_disk / "journal"
    journal = await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    await asyncio.gather(*(journal.append(said(n), source="a/b") for n in range(20)))
    await asyncio.to_thread(journal.close)
    filler = fill(small_disk)
    for _ in range(3):
        with pytest.raises(RestartError):
            await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["0001"]
    filler.unlink()
    again = await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    assert (again.id, again.doubted, again.size) == (journal.id, None, 21)
    await again.append(said(99), source="a/b")
    await asyncio.to_thread(again.close)


async def test_a_first_start_without_room_leaves_nothing_behind(small_disk: Path) -> None:
    folder = small_disk / "journal"
    folder.mkdir()
    filler = fill(small_disk)
    for _ in range(3):
        with pytest.raises(Exception, match=r"room|No space"):
            await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    assert [path for path in folder.iterdir() if path.is_dir()] == []
    filler.unlink()
    journal = await asyncio.to_thread(open_journal, folder, identity=IDENTITY.key)
    assert journal.size == 1
    await asyncio.to_thread(journal.close)
