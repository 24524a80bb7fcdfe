"""The ring recorder: cameras write into it, passages lock and cut it, and only unlocked footage is ever removed.

One worker thread owns the index, finishes segments, cuts clips and tidies up; camera threads only write packets.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

from av.error import FFmpegError

from edge.cameras.settings import RecorderSettings
from edge.cameras.stream import STILLS, Coded, Session
from edge.recorder.cutting import Clip, cut
from edge.recorder.index import Index, Lock
from edge.recorder.last import SUFFIX, beside
from edge.recorder.segment import DAMAGED, PART, WHOLE, Segment, SegmentWriter, finish, holds_packets, recover
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError, RefusedError, WeighpostError
from kernel.events import DeviceHealth

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
State = Literal["starting", "up", "full", "down"]
MB = 1024 * 1024
TRY_AGAIN_MS = 5_000  # after a write failed
CUT_PATIENCE_MS = 3_000  # how long a clip waits for the last packets of its post-roll
HOUR_MS = 3_600_000
LONGEST = 6  # segments, that one without a key frame may last
LARGEST = 256 * MB


class Ring:
    """`disk_free` answers with the free bytes of the ring's disk, `may_write` whether others leave it any of them."""

    def __init__(
        self,
        settings: RecorderSettings,
        *,
        clock: Clock,
        disk_free: Callable[[Path], int] | None = None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self.settings = settings
        self.folder = Path(settings.folder)
        self._clock = clock
        self._disk_free = disk_free or free_bytes
        self._may_write = may_write
        self._shed: frozenset[str] = frozenset()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._lanes: dict[str, RingLane] = {}
        self._index: Index | None = None
        self._held: int | None = None
        self._state: State = "starting"
        self._since_ms, self._detail = clock.now_ms(), ""
        self._again_ms = 0

    async def start(self) -> None:
        """Open the index and take up what an earlier process left; a full or broken disk is waited for.

        ConfigError when the folder cannot be used, RefusedError when another process records into it.
        """
        try:
            await self._ask(self._open)
        except LinkError as error:
            if not _is_the_disks(error.__cause__):
                raise ConfigError.one("recorder.folder", f"cannot be used: {error}") from error
            log.error("recorder cannot begin", extra={"reason": str(error)})  # noqa: TRY400 - the disk is at fault
            self._away(str(error))

    async def stop(self) -> None:
        """After the cameras have stopped, or when the start failed."""
        await self._ask(self._close)
        await asyncio.to_thread(self._worker.shutdown)

    def lane(self, camera: str) -> RingLane:
        """The sink that records one camera."""
        return self._lanes.setdefault(camera, RingLane(camera, self, self._clock))

    def health(self) -> DeviceHealth:
        state, detail = self._state, self._detail
        if state == "up" and (broken := next((x.problem for x in self._lanes.values() if x.problem), "")):
            state, detail = "down", broken
        if state == "up" and not self._may_write():
            state, detail = "full", "the room that is left is the journal's"
        elif state == "up" and self._shed:
            state, detail = "full", f"not recorded for want of room: {', '.join(sorted(self._shed))}"
        return DeviceHealth(
            name="recorder",
            kind="recorder",
            state=state,
            since_ms=self._since_ms,
            detail=detail,
            good=sum(lane.packets for lane in self._lanes.values()),
            dropped=sum(lane.dropped for lane in self._lanes.values()),
        )

    @property
    def paused(self) -> bool:
        """The disk holds nothing more that may go: the footage stops, everything else goes on."""
        return self._state in ("full", "down")

    def may_record(self, camera: str) -> bool:
        """Asked by its thread at each packet: room that is short is the journal's at once."""
        return self._may_write() and camera not in self._shed

    def shed(self, cameras: frozenset[str]) -> None:
        """Record none of these until told otherwise."""
        if cameras != self._shed:
            log.warning("cameras not recorded for want of room", extra={"cameras": sorted(cameras)})
        self._shed = cameras

    def begin_again(self) -> None:
        """From a camera's thread, at a key frame: the disk may be back."""
        if self._state == "down" and self._clock.mono_ms() >= self._again_ms:
            self._again_ms = self._clock.mono_ms() + TRY_AGAIN_MS
            self._tell(self._open_again)

    def _open_again(self) -> None:
        try:
            self._open()
        except (sqlite3.Error, FFmpegError, OSError) as error:
            self._away(str(error))
        else:
            log.info("recorder records again")

    def _away(self, reason: str) -> None:
        if self._state != "down":
            self._since_ms = self._clock.now_ms()
        self._state, self._detail = "down", reason

    async def lock(
        self, passage: str, *, camera: str, at_ms: int, from_ms: int, to_ms: int, hold: bool = False
    ) -> Lock:
        """Durable when it returns.  Comes before anything else that wants the footage.  LinkError: no lock."""
        lock = Lock(passage=passage, camera=camera, at_ms=at_ms, from_ms=from_ms, to_ms=to_ms, hold=hold)
        await self._ask(lambda: self._open_index().lock(lock))
        return lock

    async def pending(self) -> list[Lock]:
        """Locks whose clip was never settled, from before a restart too."""
        return await self._ask(lambda: self._open_index().pending())

    async def clip(self, lock: Lock, *, tags: Mapping[str, str]) -> Clip:
        """Wait for the post-roll, then cut.  LinkError when there is no footage; the lock stays until settled."""
        await self._until(lock)
        return await self._ask(self._cut, lock, tags)

    async def settle(self, lock: Lock) -> None:
        """The clip is kept elsewhere, or there is none: free its footage and remove the cut file."""
        await self._ask(self._settle, lock)

    async def tidy(self) -> None:
        """Make room; called now and then."""
        await self._ask(self._tidy)

    async def make_room(self, wanted: int) -> int:
        """Remove cut files that nobody waits for, then unlocked footage, the oldest first; the bytes that were freed."""
        return await self._ask(self._make_room, wanted)

    async def reconcile(self) -> tuple[list[str], list[str]]:
        """(files that the index does not know, segments of the index that are not there).  Removes none."""
        return await self._ask(self._reconcile)

    async def segments(self, camera: str, *, from_ms: int, to_ms: int) -> list[Segment]:
        return await self._ask(lambda: self._open_index().segments(camera, from_ms=from_ms, to_ms=to_ms))

    async def locked_by(self, path: Path) -> str | None:
        return await self._ask(lambda: self._open_index().locked_by(path))

    # --- for the lanes, in their cameras' threads ---

    def opened(self, segment: Segment) -> None:
        self._tell(lambda: self._open_index().put(segment))

    def closed(self, segment: Segment) -> None:
        self._tell(lambda: self._finish(segment))

    def broken(self, segment: Segment) -> None:
        self._tell(lambda: self._recover_one(segment.path, segment))

    # --- in the worker ---

    def _open(self) -> None:
        self._clips.mkdir(parents=True, exist_ok=True)
        # Recovery cuts the tails of growing segments: they must not be another process's.
        self._held = hold(self.folder / "ring.lock")
        try:
            self._index = Index(self.folder / "ring.db")
            for stray in self._clips.iterdir():
                stray.unlink()  # locks are still there: it will be cut again
            self._recover()
            self._sweep()
            self._tidy()
        except Exception:
            self._close()
            raise

    def _close(self) -> None:
        if self._index is not None:
            self._index.close()
        if self._held is not None:
            os.close(self._held)
        self._index = self._held = None

    def _recover(self) -> None:
        known = {segment.path: segment for segment in self._open_index().all()}
        for path in known.keys() - {p for p in known if p.exists()}:
            self._lost_row(known[path])
        for path in sorted(self.folder.glob(f"*/*{PART}")):
            self._recover_one(path, known.get(path) or _unknown(path))
        strangers, _missing = self._reconcile()
        if strangers:
            extra = {"count": len(strangers), "first": strangers[0]}
            log.warning("files in the ring that its index does not know", extra=extra)

    def _sweep(self) -> None:
        """What stood beside segments that are whole now, and what was set aside longer ago than footage is kept."""
        for path in self.folder.glob(f"*/*{WHOLE}"):
            path.unlink()
        horizon_ms = self._clock.now_ms() - self.settings.keep_hours * HOUR_MS
        for path in self.folder.glob(f"*/*{DAMAGED}"):
            if 0 < _unknown(path).start_ms < horizon_ms:
                path.unlink()
        for path in self.folder.glob(f"*/*{SUFFIX}"):
            if not any(path.with_suffix(suffix).exists() for suffix in (PART, DAMAGED)):
                path.unlink()

    def _reconcile(self) -> tuple[list[str], list[str]]:
        """Strangers are never removed by us: a person put them there."""
        known = {segment.path for segment in self._open_index().all()}
        here = {path for path in self.folder.glob("*/*.mp4") if path.parent != self._clips}
        return (
            sorted(f"{path.parent.name}/{path.name}" for path in here - known),
            sorted(f"{path.parent.name}/{path.name}" for path in known if not path.exists()),
        )

    def _lost_row(self, segment: Segment) -> None:
        """Killed between rename and row, or removed by hand."""
        done = segment.path.with_suffix(".mp4")
        self._open_index().forget(segment.path)
        if segment.path.suffix == PART and done.exists():
            self._recover_one(done.rename(segment.path), segment)

    def _recover_one(self, path: Path, segment: Segment) -> None:
        try:
            length_ms, gops = recover(path)
            self._finish(replace(segment, end_ms=segment.start_ms + length_ms, gops=gops))
        except (OSError, FFmpegError) as error:
            self._not_recovered(path, error)
        else:
            log.info("segment recovered", extra={"segment": path.name, "ms": length_ms})

    def _not_recovered(self, path: Path, error: Exception) -> None:
        """Only what holds no packet is removed; what the disk refuses is tried again at the next start."""
        extra = {"segment": path.name, "reason": str(error) or type(error).__name__}
        if _is_refusal(error):
            log.error("segment cannot be recovered now", extra=extra)
            return
        self._open_index().forget(path)
        if path.exists() and holds_packets(path):
            log.error("segment damaged, set aside", extra=extra)
            path.rename(path.with_suffix(DAMAGED))
            return
        log.warning("segment without a packet removed", extra=extra)
        path.unlink(missing_ok=True)
        beside(path).unlink(missing_ok=True)

    def _finish(self, segment: Segment) -> None:
        path, size, sha256, gops = finish(segment.path, segment.gops)
        done = replace(segment, path=path, size=size, sha256=sha256, gops=gops)
        self._open_index().renamed(segment.path, done)
        self._tidy()

    def _cut(self, lock: Lock, tags: Mapping[str, str]) -> Clip:
        segments = self._open_index().segments(lock.camera, from_ms=lock.from_ms, to_ms=lock.to_ms)
        fresh = [self._fresh(segment) for segment in segments]
        return cut(
            fresh,
            at_ms=lock.at_ms,
            from_ms=lock.from_ms,
            to_ms=lock.to_ms,
            to=self._clip_path(lock),
            tags=tags,
        )

    def _fresh(self, segment: Segment) -> Segment:
        """Of a growing segment the lane knows the wall time better than the row of its first moment."""
        lane = self._lanes.get(segment.camera)
        return (lane.growing(segment.path) if lane and segment.end_ms is None else None) or segment

    def _settle(self, lock: Lock) -> None:
        self._open_index().settle(lock.passage, lock.camera)
        self._clip_path(lock).unlink(missing_ok=True)

    def _tidy(self) -> None:
        index, now = self._open_index(), self._clock.now_ms()
        used, free = index.bytes_used(), self._disk_free(self.folder)
        for segment in index.unlocked():
            too_old = segment.start_ms < now - self.settings.keep_hours * HOUR_MS
            if not too_old and used <= self.settings.max_mb * MB and free >= self._need:
                break
            self._remove(segment)
            used, free = used - segment.size, free + segment.size
        self._say_full(full=free < self._need)

    def _make_room(self, wanted: int) -> int:
        freed = self._remove_strays()
        for segment in self._open_index().unlocked():
            if freed >= wanted:
                break
            self._remove(segment)
            freed += segment.size
        return freed

    def _remove_strays(self) -> int:
        """Cut files are copies: without a lock that waits for one, nobody needs it."""
        wanted = {self._clip_path(lock) for lock in self._open_index().pending()}
        strays = [path for path in self._clips.iterdir() if path not in wanted]
        freed = sum(path.stat().st_size for path in strays)
        for path in strays:
            path.unlink()
        return freed

    @property
    def _need(self) -> int:
        return self.settings.min_free_mb * MB

    def _remove(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        self._open_index().forget(segment.path)

    def _say_full(self, *, full: bool) -> None:
        state: State = "full" if full else "up"
        if state == self._state:
            return
        before, self._state, self._since_ms = self._state, state, self._clock.now_ms()
        self._detail = "only locked footage is left" if full else ""
        if full:
            log.warning("recorder stopped: disk full")
        elif before == "full":
            log.info("recorder records again")

    # --- plumbing ---

    @property
    def _clips(self) -> Path:
        return self.folder / "clips"

    def _clip_path(self, lock: Lock) -> Path:
        return self._clips / f"{lock.passage}-{lock.camera}.mp4".replace("/", "_")

    async def _until(self, lock: Lock) -> None:
        lane = self._lanes.get(lock.camera)
        # Never longer than the footage: the clock may have been set back since.
        post_ms = min(lock.to_ms - self._clock.now_ms(), lock.to_ms - lock.from_ms)
        await self._clock.sleep(max(0, post_ms) / 1000)
        give_up = self._clock.mono_ms() + CUT_PATIENCE_MS
        while lane and lane.recording and lane.newest_ms < lock.to_ms and self._clock.mono_ms() < give_up:
            await self._clock.sleep(0.05)

    def _open_index(self) -> Index:
        if self._index is None:
            raise LinkError("the recorder has not begun")
        return self._index

    async def _ask(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await asyncio.wrap_future(self._worker.submit(work, *args, **kwargs))
        except (sqlite3.Error, FFmpegError, OSError) as error:
            raise LinkError(str(error) or type(error).__name__) from error
        except WeighpostError:
            raise
        except Exception as error:
            # A lane waits for this: a fault that one file met costs what was asked of it, and no more.
            log.exception("recorder's worker failed")
            raise LinkError(repr(error)) from error

    def _tell(self, work: Callable[[], None]) -> None:
        self._worker.submit(work).add_done_callback(_say_broken)


class RingLane:
    """Records one camera: the sink its thread writes to."""

    def __init__(self, camera: str, ring: Ring, clock: Clock) -> None:
        self._camera, self._ring, self._clock = camera, ring, clock
        self._folder = ring.folder / camera
        self._writer: SegmentWriter | None = None
        self._wait_until_ms = 0
        self.packets = 0
        self.dropped = 0
        self.newest_ms = 0
        self.problem = ""

    @property
    def recording(self) -> bool:
        return self._writer is not None

    def growing(self, path: Path) -> Segment | None:
        """The segment being written, if it is this one.  Asked from the recorder's worker."""
        writer = self._writer
        return writer.facts(self._camera) if writer and writer.path == path else None

    def begin(self, session: Session) -> None:
        self.problem = "stills are not recorded" if session.codec == STILLS else ""

    def packet(self, session: Session, packet: Coded) -> None:
        if session.codec == STILLS:
            return
        try:
            if self._ring.may_record(self._camera):
                self._write(session, packet)
            else:
                self.dropped += 1
                self._close()
        except (OSError, FFmpegError) as error:
            self._failed(error)

    def end(self) -> None:
        try:
            self._close()
        except (OSError, FFmpegError) as error:
            self._failed(error)

    def _write(self, session: Session, packet: Coded) -> None:
        if packet.key and self._is_due(session.at_ms(packet)):
            self._close()
            self._open(session, packet)
        elif self._is_overlong(session.at_ms(packet)):
            self._close()
            self.problem = "no key frame comes"
        if self._writer is None:
            self.dropped += 1
            return
        self._writer.write(packet)
        self.newest_ms = self._writer.end_ms
        self.packets += 1

    def _is_due(self, at_ms: int) -> bool:
        if self._writer is None:
            return True
        # Half a frame early is on time: the next key frame may be two seconds off.
        return at_ms - self._writer.start_ms >= self._ring.settings.segment_ms - 20

    def _is_overlong(self, at_ms: int) -> bool:
        """Without a key frame a segment would never end, nor be counted."""
        writer, longest_ms = self._writer, LONGEST * self._ring.settings.segment_ms
        return writer is not None and (at_ms - writer.start_ms >= longest_ms or writer.size >= LARGEST)

    def _open(self, session: Session, first: Coded) -> None:
        self._ring.begin_again()
        if self._ring.paused or self._clock.mono_ms() < self._wait_until_ms:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{session.at_ms(first)}-{session.name}{PART}"
        self._writer = SegmentWriter(path, session, first)
        self.problem = ""
        self._ring.opened(self._writer.facts(self._camera))

    def _close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        gops = writer.close()
        self._ring.closed(replace(writer.facts(self._camera), end_ms=writer.end_ms, gops=gops))

    def _failed(self, error: Exception) -> None:
        """What was written is kept as far as it is whole; the camera goes on."""
        if not self.problem:
            log.warning("recording failed", extra={"camera": self._camera, "reason": str(error)})
        writer, self._writer, self.problem = self._writer, None, str(error) or type(error).__name__
        if writer:
            writer.abandon()
            self._ring.broken(writer.facts(self._camera))
        self._wait_until_ms = self._clock.mono_ms() + TRY_AGAIN_MS


def hold(path: Path) -> int:
    """Take the folder for this process; the open file descriptor is the hold."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise RefusedError(f"process {owner} records into {path.parent}") from error
    with contextlib.suppress(OSError):  # without room for a name the lock holds all the same
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _is_refusal(error: Exception) -> bool:
    """Of the operating system, which says nothing about what the file holds."""
    refused = isinstance(error, OSError) and error.errno is not None and not isinstance(error, FFmpegError)
    return refused or (isinstance(error, FFmpegError) and error.errno == errno.ENOSPC)


def _is_the_disks(cause: BaseException | None) -> bool:
    """Room and hardware come and go; a wrong folder does not become a right one."""
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
    return isinstance(cause, sqlite3.Error)


def free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _unknown(path: Path) -> Segment:
    """A part whose row was never written; its name begins with its wall time."""
    stamp, _, session = path.stem.partition("-")
    start_ms = int(stamp) if stamp.isdecimal() else 0
    return Segment(camera=path.parent.name, session=session or path.stem, path=path, start_ms=start_ms)


def _say_broken(job: Future[None]) -> None:
    if not job.cancelled() and (error := job.exception()):
        log.error("recorder's worker failed", extra={"reason": str(error)})
