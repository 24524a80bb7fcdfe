"""Everything an operator can set about recorders and their footage; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.footage.keeping_settings import KeepingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Absent: the station takes in no recorders.  `folder` holds the originals and what was made of them."""

    folder: str | None = None  # None: `footage` in the station's data folder
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
