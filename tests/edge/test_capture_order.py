"""A technician asks the running lane for what its lines said: an order, an answer, and a plain word where there is none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from edge.capture_verb import Answer, Kept, Order, Orders, ask
from kernel.errors import FullError, RefusedError
from simulators.clock import VirtualClock

ORDER = Order(id="17-4711", by="李明", seconds=60)
FILE = Kept(name="scale-1.capture", sha256="a" * 64, size=1_234)


@dataclass
class Keeper:
    kept: tuple[Kept, ...] = (FILE,)
    full: bool = False
    asked: list[Order] = field(default_factory=list)

    async def keep(self, order: Order) -> tuple[Kept, ...]:
        self.asked.append(order)
        if self.full:
            raise FullError("disk full")
        return self.kept


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def answered(folder: Path, keeper: Keeper | None, order: Order = ORDER) -> Answer:
    """What `ask` says while a lane runs, or does not."""
    clock = VirtualClock()
    lane = asyncio.create_task(Orders(folder, keep=keeper.keep, clock=clock).run()) if keeper else None
    await clock.run_for(0)
    asking = asyncio.create_task(ask(folder, order, clock=clock))
    try:
        for _ in range(200):
            await clock.run_for(0.1)
            if asking.done():
                break
        return await asking
    finally:
        if lane is not None:
            lane.cancel()
            with suppress(asyncio.CancelledError):
                await lane


async def test_the_lane_obeys_and_says_what_it_kept(tmp_path: Path) -> None:
    keeper = Keeper()
    assert await answered(tmp_path, keeper) == Answer(id=ORDER.id, kept=(FILE,))
    assert keeper.asked == [ORDER]
    assert left(tmp_path) == []


async def test_a_lane_that_does_not_run_is_said_and_the_order_taken_back(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is it running"):
        await answered(tmp_path, None)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("keeper", "said"),
    [(Keeper(full=True), "no room: disk full"), (Keeper(kept=()), "nothing has passed")],
)
async def test_why_nothing_was_kept_is_said(tmp_path: Path, keeper: Keeper, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        await answered(tmp_path, keeper)


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="No such file"):
        await ask(tmp_path / "gone", ORDER, clock=VirtualClock())


@pytest.mark.parametrize(
    "order",
    [
        b"",
        b"capture now",
        b"x" * 100_000,
        msgspec.json.encode({"id": "1", "by": "x", "seconds": 60, "run": "rm"}),
        msgspec.json.encode({"id": "1", "by": "x", "seconds": 0}),
        msgspec.json.encode({"id": "1", "by": "x", "seconds": 601}),
        msgspec.json.encode({"id": "1", "by": " ", "seconds": 60}),
        msgspec.json.encode({"id": "1", "by": "x" * 101, "seconds": 60}),
    ],
)
async def test_an_order_that_is_none_does_nothing_and_is_gone(tmp_path: Path, order: bytes) -> None:
    (tmp_path / "capture.order").write_bytes(order)
    keeper = Keeper()
    await Orders(tmp_path, keep=keeper.keep, clock=VirtualClock()).look()
    assert keeper.asked == []
    assert not (tmp_path / "capture.order").exists()
    assert msgspec.json.decode((tmp_path / "capture.answer").read_bytes(), type=Answer).problem


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
async def test_what_is_no_file_is_no_order_and_ends_nothing(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "capture.order")
    keeper, clock = Keeper(), VirtualClock()
    lane = asyncio.create_task(Orders(tmp_path, keep=keeper.keep, clock=clock).run())
    await clock.run_for(5)
    assert not lane.done()
    lane.cancel()
    with suppress(asyncio.CancelledError):
        await lane
    assert keeper.asked == []


async def test_an_order_from_before_the_start_is_not_obeyed(tmp_path: Path) -> None:
    (tmp_path / "capture.order").write_bytes(msgspec.json.encode(ORDER))
    keeper, clock = Keeper(), VirtualClock()
    lane = asyncio.create_task(Orders(tmp_path, keep=keeper.keep, clock=clock).run())
    await clock.run_for(5)
    lane.cancel()
    with suppress(asyncio.CancelledError):
        await lane
    assert keeper.asked == []
