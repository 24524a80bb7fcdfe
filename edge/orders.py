"""Orders at the box itself: files that verbs of `weighpost-edge` leave for the running lane, and its answers.

Whoever may write the lane's folder may speak; the file is durable before the lane looks, and stays until it is done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from journal.keys import write_durably
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError, RestartError, WeighpostError

log = logging.getLogger(__name__)

FOLDER = "orders"
LOOK_S = 1.0
WAIT_S = 0.2
LARGEST = 64 * 1024
LONGEST_ANSWER = 500  # characters of one that nobody foresaw
_ORDER, _ANSWER = ".order", ".answer"

Perform = Callable[[Mapping[str, str]], Awaitable[str]]


class Answer(Struct, frozen=True, kw_only=True):
    done: str = ""
    refused: str = ""


class Orders:
    """`perform` does one and says what it did."""

    def __init__(self, folder: Path, *, perform: Perform, clock: Clock) -> None:
        self._folder = folder
        self._perform = perform
        self._clock = clock

    async def run(self) -> NoReturn:
        await asyncio.to_thread(self._begin)
        while True:
            await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Every order that lies there, by name."""
        for path in await asyncio.to_thread(self._lying):
            try:
                answer = await self._obey(path)
            except FullError as error:  # it stays, and is tried again
                log.error("no room for an order", extra={"reason": str(error)})  # noqa: TRY400
                continue
            await asyncio.to_thread(_answer, path, answer)

    def _lying(self) -> list[Path]:
        return sorted(path for path in self._folder.glob(f"*{_ORDER}") if path.is_file())

    def _begin(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.glob(f"*{_ANSWER}"):  # nobody waits for it any more
                path.unlink()
        except OSError as error:
            log.warning("folder of orders not ready", extra={"reason": str(error)})

    async def _obey(self, path: Path) -> Answer:
        try:
            arguments = await asyncio.to_thread(_read, path)
            done = await self._perform(arguments)
        except (
            FullError,
            RestartError,
        ):  # not the order's fault: it is tried again, by this start or the next
            raise
        except WeighpostError as error:
            log.warning("order refused", extra={"reason": str(error)})
            return Answer(refused=str(error))
        except Exception as error:  # one order ends neither this start nor every one after it
            log.exception("order failed")
            return Answer(refused=f"the lane could not carry it out: {error!r}"[:LONGEST_ANSWER])
        log.info("order carried out", extra={"act": arguments.get("act", "")})
        return Answer(done=done)


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(LARGEST), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise RefusedError(f"not an order: {error}") from error


def _answer(path: Path, answer: Answer) -> None:
    try:
        write_durably(path.with_suffix(_ANSWER), msgspec.json.encode(answer))
    except OSError as error:  # it is done all the same
        log.warning("answer not written", extra={"reason": str(error)})
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # done again, it is the same entry
        log.warning("order not removed", extra={"reason": str(error)})


def by_act(acts: Mapping[str, Perform], *, otherwise: Perform) -> Perform:
    """Each act to whoever performs it."""

    async def perform(arguments: Mapping[str, str]) -> str:
        return await acts.get(arguments.get("act", ""), otherwise)(arguments)

    return perform


def leave(folder: Path, arguments: Mapping[str, str]) -> Path:
    """An order for the lane; where its answer will be.  Blocking."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{arguments['id']}{_ORDER}"
    write_durably(path, msgspec.json.encode(arguments))
    return path.with_suffix(_ANSWER)


def answered(path: Path) -> Answer | None:
    """What the lane has said, once.  Blocking."""
    try:
        answer = msgspec.json.decode(path.read_bytes(), type=Answer)
    except FileNotFoundError:
        return None
    path.unlink()
    return answer


async def wait(path: Path, seconds: int, *, clock: Clock, withdraw: bool = False) -> Answer | None:
    """The answer that comes within so long; None: the order stays for later, or is taken back (`withdraw`).

    For a verb, which has nothing else to do: it blocks for a moment at each look.
    """
    until = clock.mono_ms() + seconds * 1_000
    while (answer := answered(path)) is None and clock.mono_ms() < until:
        await clock.sleep(WAIT_S)
    if answer is None and withdraw:
        _take_back(path.with_suffix(_ORDER))
    return answer


def _take_back(order: Path) -> None:
    order.unlink(missing_ok=True)
