"""The uplink over a real broker: drain, delays on a good and on a bad link, memory, and events with photos."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from journal.broker import EmbeddedBroker
from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity, SigningKey
from journal.mqtt import PahoTransport
from journal.settings import Destination
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.events import FileStored
from kernel.evidence import canonical, frames
from kernel.evidence.frames import Frame
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import Checkpoint
from kernel.evidence.tree import Frontier
from kernel.quantiles import p95
from kernel.settings import read
from tests.journal.making import County, PaperJournal, said
from tests.support.proxy import Link, Proxy, Way

Row = dict[str, Any]

BOX, SOURCE, PASSWORD = "bench-lane", "yiyuan/s01/lane1", "bench"
BODY = said(1, size=1200)
PHOTO = 150_000
MBIT_S = 1_000_000
CLOCK = SystemClock()
BUILD = Path("build")
LIVE_BOXES = tuple(f"{BOX}-{number}" for number in range(16))
LIVE_WINDOW = 8


def run(full: bool = False) -> list[Row]:
    """About a minute and a half; `full`: the large backlog has a million entries."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:  # on the project's disk, out of git's sight
        folder = Path(name)
        rows = _photos(folder / "photos")
        return rows + asyncio.run(_over_a_broker(folder, backlog=1_000_000 if full else 100_000))


# --- events with four photos -----------------------------------------------------------------------------------


def _photos(folder: Path, *, events: int = 25, rounds: int = 3) -> list[Row]:
    """The same bytes as durable by a bare loop: four files, their folder, one row; rounds alternate."""
    folder.mkdir()
    bare, ours = list[float](), list[float]()
    for number in range(rounds):
        bare.append(_bare(folder / f"bare-{number}", events))
        ours.append(asyncio.run(_journalled(folder / f"ours-{number}", events)))
    return [_row("event with 4 photos of 150 kB / bare fsync loop", max(ours), "/s", max(bare))]


def _bare(folder: Path, events: int) -> float:
    folder.mkdir()
    pictures = [os.urandom(PHOTO) for _ in range(4 * events)]
    with closing(sqlite3.connect(folder / "rows.db", isolation_level=None)) as db:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        start = time.perf_counter()
        for event in range(events):
            for number in range(4 * event, 4 * event + 4):
                _write_synced(folder / str(number), pictures[number])
            _sync(folder)
            db.execute("INSERT INTO row VALUES (?, ?)", (event, canonical.encode(BODY)))
        return events / (time.perf_counter() - start)


async def _journalled(folder: Path, events: int) -> float:
    with closing(_open(folder / "journal", SigningKey.generate(kind="box", name=BOX))) as journal:
        files = FileStore(folder / "files", clock=CLOCK)
        pictures = [os.urandom(PHOTO) for _ in range(4 * events)]
        start = time.perf_counter()
        for event in range(events):
            named = [(f"{n}.jpg", pictures[n]) for n in range(4 * event, 4 * event + 4)]
            await journal.append(BODY, source=SOURCE, files=await files.put(named))
        return events / (time.perf_counter() - start)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- a lane, a broker and a centre -----------------------------------------------------------------------------


@dataclass
class Site:
    """One county, one broker; lanes and centres come and go."""

    folder: Path
    broker: str
    port: int
    county: County = field(default_factory=lambda: County(now_ms=CLOCK.now_ms()))
    store: SigningKey = field(default_factory=lambda: SigningKey.generate(kind="store", name="bench-store"))

    def __post_init__(self) -> None:
        self.identity: Identity = self.county.identity(BOX)
        self.store.save(self.folder / "store.key")
        self.identity.key.save(self.folder / "box.key")

    def destination(self, *, port: int | None = None, files: str | None = None) -> dict[str, object]:
        table: dict[str, object] = {
            "name": "bench",
            "mqtt": f"mqtt://127.0.0.1:{port or self.port}",
            "password": PASSWORD,
            "store_id": self.store.name,
            "store_public": encode_base64(self.store.public),
        }
        return table | ({"files": files} if files else {})

    @asynccontextmanager
    async def centre(self, name: str) -> AsyncIterator[Centre]:
        folder = self.folder / name
        folder.mkdir()
        options: dict[str, Any] = {
            "folder": str(folder),
            "store_key": str(self.folder / "store.key"),
            "root_name": self.county.root.name,
            "root_public": encode_base64(self.county.root.public),
            "broker": f"mqtt://127.0.0.1:{self.port}",
            "box": BOX,
            "password": PASSWORD,
        }
        async with _program("tests.support.small_centre", options) as child:
            centre = Centre(port=int((await _line(child)).split()[1]))
            listening = asyncio.create_task(centre.listen(child))
            try:
                yield centre
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)


