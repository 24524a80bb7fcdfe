"""So many questions a minute from each address: what is public is asked by machines, too."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Ration:
    """`burst` at once, then one every `every_ms`; the addresses that asked longest ago are forgotten first."""

    burst: int = 30
    every_ms: int = 2_000
    remembered: int = 10_000


class Rations:
    def __init__(self, clock: Clock, ration: Ration | None = None) -> None:
        self._clock = clock
        self._ration = ration or Ration()
        self._used_up: OrderedDict[str, int] = OrderedDict()  # when each address will have everything again

    def wait_s(self, address: str) -> int:
        """Take one: 0, or nothing is taken and so many seconds are to be waited."""
        ration, now_ms = self._ration, self._clock.mono_ms()
        full_ms = max(self._used_up.get(address, now_ms), now_ms)
        over_ms = full_ms + ration.every_ms - now_ms - ration.burst * ration.every_ms
        if over_ms > 0:
            return -(-over_ms // 1000)
        self._used_up[address] = full_ms + ration.every_ms
        self._used_up.move_to_end(address)
        while len(self._used_up) > ration.remembered:
            self._used_up.popitem(last=False)
        return 0
