from __future__ import annotations

import asyncio

import pytest

from edge.controller import ControllerOptions, LaneController, LoopEvent, fitting
from firmware_bridge.protocol import Ack, Hello, Loop, Message, Parser, Sign, Status, encode
from kernel.errors import ConfigError, LinkError
from simulators.clock import VirtualClock
from simulators.links import MemoryWire, ScriptedLink


def written(link: ScriptedLink) -> list[Message]:
    items = Parser().feed(b"".join(link.written))
    return [item for item in items if isinstance(item, (Ack, Sign))]


async def heard(*chunks: bytes) -> tuple[list[LoopEvent], ScriptedLink, LaneController, VirtualClock]:
    clock = VirtualClock(mono_ms=5_000_000)
    controller = LaneController(ControllerOptions(), device="controller", clock=clock)
    link = ScriptedLink(chunks, clock=clock)
    got: list[LoopEvent] = []

    async def listen() -> None:
        async for event in controller.readings(link):
            got.append(event)  # noqa: PERF401 - what came before the end must be seen

    task = asyncio.create_task(listen())
    await clock.run_for(60)
    with pytest.raises(LinkError):
        await task
    return got, link, controller, clock


def loop(seq: int, mono_ms: int, *, occupied: bool = True) -> bytes:
    return encode(Loop(seq=seq, loop=1, occupied=occupied, mono_ms=mono_ms))


async def test_a_repeated_loop_is_acknowledged_each_time_and_counted_once() -> None:
    got, link, _, _ = await heard(loop(7, 100), loop(7, 100), loop(8, 300, occupied=False))
    assert [(event.seq, event.occupied) for event in got] == [(7, True), (8, False)]
    assert [ack.of for ack in written(link) if isinstance(ack, Ack)] == [7, 7, 8]


async def test_a_number_that_has_come_round_is_another_loop() -> None:
    """Each status takes a number too: they wrap after 18 hours, and a quiet site has few loops in between."""
    got, _, _, _ = await heard(loop(7, 100), loop(7, 100 + 65_536_000))
    assert [event.device_ms for event in got] == [100, 100 + 65_536_000]


async def test_loops_are_dated_by_the_fastest_message_seen() -> None:
    status = encode(Status(seq=1, mono_ms=1_000))
    # The status came after 100 ms of ours; the loop of device time 1 050 was held up for another 150.
    got, _, _, clock = await heard(status, b"", loop(2, 1_050))
    assert got[0].mono_ms == 5_000_000 + 150
    assert got[0].at_ms - got[0].mono_ms == clock.now_ms() - clock.mono_ms()


async def test_after_a_restart_sequences_begin_anew() -> None:
    hello = encode(Hello(seq=1, boot=1, loops=2, firmware="x"))
    again = encode(Hello(seq=1, boot=2, loops=2, firmware="x"))
    got, _, _, _ = await heard(hello, loop(2, 90_000), again, hello, again, loop(2, 50))
    assert [event.seq for event in got] == [2, 2]


async def test_broken_loops_and_noise_are_known() -> None:
    _, _, controller, _ = await heard(encode(Status(seq=1, mono_ms=5, broken=2)), b"\x07rubbish\x00")
    assert controller.broken == 2
    assert (controller.pulse.good, controller.pulse.dropped) == (1, 1)


async def test_a_controller_that_restarted_is_shown_its_sign_again() -> None:
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    controller = LaneController(ControllerOptions(), device="controller", clock=clock)
    stream = controller.readings(wire.host)
    listening = asyncio.ensure_future(anext(aiter(stream)))
    showing = asyncio.create_task(controller.show_sign(("x",)))
    await clock.run_for(3)
    assert await showing is False
    wire.receive()
    await wire.send(encode(Hello(seq=1, boot=9, loops=2, firmware="x")))
    await clock.run_for(0.5)
    sent = [item for item in Parser().feed(wire.receive()) if isinstance(item, Sign)]
    assert [sign.lines for sign in sent] == [("x",)]
    listening.cancel()


def test_signs_are_cut_to_whole_characters() -> None:
    assert fitting(("超" * 20, "a", "b", "c", "d")) == ("超" * 16, "a", "b", "c")


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="sign_tries"):
        ControllerOptions(sign_tries=0)
    with pytest.raises(ConfigError, match="silent_ms"):
        ControllerOptions(silent_ms=0)
