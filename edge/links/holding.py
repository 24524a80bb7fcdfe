"""One process a port: an exclusive claim on a device path that tells who holds it, and who else has it open."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from kernel.errors import LinkError


class Claim:
    """A locked file for the port, by whatever path it is named; the lock of a holder that dies ends with it."""

    def __init__(self, port: Path, *, holder: str, folder: Path | None = None) -> None:
        real = port.resolve()
        place = folder or _folder()
        self.path = place / f"weighpost{str(real).replace('/', '.')}.lock"
        self._fd = _open(self.path)
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


def _open(path: Path) -> int:
    """The kernel lets nobody open another user's file in a shared folder with O_CREAT: create it, or open it."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileExistsError):
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        os.fchmod(fd, 0o666)  # whatever the umask: the next program may be another user's
        return fd
    return os.open(path, flags)


def _folder() -> Path:
    shared = Path("/run/lock")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


def holders(port: Path) -> str:
    """Which other processes have `port` open, for a message to a person; empty when none can be seen."""
    return _named(str(port.resolve()))


def listeners(port: int) -> str:
    """Which other processes listen on this TCP port, for a message to a person; empty when none can be seen."""
    inodes = {inode for table in _TABLES for inode in _listening(table, port)}
    return ", ".join(filter(None, (_named(f"socket:[{inode}]") for inode in sorted(inodes))))


_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"


def _listening(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:  # a machine without IPv6
        return []
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _named(target: str) -> str:
    others = [process for process in Path("/proc").glob("[0-9]*") if process.name != str(os.getpid())]
    return ", ".join(
        f"process {process.name} ({_name(process)})" for process in others if _has_open(process, target)
    )


def _has_open(process: Path, target: str) -> bool:
    try:
        return any(str(fd.readlink()) == target for fd in (process / "fd").iterdir())
    except OSError:  # it ended meanwhile, or it is not ours to look into
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended"