@dataclass
class Centre:
    """What the other process says that it has committed: (journal, seq) -> monotonic ms."""

    port: int
    committed_ms: dict[tuple[str, int], int] = field(default_factory=dict)

    async def listen(self, child: asyncio.subprocess.Process) -> None:
        while True:
            _, journal, first, last, at_ms = (await _line(child)).split()
            self.committed_ms |= {(journal, seq): int(at_ms) for seq in range(int(first), int(last) + 1)}

    async def has(self, size: int) -> None:
        while len(self.committed_ms) < size:
            await asyncio.sleep(0.01)


async def _over_a_broker(folder: Path, *, backlog: int) -> list[Row]:
    async with asyncio.timeout(600), broker(folder) as (kind, port):
        site = Site(folder, kind, port)
        plain = await asyncio.to_thread(_plain_paho, port)
        return [
            *await _drain(site, plain),
            *await _live(site, plain),
            *await delays(site, "idle"),
            *await delays(site, "at 1 Mbit/s, photos uploading", bit_s=MBIT_S, photos=40),
            *await memory(site, backlog=backlog),
        ]


async def _drain(site: Site, plain: float, *, count: int = 20_000) -> list[Row]:
    """From journal.db to the receipt, each side in a process of its own."""
    await _backlog(site, "drain", count)
    async with site.centre("drain-centre"), _lane(site, "drain") as child:
        start = None
        while True:
            said = (await _line(child)).split()
            if said[0] == "a":
                start = start or (int(said[1]), int(said[2]))
                if int(said[1]) > count:
                    break
        assert start is not None
        took_ms = int(said[2]) - start[1]
    rate = (count + 1 - start[0]) * 1000 / took_ms
    return [_row(f"drain over {site.broker}, journal to receipt / plain paho", rate, "/s", plain)]


