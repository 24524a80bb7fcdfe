"""Guessing passwords gets slower with every miss, per account and per address, and never locks a door for good."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`free` misses in a row cost nothing; each further one doubles the wait up to `longest_s`; `forget_s` clears it."""

    free: int = 4
    first_s: int = 5
    longest_s: int = 300
    forget_s: int = 3_600
    remembered: int = 10_000  # keys; the oldest are forgotten first


@dataclass(frozen=True, slots=True)
class _Misses:
    count: int
    last_ms: int


class Throttle:
    """Keys are any strings: an account name, an address."""

    def __init__(self, clock: Clock, patience: Patience | None = None) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._misses: OrderedDict[str, _Misses] = OrderedDict()

    def wait_s(self, keys: Sequence[str]) -> int:
        """Seconds until the next try may be made; 0 is now."""
        return max((self._wait_s(key) for key in keys), default=0)

    def missed(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._misses[key] = _Misses(self._count(key) + 1, self._clock.mono_ms())
            self._misses.move_to_end(key)
        while len(self._misses) > self._patience.remembered:
            self._misses.popitem(last=False)

    def forgive(self, key: str) -> None:
        """The last try was no miss after all."""
        misses = self._misses.get(key)
        if misses is not None and misses.count > 1:
            self._misses[key] = _Misses(misses.count - 1, misses.last_ms)
        else:
            self._misses.pop(key, None)

    def succeeded(self, key: str) -> None:
        self._misses.pop(key, None)

    def _count(self, key: str) -> int:
        misses = self._misses.get(key)
        if misses is None or self._clock.mono_ms() - misses.last_ms > self._patience.forget_s * 1000:
            return 0
        return misses.count

    def _wait_s(self, key: str) -> int:
        over = self._count(key) - self._patience.free - 1
        if over < 0:
            return 0
        pause_s = min(self._patience.first_s << min(over, 16), self._patience.longest_s)
        passed_ms = self._clock.mono_ms() - self._misses[key].last_ms
        return max(0, -(-(pause_s * 1000 - passed_ms) // 1000))
