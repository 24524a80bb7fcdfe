"""The desk of recorders: register, clocks, links and what is typed of them, put together for pages, tasks and verbs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kernel.clock import Clock
from kernel.events import Body
from kernel.footage.bodies import FootageLinked
from station.footage.folders import DigestFolder
from station.footage.ledger import Ledger
from station.footage.linking import Links
from station.footage.passages import Crossings
from station.footage.recorders import Recorders
from station.footage.scans import Remembered, Scans, in_own_process
from station.footage.typed import Do, Orders, obey

Run = Callable[[], Coroutine[Any, Any, None]]
TYPED = "typed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What people do about recorders, and what the station does about them by itself."""

    recorders: Recorders
    links: Links
    crossings: Crossings
    scans: Scans
    scanned: Remembered
    orders: Orders
    clock: Clock

    def tasks(self) -> dict[str, Run]:
        rules: dict[type[Body], Do] = {FootageLinked: self.links.say}
        typed = partial(obey, self.orders, rules=rules, otherwise=self._say, clock=self.clock)
        return {"footage links": self.links.run, "footage clocks": self.scans.run, "footage typed": typed}

    async def _say(self, body: Body, key: str) -> object:
        return await self.recorders.say(body, key=key)


def open_desk(ledger: Ledger, *, folder: Path, store: Path, station: str, clock: Clock) -> Desk:
    """`store` is the station's; `station` its device path, which its clock shows."""
    crossings = Crossings(store)
    scanned = Remembered(folder / "scanned.db")
    scans = Scans(
        ledger,
        DigestFolder(folder / "originals"),
        scanned,
        station=station,
        clock=clock,
        scan=in_own_process,
    )
    return Desk(
        recorders=Recorders(ledger, clock=clock),
        links=Links(ledger, crossings, clock=clock),
        crossings=crossings,
        scans=scans,
        scanned=scanned,
        orders=Orders(folder / TYPED),
        clock=clock,
    )
