"""Rations of questions: a burst, then one at a time, for each address by itself, in bounded memory."""

from __future__ import annotations

from central.api.rationing import Ration, Rations
from tests.central.world import StillClock


def test_a_burst_then_one_at_a_time() -> None:
    clock = StillClock()
    rations = Rations(clock, Ration(burst=3, every_ms=2000))
    assert [rations.wait_s("a") for _ in range(5)] == [0, 0, 0, 2, 2]
    assert rations.wait_s("b") == 0
    clock.at_ms += 1999
    assert rations.wait_s("a") == 1
    clock.at_ms += 1
    assert [rations.wait_s("a") for _ in range(2)] == [0, 2]
    clock.at_ms += 60_000
    assert [rations.wait_s("a") for _ in range(4)] == [0, 0, 0, 2]


def test_many_addresses_do_not_fill_the_memory() -> None:
    rations = Rations(StillClock(), Ration(burst=1, every_ms=1000, remembered=10))
    assert [rations.wait_s(str(number)) for number in range(1000)] == [0] * 1000
    assert rations.wait_s("999") == 1
    assert rations.wait_s("0") == 0  # forgotten
