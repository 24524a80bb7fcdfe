"""As much of the whole chain as a case needs: real processes from their console scripts, simulated wires, one folder."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from central.main import main as weighpost_central
from journal.enrolling import places_in
from journal.tls import Credentials, TlsTime
from simulators.demo.centre import Answer, CentreApi
from simulators.demo.clock import RealClock
from simulators.demo.layout import LANES, Layout, Ports, Table
from simulators.demo.processes import SCRIPTS, Child
from simulators.world import LaneKind, Truth
from tests.support.rig import Rig

T = TypeVar("T")
CLOCK = RealClock()
KINDS: dict[str, LaneKind] = {"lane1": "wim", "lane2": "static"}
SCRIPT = {"central": "weighpost-central", "station": "weighpost-station"}


class Chain:
    """Keys and settings of one station; processes start when the case says so and are killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "chain", Ports.free({}))
        self.layout.make()
        self.layout.enrol(central_tool)
        self.tables: dict[str, Table] = {
            "witness": self.layout.witness(),
            "central": self.layout.centre() | {"witnesses": []},
            "station": self.layout.station(),
        } | {lane: _plain(self.layout.lane(lane)) for lane in LANES}
        self.children: dict[str, Child] = {}
        self._api: CentreApi | None = None

    # --- processes ---------------------------------------------------------------------------------------------

    def start(self, name: str) -> Child:
        """With the settings as they are in `tables` now."""
        settings = self.layout.write(name, self.tables[name])
        argv = (
            ("weighpost-verify", "witness", str(settings))
            if name == "witness"
            else (SCRIPT.get(name, "weighpost-edge"), "run", str(settings))
        )
        child = self.children[name] = Child(name, argv, self.layout.logs / f"{name}.log")
        child.start()
        return child

    def kill(self, name: str) -> None:
        """As a power cut would."""
        self.children[name].signal(signal.SIGKILL)
        assert self.children[name].wait(10)

    async def up(self, *names: str) -> None:
        """Start what receives, one after the other, each until it answers."""
        urls = {"central": self.layout.centre_url, "station": self.layout.station_url}
        async with httpx.AsyncClient(timeout=2) as http:
            for name in names:
                child = self.start(name)
                url = f"{urls.get(name) or self.layout.url(self.layout.ports.witness)}/healthz"
                await self.until(partial(_answers, http, child, url), f"{name} answers")

    def log(self, name: str) -> str:
        return self.children[name].log.read_text(errors="replace")

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Start it as a person would, and wait for its end."""
        settings = self.layout.write(name, self.tables[name])
        verb = "witness" if name == "witness" else "run"
        script = "weighpost-verify" if name == "witness" else SCRIPT.get(name, "weighpost-edge")
        return script_run(script, verb, str(settings))

    async def recount(self) -> Answer:
        """What the centre's own verb says of its counts."""
        settings = str(self.layout.folder / "central.toml")
        done = await asyncio.to_thread(
            script_run, "weighpost-central", "recount", "--json", "--settings", settings
        )
        answer: Answer = json.loads(done.stdout)
        return answer | {"exit_code": done.returncode}

    async def end(self) -> None:
        for child in self.children.values():
            child.signal(signal.SIGKILL)
        for child in self.children.values():
            await asyncio.to_thread(child.wait, 10)
        if self._api is not None:
            await self._api.close()

    async def says(self, name: str, words: str, *, seconds: float = 30) -> None:
        """Until its log has these words."""

        async def said() -> bool:
            return words in self.log(name)

        await self.until(said, f"{name} says {words!r}", seconds=seconds)

    # --- what the centre says ----------------------------------------------------------------------------------

    @property
    def api(self) -> CentreApi:
        if self._api is None:
            settings = str(self.layout.write("central", self.tables["central"]))
            add = ["token", "add", "case", "--role", "operator", "--settings", settings]
            self._api = CentreApi(self.layout.centre_url, central_tool(add).strip())
        return self._api

    async def source(self, lane: str) -> Answer | None:
        """What the centre knows of this lane's process."""
        try:
            rows = await self.api.sources()
        except httpx.HTTPError:
            return None
        return next((row for row in rows if row["box"] == LANES[lane]), None)

    async def device(self, lane: str, name: str) -> str | None:
        """The state in which the centre believes a device to be."""
        source = await self.source(lane)
        devices = source["devices"] if source else ()
        return next((str(device["state"]) for device in devices if device["name"] == name), None)

    async def becomes(self, lane: str, name: str, state: str, *, seconds: float = 30) -> None:
        async def asked() -> bool:
            return await self.device(lane, name) == state

        await self.until(asked, f"{lane} {name} is {state} at the centre", seconds=seconds)

    async def heard(self, *lanes: str) -> None:
        for lane in lanes:
            await self.becomes(lane, "scale", "up")
            await self.becomes(lane, "controller", "up")

    async def weighed(self, truth: Truth, *, seconds: float = 30) -> Answer:
        """The centre's details of this crossing, once it has them."""
        return await self.until(lambda: self._weighed(truth), f"weighing of {truth}", seconds=seconds)

    async def _weighed(self, truth: Truth) -> Answer | None:
        for detail in await self.details():
            body = detail["weighed"]
            if body and body["lane"] == truth.lane and _same(truth, body):
                return detail
        return None

    async def blind(self, *, count: int = 1) -> list[Answer]:
        """The crossings that have no weight, once there are so many."""

        async def found() -> list[Answer] | None:
            details = [one for one in await self.details() if one["weighed"]]
            blind = [one for one in details if "no_weight" in one["weighed"]["quality"]]
            return blind if len(blind) >= count else None

        return await self.until(found, f"{count} crossings without a weight")

    async def details(self) -> list[Answer]:
        try:
            return [await self.api.passage(row["passage"]) for row in await self.api.passages()]
        except httpx.HTTPError:
            return []

    async def until(
        self, question: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = 60
    ) -> T:
        """The first answer that is not empty; with every log's last words when there is none."""
        deadline = CLOCK.mono_ms() + int(seconds * 1000)
        while True:
            if answer := await question():
                return answer
            if CLOCK.mono_ms() > deadline:
                words = "\n".join(f"--- {one.name}\n{one.last_words(6)}" for one in self.children.values())
                raise AssertionError(f"not in {seconds} s: {what}\n{words}")
            await CLOCK.sleep(0.1)


