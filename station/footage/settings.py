"""Everything an operator can set about recorders and their footage; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

from kernel.settings import must, once_each, refuse
from station.docking.settings import Dock
from station.footage.keeping_settings import KeepingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Absent: the station takes in no recorders.  `folder` holds the originals and what was made of them."""

    folder: str | None = None  # None: `footage` in the station's data folder
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    docks: tuple[Dock, ...] = ()  # where recorders are put in
    profiles: str | None = None  # folder of this site's own models, before those that are shipped
    reserve_mb: int = 512  # of the disk, for others; nothing is taken in beyond
    delete_collected: bool = False  # from the recorder, once stored here and acknowledged by the centre

    span_mb: int = 384  # of one piece that is sent to the centre: below the `file_limit_mb` there
    copies_gb: int = 100  # room for working copies; the oldest go first, they can be made again

    def __post_init__(self) -> None:
        refuse(
            once_each("docks", [dock.name for dock in self.docks]),
            must(self.span_mb > 0, "span_mb", "must be more than 0"),
            must(self.copies_gb > 0, "copies_gb", "must be more than 0"),
        )