async def _live(site: Site, plain: float, *, count: int = 4_000) -> list[Row]:
    """Frames of one entry, as fast as the broker carries them: many lanes, as one may have few frames under way."""
    lanes = [_paper(site, box, count // len(LIVE_BOXES)) for box in LIVE_BOXES]
    async with site.centre("live-centre") as centre:
        await asyncio.gather(*(_say_all(site, centre, *lane) for lane in lanes))
        await asyncio.wait_for(centre.has(count), 60)
        took_ms = max(centre.committed_ms.values()) - min(centre.committed_ms.values())
    rate = count * 1000 / took_ms
    return [_row(f"ingest over {site.broker}, frames of 1 / plain paho", rate, "/s", plain)]


def _paper(site: Site, box: str, count: int) -> tuple[PaperJournal, list[bytes]]:
    journal = PaperJournal(site.county.identity(box))
    for _ in range(count - 1):
        journal.say(BODY)
    return journal, list(_frames_of_one(journal))


async def _say_all(site: Site, centre: Centre, journal: PaperJournal, wires: list[bytes]) -> None:
    """Never more under way than a receiver takes of one box: what it turns away nobody sends again here."""
    transport = PahoTransport(f"mqtt://127.0.0.1:{site.port}", user=journal.box, password=PASSWORD)
    known, said = asyncio.Event(), [0]
    transport.subscribe(f"weighpost/v1/down/{journal.box}/receipt/+", lambda _topic, _payload: known.set())
    await transport.start()
    while not known.is_set():
        transport.publish(f"weighpost/v1/up/{journal.box}/hello", journal.hello())
        await asyncio.sleep(0.3)
    for seq, wire in enumerate(wires):
        while seq - said[0] >= LIVE_WINDOW:
            await asyncio.sleep(0.001)
            while (journal.id, said[0]) in centre.committed_ms:
                said[0] += 1
        while not transport.publish(f"weighpost/v1/up/{journal.box}/frame/{journal.id}", wire):
            await asyncio.sleep(0.001)
    while (journal.id, len(wires) - 1) not in centre.committed_ms:
        await asyncio.sleep(0.002)
    await transport.stop()


async def delays(site: Site, name: str, *, bit_s: int = 0, photos: int = 0, count: int = 60) -> list[Row]:
    """One entry every quarter of a second; the lane's commit to the centre's, and to the receipt."""
    stem = name.split()[0]
    way = Way(bit_s=bit_s, delay_ms=0, queue_bytes=64 * 1024)
    link = Link(up=way, down=way)
    async with (
        site.centre(f"{stem}-centre") as centre,
        Proxy(("127.0.0.1", site.port), link=link) as mqtt,
        Proxy(("127.0.0.1", centre.port), link=link) as http,
    ):
        given = site.destination(port=mqtt.port, files=f"http://127.0.0.1:{http.port}")
        async with _speaking(site, stem, read(Destination, given)) as lane:
            await lane.photos(photos)
            written_ms, receipted_ms, used = await lane.speak(count, link)
            await asyncio.wait_for(centre.has(lane.journal.size), 60)
    there = p95(centre.committed_ms[lane.journal.id, seq] - at_ms for seq, at_ms in written_ms.items()) or 0
    back = p95(receipted_ms[seq] - at_ms for seq, at_ms in written_ms.items()) or 0
    rows = [
        _row(f"commit to commit p95, {name}", there, "ms", None),
        _row(f"receipt back p95, {name}", back, "ms", None),
    ]
    return rows + (
        [_row(f"of the link used, {name}", used * 8_000 / bit_s, "permille", None)] if bit_s else []
    )


@dataclass
class _Speaking:
    journal: Journal
    files: FileStore
    uplink: Uplink

    async def photos(self, count: int) -> None:
        """Over-limit photos that wait before the first entry is measured."""
        body = FileStored(passage=None, weighed=None, kind="picture", priority=0)
        for number in range(count):
            refs = await self.files.put([(f"{number}.jpg", os.urandom(PHOTO))])
            await self.journal.append(body, source=SOURCE, files=refs)

    async def speak(self, count: int, link: Link) -> tuple[dict[int, int], dict[int, int], int]:
        """When each was durable here and receipted there; bytes a second that went up meanwhile."""
        receipted_ms: dict[int, int] = {}
        seen = [0]

        def accepted(size: int) -> None:
            receipted_ms.update(dict.fromkeys(range(seen[0], size), CLOCK.mono_ms()))
            seen[0] = size

        self.uplink.on_accepted(accepted)
        while seen[0] < self.journal.size:
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)  # the uploads have found their pace
        written_ms: dict[int, int] = {}
        start, carried = CLOCK.mono_ms(), link.up.carried
        for _ in range(count):
            appended = await self.journal.append(BODY, source=SOURCE)
            written_ms[appended.seq] = CLOCK.mono_ms()
            await asyncio.sleep(0.25)
        used = (link.up.carried - carried) * 1000 // (CLOCK.mono_ms() - start)
        while seen[0] < self.journal.size:
            await asyncio.sleep(0.01)
        return written_ms, receipted_ms, used


@asynccontextmanager
async def _speaking(site: Site, name: str, destination: Destination) -> AsyncIterator[_Speaking]:
    folder = site.folder / f"{name}-lane"
    with (
        closing(_open(folder / "journal", site.identity.key)) as journal,
        closing(Cursors(folder)) as cursors,
    ):
        files = FileStore(folder / "files", clock=CLOCK)
        uplink = Uplink(
            journal,
            files,
            cursors,
            identity=site.identity,
            destination=destination,
            source=SOURCE,
            software="bench",
            clock=CLOCK,
        )
        task = asyncio.create_task(uplink.run())
        try:
            yield _Speaking(journal, files, uplink)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def memory(site: Site, *, backlog: int) -> list[Row]:
    """The most that the uplink's process has used while it drains for some seconds."""
    kb: dict[int, int] = {}
    for count in (1_000, backlog):
        await _backlog(site, f"memory-{count}", count)
        async with site.centre(f"memory-centre-{count}") as centre, _lane(site, f"memory-{count}") as child:
            await _line(child)
            await _for_seconds(8, centre, count)
            kb[count] = _peak_kb(child.pid)
    grown = kb[backlog] - kb[1_000]
    return [
        _row(f"RSS of the uplink, {backlog:,} waiting", kb[backlog] / 1024, "MB", None),
        _row(f"RSS of the uplink, {backlog:,} less that of 1,000 waiting", grown / 1024, "MB", None),
    ]


async def _for_seconds(seconds: int, centre: Centre, count: int) -> None:
    end_ms = CLOCK.mono_ms() + seconds * 1000
    while CLOCK.mono_ms() < end_ms and len(centre.committed_ms) <= count:
        await asyncio.sleep(0.1)


def _peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


# --- parts -----------------------------------------------------------------------------------------------------


async def _backlog(site: Site, name: str, count: int) -> None:
    folder = site.folder / name
    with closing(_open(folder / "journal", site.identity.key)) as journal:
        for start in range(0, count, 1_000):
            await asyncio.gather(
                *(journal.append(BODY, source=SOURCE) for _ in range(min(1_000, count - start)))
            )


@asynccontextmanager
async def _lane(site: Site, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    options: dict[str, Any] = {
        "folder": str(site.folder / name),
        "box_key": str(site.folder / "box.key"),
        "certificates": list(site.identity.certs),
        "destination": site.destination(),
    }
    async with _program("tests.support.lane_uplink", options) as child:
        yield child


@asynccontextmanager
async def _program(module: str, options: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, json.dumps(options), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        await child.wait()


async def _line(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None
    line = await asyncio.wait_for(child.stdout.readline(), 60)
    if not line:
        raise AssertionError("a program of the bench has ended")
    return line.decode().strip()


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """mosquitto where it is installed, else the embedded one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        boxes = dict.fromkeys((BOX, *LIVE_BOXES), PASSWORD)
        users = boxes | {"ingest": "ingest", "plain": "plain", "listener": "listener"}
        running = EmbeddedBroker(host="127.0.0.1", port=port, users=users, services=("ingest",))
        await running.start()
        yield "the embedded broker", port
        await running.stop()
        return
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    child = await asyncio.create_subprocess_exec(
        program, "-c", str(settings), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _answers(port)
        yield "mosquitto", port
    finally:
        child.terminate()
        await child.wait()


async def _answers(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def _plain_paho(port: int, *, count: int = 8_000) -> float:
    """One publisher, one subscriber, QoS 1, messages of one entry each."""
    done, got = threading.Event(), [0]

    def heard(*_args: object) -> None:
        got[0] += 1
        if got[0] >= count:
            done.set()

    topic = f"weighpost/v1/up/{BOX}/plain"
    listener = _client("ingest", "ingest", port)
    listener.on_message = heard
    listener.subscribe(topic, qos=1)
    publisher = _client(BOX, PASSWORD, port)
    payload = canonical.encode(BODY) + bytes(700)
    start = time.perf_counter()
    for _ in range(count):
        publisher.publish(topic, payload, qos=1)
    done.wait(60)
    took = time.perf_counter() - start
    for client in (publisher, listener):
        client.disconnect()
        client.loop_stop()
    return got[0] / took


def _client(user: str, password: str, port: int) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"plain-{user}")
    client.username_pw_set(user, password)
    up = threading.Event()
    client.on_connect = lambda *_args: up.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    up.wait(10)
    return client


def _frames_of_one(journal: PaperJournal) -> Iterator[bytes]:
    frontier = Frontier()
    for seq, entry in enumerate(journal.entries):
        frontier.append(journal.leaves[seq])
        note = Checkpoint(journal=journal.id, size=seq + 1, root=frontier.root()).signed(
            public_key=journal.key.public, sign=journal.key.sign
        )
        yield frames.encode(Frame(journal=journal.id, start=seq, entries=(entry,), checkpoint=note.format()))


def _open(folder: Path, identity: SigningKey) -> Journal:
    return Journal.open(
        folder,
        box=BOX,
        process="edge",
        software="bench",
        identity=identity,
        clock=CLOCK,
        boot="0123456789abcdef",
    )


def _row(name: str, value: float, unit: str, baseline: float | None) -> Row:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": round(baseline, 1) if baseline else None,
        "ratio": round(value / baseline, 3) if baseline else None,
    }
