"""Cameras, ring and plate reader as the lane sees them; imported only by a lane that has cameras."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.cameras.lighting import Hint
from edge.cameras.settings import FIRST_ROLES, LAST_ROLES, Role, VisionSettings
from edge.cameras.standing import NOT_TAKEN, SecondShot, Twice
from edge.cameras.vision import PlateOf, Shots, Vision
from edge.lane import Cut, Seen
from edge.plates.priors import differ, with_priors
from edge.recorder.cutting import Clip
from edge.recorder.index import Lock
from edge.vehicles.quiet import Quiet
from kernel.clock import Clock
from kernel.errors import LinkError, WeighpostError
from kernel.events import DeviceHealth, FileStored, Picture, PlateRead, VehicleHints

if TYPE_CHECKING:  # it loads OpenCV, which a lane without a side camera does not need
    from edge.vehicles.onlooker import Onlooker

log = logging.getLogger(__name__)


# A clip need not reach as far as the second shot, and by itself it ends before.
AFTER_RESTART = Twice(shots=(), missing=("second shot: restart",), flags=(NOT_TAKEN,))
Looked = tuple[tuple[Shots, ...], tuple[PlateOf, ...], VehicleHints | None]


@dataclass(slots=True, kw_only=True)
class _Watch:
    """What is under way for one passage."""

    locks: asyncio.Task[tuple[Lock, ...]]
    bursts: list[asyncio.Task[Looked]] = field(default_factory=list)
    second: SecondShot | None = None


class CameraEyes:
    """edge.lane.Eyes over Vision."""

    def __init__(self, vision: Vision, *, settings: VisionSettings, onlooker: Onlooker | None = None) -> None:
        self._vision = vision
        self._onlooker = onlooker
        self._quiet = Quiet()
        self._settings = settings
        self._watches: dict[str, _Watch] = {}
        self._there: set[str] = set()
        self._settling: set[asyncio.Task[None]] = set()

    def opened(self, passage: str, at_ms: int) -> None:
        """Lock first, whatever else happens; then the front."""
        self._stands(passage, there=True)
        locks = asyncio.create_task(self._vision.lock(passage, at_ms), name=f"lock {passage}")
        watch = self._watches[passage] = _Watch(locks=locks)
        self._burst(watch, passage, at_ms, FIRST_ROLES)
        empty_ms = self._quiet.opened(passage, at_ms)
        if self._onlooker and empty_ms is not None:
            self._aside(self._glance(self._onlooker, empty_ms), name=f"empty place {passage}")

    def passed(self, passage: str, at_ms: int) -> None:
        """From the side a vehicle is whole when its tail is there."""
        watch = self._watches.get(passage)
        self._quiet.passed(passage, at_ms)
        if watch is not None:
            self._burst(watch, passage, at_ms, LAST_ROLES)

    async def seen(self, passage: str, *, left_ms: int | None = None) -> Seen:
        """Pictures and plates; what is missing is named.  Bounded by the patience of cameras and reader.

        `left_ms` is when the vehicle left, where that is known: a second shot of later is not its own.
        """
        self._stands(passage, there=False)
        watch = self._watches.get(passage)
        if watch is None:
            return Seen(missing=("cameras: not triggered",))
        if watch.second:
            watch.second.gone()
        looked = await asyncio.gather(*watch.bursts)
        shots = tuple(one for burst, _, _ in looked for one in burst)
        told = await watch.second.beside(shots, left_ms=left_ms) if watch.second else Twice(shots=shots)
        plates = [plate for _, plates, _ in looked for plate in plates]
        return _with(_seen(told.shots, plates, next((hints for *_, hints in looked if hints), None)), told)

    async def cuts(self, passage: str) -> tuple[Cut, ...]:
        """The clips of every recorded camera, after their post-roll."""
        watch = self._watches.get(passage)
        if watch is None:
            return ()
        cuts = await asyncio.gather(*(self.cut(lock) for lock in await _locked(watch)))
        return tuple(cut for cut in cuts if cut is not None)

    async def cut(self, lock: Lock) -> Cut | None:
        """One clip, or None (logged) when there is no footage of that time."""
        try:
            clip = await self._vision.clip(lock, tags={})
        except LinkError as error:
            log.warning(
                "no clip", extra={"passage": lock.passage, "camera": lock.camera, "reason": str(error)}
            )
            return None
        return Cut(name=f"{lock.passage}-{lock.camera}.mp4", data=clip.path, body=_stored(lock, clip))

    def done(self, passage: str) -> None:
        self._stands(passage, there=False)
        watch = self._watches.pop(passage, None)
        self._quiet.done(passage)
        if watch is None:
            return
        if watch.second:
            watch.second.gone()
        self._aside(self._settle(watch), name=f"settle {passage}")

    async def settle(self, lock: Lock) -> None:
        """Let its footage go; what cannot be let go of now is after the next start."""
        try:
            await self._vision.settle(lock)
        except LinkError as error:
            log.warning("footage not let go", extra={"passage": lock.passage, "reason": str(error)})

    async def unfinished(self) -> dict[str, list[Lock]]:
        """Locks from before a restart, by passage."""
        found: dict[str, list[Lock]] = {}
        try:
            pending = await self._vision.pending()
        except LinkError as error:
            log.warning("unfinished clips not known", extra={"reason": str(error)})
            return found
        for lock in pending:
            if lock.passage not in self._watches:
                found.setdefault(lock.passage, []).append(lock)
        return found

    async def look_back(self, cuts: Sequence[tuple[Lock, Cut]], *, left_ms: int | None) -> Seen:
        """Pictures and plates out of the clips of a passage that a restart interrupted."""
        shots = [
            await self._vision.look_back(
                lock.camera,
                cut.data,
                start_ms=cut.body.actual_start_ms or lock.from_ms,
                at_ms=left_ms if left_ms and self._looks_back(lock.camera) else lock.at_ms,
            )
            for lock, cut in cuts
            if isinstance(cut.data, Path) and self._vision.knows(lock.camera)
        ]
        if not shots:
            return Seen(missing=("pictures: restart",))
        seen = _seen(shots, await self._vision.read(shots), await self._hints(shots))
        return _with(seen, AFTER_RESTART) if self._is_static else seen

    @property
    def _is_static(self) -> bool:
        """Vehicles stand here, and are shown twice."""
        return self._settings.checks.displacement == "static"

    def _looks_back(self, camera: str) -> bool:
        return any(one.name == camera and one.role in LAST_ROLES for one in self._settings.cameras)

    def health(self) -> Iterable[DeviceHealth]:
        return self._vision.health()

    @property
    def footage(self) -> Vision:
        """The ring, for whoever needs its room."""
        return self._vision

    @property
    def follows_light(self) -> bool:
        """Whether the lane controller is to be told of the light at all."""
        return self._settings.light.hints

    @property
    def light(self) -> Hint | None:
        """What the lane controller should do about the light; None while nobody knows."""
        return self._vision.light

    async def close(self) -> None:
        await self._vision.stop()
        if self._onlooker:
            await self._onlooker.close()

    def _stands(self, passage: str, *, there: bool) -> None:
        """On a platform it stays after its tail has left the loop, until it is weighed."""
        self._there = self._there | {passage} if there else self._there - {passage}
        self._vision.lane_is_free(is_free=not self._there)

    def _aside(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Nobody waits for it."""
        task = asyncio.create_task(work, name=name)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _glance(self, onlooker: Onlooker, at_ms: int) -> None:
        onlooker.nobody_there(await self._vision.glance(at_ms, roles=("side",)))

    async def _hints(self, shots: Sequence[Shots]) -> VehicleHints | None:
        return await self._onlooker.hints(shots) if self._onlooker else None

    async def _settle(self, watch: _Watch) -> None:
        for lock in await _locked(watch):
            await self.settle(lock)

    def _burst(self, watch: _Watch, passage: str, at_ms: int, roles: Sequence[Role]) -> None:
        look = self._look(at_ms, roles)
        watch.bursts.append(asyncio.create_task(look, name=f"burst {passage}"))
        # By the cameras that look first: who stands for long enough is in front of them from the beginning.
        if roles == self._settings.second_roles and watch.second is None:
            watch.second = SecondShot(
                self._vision,
                at_ms=at_ms,
                apart_ms=self._settings.checks.apart_s * 1000,
                roles=roles,
                name=f"second shot {passage}",
            )

    async def _look(self, at_ms: int, roles: Sequence[Role]) -> Looked:
        """Pictures, and their plates at once: the front is read while the rest still drives by."""
        shots = await self._vision.burst(at_ms, roles=roles)
        plates, hints = await asyncio.gather(self._vision.read(shots), self._hints(shots))
        return shots, plates, hints


