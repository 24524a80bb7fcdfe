"""Everything the lane sees, behind one door: cameras, the ring recorder and the plate reader.

Imports PyAV: a lane without cameras never imports this module.  No camera, recorder or reader that is gone makes any
call here wait for longer than its settings say.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge.cameras.acceptance import StreamFacts
from edge.cameras.camera import Camera
from edge.cameras.lighting import Hint
from edge.cameras.pictures import Frame, ends, from_clip, moments
from edge.cameras.settings import BurstSettings, CameraSettings, CheckSettings, Role, VisionSettings
from edge.cameras.sources import open_source
from edge.cameras.stream import Opened, Sink
from edge.cameras.watching import Watching
from edge.plates.reader import PlateReader, PlateResult
from edge.recorder.cutting import Clip
from edge.recorder.index import Lock
from edge.recorder.ring import Ring
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.events import DeviceHealth, Picture

GLANCE = BurstSettings(frames=1, before_ms=0, after_ms=0, patience_s=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """The pictures of one camera around a moment; `reason` says why there are none, or what is wrong with them."""

    camera: str
    role: Role
    frames: tuple[Frame, ...]
    reason: str = ""
    plate: bool = True
    region: tuple[int, ...] | None = None
    same_place: bool | None = None  # None: too few to say whether the vehicle moved between them

    def pictures(self) -> tuple[Picture, ...]:
        """How the frames are named and described on the event, in their order."""
        return tuple(
            Picture(
                name=f"{self.camera}-{number}.jpg",
                camera=self.camera,
                role=self.role,
                at_ms=frame.at_ms,
                width=frame.width,
                height=frame.height,
                flags=frame.flags,
                sharpness=frame.sharpness,
                luma=frame.luma,
                clipped_permille=frame.clipped_permille,
            )
            for number, frame in enumerate(self.frames)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateOf:
    """The plate result of one camera's shots."""

    camera: str
    result: PlateResult


