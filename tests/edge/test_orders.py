"""Orders at the box: durable before they are looked at, answered once, and kept while there is no room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.orders import LARGEST, Answer, Orders, answered, leave
from kernel.errors import FullError, ProtocolError, RefusedError, RestartError
from tests.edge.instrument.rig import DeskClock

GOOD = {"act": "open_shift", "id": "a1b2c3d4", "by": "wang"}


class Lane:
    def __init__(self, folder: Path) -> None:
        self.done: list[Mapping[str, str]] = []
        self.fails: Exception | None = None
        self.orders = Orders(folder, perform=self.perform, clock=DeskClock())

    async def perform(self, arguments: Mapping[str, str]) -> str:
        if self.fails is not None:
            raise self.fails
        self.done.append(arguments)
        return "shift.opened: abc/7"


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "orders")


async def test_an_order_is_done_once_and_answered_once(lane: Lane, tmp_path: Path) -> None:
    path = leave(tmp_path / "orders", GOOD)
    assert answered(path) is None
    await lane.orders.look()
    await lane.orders.look()
    assert lane.done == [GOOD]
    assert answered(path) == Answer(done="shift.opened: abc/7")
    assert answered(path) is None
    assert list((tmp_path / "orders").iterdir()) == []


async def test_an_order_that_waited_for_the_lane_is_done_when_it_runs(lane: Lane, tmp_path: Path) -> None:
    leave(tmp_path / "orders", GOOD)
    task = asyncio.create_task(lane.orders.run())
    async with asyncio.timeout(20):
        while not lane.done:
            await asyncio.sleep(0)
    task.cancel()


async def test_a_refusal_is_an_answer(lane: Lane, tmp_path: Path) -> None:
    lane.fails = RefusedError("the display does not stand still")
    path = leave(tmp_path / "orders", GOOD)
    await lane.orders.look()
    assert answered(path) == Answer(refused="the display does not stand still")


async def test_without_room_it_stays_and_is_tried_again(lane: Lane, tmp_path: Path) -> None:
    lane.fails = FullError("no room")
    path = leave(tmp_path / "orders", GOOD)
    await lane.orders.look()
    assert answered(path) is None
    lane.fails = None
    await lane.orders.look()
    assert answered(path) == Answer(done="shift.opened: abc/7")


@pytest.mark.parametrize(
    "fails", [ProtocolError("a body of 31000 bytes"), OverflowError("int too big"), KeyError("x")]
)
async def test_no_order_ends_the_lane_or_stays_for_its_next_start(
    lane: Lane, tmp_path: Path, fails: Exception
) -> None:
    lane.fails = fails
    path = leave(tmp_path / "orders", GOOD)
    await lane.orders.look()
    answer = answered(path)
    assert answer is not None
    assert str(fails) in answer.refused
    assert list((tmp_path / "orders").iterdir()) == []


async def test_what_a_failed_journal_did_not_take_is_done_by_the_next_start(
    lane: Lane, tmp_path: Path
) -> None:
    lane.fails = RestartError("the journal has failed")
    path = leave(tmp_path / "orders", GOOD)
    with pytest.raises(RestartError):
        await lane.orders.look()
    lane.fails = None
    await lane.orders.look()
    assert answered(path) == Answer(done="shift.opened: abc/7")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", b'{"act": 3}', b'{"act": "' + b"x" * LARGEST + b'"}']
)
async def test_what_is_no_order_is_refused_and_gone(lane: Lane, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "bad.order").write_bytes(content)
    leave(folder, GOOD)
    await lane.orders.look()
    answer = answered(folder / "bad.answer")
    assert answer is not None
    assert answer.refused.startswith("not an order")
    assert lane.done == [GOOD], "the next one is not held up"


async def test_a_folder_under_an_orders_name_does_not_end_the_lane(lane: Lane, tmp_path: Path) -> None:
    (tmp_path / "orders" / "odd.order").mkdir(parents=True)
    leave(tmp_path / "orders", GOOD)
    await lane.orders.look()
    assert lane.done == [GOOD]
