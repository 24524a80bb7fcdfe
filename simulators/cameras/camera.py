"""One simulated lane camera: what it is scheduled to see, how it misbehaves, and its stream second by second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from simulators.cameras.encoder import FRAME_MS, Encoder, Piece, frames_of
from simulators.scene.optics import Role
from simulators.scene.render import LaneView
from simulators.scene.sheet import Image
from simulators.scene.view import Appearance
from simulators.traffic import Light

FORGET_AFTER_MS = 120_000
JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a camera fails, from when until when on the wall clock.

    down: connections are cut and new ones get nothing; frozen: the picture stays what it was while the stream goes
    on; slow: every frame is delivered `late_ms` after its time.
    """

    kind: Literal["down", "frozen", "slow"]
    from_ms: int
    until_ms: int
    late_ms: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gop:
    """One second of the stream: its frames and the wall time of the first."""

    second: int
    starts_ms: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """A truck, and from when until when it can be in the picture."""

    seen: Appearance
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Replaced as a whole, never changed: the loop writes it, the studio's thread reads it."""

    sightings: tuple[_Sighting, ...] = ()
    faults: tuple[Fault, ...] = ()

    def around(self, t_ms: int) -> list[Appearance]:
        """The trucks that may be in the picture, and the crossing nearest in time for its light."""
        if not self.sightings:
            return []
        nearest = min(self.sightings, key=lambda one: abs(one.seen.trigger_ms - t_ms))
        return [one.seen for one in self.sightings if one.from_ms <= t_ms <= one.until_ms or one is nearest]


class Camera:
    """`schedule` and `fault` belong to the event loop; `gop` and `jpeg` to the one thread that draws."""

    def __init__(
        self, name: str, *, lane: str, role: Role, site: str, static: bool = False, light: Light = "day"
    ) -> None:
        self.name, self.lane, self.role = name, lane, role
        self._plan = _Plan()
        self._view = LaneView(role, site=site, static=static, light=light)
        self._stills = LaneView(role, site=site, static=static, light=light)
        self._encoder: Encoder | None = None

    def schedule(self, appearances: Iterable[Appearance], *, now_ms: int) -> None:
        """Add crossings to come; a truck is in sight up to half a minute before its trigger, so tell early."""
        kept = [one for one in self._plan.sightings if one.until_ms > now_ms - FORGET_AFTER_MS]
        added = [
            _Sighting(seen=seen, from_ms=first, until_ms=last)
            for seen, first, last in self._sights(appearances)
        ]
        self._plan = replace(self._plan, sightings=(*kept, *added))

    def fault(self, fault: Fault) -> None:
        """Fail as told; a frozen picture begins once what is already encoded was sent (4 s)."""
        kept = tuple(old for old in self._plan.faults if old.until_ms > fault.from_ms - FORGET_AFTER_MS)
        self._plan = replace(self._plan, faults=(*kept, fault))

    def is_down(self, now_ms: int) -> bool:
        return self._fault("down", now_ms) is not None

    def late_ms(self, t_ms: int) -> int:
        """How late a frame of this time is delivered."""
        slow = self._fault("slow", t_ms)
        return slow.late_ms if slow else 0

    def warm_up(self, now_ms: int) -> None:
        """Draw the empty lane and open the encoder."""
        self._view.frame(now_ms, ())
        self._encoder = self._encoder or Encoder()

    def gop(self, second: int, *, began_ms: int) -> Gop:
        """Draw and encode one second; `began_ms` is the wall time of frame 0."""
        encoder = self._encoder = self._encoder or Encoder()
        frames, plan = frames_of(second), self._plan
        times = [self._shown_ms(began_ms + frame * FRAME_MS) for frame in frames]
        if self._view.still(times, plan.around(times[0]) + plan.around(times[-1])):
            pieces = encoder.still(frames, self._view.frame(times[0], plan.around(times[0])))
        else:
            pieces = encoder.moving(frames, (self._view.frame(t_ms, plan.around(t_ms)) for t_ms in times))
        return Gop(second=second, starts_ms=began_ms + frames[0] * FRAME_MS, pieces=tuple(pieces))

    def picture(self, t_ms: int) -> Image:
        """What the camera shows at that moment, as BGR."""
        shown_ms = self._shown_ms(t_ms)
        drawn = self._stills.frame(shown_ms, self._plan.around(shown_ms))
        return np.asarray(cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR), np.uint8)

    def jpeg(self, t_ms: int) -> bytes:
        _, data = cv2.imencode(".jpg", self.picture(t_ms), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return bytes(data)

    def close(self) -> None:
        if self._encoder:
            self._encoder.close()

    def _sights(self, appearances: Iterable[Appearance]) -> Iterator[tuple[Appearance, int, int]]:
        for seen in appearances:
            yield seen, *self._view.sight_ms(seen)

    def _shown_ms(self, t_ms: int) -> int:
        frozen = self._fault("frozen", t_ms)
        return frozen.from_ms if frozen else t_ms

    def _fault(self, kind: str, t_ms: int) -> Fault | None:
        return next((f for f in self._plan.faults if f.kind == kind and f.from_ms <= t_ms < f.until_ms), None)
