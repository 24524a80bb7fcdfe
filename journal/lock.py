"""One process owns a folder for its life; the next one is told who."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from kernel.errors import RefusedError


class FolderLock:
    """flock on `folder/lock`; the file holds the pid of the owner."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise RefusedError(f"{folder} is in use by process {holder or 'unknown'}") from error
        with contextlib.suppress(OSError):  # without room for a name the lock holds all the same
            os.truncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._descriptor)
