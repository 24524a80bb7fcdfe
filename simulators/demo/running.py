"""Runs the whole system: keys, processes, traffic; keeps them up; and at the end holds everything against the truth."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import httpx

from edge.drivers.rows import Indicator
from kernel.clock import Clock
from simulators.demo.centre import Answer, CentreApi
from simulators.demo.finding import Findings, find
from simulators.demo.layout import LANES, Layout, Ports
from simulators.demo.officer import Officer
from simulators.demo.processes import SCRIPTS, Child, stop_all
from simulators.demo.stage import Stage, stage
from simulators.demo.watching import Watcher
from simulators.faults import Fault
from simulators.traffic import Crossing, Light, in_light, read_traffic

WANTED = {
    "centre": 8080,
    "station": 8081,
    "witness": 8090,
    "centre_gate": 8443,
    "station_gate": 8444,
    "centre_mqtt": 8883,
    "station_mqtt": 8884,
}
LEAD_MS = 11_000  # cameras see a truck some 10 s before it is on the loop
ENDLESS = 3_000  # vehicles of a demo that runs until Ctrl-C
SETTLE_S = 150.0
RESTART_S = 1.0
MARK = ".weighpost-demo"

Say = Callable[[str], None]


class DemoError(Exception):
    """It cannot go on; the text says why and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run."""

    folder: Path
    vehicles: int | None = None
    seed: int | None = None
    light: Light = "day"
    faults: tuple[Fault, ...] = ()
    kill_every_s: float = 0.0  # kill -9 one product process after another
    traffic: str | None = None  # text of a script; None: the shipped one
    indicator: Indicator | None = None  # what the platform of lane2 speaks; None: Toledo's


def _clear(folder: Path) -> None:
    """Take away what an earlier demo left; a folder that no demo made is not touched."""
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / MARK).exists():
        raise DemoError(f"{folder} has files that no demo made: name another folder")
    shutil.rmtree(folder)


class Demo:
    """`async with Demo.started(plan, ...)`: everything runs; `finish` waits, collects and stops it."""

    def __init__(self, plan: Plan, layout: Layout, *, clock: Clock, say: Say) -> None:
        self.plan = plan
        self.layout = layout
        self._clock = clock
        self._say = say
        self.killed: list[str] = []
        self.stopping = False
        self.passwords: dict[str, str] = {}
        self.token = ""
        logs = layout.logs
        toml = layout.folder
        self.witness = Child(
            "witness", ("weighpost-verify", "witness", str(toml / "witness.toml")), logs / "witness.log"
        )
        self.centre = Child(
            "central", ("weighpost-central", "run", str(toml / "central.toml")), logs / "central.log"
        )
        self.station = Child(
            "station", ("weighpost-station", "run", str(toml / "station.toml")), logs / "station.log"
        )
        self.lanes = {
            lane: Child(lane, ("weighpost-edge", "run", str(toml / f"{lane}.toml")), logs / f"{lane}.log")
            for lane in LANES
        }

    @property
    def children(self) -> list[Child]:
        """In the order of stopping: who sends goes before who receives."""
        return [*self.lanes.values(), self.station, self.centre, self.witness]

    # --- start -----------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Folders, keys, settings, accounts."""
        self._say("making keys and settings")
        await asyncio.to_thread(_clear, self.layout.folder)
        self.layout.make()
        (self.layout.folder / MARK).touch()
        await asyncio.to_thread(
            self.layout.enrol, lambda arguments: self._tool("weighpost-central", arguments)
        )
        tables = {
            "witness": self.layout.witness(),
            "central": self.layout.centre(),
            "station": self.layout.station(),
        } | {lane: self.layout.lane(lane) for lane in LANES}
        for name, table in tables.items():
            self.layout.write(name, table)
        trust = await asyncio.to_thread(self._tool, "weighpost-central", ["trust", str(self.layout.keys)])
        self.layout.trust.write_text(trust)
        await asyncio.to_thread(self._accounts)

    def _accounts(self) -> None:
        central = ["--settings", str(self.layout.folder / "central.toml")]
        station = ["--settings", str(self.layout.folder / "station.toml")]
        add = ["user", "add"]
        self.passwords["wall"] = self._tool(
            "weighpost-central", [*add, "wall", "--role", "viewer", "--shown", "监控大屏", *central]
        ).strip()
        self.passwords["duty"] = self._tool(
            "weighpost-central", [*add, "duty", "--role", "reviewer", "--shown", "值班员", *central]
        ).strip()
        self.passwords["officer"] = self._tool(
            "weighpost-station", [*add, "officer", "--role", "operator", "--shown", "执法人员", *station]
        ).strip()
        self.token = self._tool(
            "weighpost-central", ["token", "add", "demo-report", "--role", "operator", *central]
        ).strip()

    def _tool(self, script: str, arguments: list[str]) -> str:
        done = subprocess.run(
            [str(SCRIPTS / script), *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            raise DemoError(
                f"{script} {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    async def start(self) -> None:
        """Who receives first; each is waited for."""
        await self._up(self.witness, f"{self.layout.url(self.layout.ports.witness)}/healthz")
        await self._up(self.centre, f"{self.layout.centre_url}/healthz")
        await self._up(self.station, f"{self.layout.station_url}/healthz")
        for child in self.lanes.values():
            child.start()

    async def _up(self, child: Child, url: str) -> None:
        self._say(f"starting {child.name}")
        child.start()
        async with httpx.AsyncClient(timeout=2) as http:
            for _ in range(300):
                if child.exit_code is not None:
                    raise DemoError(f"{child.name} ended at once:\n{child.last_words()}")
                try:
                    if (await http.get(url)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await self._clock.sleep(0.2)
        raise DemoError(f"{child.name} does not answer at {url}:\n{child.last_words()}")

    async def lanes_heard(self) -> None:
        """Until the centre has heard every lane, and every camera is up."""
        self._say("waiting for the lanes and their cameras")
        api = CentreApi(self.layout.centre_url, self.token)
        try:
            for _ in range(300):
                sources = await api.sources()
                if sum(_sees(one) for one in sources if one["box"] in LANES.values()) == len(LANES):
                    return
                dead = [child for child in self.lanes.values() if child.exit_code is not None]
                if dead:
                    raise DemoError(f"{dead[0].name} ended at once:\n{dead[0].last_words()}")
                await self._clock.sleep(0.3)
        finally:
            await api.close()
        raise DemoError(f"a lane is not heard:\n{self.lanes['lane1'].last_words()}")

    # --- while it runs -----------------------------------------------------------------------------------------

    async def keep_up(self) -> None:
        """What systemd does on a real machine: start again whatever has ended.  Watches memory beside."""
        while True:
            for child in self.children:
                child.watch_memory()
                if child.exit_code is not None and not self.stopping:
                    self._say(f"{child.name} has ended ({child.exit_code}), starting it again")
                    await self._clock.sleep(RESTART_S)
                    child.start()
            await self._clock.sleep(0.5)

    async def kill_in_turn(self) -> None:
        """kill -9 of each process in turn, as often as the plan says."""
        if not self.plan.kill_every_s:
            return
        while True:
            for child in self.children:
                await self._clock.sleep(self.plan.kill_every_s)
                self._say(f"kill -9 {child.name}")
                child.signal(9)
                self.killed.append(child.name)

    def crossings(self) -> tuple[Crossing, ...]:
        text = self.plan.traffic or (resources.files("simulators") / "traffic_default.toml").read_text(
            "utf-8"
        )
        crossings = read_traffic(text, vehicles=self.plan.vehicles or ENDLESS, seed=self.plan.seed)
        return in_light(crossings, self.plan.light)

    def watchers(self) -> tuple[Watcher, Watcher]:
        """In front of the tablet and of the wall."""
        tablet = Watcher(
            self.layout.station_url,
            user="officer",
            password=self.passwords["officer"],
            topics=("queue.zh",),
            clock=self._clock,
        )
        wall = Watcher(
            self.layout.centre_url,
            user="wall",
            password=self.passwords["wall"],
            topics=("passages.zh",),
            clock=self._clock,
        )
        return tablet, wall

    # --- end ---------------------------------------------------------------------------------------------------

    async def collect(self, crossings: int, until_s: float = SETTLE_S) -> list[Answer]:
        """Wait until the centre has everything that will come; the details of every crossing."""
        api = CentreApi(self.layout.centre_url, self.token)
        try:
            return await Findings(api, clock=self._clock, say=self._say).settle(crossings, until_s)
        finally:
            await api.close()

    def stop(self) -> list[str]:
        self.stopping = True
        return stop_all(self.children, say=self._say)

    def show(self) -> None:
        layout = self.layout
        lines = [
            "",
            f"  wall      {layout.centre_url}/wall      user wall     password {self.passwords['wall']}",
            f"  desk      {layout.centre_url}/events    user duty     password {self.passwords['duty']}",
            f"  tablet    {layout.station_url}/tablet    user officer  password {self.passwords['officer']}",
            f"  API       {layout.centre_url}/api/v1/openapi.json  token {self.token}",
            f"  folder    {layout.folder}  (settings, keys, logs, trust.toml)",
            "",
        ]
        self._say("\n".join(lines))


def _sees(source: Answer) -> bool:
    cameras = [device["state"] for device in source["devices"] if device["kind"] == "camera"]
    return source["state"] == "up" and bool(cameras) and set(cameras) <= {"up", "poor"}


@asynccontextmanager
async def running(plan: Plan, *, clock: Clock, say: Say) -> AsyncIterator[tuple[Demo, Stage]]:
    """Everything is up, no truck drives yet; stopped whatever happens."""
    layout = Layout(plan.folder, Ports.free(WANTED), indicator=plan.indicator)
    demo = Demo(plan, layout, clock=clock, say=say)
    await demo.prepare()
    say("starting cameras and serial wires")
    async with stage(layout, clock=clock, light=plan.light) as scene:
        try:
            await demo.start()
            await demo.lanes_heard()
            yield demo, scene
        finally:
            await asyncio.to_thread(demo.stop)


async def play(plan: Plan, *, clock: Clock, say: Say, forever: bool) -> dict[str, Any] | None:
    """One whole run; the report, or None when it was stopped by hand."""
    async with running(plan, clock=clock, say=say) as (demo, scene):
        demo.show()
        crossings = demo.crossings()
        tablet, wall = demo.watchers()
        officer = Officer(demo.layout, clock=clock, say=say)
        await asyncio.to_thread(officer.take)
        works = {
            "traffic": scene.play(crossings, started_ms=clock.now_ms() + LEAD_MS, faults=plan.faults),
            "keep up": demo.keep_up(),
            "tablet": tablet.run(),
            "wall": wall.run(),
            "officer": officer.run(lambda: scene.world),
            "kill": demo.kill_in_turn(),
        }
        tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
        try:
            await _until_over(tasks, scene, forever=forever)
            say("the last truck has left; collecting")
            tasks[-1].cancel()
            details = await demo.collect(len(crossings))
            world = scene.world
            footage = await officer.hand_in(world, details)
            found = await find(
                demo.layout,
                demo.token,
                world=world,
                details=details,
                tablet=tablet.seen,
                wall=wall.seen,
                clock=clock,
                say=say,
            )
        finally:
            demo.stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    # Every product process has ended: only now may the truth touch the disk.
    return found | footage | _ended(demo)


def _ended(demo: Demo) -> dict[str, Any]:
    """What only the end of the processes tells."""
    return {
        "peak_rss_mb": {
            "edge": max(child.peak_rss_kb for child in demo.lanes.values()) // 1024,
            "station": demo.station.peak_rss_kb // 1024,
            "central": demo.centre.peak_rss_kb // 1024,
        },
        "killed": demo.killed,
        "restarts": {child.name: child.starts - 1 for child in demo.children},
    }


async def _until_over(tasks: list[asyncio.Task[None]], scene: Stage, *, forever: bool) -> None:
    """The traffic's end, or the first task that fails."""
    over = asyncio.create_task(asyncio.Event().wait() if forever else scene.over.wait())
    try:
        done, _ = await asyncio.wait([over, *tasks[:-1]], return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
    for task in done:
        if task is not over:
            task.result()


def write_report(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
