"""Everything an operator can set about the places where recorders are docked; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.settings import above_zero, filled, must, refuse, token


@dataclass(frozen=True, slots=True, kw_only=True)
class Dock:
    """One place of a docking station 采集位: where its recorder is mounted, and what speaks to it."""

    name: str
    path: str  # folder where the recorder's storage appears
    driver: Literal["folder", "program"] = "folder"
    model: str | None = None  # of the profiles; None: known by its files, or by `usb`
    usb: str | None = (
        None  # folder of its socket in /sys/bus/usb/devices: tells that a closed one is plugged in
    )
    program: tuple[str, ...] = ()  # of the driver `program`: what speaks to the recorder
    unlock: tuple[str, ...] = ()  # command that opens its storage
    secret: str | None = None  # path of a file that this command gets on its standard input; never in a log
    answer_s: int = 20  # patience with program and command
    set_clock: bool = True  # after it was read, where the driver can
    file_times: Literal["mounted", "local"] = "mounted"  # local: mounted as if its local times were UTC

    def __post_init__(self) -> None:
        refuse(
            token("name", self.name),
            filled("path", self.path),
            above_zero("answer_s", self.answer_s),
            must(
                bool(self.program) == (self.driver == "program"),
                "program",
                "is required by the driver `program`, and by no other",
            ),
        )