class Vision:
    """`station` and `lane` go into the tags of the clips; `may_write` says whether the disk is not the journal's alone.

    `home` is where the reference views of the cameras are kept; without it nobody looks at them.
    """

    def __init__(
        self,
        settings: VisionSettings,
        *,
        clock: Clock,
        station: str,
        lane: str,
        may_write: Callable[[], bool] = lambda: True,
        home: Path | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._tags = {"station": station, "lane": lane}
        self._ring = Ring(settings.recorder, clock=clock, may_write=may_write) if settings.recorder else None
        self._plates = PlateReader(settings.plates, clock=clock) if settings.plates else None
        # One picture is decoded at a time: a burst of four cameras must not take the weighing's core.
        self._decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._watching = Watching(
            settings.light,
            every_s=settings.look_s if home else 0,
            folder=home or Path(),
            clock=clock,
            run_in=self._decoder,
        )
        self._cameras = {camera.name: self._camera(camera) for camera in settings.cameras}

    async def start(self) -> None:
        if self._ring:
            await self._ring.start()
        if self._plates:
            await self._plates.start()
        for camera in self._cameras.values():
            camera.start()

    async def stop(self) -> None:
        await asyncio.gather(*(camera.stop() for camera in self._cameras.values()))
        if self._plates:
            await self._plates.stop()
        if self._ring:
            await self._ring.stop()
        await asyncio.to_thread(self._decoder.shutdown)

    def health(self) -> tuple[DeviceHealth, ...]:
        parts = (*self._cameras.values(), self._ring, self._plates)
        return tuple(part.health() for part in parts if part is not None)

    @property
    def reader_rss_kb(self) -> int:
        return self._plates.rss_kb if self._plates else 0

    async def burst(self, at_ms: int, *, roles: Sequence[Role] | None = None) -> tuple[Shots, ...]:
        """Pictures of every camera (of these roles) around a moment, each with its reason when something is wrong."""
        wanted = [c for c in self._cameras.values() if roles is None or c.settings.role in roles]
        return tuple(await asyncio.gather(*(self._shots(camera, at_ms) for camera in wanted)))

    async def glance(self, at_ms: int, *, roles: Sequence[Role]) -> tuple[Shots, ...]:
        """One picture of every camera of these roles, of a moment that is over."""
        wanted = [c for c in self._cameras.values() if c.settings.role in roles]
        return tuple(await asyncio.gather(*(self._shots(camera, at_ms, GLANCE) for camera in wanted)))

    async def until(self, at_ms: int, *, at_most_ms: int) -> None:
        """That moment has come; `at_most_ms` bounds the wait where the clock is set back meanwhile."""
        await self._clock.sleep(max(0, min(at_ms - self._clock.now_ms(), at_most_ms)) / 1000)

    async def once_more(self, at_ms: int, *, roles: Sequence[Role]) -> tuple[Shots, ...]:
        """One picture of every camera of these roles, of a moment that has just come."""
        wanted = [c for c in self._cameras.values() if c.settings.role in roles]
        how = replace(GLANCE, patience_s=self.settings.burst.patience_s)
        return tuple(await asyncio.gather(*(self._shots(camera, at_ms, how) for camera in wanted)))

    async def look_back(self, camera: str, path: Path, *, start_ms: int, at_ms: int) -> Shots:
        """Pictures of a camera around a moment out of its clip: what a restart left undone."""
        settings = self._cameras[camera].settings
        how = self.settings.burst_of(settings)
        wanted = moments(at_ms, before_ms=how.before_ms, after_ms=how.after_ms, count=how.frames)
        try:
            frames = await asyncio.get_running_loop().run_in_executor(
                self._decoder,
                # The time that it may take begins in that thread, when its turn has come.
                lambda: from_clip(path, start_ms=start_ms, wanted=wanted, is_late=ends(self._clock)),
            )
            reason = ""
        except LinkError as error:
            frames, reason = [], str(error)
        return await self._checked(settings, frames, reason)

    def stream(self, camera: str) -> StreamFacts | None:
        """What a camera's stream is like; None before its first connection."""
        return self._cameras[camera].stream

    @property
    def light(self) -> Hint | None:
        """What the lane controller should do about the light; None while nobody knows."""
        return self._watching.hint

    def lane_is_free(self, *, is_free: bool) -> None:
        """Whether nothing stands in the lane: a vehicle hides what a camera is known by."""
        self._watching.is_free = is_free

    def knows(self, camera: str) -> bool:
        return camera in self._cameras

    async def read(self, shots: Sequence[Shots]) -> tuple[PlateOf, ...]:
        """Plates of the shots that may show one, in their order; nothing when no reader is set."""
        if not self._plates:
            return ()
        ask = [one for one in shots if one.plate and _timely(one.frames)]
        results = [self._plates.read(one.frames, one.role, region=one.region) for one in ask]
        return tuple(
            PlateOf(camera=one.camera, result=result)
            for one, result in zip(ask, await asyncio.gather(*results), strict=True)
        )

    async def lock(self, passage: str, at_ms: int, *, hold: bool = False) -> tuple[Lock, ...]:
        """Lock the footage of every recorded camera around a moment.  Durable when it returns."""
        ring = self._ring
        if not ring:
            return ()
        begin, end = at_ms - ring.settings.pre_ms, at_ms + ring.settings.post_ms
        return tuple(
            [
                await ring.lock(passage, camera=name, at_ms=at_ms, from_ms=begin, to_ms=end, hold=hold)
                for name in self.recorded
            ]
        )

    async def clip(self, lock: Lock, *, tags: Mapping[str, str]) -> Clip:
        """Wait for the post-roll, then cut.  LinkError when there is no footage of that time."""
        own = {"passage": lock.passage, "camera": lock.camera, "event_utc_ms": str(lock.at_ms)}
        return await self._open_ring().clip(lock, tags={**self._tags, **own, **tags})

    async def settle(self, lock: Lock) -> None:
        """The clip is stored elsewhere, or there will be none: its footage may go, its cut file is removed."""
        await self._open_ring().settle(lock)

    async def pending(self) -> list[Lock]:
        """Locks without a settled clip, from before a restart too."""
        return await self._ring.pending() if self._ring else []

    async def tidy(self) -> None:
        """Make room in the ring now; it does so itself whenever a segment ends."""
        if self._ring:
            await self._ring.tidy()

    @property
    def recorded(self) -> tuple[str, ...]:
        """The cameras whose footage is kept, the most important first: as they stand in the settings."""
        if not self._ring:
            return ()
        return tuple(camera.settings.name for camera in self._cameras.values() if camera.settings.record)

    async def make_room(self, wanted: int) -> int:
        """Of footage that nobody needs, the oldest first; the bytes that were freed."""
        return await self._ring.make_room(wanted) if self._ring else 0

    def shed(self, cameras: frozenset[str]) -> None:
        """Record none of these for now."""
        if self._ring:
            self._ring.shed(cameras)

    async def reconcile(self) -> tuple[list[str], list[str]]:
        """(files in the ring that its index does not know, segments that are not there)."""
        return await self._ring.reconcile() if self._ring else ([], [])

    def _camera(self, settings: CameraSettings) -> Camera:
        sinks: list[Sink] = [self._watching.sink(settings, partial(self._saw, settings.name))]
        if self._ring and settings.record:
            sinks.append(self._ring.lane(settings.name))
        return Camera(settings, clock=self._clock, open_session=self._open_session, sinks=sinks)

    def _saw(self, camera: str, words: tuple[str, ...]) -> None:
        self._cameras[camera].saw(words)

    def _open_session(self, settings: CameraSettings, stop: threading.Event, name: str) -> Opened:
        return open_source(settings, clock=self._clock, stop=stop, name=name)

    async def _shots(self, camera: Camera, at_ms: int, how: BurstSettings | None = None) -> Shots:
        settings = camera.settings
        is_burst, how = how is None, how or self.settings.burst_of(settings)
        burst = await camera.frames(
            at_ms,
            before_ms=how.before_ms,
            after_ms=how.after_ms,
            count=how.frames,
            patience_s=how.patience_s,
            decode_in=self._decoder,
        )
        shots = await self._checked(settings, burst.frames, burst.reason)
        if settings.plate and is_burst:  # of an empty place there are no headlights, nor twice of one vehicle
            self._watching.vehicle(settings, shots.frames)
        return shots

    async def _checked(self, camera: CameraSettings, frames: Sequence[Frame], reason: str) -> Shots:
        shown, same_place = await asyncio.get_running_loop().run_in_executor(
            self._decoder, partial(_check, tuple(frames), camera.region, self.settings.checks)
        )
        return Shots(
            camera=camera.name,
            role=camera.role,
            frames=shown,
            reason=reason,
            plate=camera.plate,
            region=camera.region,
            same_place=same_place if len(shown) > 1 else None,
        )

    def _open_ring(self) -> Ring:
        if not self._ring:
            raise LinkError("no recorder is set")
        return self._ring


def _check(
    frames: tuple[Frame, ...], region: tuple[int, ...] | None, settings: CheckSettings
) -> tuple[tuple[Frame, ...], bool]:
    # numpy is loaded here: where no picture ever comes it is not needed.
    from edge.cameras.checking import checked

    return checked(frames, region, settings) if frames else ((), False)


def _timely(frames: Sequence[Frame]) -> bool:
    """Whether any of them shows this moment: a plate in an old picture is another vehicle's."""
    return any(not {"frozen", "off_moment"} & set(frame.flags) for frame in frames)
