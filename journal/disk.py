"""How full the disk is, and what is said about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One file system, in bytes; `free` is what this process may still write."""

    used: int
    free: int

    @property
    def used_percent(self) -> int:
        """Rounded up: a disk is not better than it is."""
        return -(-100 * self.used // max(self.used + self.free, 1))

    def above(self, percent: int) -> int:
        """Bytes that would have to go until no more than so much is used."""
        return max(self.used - (self.used + self.free) * percent // 100, 0)


def room_of(folder: Path) -> Room:
    disk = os.statvfs(folder)
    return Room(used=(disk.f_blocks - disk.f_bfree) * disk.f_frsize, free=disk.f_bavail * disk.f_frsize)


def on_one_disk(one: Path, other: Path) -> bool:
    """Whether room in one of them is room in the other; what is not there yet will be where its folder is."""
    return _device(one) == _device(other)


def _device(path: Path) -> int:
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    return there.stat().st_dev
