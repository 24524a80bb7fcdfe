"""The writer against SIGKILL, a second process and a full disk, on real files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.files import FileStore
from journal.keys import SigningKey
from journal.writer import Journal
from kernel.errors import FullError
from kernel.evidence import header
from tests.journal.making import TestClock, open_journal, said

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

ROUNDS = 20
IDENTITY = SigningKey.generate(kind="box", name="s01-lane1")

APPENDING = """
import asyncio, sys
from pathlib import Path
from journal.keys import SigningKey
from journal.files import FileStore
from tests.journal.making import open_journal, said, TestClock

async def main(folder, key):
    journal = open_journal(folder / "journal", identity=SigningKey.load(key))
    files = FileStore(folder / "files", clock=TestClock())
    async def one(n):
        refs = await files.put([("a.bin", b"%d %d" % (journal.size, n))])
        done = await journal.append(said(n), source="yiyuan/s01/lane1", files=refs, key=f"{journal.size}-{n}")
        print(done.seq, done.leaf_hex, refs[0].sha256, flush=True)
    n = 0
    while True:
        await asyncio.gather(*(one(n + i) for i in range(5)))
        n += 5

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def _child(folder: Path, key: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(folder), str(key)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )


async def test_i1_i2_sigkill_loses_nothing_that_append_returned(tmp_path: Path) -> None:
    IDENTITY.save(tmp_path / "box.key")
    said_durable: dict[int, tuple[str, str]] = {}
    for number in range(ROUNDS):
        child = _child(tmp_path, tmp_path / "box.key")
        assert child.stdout is not None
        for _ in range(7 + number * 5):
            seq, leaf, sha256 = child.stdout.readline().split()
            said_durable[int(seq)] = (leaf, sha256)
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate(timeout=30)
        for line in rest.splitlines():
            if len(parts := line.split()) == 3 and len(parts[2]) == 64:
                said_durable[int(parts[0])] = (parts[1], parts[2])

    journal = open_journal(tmp_path / "journal", identity=IDENTITY)
    try:
        assert journal.doubted is None
        stored = await journal.read(0, journal.size)
    finally:
        journal.close()
    assert [entry.seq for entry in stored] == list(range(journal.size))
    files = FileStore(tmp_path / "files", clock=TestClock())
    for place, (leaf, sha256) in said_durable.items():
        assert stored[place].leaf.hex() == leaf
        assert files.path(sha256) is not None
    # Entries that were durable but whose append() had not returned yet may be there too, whole, with their files.
    for entry in stored[1:]:
        (ref,) = header.decode(entry.header).files
        assert files.path(ref.sha256) is not None


async def test_i4_second_process_exits_naming_the_first(tmp_path: Path) -> None:
    IDENTITY.save(tmp_path / "box.key")
    journal = open_journal(tmp_path / "journal", identity=IDENTITY)
    try:
        child = _child(tmp_path, tmp_path / "box.key")
        _, errors = child.communicate(timeout=30)
        assert child.returncode != 0
        assert f"in use by process {os.getpid()}" in errors
        assert journal.size == 1
    finally:
        journal.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB; needs to be root, as CI is."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    assert mount, "mount is missing"
    assert umount, "umount is missing"
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)


async def _until_full(journal: Journal) -> int:
    for appended in range(10_000):
        try:
            await journal.append(said(appended, size=9_000), source="yiyuan/s01/lane1")
        except FullError:
            return appended
    raise AssertionError("the disk was never full")


async def test_full_disk_writes_nothing_half_and_works_again_when_there_is_room(small_disk: Path) -> None:
    journal = open_journal(small_disk / "journal", identity=IDENTITY)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    files = FileStore(small_disk / "files", clock=TestClock())
    try:
        appended = await _until_full(journal)
        assert 0 < appended == journal.size - 1
        with pytest.raises(FullError):
            await files.put([("a.jpg", b"small"), ("b.jpg", bytes(3_000_000))])
        assert not [path for path in (small_disk / "files").rglob("*") if path.is_file()]
        ballast.unlink()
        more = await asyncio.gather(
            *(journal.append(said(n, size=9_000), source="yiyuan/s01/lane1") for n in range(5))
        )
        assert [one.seq for one in more] == list(range(appended + 1, appended + 6))
    finally:
        journal.close()
    again = open_journal(small_disk / "journal", identity=IDENTITY)
    assert (again.doubted, again.size) == (None, appended + 6)
    again.close()
