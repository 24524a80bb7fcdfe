"""Plates read outside the lane's process: one request after another, and never a weighing that waits for one.

When more requests wait than may, the oldest is answered `unread` with the flag `busy`.  A reader's process that dies
or hangs is started again; its request is answered `unread`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from edge.cameras.pictures import Frame
from edge.cameras.settings import WHOLE, PlateSettings
from edge.plates.voting import Role, decided, vote
from edge.plates.wire import LENGTH, MAX_MESSAGE, Answer, Ask, decode_answer, framed
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.events import DeviceHealth, PlateRead

log = logging.getLogger(__name__)

STARTS_WITHIN_S = 30.0
RETRY_S = 2.0
Region = tuple[int, int, int, int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateResult:
    """What was read; `frame` is the number of the picture that shows it best, `crop` a JPEG of the plate there."""

    read: PlateRead
    crop: bytes | None = None
    frame: int | None = None
    flags: tuple[str, ...] = ()  # busy, reader_down


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    frames: Sequence[Frame]
    role: Role
    region: Region
    result: asyncio.Future[PlateResult]


class PlateReader:
    """`command` starts the reader's process; tests start another."""

    def __init__(
        self, settings: PlateSettings, *, clock: Clock, command: Sequence[str] | None = None
    ) -> None:
        self._settings, self._clock = settings, clock
        self._child = Child(command or worker_command(settings), patience_s=settings.patience_s)
        self._waiting: deque[_Request] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._state: Literal["starting", "up", "down"] = "starting"
        self._since_ms, self._detail = clock.now_ms(), ""
        self._read, self._given_up = 0, 0

    async def start(self) -> None:
        """Returns at once; the models load meanwhile."""
        self._task = asyncio.create_task(self._run(), name="plates")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._child.close()
        self._give_up()

    def _give_up(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            self._given_up += 1
            _settle(request, _unread(request.role, "reader_down"))

    async def read(
        self, frames: Sequence[Frame], role: Role, *, region: Sequence[int] | None = None
    ) -> PlateResult:
        """Vote over the frames of one side.  Always answers; without frames the answer is `unread`."""
        future: asyncio.Future[PlateResult] = asyncio.get_running_loop().create_future()
        if not frames:
            return _unread(role)
        x, y, width, height = region or WHOLE
        self._waiting.append(_Request(frames=frames, role=role, region=(x, y, width, height), result=future))
        while len(self._waiting) > self._settings.waiting:
            oldest = self._waiting.popleft()
            self._given_up += 1
            _settle(oldest, _unread(oldest.role, "busy"))
        self._wake.set()
        return await future

    @property
    def rss_kb(self) -> int:
        """Largest memory of the reader's process so far."""
        return self._child.rss_kb

    def health(self) -> DeviceHealth:
        return DeviceHealth(
            name="plates",
            kind="plates",
            state=self._state,
            since_ms=self._since_ms,
            detail=self._detail,
            good=self._read,
            dropped=self._given_up,
        )

    async def _run(self) -> None:
        while True:
            try:
                await self._child.start()
                self._say("up")
                await self._serve()
            except LinkError as error:
                self._say("down", str(error))
                self._give_up()  # whoever waits for a reader that does not start would wait for ever
                await self._child.close()
                await self._clock.sleep(RETRY_S)

    async def _serve(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            request = self._waiting.popleft()
            try:
                _settle(request, await self._vote(request))
            except LinkError:
                self._given_up += 1
                _settle(request, _unread(request.role, "reader_down"))
                raise
            except asyncio.CancelledError:
                _settle(request, _unread(request.role, "reader_down"))
                raise

    async def _vote(self, request: _Request) -> PlateResult:
        """Frames from the middle outwards, until the answer is clear."""
        answers: dict[int, Answer] = {}
        for number in middle_out(len(request.frames)):
            answers[number] = await self._child.ask(request.frames[number].jpeg, request.region)
            self._read += 1
            if decided(answers):
                break
        voted = vote(request.role, answers)
        return PlateResult(read=voted.read, crop=voted.crop or None, frame=voted.frame)

    def _say(self, state: Literal["up", "down"], detail: str = "") -> None:
        if state == self._state:
            return
        if state == "down":
            log.warning("plate reader lost", extra={"reason": detail})
        elif self._state == "down":
            log.info("plate reader back")
        self._state, self._since_ms, self._detail = state, self._clock.now_ms(), detail


class Child:
    """The reader's process: started, asked one thing at a time, killed when it hangs.  Raises LinkError."""

    def __init__(self, command: Sequence[str], *, patience_s: float) -> None:
        self._command, self._patience_s = tuple(command), patience_s
        self._process: asyncio.subprocess.Process | None = None
        self._spawning: asyncio.Task[None] | None = None
        self._number = 0
        self.rss_kb = 0

    async def start(self) -> None:
        """Waits until the models are loaded."""
        self._number = 0
        self._spawning = asyncio.create_task(self._spawn())
        try:
            # Shielded: cancelled in the middle of it, the process would have no owner.
            await asyncio.shield(self._spawning)
        except OSError as error:
            raise LinkError(f"cannot start the reader: {error}") from error
        await self._answer(STARTS_WITHIN_S)

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )

    async def ask(self, jpeg: bytes, region: Region) -> Answer:
        process = self._running()
        self._number += 1
        try:
            _pipe(process.stdin).write(framed(Ask(number=self._number, jpeg=jpeg, region=region)))
            await _pipe(process.stdin).drain()
        except OSError as error:
            raise LinkError("the reader has ended") from error
        return await self._answer(self._patience_s)

    async def close(self) -> None:
        """May be cut short and called again."""
        if self._spawning:
            await asyncio.wait([self._spawning])
        if (process := self._process) is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        _pipe(process.stdin).close()
        await process.wait()
        self._process = None

    async def _answer(self, patience_s: float) -> Answer:
        try:
            async with asyncio.timeout(patience_s):
                answer = decode_answer(await self._message())
        except TimeoutError as error:
            raise LinkError("the reader does not answer") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise LinkError("the reader has ended") from error
        except msgspec.MsgspecError as error:
            raise LinkError(f"the reader talks nonsense: {error}") from error
        if answer.number != self._number:
            raise LinkError("the reader answers something else")
        self.rss_kb = answer.rss_kb
        return answer

    async def _message(self) -> bytes:
        stream = _pipe(self._running().stdout)
        size = int.from_bytes(await stream.readexactly(LENGTH), "big")
        if size > MAX_MESSAGE:
            raise LinkError("the reader talks nonsense")
        return await stream.readexactly(size)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise LinkError("the reader is not running")
        return self._process


def worker_command(settings: PlateSettings) -> tuple[str, ...]:
    return (sys.executable, "-m", "edge.plates.worker", msgspec.json.encode(settings).decode())


def middle_out(count: int) -> list[int]:
    """The middle first: nearest to the trigger."""
    return sorted(range(count), key=lambda n: (abs(2 * n - count + 1), n))


def _pipe(stream: T | None) -> T:
    if stream is None:
        raise LinkError("the reader has no pipe")
    return stream


def _settle(request: _Request, result: PlateResult) -> None:
    if not request.result.done():
        request.result.set_result(result)


def _unread(role: Role, *flags: str) -> PlateResult:
    return PlateResult(read=PlateRead(role=role, status="unread"), flags=flags)