def central_tool(arguments: Sequence[str]) -> str:
    """weighpost-central with these arguments, in this process: what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert weighpost_central(list(arguments)) == 0, said.getvalue()
    return said.getvalue()


def script_run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / script), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def credentials_of(layout: Layout, box: str) -> Credentials:
    """What this process shows on the wire."""
    places = places_in(layout.keys, box)
    return Credentials(places.tls, authority=places.ca, time=TlsTime(clock=CLOCK))


@asynccontextmanager
async def chain_in(folder: Path) -> AsyncIterator[Chain]:
    chain = await asyncio.to_thread(Chain, folder)
    try:
        yield chain
    finally:
        await chain.end()


@asynccontextmanager
async def rigs_of(chain: Chain, *lanes: str) -> AsyncIterator[dict[str, Rig]]:
    """The devices of these lanes on their wires."""
    rigs = {lane: Rig(lane, KINDS[lane], wires=chain.layout.wires, clock=CLOCK) for lane in lanes}
    tasks = [asyncio.create_task(rig.run(), name=lane) for lane, rig in rigs.items()]
    try:
        yield rigs
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for rig in rigs.values():
            rig.unplug()


async def _answers(http: httpx.AsyncClient, child: Child, url: str) -> bool:
    assert child.exit_code is None, child.last_words()
    try:
        return (await http.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


def _same(truth: Truth, body: dict[str, Any]) -> bool:
    if truth.record_hex:
        return bool(body["record_hex"] == truth.record_hex)
    return body["left_ms"] is not None and abs(body["left_ms"] - truth.left_ms) < 6_000


def _plain(lane: Table) -> Table:
    """Without cameras, to the centre only, and with less patience than on the road."""
    lane = {name: value for name, value in lane.items() if name != "vision"}
    quick: dict[str, Any] = {"silent_ms": 2_000, "reopen_ms": 4_000}
    if lane["scale"]["driver"] == "wim-wj":
        quick["check_ms"] = 700
    options = lane["scale"].get("options", {}) | quick
    return lane | {
        "scale": lane["scale"] | {"options": options},
        "controller": lane["controller"] | {"options": {"silent_ms": 2_500, "reopen_ms": 4_000}},
        "destinations": lane["destinations"][:1],
        "lane": lane["lane"] | {"result_patience_ms": 2_000},
    }
