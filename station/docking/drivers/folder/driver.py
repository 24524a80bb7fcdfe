"""A recorder that is a mounted folder and nothing more: files and room, neither clock nor number."""

from __future__ import annotations

import os
from pathlib import Path

from kernel.errors import LinkError
from station.docking.commands import answer_of
from station.docking.contract import About, ClockReading, Presence
from station.docking.settings import Dock
from station.docking.volume import Volume


class FolderDock:
    def __init__(self, dock: Dock) -> None:
        self._dock = dock
        self.top = Path(dock.path)

    def presence(self) -> Presence:
        if Volume(self.top).there():
            return "open"
        return "locked" if self.usb() is not None else "absent"

    def usb(self) -> str | None:
        """As the system shows the socket."""
        if self._dock.usb is None:
            return None
        try:
            vendor, product = (
                (Path(self._dock.usb) / name).read_text() for name in ("idVendor", "idProduct")
            )
        except (OSError, UnicodeDecodeError):
            return None
        return f"{vendor.strip()}:{product.strip()}"

    def about(self) -> About:
        try:
            room = os.statvfs(self.top)
        except OSError as error:
            raise LinkError(f"{self.top}: {error.strerror}") from error
        size = room.f_frsize
        return About(free_kb=room.f_bavail * size // 1024, total_kb=room.f_blocks * size // 1024)

    def read_clock(self) -> ClockReading | None:
        return None

    def set_clock(self, true_ms: int) -> bool:  # noqa: ARG002 - the contract's
        return False

    def log(self) -> bytes | None:
        return None

    def unlock(self) -> bool:
        if not self._dock.unlock:
            return False
        answer_of(self._dock.unlock, secret=self._dock.secret, patience_s=self._dock.answer_s)
        return True
