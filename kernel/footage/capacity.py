"""How many days of footage a disk holds: recorders x time a day x bit rate, against the days that must be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Basis = Literal["given", "settings", "measured", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is recorded on a usual day: each recorder so many minutes at so many kbit/s."""

    recorders: int
    minutes_a_day: int
    kbit_s: int

    @property
    def bytes_a_day(self) -> int:
        return self.recorders * self.minutes_a_day * 60 * self.kbit_s * 1_000 // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """`days_kept` None: nothing is recorded, so nothing fills up.  `enough`: the rule can be met."""

    bytes_a_day: int
    days: int
    needed_bytes: int
    room_bytes: int
    days_kept: int | None
    enough: bool


def capacity(load: Load, *, days: int, room_bytes: int) -> Capacity:
    """`room_bytes` is what footage may take in all: what it has and what is free."""
    daily = load.bytes_a_day
    needed = daily * days
    return Capacity(
        bytes_a_day=daily,
        days=days,
        needed_bytes=needed,
        room_bytes=room_bytes,
        days_kept=room_bytes // daily if daily else None,
        enough=needed <= room_bytes,
    )
