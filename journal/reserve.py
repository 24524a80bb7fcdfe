"""Room that only the journal may take: a file beside it, given up when the log itself finds no other."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kernel.errors import FullError, RestartError

log = logging.getLogger(__name__)

T = TypeVar("T")
SHARE = 16  # of a tiny disk, no more than one part in so many
AGAIN = 2  # made again once there is room for so many of it


class Reserve:
    """Blocking; safe to use from several threads.  `size` in bytes; what others may write is asked of `held`."""

    def __init__(self, path: Path, *, size: int) -> None:
        self.path = path
        self.size = size
        self._lock = threading.Lock()
        self._held = _is_whole(path, size)

    @classmethod
    def beside(cls, journal: Path, *, mb: int) -> Reserve:
        """In the journal's folder, `mb` large, or less on a tiny disk; 0 is none."""
        journal.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(journal)
        return cls(journal / "reserve", size=min(mb << 20, disk.f_blocks * disk.f_frsize // SHARE))

    @property
    def held(self) -> bool:
        """Whether others may write: the journal would still find room."""
        return self._held

    def make(self) -> bool:
        """Take the room, when there is twice as much; True when it is held."""
        with self._lock:
            if not self._held and _free(self.path.parent) >= AGAIN * self.size:
                self._held = self._allocated()
        return self._held

    def give_up(self) -> bool:
        """Free the room for the journal; False when there was nothing to free."""
        with self._lock:
            self._held = self.size == 0
            try:
                had = self.path.stat().st_blocks > 0
                self.path.unlink()
            except OSError:
                return False
        log.error("reserve given up for the journal", extra={"mb": self.size >> 20})
        return had

    def _allocated(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, max(self.size, 1))
            os.fsync(descriptor)
        except OSError as error:
            log.warning("reserve not made", extra={"reason": str(error)})
            self.path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True


def with_reserve(work: Callable[[], T], reserve: Reserve | None) -> T:
    """Once more with the reserve's room, when there was none; then its error is the caller's."""
    try:
        return work()
    except (FullError, RestartError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        if reserve is None or not reserve.give_up():
            raise
    return work()


def _is_whole(path: Path, size: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return size == 0
    return found.st_blocks * 512 >= size


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