async def _locked(watch: _Watch) -> tuple[Lock, ...]:
    """The locks, or none when the ring's index could not be written: then there is no clip, and the lane goes on."""
    try:
        return await watch.locks
    except LinkError as error:
        log.warning("footage not locked", extra={"reason": str(error)})
        return ()


def _seen(shots: Sequence[Shots], plates: Sequence[PlateOf], hints: VehicleHints | None = None) -> Seen:
    pictures = [
        (picture, frame.jpeg)
        for one in shots
        for picture, frame in zip(one.pictures(), one.frames, strict=True)
    ]
    reads, crops = [], []
    by_camera = {one.camera: one for one in shots}
    for plate in plates:
        read, crop = _plate(plate, by_camera[plate.camera].pictures())
        reads.append(read)
        crops += crop
    return Seen(
        pictures=tuple(pictures),
        crops=tuple(crops),
        plates=with_priors(reads),
        missing=tuple(f"camera {one.camera}: {one.reason}" for one in shots if one.reason)
        + tuple(f"plates {plate.camera}: {flag}" for plate in plates for flag in plate.result.flags),
        hints=hints,
        flags=(*_same_place(shots), *("plates_differ",) * differ(reads)),
    )


def _with(seen: Seen, told: Twice) -> Seen:
    """What the second shot has to say besides its pictures."""
    return replace(seen, missing=(*seen.missing, *told.missing), flags=(*seen.flags, *told.flags))


