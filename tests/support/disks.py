"""Small disks, and disks whose power fails: tmpfs and ext4 on loop devices.  Needs root, as `make test` in CI has."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own, as an operator's disk would be."""
    _need_root()
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, *, leave_kb: int) -> None:
    """All but so much; what others wrote meanwhile filled it as well."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    done = subprocess.run(["df", "--output=avail", "-k", disk], capture_output=True, check=True, text=True)
    free_kb = int(done.stdout.split()[-1])
    try:
        with filler.open("wb", buffering=0) as file:
            for _ in range(free_kb - leave_kb):
                file.write(bytes(1024))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


class LoopDisk:
    """An ext4 in a file.  What has not been flushed to the device is not in the file, as after a power cut.

    Its own journal commits only when somebody fsyncs, so that nothing becomes durable by luck.
    """

    def __init__(self, folder: Path, name: str, *, mb: int = 48) -> None:
        _need_root()
        self.path = folder / name
        self._image = folder / f"{name}.img"
        self._copies = 0
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(mb << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", self._image], check=True)
        self._mount()

    def crash_image(self) -> Path:
        """What is on the device now; whoever writes must stand still meanwhile."""
        self._copies += 1
        copy = self._image.with_suffix(f".{self._copies}")
        subprocess.run(["cp", "--sparse=always", self._image, copy], check=True)
        return copy

    def become(self, image: Path) -> None:
        """The machine starts again with this disk; nobody has files open on the old one any more."""
        self.close()
        old, self._image = self._image, image
        old.unlink()
        self._mount()

    def close(self) -> None:
        # Not lazily: the loop device must have let go of the image before that is thrown away.
        subprocess.run(["umount", self.path], check=True)

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop,commit=600", self._image, self.path], check=True)


@contextmanager
def loop_disk(folder: Path, name: str) -> Iterator[LoopDisk]:
    disk = LoopDisk(folder, name)
    try:
        yield disk
    finally:
        disk.close()
        shutil.rmtree(disk.path)


def _need_root() -> None:
    assert os.geteuid() == 0, "a small disk can only be mounted by root: run this with sudo"
