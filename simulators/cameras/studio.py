"""One niced thread draws and encodes for all cameras, some seconds ahead of the moment when a frame is due."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import cv2

from kernel.clock import Clock
from simulators.cameras.camera import Camera, Gop

log = logging.getLogger(__name__)

T = TypeVar("T")
AHEAD_MS = 4_000
NICE = 2  # a little: a stream that stutters is no camera
TOLERATED_MS = 200
REEL_SECONDS = 8


class Reel:
    """The latest seconds of one camera; viewers wait for the next one."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.viewers = 0
        self.last_second = -2  # nothing yet, so that second 0 is no continuation
        self.behind = False
        self.filling = asyncio.Lock()
        self._gops: deque[Gop] = deque(maxlen=REEL_SECONDS)
        self._grown = asyncio.Condition()

    async def add(self, gop: Gop) -> None:
        async with self._grown:
            self._gops.append(gop)
            self.last_second = gop.second
            self._grown.notify_all()

    async def next(self, *, after: int) -> Gop:
        """The first second after that one, once it is there."""
        async with self._grown:
            await self._grown.wait_for(lambda: self.last_second > after)
            return next(gop for gop in self._gops if gop.second > after)


class Studio:
    """Fills the reels of cameras that have viewers; a camera nobody looks at costs nothing."""

    def __init__(self, cameras: tuple[Camera, ...], *, clock: Clock) -> None:
        self.reels = {camera.name: Reel(camera) for camera in cameras}
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="studio", initializer=_step_back)
        # Frame 0 is at a whole second, so that the burnt-in clock changes where a second of the stream begins.
        now_ms = clock.now_ms()
        self.began_ms = now_ms - now_ms % 1000
        self._ahead_of_mono_ms = now_ms - clock.mono_ms()

    def wall_ms(self) -> int:
        """Wall time as the stream counts it: a step of the machine's clock does not move the frames."""
        return self._clock.mono_ms() + self._ahead_of_mono_ms

    def second_now(self) -> int:
        return (self.wall_ms() - self.began_ms) // 1000

    async def warm_up(self) -> None:
        """Do once what the first second would have to wait for."""
        for reel in self.reels.values():
            await self.draw(partial(reel.camera.warm_up, self.wall_ms()))

    async def run(self) -> None:
        """Second after second, until cancelled."""
        while True:
            target = (self.wall_ms() + AHEAD_MS - self.began_ms) // 1000
            for reel in self.reels.values():
                if reel.viewers:
                    await self.fill(reel, upto=target)
            await self.sleep_until(self.began_ms + (target + 1) * 1000 - AHEAD_MS)

    async def fill(self, reel: Reel, *, upto: int) -> None:
        """Draw and encode what is missing; seconds that are over are left out."""
        async with reel.filling:
            for second in range(max(reel.last_second + 1, self.second_now()), upto + 1):
                gop = await self.draw(partial(reel.camera.gop, second, began_ms=self.began_ms))
                self._complain_if_late(reel, gop)
                await reel.add(gop)

    async def draw(self, work: Callable[[], T]) -> T:
        """Run drawing work on the studio's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def sleep_until(self, wall_ms: int) -> None:
        await self._clock.sleep(max(wall_ms - self.wall_ms(), 0) / 1000)

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        for reel in self.reels.values():
            reel.camera.close()

    def _complain_if_late(self, reel: Reel, gop: Gop) -> None:
        """Once when a stream falls behind its time, once when it has caught up."""
        late_ms = self.wall_ms() - gop.starts_ms
        behind = late_ms > TOLERATED_MS and reel.last_second == gop.second - 1
        if behind != reel.behind:
            reel.behind = behind
            words = "camera stream is behind" if behind else "camera stream is on time again"
            log.warning(words, extra={"camera": reel.camera.name, "late_ms": late_ms})


def _step_back() -> None:
    """The product's processes come first; pictures are made ahead of time, so a short wait does not show."""
    cv2.setNumThreads(1)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
