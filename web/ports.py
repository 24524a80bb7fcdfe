"""Who holds a TCP port of this machine, so that "port taken" can name the culprit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"


def holder(port: int, *, proc: Path = Path("/proc")) -> str | None:
    """The listening process as "name (pid 12)", "another process" if it is not ours to see, None if the port is free."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(proc / "net" / table, port)}
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in proc.glob("[0-9]*"):
        if _opens(folder / "fd", wanted):
            return f"{_name(folder)} (pid {folder.name})"
    return "another process"


def _listening(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _opens(folder: Path, wanted: set[str]) -> bool:
    try:
        return any(_target(entry) in wanted for entry in folder.iterdir())
    except OSError:
        return False


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # the file was closed between the listing and now
        return ""


def _name(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        return os.fsdecode(b" ".join(words[:3]).strip()) or "a process"
    except OSError:
        return "a process"
