"""One camera: its thread, its packets for whoever listens, its last seconds for pictures, and its health."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal

from av.error import FFmpegError

from edge.cameras.acceptance import StreamFacts, StreamWatch, complaints
from edge.cameras.memory import Held, Memory
from edge.cameras.pictures import Frame, ends, moments, pick
from edge.cameras.settings import CLOCK_MAX_MS, CameraSettings
from edge.cameras.stream import Coded, Opened, Session, Sink, Source
from edge.cameras.walltime import Steps
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.events import DeviceHealth

log = logging.getLogger(__name__)

State = Literal["starting", "up", "down", "frozen", "poor"]
REPORTS_MS = 1_000  # a thread that is alive has said by then that nothing comes
SAME_KEYS = 8  # an encoder fed with a frozen picture repeats its key frames with a short period


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Frames in time order; when there are none or they are not what was asked for, `reason` says why."""

    frames: tuple[Frame, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    state: State
    since_ms: int
    detail: str = ""


class Camera:
    """`open_session(settings, stop, session name)` opens a connection; real cameras use sources.open_source."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        clock: Clock,
        open_session: Callable[[CameraSettings, threading.Event, str], Opened],
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._open = open_session
        self._sinks = tuple(sinks)
        self._memory = Memory(keep_ms=int(settings.memory_s * 1000))
        self._watch = KeyWatch(frozen_ms=int(settings.frozen_s * 1000))
        self._stream = StreamWatch()
        self._session: Session | None = None
        self._poor: tuple[str, ...] = ()
        self._logged = False
        self._seen: tuple[str, ...] = ()
        self._condition = _Condition(state="starting", since_ms=clock.now_ms())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {settings.name}", daemon=True)
        self._packets = 0
        self._lost = 0
        self._last_mono_ms = clock.mono_ms()

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, self.settings.patience_s + 1)

    def health(self) -> DeviceHealth:
        now = self._condition
        silent_ms = self._clock.mono_ms() - self._last_mono_ms
        if now.state != "down" and silent_ms > 1000 * self.settings.patience_s + REPORTS_MS:
            # The thread hangs inside the library: its own report will never come.
            now = replace(now, state="down", detail="no packets")
        return DeviceHealth(
            name=self.settings.name,
            kind="camera",
            state=now.state,
            since_ms=now.since_ms,
            detail=now.detail,
            good=self._packets,
            dropped=self._lost,
        )

    @property
    def stream(self) -> StreamFacts | None:
        """What its stream is like; None before the first connection."""
        return self._stream.facts()

    def saw(self, words: tuple[str, ...]) -> None:
        """What a look at its picture found, from any thread; said with the next packet."""
        self._seen = words

    @property
    def is_clock_off(self) -> bool:
        """Whether its time is too wrong for evidence."""
        return self._session is not None and self._session.clock_error_ms > CLOCK_MAX_MS

    async def frames(
        self, at_ms: int, *, before_ms: int, after_ms: int, count: int, patience_s: float, decode_in: Executor
    ) -> Burst:
        """Pictures around a moment.  Waits for the camera, but never longer than `patience_s` past the window."""
        last_ms = at_ms + after_ms
        # Never longer than the window: the clock may have been set back since.
        wait_s = max(0, min(last_ms - self._clock.now_ms(), before_ms + after_ms)) / 1000 + patience_s
        down = self.health().state in ("starting", "down")
        complete = await self._memory.reached(last_ms, patience_s=0.001 if down else wait_s)
        wanted = moments(at_ms, before_ms=before_ms, after_ms=after_ms, count=count)
        held = self._memory.around(wanted[0], last_ms)
        try:
            work = partial(self._picked, held, wanted)
            found = await asyncio.get_running_loop().run_in_executor(decode_in, work)
        except (
            FFmpegError,
            ValueError,
            TypeError,
        ) as error:  # whatever the camera sent, it costs pictures only
            return Burst(reason=f"cannot be decoded: {error}")
        return self._burst(_near(found, wanted, self.settings.memory_s), complete=complete)

    def _picked(self, held: Sequence[Held], wanted: Sequence[int]) -> list[Frame]:
        """In the thread that decodes: the time that it may take begins when its turn has come."""
        return pick(held, wanted, is_late=ends(self._clock))

    def _burst(self, frames: Sequence[Frame], *, complete: bool) -> Burst:
        health = self.health()
        flags = ("frozen",) * (health.state == "frozen") + ("clock_off",) * self.is_clock_off
        if flags:
            frames = [replace(frame, flags=(*frame.flags, *flags)) for frame in frames]
        if health.state not in ("up", "poor"):
            return Burst(frames=tuple(frames), reason=f"{health.state}: {health.detail}".rstrip(": "))
        return Burst(frames=tuple(frames), reason="" if complete and frames else "late")

    def _run(self) -> None:
        wait_s = self.settings.retry_s
        while not self._stop.is_set():
            before = self._packets
            try:
                with self._open(self.settings, self._stop, self._session_name()) as source:
                    self._listen(source)
            except LinkError as error:
                self._down(str(error))
            except Exception as error:
                # Nobody would start this thread again: a fault that one connection met costs that connection.
                log.exception("camera's thread failed", extra={"camera": self.settings.name})
                self._down(repr(error))
            else:
                continue
            again_s = min(2 * wait_s, self.settings.retry_max_s)
            wait_s = self.settings.retry_s if self._packets > before else again_s
            self._stop.wait(wait_s)

    def _session_name(self) -> str:
        return f"{self.settings.name}-{self._clock.now_ms():x}"

    def _listen(self, source: Source) -> None:
        session = self._session = source.session
        steps = Steps(self._clock)
        self._stream.begin(session)
        self._logged = False
        for sink in self._sinks:
            sink.begin(session)
        try:
            for packet in source.packets():
                if steps.stepped():
                    session.wall.begin_again()
                self._take(session, packet)
                if self._stop.is_set():
                    return
        finally:
            for sink in self._sinks:
                sink.end()

    def _take(self, session: Session, packet: Coded) -> None:
        session.seen(packet)
        self._packets += 1
        self._last_mono_ms = self._clock.mono_ms()
        self._memory.push(session, packet)
        for sink in self._sinks:
            sink.packet(session, packet)
        self._stream.packet(session, packet)
        if packet.key:
            self._watch.key(packet.data, session.at_ms(packet))
            self._accept(self._stream.facts())
        self._up()

    def _accept(self, facts: StreamFacts | None) -> None:
        """At each key frame; what the stream is like is logged once a connection, when it is known."""
        self._poor = complaints(facts, self.settings) if facts else ()
        if facts and facts.gop_ms is not None and not self._logged:
            self._logged = True
            log.info("camera stream", extra={"camera": self.settings.name, **asdict(facts)})

    def _up(self) -> None:
        words = (*self._poor, *self._seen)
        state: State = "frozen" if self._watch.frozen else "poor" if words else "up"
        detail = "the picture does not change" if state == "frozen" else ", ".join(words)
        was = self._condition
        if (was.state, was.detail) == (state, detail):
            return
        since = was.since_ms if was.state == state else self._clock.now_ms()
        self._condition = _Condition(state=state, since_ms=since, detail=detail)
        if was.state == "down":
            log.info("camera back", extra={"camera": self.settings.name})
        if state == "frozen":
            log.warning("camera frozen", extra={"camera": self.settings.name})
        if state == "poor":
            log.warning("camera not fit for evidence", extra={"camera": self.settings.name, "reason": detail})

    def _down(self, reason: str) -> None:
        self._lost += 1
        self._memory.lost()
        if self._condition.state != "down":
            log.warning("camera lost", extra={"camera": self.settings.name, "reason": reason})
            self._condition = _Condition(state="down", since_ms=self._clock.now_ms(), detail=reason)


class KeyWatch:
    """What key frames tell without being decoded: a picture that does not change."""

    def __init__(self, *, frozen_ms: int) -> None:
        self._frozen_ms = frozen_ms
        self._seen: deque[bytes] = deque(maxlen=SAME_KEYS)
        self._changed_ms: int | None = None
        self.frozen = False

    def key(self, data: bytes, at_ms: int) -> None:
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if digest not in self._seen or self._changed_ms is None:
            self._changed_ms = at_ms
        self._seen.append(digest)
        self.frozen = self._frozen_ms > 0 and at_ms - self._changed_ms >= self._frozen_ms


def _near(frames: Sequence[Frame], wanted: Sequence[int], memory_s: float) -> list[Frame]:
    """Frames of another time are worse than none."""
    reach = int(memory_s * 1000) // 4
    return [f for f in frames if wanted[0] - reach <= f.at_ms <= wanted[-1] + reach]
