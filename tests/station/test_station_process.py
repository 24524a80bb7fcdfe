"""The whole station over its real broker: lanes speak, receipts and tablets answer, with the centre down and back."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from journal.broker import EmbeddedBroker
from journal.checking import Trust
from journal.clock import SystemClock
from journal.intake import Intake
from journal.live import LiveEntry
from journal.mqtt import PahoTransport
from journal.receiver import Receiver
from journal.stores import SqliteStore
from kernel.events import PassageDecided
from kernel.evidence import canonical
from kernel.evidence.header import ClockState, Header, body_digest, encode
from tests.station.county import PLATFORM, ROOT, SOURCES, STATION, WIM, County, FakeLane, lanes, weighed
from tests.station.desk import SIX, UNKNOWN

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

SCRIPT = Path(sys.executable).with_name("weighpost-station")
PASSWORD = "correct horse"
T = TypeVar("T")
JPEG = b"\xff\xd8 not much of a picture" * 40


@pytest.fixture
def county(tmp_path: Path) -> County:
    return County.make(tmp_path)


def command(county: County, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *arguments],
        check=False,
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=county.folder,
    )


@asynccontextmanager
async def running(county: County) -> AsyncIterator[asyncio.subprocess.Process]:
    """The console script, from its first word to a clean end."""
    path = await asyncio.to_thread(county.write)
    process = await asyncio.create_subprocess_exec(
        SCRIPT, "run", path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line == f"ready {county.url}\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code in (0, -signal.SIGKILL)


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], *, seconds: float = 60) -> T:
    async with asyncio.timeout(seconds):
        while not good(answer := await ask()):
            await asyncio.sleep(0.05)
        return answer


async def health(county: County) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return dict((await client.get(f"{county.url}/healthz")).json())


@asynccontextmanager
async def signed_in(county: County) -> AsyncIterator[httpx.AsyncClient]:
    """An officer's browser, without the browser."""
    await asyncio.to_thread(
        command, county, "user", "add", "li", "--role", "operator", "--password-stdin", said=f"{PASSWORD}\n"
    )
    async with httpx.AsyncClient(base_url=county.url, headers={"Origin": county.url}) as client:
        form = (await client.get("/login")).text
        token = form.split('name="csrf" value="')[1].split('"')[0]
        await client.post("/login", data={"csrf": token, "name": "li", "password": PASSWORD})
        page = (await client.get("/tablet")).text
        client.headers["X-CSRF-Token"] = page.split('name="csrf" content="')[1].split('"')[0]
        yield client


@asynccontextmanager
async def live(county: County, client: httpx.AsyncClient, *topics: str) -> AsyncIterator[ClientConnection]:
    """The tablet's socket, with these topics asked for."""
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    address = county.url.replace("http", "ws") + "/live"
    async with connect(address, origin=county.url, additional_headers={"Cookie": cookie}) as browser:  # type: ignore[arg-type]
        await browser.send(json.dumps({"want": topics}))
        yield browser


