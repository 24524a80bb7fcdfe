"""Who is killed when, and how long the system needs to be whole again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx

from kernel.clock import Clock
from simulators.demo.centre import CentreApi
from simulators.demo.layout import LANES
from simulators.demo.processes import Child
from simulators.demo.running import Demo
from tests.faults.ledger import Away

RESTART_S = 1.0  # RestartSec= of the units
PATIENCE_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """kill -9 `victims` at once, `rounds` times; they stay away for `away_s`, at least as long as systemd waits."""

    name: str
    victims: tuple[str, ...]
    rounds: int = 1
    away_s: float = RESTART_S
    calm_s: tuple[float, float] = (7.0, 12.0)  # traffic between two rounds

    @property
    def about_s(self) -> float:
        return self.rounds * (self.away_s + sum(self.calm_s) / 2 + 6.0)


EVERYBODY = ("lane1", "lane2", "station", "central", "witness")


def short() -> tuple[Case, ...]:
    single = tuple(Case(name=f"kill -9 {name}", victims=(name,)) for name in EVERYBODY)
    return (
        Case(name="nothing", victims=(), calm_s=(12.0, 12.0)),
        *single,
        Case(name="central and its broker away", victims=("central",), away_s=20.0),
        Case(name="station and its broker away", victims=("station",), away_s=20.0),
    )


def full() -> tuple[Case, ...]:
    single = tuple(Case(name=f"kill -9 {name}", victims=(name,), rounds=5) for name in EVERYBODY)
    return (
        Case(name="nothing", victims=(), calm_s=(30.0, 30.0)),
        *single,
        Case(name="central and its broker away", victims=("central",), rounds=2, away_s=60.0),
        Case(name="station and its broker away", victims=("station",), rounds=2, away_s=60.0),
        Case(name="kill -9 both lanes and central", victims=("lane1", "lane2", "central"), rounds=3),
        Case(name="power cut", victims=EVERYBODY, rounds=3, away_s=3.0),
    )


@dataclass(slots=True)
class Told:
    """What happened in one case."""

    case: Case
    from_ms: int
    recover_s: list[float] = field(default_factory=list)


class Story:
    """Over a running demo."""

    def __init__(self, demo: Demo, *, clock: Clock, say: Callable[[str], None], seed: int) -> None:
        self._demo = demo
        self._clock = clock
        self._say = say
        self._dice = random.Random(seed)
        self._api = CentreApi(demo.layout.centre_url, demo.token)
        self._http = httpx.AsyncClient(timeout=2)
        self._out: set[str] = set()
        self._children = {child.name: child for child in demo.children}
        self.told: list[Told] = []
        self.aways: list[Away] = []
        self.ended: list[str] = []  # processes that ended without being killed

    async def close(self) -> None:
        await self._api.close()
        await self._http.aclose()

    async def restarts(self) -> dict[str, float]:
        """Seconds of an orderly restart of each process, before any traffic: what a kill is compared with."""
        took = {}
        for name in EVERYBODY:
            child = self._children[name]
            await self._stop(child)
            begun = self._clock.mono_ms()
            child.start()
            await self._whole((name,), self._clock.now_ms())
            took[name] = round((self._clock.mono_ms() - begun) / 1000, 1)
        return took

    async def _stop(self, child: Child) -> None:
        child.signal(15)
        if not await asyncio.to_thread(child.wait, 20):
            raise AssertionError(f"{child.name} does not end on SIGTERM")

    async def play(self, cases: Sequence[Case]) -> None:
        for case in cases:
            told = Told(case=case, from_ms=self._clock.now_ms())
            self.told.append(told)
            for _ in range(case.rounds):
                await self._clock.sleep(self._dice.uniform(*case.calm_s))
                if case.victims:
                    told.recover_s.append(await self._round(case))

    async def keep_up(self) -> None:
        """What systemd does for whatever ends by itself; each is a fault of its own."""
        while True:
            for child in self._children.values():
                child.watch_memory()
                if child.exit_code is not None and child.name not in self._out:
                    self._say(f"{child.name} has ended ({child.exit_code}):\n{child.last_words(4)}")
                    self.ended.append(child.name)
                    await self._clock.sleep(RESTART_S)
                    child.start()
            await self._clock.sleep(0.3)

    async def _round(self, case: Case) -> float:
        """Seconds from the kill until everybody is heard again; the time that they were held away is in it."""
        self._out |= set(case.victims)
        killed_ms = self._clock.now_ms()
        for name in case.victims:
            self._children[name].signal(9)
        for name in case.victims:
            await asyncio.to_thread(self._children[name].wait, 10)
        await self._clock.sleep(case.away_s)
        back_ms = self._clock.now_ms()
        for name in case.victims:
            self._children[name].start()
        self._out -= set(case.victims)
        await self._whole(case.victims, back_ms)
        up_ms = self._clock.now_ms()
        self.aways += [
            Away(lane=name, from_ms=killed_ms, until_ms=up_ms) for name in case.victims if name in LANES
        ]
        took_s = round((up_ms - killed_ms) / 1000, 1)
        self._say(f"{case.name}: whole again after {took_s} s")
        return took_s

    async def _whole(self, names: Sequence[str], since_ms: int) -> None:
        """Each of them answers; and the centre has heard every lane since, where lanes or centre were away."""
        layout = self._demo.layout
        urls = {
            "central": layout.centre_url,
            "station": layout.station_url,
            "witness": layout.url(layout.ports.witness),
        }
        waits: list[Callable[[], Awaitable[bool]]] = [
            partial(self._answers, f"{urls[name]}/healthz") for name in names if name in urls
        ]
        lanes = [name for name in names if name in LANES] or (list(LANES) if "central" in names else [])
        if lanes:
            waits.append(partial(self._heard, lanes, since_ms))
        for wait in waits:
            await self._until(wait, f"{', '.join(names)} back")

    async def _until(self, question: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = self._clock.mono_ms() + int(PATIENCE_S * 1000)
        while not await question():
            if self._clock.mono_ms() > deadline:
                raise AssertionError(f"not in {PATIENCE_S:.0f} s: {what}")
            await self._clock.sleep(0.1)

    async def _answers(self, url: str) -> bool:
        try:
            return (await self._http.get(url)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _heard(self, lanes: Sequence[str], since_ms: int) -> bool:
        try:
            sources = await self._api.sources()
        except httpx.HTTPError:
            return False
        boxes = {LANES[lane] for lane in lanes}
        return len(boxes & {s["box"] for s in sources if (s["heard_ms"] or 0) > since_ms}) == len(boxes)
