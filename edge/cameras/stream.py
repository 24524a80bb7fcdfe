"""The words of a camera's stream: its head, its packets as received, and who listens to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from edge.cameras.bitstream import Normaliser
from edge.cameras.walltime import OwnClock, WallTime

STILLS = "mjpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """One packet, undecoded, with the stream's own stamps in its time base."""

    data: bytes
    pts: int
    dts: int
    key: bool
    duration: int = 0
    arrived_ms: int
    own_ms: int | None = None  # when it was taken, by the camera's own clock, where the stream tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One connection to a camera: stamps are comparable within it only."""

    name: str
    codec: str
    head: bytes
    width: int
    height: int
    time_base: Fraction
    template: Any = None  # the open PyAV stream a muxer copies its parameters from; None for stills
    wall: WallTime = field(default_factory=WallTime)
    own: OwnClock = field(default_factory=OwnClock)
    lag_ms: int = 0  # known: its pictures were taken so much before they arrive

    def at_ms(self, packet: Coded) -> int:
        return self.at_stamp(packet.pts)

    def at_stamp(self, stamp: int) -> int:
        """Wall time of one of the stream's own stamps."""
        return self.wall.at_ms(self.stamp_ms(stamp)) - self.lag_ms

    def seen(self, packet: Coded) -> None:
        """Learn the time from a packet that has just come."""
        self.wall.seen(self.stamp_ms(packet.pts), packet.arrived_ms)
        if packet.own_ms is not None:
            self.own.seen(packet.own_ms, self.at_ms(packet))

    @property
    def clock_error_ms(self) -> int:
        """By how much its pictures and our wall time may disagree, as far as anything tells."""
        return max(abs(self.own.ahead_ms or 0), self.wall.behind_ms)

    def stamp_ms(self, stamp: int) -> int:
        return int(stamp * 1000 * self.time_base)

    def normaliser(self) -> Normaliser:
        return Normaliser(self.codec, self.head)


class Source(Protocol):
    """An open connection.  Blocking; lives in one thread; raises LinkError once the camera is gone."""

    session: Session

    def packets(self) -> Iterator[Coded]: ...


class Sink(Protocol):
    """Listens to a camera in the camera's thread: must neither block for long nor raise."""

    def begin(self, session: Session) -> None: ...
    def packet(self, session: Session, packet: Coded) -> None: ...
    def end(self) -> None: ...


Opened = AbstractContextManager[Source]
