"""`scale capture`: has the running lane keep what its lines said lately, without taking a line away from it.

capture.order    in the lane's data folder, written by the verb and removed by the lane that obeys it
capture.answer   what was kept, or why nothing was
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from edge.settings import Settings
from journal.console import Console, Verbs, read_settings, write
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError

log = logging.getLogger(__name__)

LONGEST_S = 600
_LOOK_S = 0.5
_LARGEST = 4096
_WAIT_MS = 10_000


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is the answer's; `by` goes into the entry."""

    id: str
    by: str
    seconds: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One file, by the name and digest under which the journal has it."""

    name: str
    sha256: str
    size: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`problem` says why nothing was kept."""

    id: str
    kept: tuple[Kept, ...] = ()
    problem: str = ""


Keep = Callable[[Order], Awaitable[tuple[Kept, ...]]]


class Orders:
    """The lane's side; `keep` raises FullError when there is no room."""

    def __init__(self, folder: Path, *, keep: Keep, clock: Clock) -> None:
        self._order = folder / "capture.order"
        self._answer = folder / "capture.answer"
        self._keep = keep
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; an order from before the start is of a line that nobody listened to."""
        with contextlib.suppress(OSError):  # whatever lies there is none
            self._order.unlink()
        while True:
            await self._clock.sleep(_LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Obey, if there is an order."""
        if not self._order.is_file():
            return
        try:
            answer = await self._obey()
        except OSError as error:
            log.warning("order not taken", extra={"reason": str(error)})
            return
        with contextlib.suppress(OSError):  # a full disk: the verb says that no answer came
            _write(self._answer, answer)

    async def _obey(self) -> Answer:
        with self._order.open("rb") as file:
            said = file.read(_LARGEST + 1)
        self._order.unlink(missing_ok=True)
        try:
            order = msgspec.json.decode(said, type=Order)
            _check(order)
        except (msgspec.DecodeError, RefusedError) as error:
            log.warning("order not understood", extra={"reason": str(error)})
            return Answer(id="", problem=str(error))
        try:
            kept = await self._keep(order)
        except FullError as error:
            return Answer(id=order.id, problem=f"no room: {error}")
        return Answer(id=order.id, kept=kept, problem="" if kept else "nothing has passed over its lines")


def _check(order: Order) -> None:
    if not 0 < order.seconds <= LONGEST_S:
        raise RefusedError(f"seconds must be 1 to {LONGEST_S}, is {order.seconds}")
    if not 0 < len(order.by.strip()) <= 100:
        raise RefusedError("an order says by whom, in at most 100 characters")


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("capture", help="have the running lane keep what its lines said lately")
    parser.add_argument("settings", type=Path, metavar="lane.toml")
    parser.add_argument("--seconds", type=int, default=60, help="how far back (60, at most 600)")
    parser.add_argument("--by", default=None, metavar="NAME", help="who asks; by default the user's name")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace, console: Console) -> int:
    """RefusedError: the lane does not run, or could keep nothing."""
    settings = read_settings(Settings, given.settings)
    order = Order(id=f"{console.clock.now_ms()}-{os.getpid()}", by=given.by or _user(), seconds=given.seconds)
    _check(order)
    answer = asyncio.run(ask(Path(settings.data), order, clock=console.clock))
    for kept in answer.kept:
        write(f"{kept.sha256}  {kept.name}  {kept.size} bytes")
    return 0


async def ask(folder: Path, order: Order, *, clock: Clock) -> Answer:
    """What the lane answers.  RefusedError: it does not, or it kept nothing."""
    placed, answered = folder / "capture.order", folder / "capture.answer"
    try:
        _write(placed, order)
    except OSError as error:
        raise RefusedError(f"{placed}: {error.strerror}") from error
    until = clock.mono_ms() + _WAIT_MS
    while (answer := _read(answered, order.id)) is None:
        if clock.mono_ms() > until:
            placed.unlink(missing_ok=True)
            raise RefusedError("the lane has not answered: is it running?")
        await clock.sleep(0.1)
    answered.unlink(missing_ok=True)
    if answer.problem:
        raise RefusedError(answer.problem)
    return answer


def _read(path: Path, order_id: str) -> Answer | None:
    try:
        answer = msgspec.json.decode(path.read_bytes(), type=Answer)
    except (OSError, msgspec.DecodeError):
        return None
    return answer if answer.id == order_id else None


def _write(path: Path, value: msgspec.Struct) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(value))
    fresh.replace(path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