def _same_place(shots: Sequence[Shots]) -> tuple[str, ...]:
    """No camera shows that the vehicle moved, or that time passed while it stood."""
    told = [one.same_place for one in shots if one.same_place is not None]
    return ("same_place",) if told and all(told) else ()


def _plate(plate: PlateOf, pictures: Sequence[Picture]) -> tuple[PlateRead, list[tuple[str, bytes]]]:
    """The reading with the names of the picture and the crop that prove it."""
    result = plate.result
    picture = pictures[result.frame].name if result.frame is not None else None
    name = f"{plate.camera}-plate.jpg" if result.crop else None
    read = msgspec.structs.replace(result.read, picture=picture, crop=name)
    return read, [(name, result.crop)] if name and result.crop else []


def _stored(lock: Lock, clip: Clip) -> FileStored:
    return FileStored(
        passage=lock.passage,
        weighed=None,
        kind="clip",
        camera=lock.camera,
        requested_start_ms=clip.requested_start_ms,
        actual_start_ms=clip.actual_start_ms,
        duration_ms=clip.duration_ms,
        frames=clip.frames,
        gop_sha256=clip.gop_sha256,
        flags=clip.flags,
    )


async def open_eyes(
    settings: VisionSettings,
    *,
    clock: Clock,
    station: str,
    lane: str,
    may_write: Callable[[], bool] = lambda: True,
    home: Path | None = None,
) -> CameraEyes:
    """Start cameras, ring and reader; what is not there comes later or is said to be missing."""
    vision = Vision(settings, clock=clock, station=station, lane=lane, may_write=may_write, home=home)
    try:
        await vision.start()
    except WeighpostError:
        await vision.stop()
        raise
    return CameraEyes(vision, settings=settings, onlooker=_onlooker(settings))


def _onlooker(settings: VisionSettings) -> Onlooker | None:
    if all(camera.role != "side" for camera in settings.cameras):
        return None
    from edge.vehicles.onlooker import Onlooker

    return Onlooker()
