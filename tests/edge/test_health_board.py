"""Heartbeats: on every change, once a minute, and not at every flap."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from edge.health import DiskProbe, HealthBoard
from edge.keeping.settings import KeepingSettings
from edge.settings import Health
from journal.disk import room_of
from kernel.events import DeviceHealth, LaneHealth

State = Literal["up", "silent", "down", "low", "frozen"]


class Watch:
    """A clock that somebody else moves."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Bench:
    """A board over two devices, and what it has said."""

    def __init__(self) -> None:
        self.clock = Watch()
        self.states: dict[str, State] = {"scale": "up", "front": "up"}
        self.said: list[LaneHealth] = []
        self.board = HealthBoard(
            [self._scale, self._camera],
            settings=Health(every_s=60),
            clock=self.clock,
            append=self._append,
            frame=lambda devices: LaneHealth(devices=devices, disk_free_kb=1),
        )

    async def after(self, ms: int, **states: State) -> int:
        """One look, this much later; how many heartbeats there are."""
        self.clock.ms += ms
        self.states |= states
        await self.board.look()
        return len(self.said)

    def _scale(self) -> Iterable[DeviceHealth]:
        yield DeviceHealth(name="scale", kind="scale", state=self.states["scale"], since_ms=0)

    def _camera(self) -> Iterable[DeviceHealth]:
        yield DeviceHealth(name="front", kind="camera", state=self.states["front"], since_ms=0)

    async def _append(self, body: LaneHealth) -> None:
        self.said.append(body)


async def test_the_first_look_speaks_and_a_change_speaks_once() -> None:
    bench = Bench()
    assert await bench.after(0) == 1
    assert await bench.after(5_000) == 1
    assert await bench.after(1_000, scale="silent") == 2
    assert await bench.after(1_000) == 2
    assert [device.state for device in bench.said[1].devices] == ["silent", "up"]


async def test_a_device_that_flaps_is_not_told_at_every_flap() -> None:
    bench = Bench()
    await bench.after(0)
    told = [await bench.after(500, scale="down" if n % 2 else "up") for n in range(40)]
    assert told[-1] <= 1 + 40 * 500 // 2_000
    assert await bench.after(2_000, scale="down") > 1
    assert bench.said[-1].devices[0].state == "down"


async def test_a_flap_that_is_over_before_anybody_is_told_is_none() -> None:
    bench = Bench()
    await bench.after(0)
    assert await bench.after(500, scale="down") == 1
    assert await bench.after(500, scale="up") == 1
    assert await bench.after(5_000) == 1


async def test_without_any_change_it_speaks_once_a_minute() -> None:
    bench = Bench()
    for _ in range(181):
        await bench.after(1_000)
    assert len(bench.said) == 4


async def test_what_does_not_speak_is_named_for_the_event() -> None:
    bench = Bench()
    await bench.after(0, scale="silent", front="frozen")
    assert bench.board.missing == ("scale scale: silent", "camera front: frozen")
    await bench.after(3_000, scale="up", front="low")
    assert not bench.board.missing, "what is only low still speaks"


def test_the_disk_says_low_with_its_moment(tmp_path: Path) -> None:
    clock = Watch()
    [plenty] = DiskProbe(tmp_path, low_mb=1, clock=clock)()
    assert (plenty.kind, plenty.state) == ("disk", "up")
    probe = DiskProbe(tmp_path, low_mb=1 << 40, clock=clock)
    clock.ms += 5_000
    [low] = probe()
    [still] = probe()
    assert (low.state, low.since_ms, still.since_ms) == ("low", clock.ms, clock.ms)
    assert re.fullmatch(r"\d+ MB free, \d+ % used", low.detail)


def test_the_disk_has_two_marks_and_says_when_the_reserve_is_given_up(tmp_path: Path) -> None:
    used = room_of(tmp_path).used_percent
    marks = [(1 + used, 2 + used, "up"), (used, 1 + used, "low"), (max(used - 1, 1), max(used, 2), "full")]
    for low, high, state in marks:
        keeping = KeepingSettings(low_percent=low, high_percent=high)
        [said] = DiskProbe(tmp_path, low_mb=1, clock=Watch(), keeping=keeping)()
        assert said.state == state
    [given_up] = DiskProbe(tmp_path, low_mb=1, clock=Watch(), reserved=lambda: False)()
    assert (given_up.state, given_up.detail.endswith("reserve given up")) == ("full", True)
