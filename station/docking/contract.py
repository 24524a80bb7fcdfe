"""What a dock does with a recorder, whatever its make: every driver keeps this, and so does the simulated recorder's.

All of it blocks and is called from a thread.  LinkError: the recorder does not answer, or is gone; RefusedError: it
refuses; ProtocolError: it answers nonsense.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Presence = Literal["absent", "locked", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a recorder says of itself; None: it does not."""

    number: str | None = None
    officer: str | None = None
    model: str | None = None
    battery_permille: int | None = None
    free_kb: int | None = None
    total_kb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What its clock shows, and in what steps it does."""

    own_ms: int
    step_ms: int = 1_000


class RecorderDock(Protocol):
    """One place in a docking station 采集站, and the recorder in it."""

    @property
    def top(self) -> Path:
        """Where its files are once it is open."""
        ...

    def presence(self) -> Presence:
        """`locked`: it is plugged in and its storage is closed."""
        ...

    def usb(self) -> str | None:
        """vendor:product, where the socket tells."""
        ...

    def about(self) -> About: ...

    def read_clock(self) -> ClockReading | None:
        """None: this driver cannot."""
        ...

    def set_clock(self, true_ms: int) -> bool:
        """False: this driver cannot."""
        ...

    def log(self) -> bytes | None:
        """Its own log, as it has it."""
        ...

    def unlock(self) -> bool:
        """Open its storage; False: nothing is known that would."""
        ...
