"""A box that floods costs nobody but itself."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from journal.intake import AT_ONCE, Intake
from journal.limits import BOXES, BURST_S, WINDOW, Buckets, Gate
from journal.receiver import STRANGERS, Receiver
from journal.settings import Limits
from journal.stores import SqliteStore
from journal.turns import Turns
from kernel.errors import ConfigError
from tests.journal.brokers import MemoryBroker
from tests.journal.making import TestClock
from tests.journal.receiver_contract import STORE_KEY, TRUST, lane, receiving, same, welcomed
from tests.journal.test_receiver_sqlite import SeenStore


def test_everybody_takes_turns_and_keeps_an_order() -> None:
    turns = Turns[str]()
    for number in range(5):
        turns.put("loud", f"loud {number}")
    turns.put("quiet", "quiet 0")
    assert turns.take(4) == ["loud 0", "quiet 0", "loud 1", "loud 2"]
    turns.put("quiet", "quiet 1")
    assert turns.take(9) == ["loud 3", "quiet 1", "loud 4"]


def test_a_batch_ends_where_it_is_heavy_enough() -> None:
    turns = Turns[int]()
    for weight in (5, 5, 5):
        turns.put("box", weight)
    assert turns.take(6, weigh=lambda weight: weight) == [5, 5]
    assert turns.take(1, weigh=lambda weight: weight) == [5]


def test_what_waits_is_taken_after_the_close_and_then_nothing() -> None:
    turns, taken = Turns[str](), list[list[str]]()

    def work() -> None:
        while items := turns.take(9):
            taken.append(items)

    thread = threading.Thread(target=work)
    thread.start()
    turns.put("box", "last")
    turns.close()
    thread.join()
    assert taken == [["last"]]


def test_a_bucket_fills_with_time_and_never_over_its_burst() -> None:
    buckets = Buckets(10)
    assert [buckets.take("box", mono_ms=0) for _ in range(BURST_S * 10 + 1)] == [True] * BURST_S * 10 + [
        False
    ]
    assert buckets.take("other", mono_ms=0)
    assert [buckets.take("box", mono_ms=100) for _ in range(2)] == [True, False]
    assert not buckets.take("box", mono_ms=50)
    assert sum(buckets.take("box", mono_ms=10**9) for _ in range(100)) == BURST_S * 10


def test_names_that_are_made_up_fill_no_memory() -> None:
    buckets = Buckets(10)
    for number in range(3 * BOXES):
        assert buckets.take(f"box-{number}", mono_ms=0)
    assert len(buckets._buckets) == BOXES


def test_a_gate_counts_what_is_under_way() -> None:
    gate = Gate(Limits(frames_per_s=100, hellos_per_s=1))
    assert [gate.enter("box", hello=False, mono_ms=0) for _ in range(WINDOW)] == [None] * WINDOW
    assert gate.enter("box", hello=False, mono_ms=0) == f"more than {WINDOW} messages under way"
    gate.leave("box")
    assert gate.enter("box", hello=True, mono_ms=0) is None
    for _ in range(WINDOW):
        gate.leave("box")
    assert [gate.enter("box", hello=True, mono_ms=0) for _ in range(BURST_S)][-1] is not None
    assert gate.enter("other", hello=True, mono_ms=0) is None


def test_a_limit_of_nothing_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="frames_per_s"):
        Limits(frames_per_s=0)


async def test_a_flood_is_dropped_and_the_other_box_is_served(quick_path: Path) -> None:
    """Frames under a valid identity, hellos without end, a message of ten megabytes: all from one box."""
    loud, quiet, clock, broker = lane("s01-lane1"), lane("s01-lane2"), TestClock(), MemoryBroker()
    quiet.talk(20)
    with closing(SeenStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        async with receiving(store, clock=clock) as receiver:
            intake = Intake(broker.transport(), receiver, limits=Limits(frames_per_s=5, hellos_per_s=1))
            await welcomed(receiver, loud)
            await welcomed(receiver, quiet)
            frame, up = loud.wire(), "weighpost/v1/up/s01-lane1"
            for number in range(2_000):
                broker.inject(f"{up}/frame/{loud.id}", frame)
                broker.inject(f"{up}/hello", loud.hello() if number < 50 else b"hello")
            broker.inject(f"{up}/frame/{loud.id}", bytes(10_000_000))
            assert len(intake._under_way) <= WINDOW
            for start in range(21):
                broker.inject(f"weighpost/v1/up/s01-lane2/frame/{quiet.id}", quiet.wire(start, start + 1))
                while intake._gate._under_way["s01-lane2"] >= 8:  # as a sender waits for its receipts
                    await asyncio.sleep(0)
                clock.ms += 200
            await intake.stop()
            assert receiver.refused["s01-lane1"] > 3_900
            assert receiver.refusals["s01-lane1"].reason == "a message of 10000000 bytes"
            assert "s01-lane2" not in receiver.refused
            assert len(intake._under_way) == 0 < AT_ONCE
        same(store, quiet)


async def test_names_that_strangers_make_up_are_counted_together(quick_path: Path) -> None:
    with closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        async with receiving(store) as receiver:
            for number in range(1_500):
                receiver.refuse(f"made-up-{number}", "no")
            assert (len(receiver.refused), receiver.refused[STRANGERS]) == (1_025, 476)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\xdf\xff\xff\xff\xff",  # a map of four thousand million
        b"\x81\xa7entries\xdd\xff\xff\xff\xff",
        b"\x91" * 90_000,  # lists in lists
        b"\xc6\x7f\xff\xff\xff",  # two gigabytes, it says
        msgspec.msgpack.encode({"journal": "a" * 32, "from": 0, "entries": [[b"", None, None]] * 20_000}),
        bytes(10_000_000),
    ],
)
async def test_bombs_take_no_memory(quick_path: Path, bomb: bytes) -> None:
    """Attack 13: what a message says of its size is not believed."""
    journal = lane()
    with closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
        async with receiving(store) as receiver:
            await welcomed(receiver, journal)
            tracemalloc.start()
            try:
                for _ in range(20):
                    assert (await receiver.accept(journal.box, journal.id, bomb)).refused is not None
                    assert (await receiver.hello(journal.box, bomb)).refused != ()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 2_000_000
            assert receiver.refused[journal.box] == 40


def test_a_receiver_takes_one_of_each_box_and_again(quick_path: Path) -> None:
    async def story() -> list[str]:
        order: list[str] = []
        loud, quiet = lane("s01-lane1"), lane("s01-lane2")
        loud.talk(40)
        with closing(SqliteStore(quick_path / "store.db", store_id=STORE_KEY.name)) as store:
            receiver = Receiver(store, key=STORE_KEY, trust=TRUST, clock=TestClock())
            receiver.on_committed(lambda entries: order.extend(entry.box for entry in entries))
            try:
                await welcomed(receiver, loud)
                await welcomed(receiver, quiet)
                with store.begin():  # nothing is taken while it waits
                    pieces = [loud.wire(start, start + 1) for start in range(41)]
                    waiting = [
                        asyncio.ensure_future(receiver.accept(loud.box, loud.id, piece)) for piece in pieces
                    ]
                    await asyncio.sleep(0)
                    waiting.append(asyncio.ensure_future(receiver.accept(quiet.box, quiet.id, quiet.wire())))
                    await asyncio.sleep(0)
                for answer in await asyncio.gather(*waiting):
                    assert answer.refused is None
            finally:
                receiver.close()
        return order

    order = asyncio.run(story())
    assert sorted(order) == ["s01-lane1"] * 41 + ["s01-lane2"]
