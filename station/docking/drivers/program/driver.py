"""A recorder with a clock, a number and a lock, which a program speaks to; its files are in a mounted folder."""

from __future__ import annotations

from kernel.errors import LinkError, ProtocolError, RefusedError
from station.docking.commands import answer_of
from station.docking.contract import About, ClockReading, Presence
from station.docking.drivers.folder.driver import FolderDock
from station.docking.drivers.program import protocol
from station.docking.settings import Dock


class ProgramDock(FolderDock):
    """The program is asked only where the system says that something is there."""

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock = dock

    def presence(self) -> Presence:
        if super().presence() == "open":
            return "open"
        if self._dock.usb is not None:
            return super().presence()
        try:
            answer = protocol.read_about(self._ask("about"))
        except (LinkError, ProtocolError):
            return "absent"
        except RefusedError:
            return "locked"
        return "locked" if answer.present and answer.locked else "absent"

    def about(self) -> About:
        return protocol.about_of(protocol.read_about(self._ask("about")), room=super().about())

    def read_clock(self) -> ClockReading | None:
        return protocol.read_clock(self._ask("clock"))

    def set_clock(self, true_ms: int) -> bool:
        self._ask("set-clock", str(true_ms), secret=True)
        return True

    def log(self) -> bytes | None:
        return self._ask("log") or None

    def unlock(self) -> bool:
        if self._dock.unlock:
            return super().unlock()
        self._ask("unlock", secret=True)
        return True

    def _ask(self, *words: str, secret: bool = False) -> bytes:
        given = self._dock.secret if secret else None
        return answer_of([*self._dock.program, *words], secret=given, patience_s=self._dock.answer_s)
