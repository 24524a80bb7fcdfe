"""The words of a camera's stream: its head, its packets as received, and who listens to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from edge.cameras.bitstream import Normaliser
from edge.cameras.walltime import WallTime

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

    def at_ms(self, packet: Coded) -> int:
        return self.wall.at_ms(self.stamp_ms(packet.pts))

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
