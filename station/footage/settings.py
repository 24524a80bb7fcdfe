"""Everything an operator can set about recorders and their footage; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernel.settings import above_zero, filled, must, once_each, refuse
from station.docking.settings import Dock
from station.footage.keeping_settings import KeepingSettings
from station.footage.limits import LOOK_S, MAKING_TIMES, SCAN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerNumber:
    """The number 警号 that recorders name this account's officer by."""

    account: str
    number: str

    def __post_init__(self) -> None:
        refuse(filled("account", self.account), filled("number", self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Absent: the station takes in no recorders.  `folder` holds the originals and what was made of them."""

    folder: str | None = None  # None: `footage` in the station's data folder
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    docks: tuple[Dock, ...] = ()  # where recorders are put in
    officers: tuple[OfficerNumber, ...] = ()  # told apart in names of files; those without are not compared
    profiles: str | None = None  # folder of this site's own models, before those that are shipped
    reserve_mb: int = 512  # of the disk, for others; nothing is taken in beyond
    delete_collected: bool = False  # from the recorder, once stored here and acknowledged by the centre

    clock_err_ms: int = 0  # how far this machine's clock may be off where others keep it right (virtual machines); 0: its kernel knows
    span_mb: int = 384  # of one piece that is sent to the centre: below the `file_limit_mb` there
    look_s: int = LOOK_S  # patience with a file that is taken in, until somebody knows what it is
    scan_s: int = SCAN_S  # and until its clock is found
    making_times: int = (
        MAKING_TIMES  # a copy may take so many times the length of its original, and ten minutes
    )
    copies_gb: int = 100  # room for working copies; the oldest go first, they can be made again

    def __post_init__(self) -> None:
        refuse(
            once_each("officers", [one.account for one in self.officers]),
            once_each("docks", [dock.name for dock in self.docks]),
            must(0 <= self.clock_err_ms < 60_000, "clock_err_ms", "must be 0 to 59999"),
            must(self.span_mb > 0, "span_mb", "must be more than 0"),
            must(self.copies_gb > 0, "copies_gb", "must be more than 0"),
            above_zero("look_s", self.look_s),
            above_zero("scan_s", self.scan_s),
            above_zero("making_times", self.making_times),
        )
