"""The lane controller is told of the light until it has understood, and no more."""

from __future__ import annotations

import asyncio

import pytest

from edge.cameras.lighting import Exposure, Hint
from edge.controller import ControllerOptions, LaneController
from edge.lights import AGAIN_S, follow
from firmware_bridge.protocol import Hello, Light, LightSet, Parser, encode
from simulators.clock import VirtualClock
from simulators.controller import ControllerSim
from simulators.links import MemoryWire


class Sky:
    light: Hint | None = None


class Listener:
    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.told: list[tuple[bool, str]] = []

    async def set_light(self, *, fill: bool, exposure: Exposure) -> bool:
        self.told.append((fill, exposure))
        return self.answers.pop(0) if self.answers else True


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def test_each_change_is_told_once(clock: VirtualClock) -> None:
    sky, listener = Sky(), Listener()
    following = asyncio.create_task(follow(sky, listener, clock=clock))
    await clock.run_for(60)
    assert listener.told == [], "nobody has looked yet"
    sky.light = Hint()
    await clock.run_for(60)
    assert listener.told.pop() == (False, "normal"), "it may be on from before a restart"
    sky.light = Hint(fill=True, reason=("night",))
    await clock.run_for(60)
    sky.light = Hint(fill=True, exposure="shorter", reason=("night", "glare"))
    await clock.run_for(60)
    sky.light = Hint()
    await clock.run_for(60)
    assert listener.told == [(True, "normal"), (True, "shorter"), (False, "normal")]
    following.cancel()


async def test_a_controller_that_does_not_answer_is_asked_again_seldom(clock: VirtualClock) -> None:
    sky, listener = Sky(), Listener(False, False, True)
    sky.light = Hint(fill=True)
    following = asyncio.create_task(follow(sky, listener, clock=clock))
    await clock.run_for(AGAIN_S * 1.5)
    assert len(listener.told) == 2
    await clock.run_for(AGAIN_S * 10)
    assert len(listener.told) == 3
    following.cancel()


async def test_a_controller_that_comes_back_is_asked_at_once(clock: VirtualClock) -> None:
    sky, listener = Sky(), Listener(False, True)
    sky.light = Hint()
    following = asyncio.create_task(follow(sky, listener, clock=clock))
    await clock.run_for(20)
    assert len(listener.told) == 1
    listener.connections += 1
    await clock.run_for(6)
    assert len(listener.told) == 2
    following.cancel()


async def test_the_light_of_a_controller_that_restarted_is_set_again(clock: VirtualClock) -> None:
    wire = MemoryWire(clock=clock)
    controller = LaneController(ControllerOptions(), device="controller", clock=clock)
    listening = asyncio.ensure_future(anext(aiter(controller.readings(wire.host))))
    setting = asyncio.create_task(controller.set_light(fill=True, exposure="longer"))
    await clock.run_for(0.1)
    (asked,) = [item for item in Parser().feed(wire.receive()) if isinstance(item, Light)]
    assert (asked.fill, asked.exposure) == (True, "longer")
    await wire.send(encode(LightSet(seq=1, of=asked.seq)))
    await clock.run_for(0.1)
    assert await setting is True
    await wire.send(encode(Hello(seq=2, boot=9, loops=2, firmware="x")))
    await clock.run_for(0.5)
    assert [item for item in Parser().feed(wire.receive()) if isinstance(item, Light)] == [asked]
    listening.cancel()


async def test_the_simulated_controller_obeys(clock: VirtualClock) -> None:
    wire = MemoryWire(clock=clock)
    simulated = ControllerSim(wire, clock=clock)
    controller = LaneController(ControllerOptions(), device="controller", clock=clock)
    tasks = [
        asyncio.ensure_future(anext(aiter(controller.readings(wire.host)))),
        asyncio.create_task(simulated.run()),
    ]
    setting = asyncio.create_task(controller.set_light(fill=True, exposure="shorter"))
    await clock.run_for(2)
    assert await setting is True
    assert {(light.fill, light.exposure) for light in simulated.lights} == {(True, "shorter")}
    for task in tasks:
        task.cancel()


async def test_a_controller_without_light_costs_nothing_but_the_answer(clock: VirtualClock) -> None:
    controller = LaneController(ControllerOptions(), device="controller", clock=clock)
    setting = asyncio.create_task(controller.set_light(fill=True, exposure="normal"))
    await clock.run_for(5)
    assert await setting is False
