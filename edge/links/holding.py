"""One process a port: an exclusive claim on a device path that tells who holds it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from kernel.errors import LinkError


class Claim:
    """A locked file beside the port; a dead holder leaves no lock behind, because the kernel drops it."""

    def __init__(self, port: Path, *, holder: str, folder: Path | None = None) -> None:
        real = port.resolve()
        place = folder or _folder()
        self.path = place / f"weighpost{str(real).replace('/', '.')}.lock"
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(self._fd, 200, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise LinkError(f"{port} is held by {who or 'another process'}") from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"process {os.getpid()} ({holder})\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


def _folder() -> Path:
    shared = Path("/run/lock")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


def holders(port: Path) -> str:
    """Which other processes have `port` open, for a message to a person; empty when none can be seen."""
    real = port.resolve()
    others = [process for process in Path("/proc").glob("[0-9]*") if process.name != str(os.getpid())]
    return ", ".join(
        f"process {process.name} ({_name(process)})" for process in others if _has_open(process, real)
    )


def _has_open(process: Path, real: Path) -> bool:
    try:
        return any(fd.readlink() == real for fd in (process / "fd").iterdir())
    except OSError:  # it ended meanwhile, or it is not ours to look into
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended"
