"""What waits for a slow browser is bounded, and what was dropped is made good by a snapshot."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from web.outbox import Message, Outbox, Resync


async def drain(outbox: Outbox) -> list[Message | Resync]:
    taken = []
    while True:
        try:
            async with asyncio.timeout(0):
                taken.append(await outbox.take())
        except TimeoutError:
            return taken


def message(topic: str, number: int) -> Message:
    return Message(topic=topic, data=str(number).encode())


async def test_deltas_come_in_order() -> None:
    outbox = Outbox(10)
    for n in range(3):
        outbox.put("a", str(n).encode())
    assert await drain(outbox) == [message("a", n) for n in range(3)]


async def test_of_values_only_the_newest_waits() -> None:
    outbox = Outbox(10)
    for n in range(1000):
        outbox.put_newest("weight", str(n).encode())
    assert await drain(outbox) == [message("weight", 999)]
    assert outbox.dropped == 0


async def test_the_oldest_is_dropped_and_its_topic_is_sent_whole() -> None:
    outbox = Outbox(2)
    outbox.put("a", b"0")
    outbox.put("b", b"1")
    outbox.put("b", b"2")
    assert outbox.dropped == 1
    assert await drain(outbox) == [Resync(topic="a"), message("b", 1), message("b", 2)]


async def test_taking_waits_for_something() -> None:
    outbox = Outbox(2)
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put("a", b"0")
    assert await taking == message("a", 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(1, 8))
async def test_nothing_is_lost_without_a_snapshot(puts: list[tuple[str, bool]], limit: int) -> None:
    outbox = Outbox(limit)
    for n, (topic, whole) in enumerate(puts):
        put = outbox.put_newest if whole else outbox.put
        put(topic, str(n).encode())
        assert len(outbox) <= limit + 3  # at most one value a topic beside the deltas
    taken = await drain(outbox)
    resynced = {item.topic for item in taken if isinstance(item, Resync)}
    sent = {(item.topic, int(item.data)) for item in taken if isinstance(item, Message)}
    for n, (topic, whole) in enumerate(puts):
        later_value = any(t == topic and w for t, w in puts[n + 1 :])
        assert (topic, n) in sent or topic in resynced or (whole and later_value)
