"""Counts some hours again from their entries, a few at a time for ever; where they differ an alarm stands."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence

from sqlalchemy import func, select

from central.store import schema
from central.store.engines import Database, snapshot
from central.store.projections import HOUR_MS, Register
from central.store.rollups import Difference, recount

log = logging.getLogger(__name__)

AT_ONCE = 3  # hours a look

Choose = Callable[[Sequence[int]], int]


class Recounting:
    """`differences` are what the newest look at each hour has found."""

    def __init__(self, database: Database, *, register: Register, choose: Choose = random.choice) -> None:
        self._database = database
        self._register = register
        self._choose = choose
        self.differences: dict[int, tuple[Difference, ...]] = {}

    def look(self, *, now_ms: int) -> int:
        """Recount a few hours, and those that differed before; how many were looked at.  Blocking."""
        with snapshot(self._database) as connection:
            first = connection.execute(select(func.min(schema.rollup_hour.c.hour_ms))).scalar_one()
            last = now_ms - now_ms % HOUR_MS
            if first is None or first >= last:
                return 0
            hours = range(first, last, HOUR_MS)
            chosen = {self._choose(hours) for _ in range(AT_ONCE)} | self.differences.keys()
            found = recount(connection, register=self._register, hours_ms=chosen).differences
        self.differences = {
            hour: tuple(each for each in found if each.hour_ms == hour)
            for hour in {each.hour_ms for each in found}
        }
        for each in found:
            log.error("count differs", extra={"hour_ms": each.hour_ms, "lane": f"{each.station}/{each.lane}"})
        return len(chosen)