async def heard(browser: ClientConnection, topic: str, good: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(20):
        while True:
            message = json.loads(await browser.recv())
            if message.get("t") == topic and message["d"] and good(message["d"]):
                return message["d"]


async def act(
    client: httpx.AsyncClient, path: str, said: object, key: str = "0123456789abcdef"
) -> httpx.Response:
    return await client.post(path, json=said, headers={"Idempotency-Key": key})


async def test_from_a_lanes_journal_to_the_tablet_with_the_centre_down(county: County) -> None:
    async with (
        running(county),
        lanes(county, WIM, PLATFORM) as (moving, platform),
        signed_in(county) as client,
    ):
        async with live(county, client, "queue.zh", "state.zh") as browser:
            body = await platform.weigh(47_300, UNKNOWN)
            await platform.picture(body, "鲁C8K215", jpeg=JPEG)
            await moving.weigh(58_760, SIX)
            await moving.heartbeat(front="down")
            told = await heard(
                browser, "queue.zh", lambda d: any(line["plate"] == "鲁C8K215" for line in d["lines"])
            )
            [line] = [line for line in told["lines"] if line["plate"] == "鲁C8K215"]
            assert (line["gross"], line["verdict"]) == ("47\u00a0300", "待确认")
            state = await heard(
                browser, "state.zh", lambda d: any(chip["name"] == "前相机" for chip in d["chips"])
            )
            assert (state["centre"], state["centre_state"]) == ("与中心断开，数据已存本站", "odd")
        await _receipted(moving, platform)
        at = f"/tablet/{PLATFORM}/{body.passage}"
        still = await until(lambda: _still(client, at), lambda address: address is not None)
        assert (await client.get(str(still))).content == JPEG
        seen = {"axle_count": 6, "combination": True, "drive_axles": 2, "single_tyre_axles": 0}
        assert (await act(client, f"{at}/confirm", {"seen": seen})).json()["detail"]["line"][
            "tone"
        ] == "within"
        assert (await act(client, f"{at}/release", {})).json()["detail"]["released"] is True
        told = (await health(county))["destinations"]
        assert (told[0]["connected"], told[0]["waiting"] > 2) == (False, True)


def unfiled(source: str, gross_kg: int) -> bytes:
    """A weighing as a lane shows it before its entry is here."""
    body = canonical.encode(weighed("p-live", gross_kg, SIX, platform=True, at_ms=1_790_000_000_000))
    head = Header(
        at=1_790_000_000_000,
        body=body_digest(bytes(16), body),
        boot="0123456789abcdef",
        clock=ClockState(err_ms=1, state="ok"),
        files=(),
        journal="a" * 32,
        mono_ms=1,
        seq=7,
        source=source,
        stream="vehicle.weighed",
    )
    return msgspec.msgpack.encode(LiveEntry(header=encode(head), body=body))


async def test_live_weight_goes_to_the_tablets_and_stops_with_the_scale(county: County) -> None:
    async with (
        running(county),
        lanes(county, PLATFORM, WIM) as (platform, moving),
        signed_in(county) as client,
    ):
        topic = f"weight.{PLATFORM}"
        async with live(county, client, topic, f"glimpse.{PLATFORM}", f"weight.{WIM}") as browser:
            seen = asyncio.ensure_future(heard(browser, topic, lambda d: d["kg"] == 41_060))
            while not seen.done():
                platform.show_weight(41_060, stable=True, state="weighed")
                platform.uplink.live("weight", {"kg": "heavy"})
                moving.show_weight(99_999, stable=True, state="weighed")
                await asyncio.sleep(0.1)
            assert (await seen)["state"] == "weighed"
            platform.glimpse("weighed", 41_060)
            assert (await heard(browser, f"glimpse.{PLATFORM}", lambda _d: True))["gross_kg"] == 41_060
            # While custody lags the newest entry itself is shown, marked as not filed.
            for payload in (b"noise", unfiled("elsewhere", 1), unfiled(SOURCES[PLATFORM], 52_000)):
                platform.uplink._glimpse(payload)
            told = await heard(browser, f"glimpse.{PLATFORM}", lambda d: d["gross_kg"] != 41_060)
            assert (told["gross_kg"], told["state"], told["unfiled"]) == (52_000, "weighed", True)
        await asyncio.sleep(1.2)
        async with live(county, client, topic) as browser:
            message = json.loads(await browser.recv())
            while message.get("t") != topic:
                message = json.loads(await browser.recv())
            assert message["stale_ms"] == 1_000
            assert message["age_ms"] >= 1_000
        await _receipted(platform, moving)
        assert (await health(county))[
            "entries"
        ] == 2  # the two journals' beginnings: live values are never stored


async def test_acts_reach_the_centre_when_it_comes_back_once_each(county: County, tmp_path: Path) -> None:
    async with (
        running(county) as process,
        lanes(county, PLATFORM) as (platform,),
        signed_in(county) as client,
    ):
        body = await platform.weigh(58_000, SIX)
        at = f"/tablet/{PLATFORM}/{body.passage}"
        await until(lambda: client.get(at), lambda answer: answer.status_code == 200)
        first, second = await asyncio.gather(*(act(client, f"{at}/hold", {}) for _ in range(2)))
        assert first.json()["entry"] == second.json()["entry"]
        async with centre(county, tmp_path / "centre.db") as receiver:
            streams: list[str] = []
            sources: set[str] = set()
            receiver.on_committed(lambda entries: streams.extend(entry.header.stream for entry in entries))
            receiver.on_committed(lambda entries: sources.update(entry.header.source for entry in entries))
            await until(lambda: health(county), lambda told: told["destinations"][0]["waiting"] == 0)
            assert streams.count(PassageDecided.stream) == 1
            assert streams[0] == "journal.opened"
            assert sources == {STATION, "yiyuan/s01/station"}
        assert process.returncode is None


async def test_killed_and_started_again_nothing_is_lost_or_doubled(county: County) -> None:
    async with lanes(county, PLATFORM) as (platform,):
        async with running(county) as process, signed_in(county) as client:
            body = await platform.weigh(58_000, SIX)
            at = f"/tablet/{PLATFORM}/{body.passage}"
            await until(lambda: client.get(at), lambda answer: answer.status_code == 200)
            assert (await act(client, f"{at}/hold", {})).status_code == 200
            process.kill()
            await process.wait()
        await platform.weigh(20_000, SIX)
        async with running(county), signed_in(county) as client:
            await until(lambda: _rows(county), lambda rows: len(rows) == 2)
            await _receipted(platform)
            rows = await _rows(county)
            assert [(row["gross_kg"], row["act"]) for row in rows] == [(58_000, "held"), (20_000, None)]
            again = await act(client, f"{at}/hold", {})
            assert again.json()["again"] is True
        [journal] = json.loads((await asyncio.to_thread(command, county, "journals", "--json")).stdout)
        assert (journal["box"], journal["size"]) == (PLATFORM, platform.journal.size)


async def test_a_box_with_another_secret_or_another_countys_key_gets_no_receipt(
    county: County, tmp_path: Path
) -> None:
    stranger = County.make(tmp_path / "elsewhere")
    async with running(county):
        posing = FakeLane(
            County(
                folder=tmp_path / "posing", keys=stranger.keys, store=county.store, centre=county.centre,
                mqtt_port=county.mqtt_port, web_port=county.web_port, centre_port=county.centre_port,
            ),
            PLATFORM,
        )  # fmt: skip
        task = asyncio.ensure_future(posing.uplink.run())
        await posing.weigh(20_000, SIX)
        await until(lambda: health(county), lambda told: told["refused"].get(PLATFORM, 0) > 0)
        assert (await health(county))["entries"] == 0
        assert posing.uplink.state.size == 0
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        posing.close()


async def test_a_taken_port_names_its_holder(county: County) -> None:
    path = await asyncio.to_thread(county.write)
    for name, port in (("web.port", county.web_port), ("broker.port", county.mqtt_port)):
        with socket.create_server(("127.0.0.1", port)):
            ended = await asyncio.to_thread(command, county, "run", str(path))
        assert ended.returncode == 2
        assert f"{name}: cannot listen on 127.0.0.1:{port}: taken by" in ended.stderr
        assert "pytest" in ended.stderr or "python" in ended.stderr


def test_wrong_settings_end_with_2_and_every_fault(county: County) -> None:
    path = county.write()
    path.write_text(path.read_text().replace("station secret", "").replace('"s01-store-1"', '"S"', 1))
    ended = command(county, "run", str(path))
    assert ended.returncode == 2
    assert "broker.password: must not be empty" in ended.stderr
    assert "store.id: must be 3 to 40" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_accounts_are_made_on_the_command_line(county: County) -> None:
    county.write()
    made = command(county, "user", "add", "li", "--role", "operator")
    assert made.returncode == 0
    assert len(made.stdout.strip()) >= 12
    assert command(county, "user", "add", "L I", "--role", "operator").returncode == 2
    short = command(county, "user", "add", "li", "--role", "operator", "--password-stdin", said="short\n")
    assert (short.returncode, "8 to 200 characters" in short.stderr) == (2, True)


def test_a_station_that_never_ran_has_nothing_to_list(county: County) -> None:
    county.write()
    for verb in ("queue", "plates"):
        ended = command(county, verb, "--json")
        assert (ended.returncode, "has not run yet" in ended.stderr) == (2, True)


@asynccontextmanager
async def centre(county: County, path: Path) -> AsyncIterator[Receiver]:
    """As much of a centre as a station needs: a broker, a receiver, a store."""
    users = {"centre": "x" * 20, STATION: "centre secret"}
    broker = EmbeddedBroker(host="127.0.0.1", port=county.centre_port, users=users, services=("centre",))
    await broker.start()
    store = SqliteStore(path, store_id=county.centre.name)
    trust = Trust(root_name=ROOT, root_public=county.keys.root.public)
    receiver = Receiver(store, key=county.centre, trust=trust, clock=SystemClock())
    transport = PahoTransport(f"mqtt://127.0.0.1:{county.centre_port}", user="centre", password="x" * 20)
    intake = Intake(transport, receiver)
    await transport.start()
    try:
        yield receiver
    finally:
        await intake.stop()
        await transport.stop()
        receiver.close()
        store.close()
        await broker.stop()


async def _receipted(*made: FakeLane) -> None:
    for lane in made:
        await until(partial(_lag, lane), lambda lag: lag == 0)


async def _lag(lane: FakeLane) -> int:
    return lane.uplink.state.lag


async def _still(client: httpx.AsyncClient, at: str) -> str | None:
    stills = (await client.get(at)).json()["stills"]
    return stills[0]["address"] if stills else None


async def _rows(county: County) -> list[dict[str, Any]]:
    ended = await asyncio.to_thread(command, county, "queue", "--json")
    return list(json.loads(ended.stdout))
