"""A technician asks the running lane for what its lines said: an order, an answer, and a plain word where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.capture_verb import ACT, ask, seconds_and_by
from edge.orders import Orders
from kernel.errors import RefusedError
from simulators.clock import VirtualClock

SAID = {"by": "李明", "seconds": "60"}


class Keeper:
    def __init__(self, refuses: str = "") -> None:
        self.asked: list[Mapping[str, str]] = []
        self._refuses = refuses

    async def perform(self, arguments: Mapping[str, str]) -> str:
        self.asked.append(arguments)
        if self._refuses:
            raise RefusedError(self._refuses)
        return "aa  scale-1.capture  1234 bytes"


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def answered(folder: Path, keeper: Keeper | None) -> str:
    """What `ask` says while a lane looks once, or none does."""
    clock = VirtualClock()
    asking = asyncio.create_task(ask(folder, SAID, clock=clock))
    await asyncio.sleep(0)
    if keeper is not None:
        await Orders(folder, perform=keeper.perform, clock=clock).look()
    await clock.run_for(11)
    return await asking


async def test_the_lane_obeys_and_says_what_it_kept(tmp_path: Path) -> None:
    keeper = Keeper()
    assert await answered(tmp_path / "orders", keeper) == "aa  scale-1.capture  1234 bytes"
    [asked] = keeper.asked
    assert (asked["act"], seconds_and_by(asked)) == (ACT, (60, "李明"))
    assert left(tmp_path / "orders") == []


async def test_a_lane_that_does_not_run_is_said_and_the_order_taken_back(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is it running"):
        await answered(tmp_path, None)
    assert left(tmp_path) == []


async def test_why_nothing_was_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nothing has passed"):
        await answered(tmp_path, Keeper(refuses="nothing has passed over its lines"))


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match=r"Not a directory|File exists"):
        await ask(tmp_path / "file", SAID, clock=VirtualClock())


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"by": "x"},
        {"by": "x", "seconds": "0"},
        {"by": "x", "seconds": "601"},
        {"by": "x", "seconds": "-5"},
        {"by": "x", "seconds": "6.0"},
        {"by": "x", "seconds": "9" * 5_000},
        {"by": " ", "seconds": "60"},
        {"by": "x" * 101, "seconds": "60"},
    ],
)
def test_an_order_that_is_none_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        seconds_and_by(said)
