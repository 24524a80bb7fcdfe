"""The centre's own store under load: what a lane says, in frames of 32 and of 1, over SQLite and over PostgreSQL.

Frames are fed to the receivers' custody directly: what brokers cost is measured elsewhere.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg

from central.store.engines import connect
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from central.store.projections import Register
from central.store.receiving import CentreStore
from central.store.rollups import recount
from journal.checking import Trust
from journal.clock import SystemClock
from journal.keys import SigningKey
from journal.receiver import Receiver
from kernel.events import Body, VehicleWeighed
from kernel.evidence import frames
from kernel.evidence.frames import Frame
from kernel.evidence.texts import Checkpoint
from kernel.evidence.tree import Frontier
from tests.central.made import clip, health, pictured, weighed
from tests.journal.making import County, PaperJournal
from tests.support.postgresql import create, installed, running_postgresql

Row = dict[str, object]
Load = list[tuple[str, str, list[bytes], bytes]]  # box, journal, frames, hello

STORE = "bench-store"
UNDER_WAY = 192
FRAME_BOXES, LIVE_BOXES = 8, 100
WORKERS = 2
ROUNDS = 2


def run(*, full: bool) -> list[Row]:
    """About a minute; `full` takes five times as much."""
    much = 5 if full else 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        for each, boxes, count in ((32, FRAME_BOXES, 12_800 * much), (1, LIVE_BOXES, 5_000 * much)):
            rows += _over_sqlite(folder, each=each, boxes=boxes, count=count)
    if installed():
        with running_postgresql() as address:
            for each, boxes, count in ((32, FRAME_BOXES, 12_800 * much), (1, LIVE_BOXES, 5_000 * much)):
                rows += _over_postgresql(address, each=each, boxes=boxes, count=count)
    return rows


# --- what is sent ----------------------------------------------------------------------------------------------


def _load(county: County, *, boxes: int, each: int, count: int) -> Load:
    """The same number of entries of every box, cut into frames."""
    return [_lane(county, f"bench-{number}", each=each, count=count // boxes) for number in range(boxes)]


def _lane(county: County, box: str, *, each: int, count: int) -> tuple[str, str, list[bytes], bytes]:
    now_ms = SystemClock().now_ms()
    journal = PaperJournal(county.identity(box), at=now_ms)
    for number in range(count - 1):
        journal.say(_said(number), at=now_ms - 1000 * (count - number))
    return box, journal.id, _cut(journal, each), journal.hello()


def _said(number: int) -> Body:
    """A crossing is a weighing, its pictures and its clip; and there are heartbeats."""
    passage = f"p{number // 4}"
    made: Sequence[Callable[[], Body]] = (
        lambda: _whole(weighed(passage, outcome="over_limit" if number % 20 == 0 else "within")),
        lambda: pictured(passage),
        lambda: clip(passage, on_demand=True),
        health,
    )
    return made[number % 4]()


def _whole(body: VehicleWeighed) -> VehicleWeighed:
    """With a trace, as scales give it: about 2 kB."""
    values = {name: getattr(body, name) for name in body.__struct_fields__}
    return VehicleWeighed(**(values | {"trace": tuple((n * 20, 30_000 + n) for n in range(100))}))


def _cut(journal: PaperJournal, each: int) -> list[bytes]:
    """With a growing frontier: cutting through the paper journal itself would hash all leaves for each frame."""
    frontier, wires = Frontier(), list[bytes]()
    for start in range(0, journal.size, each):
        end = min(start + each, journal.size)
        frontier.extend(journal.leaves[start:end])
        note = Checkpoint(journal=journal.id, size=end, root=frontier.root()).signed(
            public_key=journal.key.public, sign=journal.key.sign
        )
        frame = Frame(
            journal=journal.id,
            start=start,
            entries=tuple(journal.entries[start:end]),
            checkpoint=note.format(),
        )
        wires.append(frames.encode(frame))
    return wires


# --- SQLite ----------------------------------------------------------------------------------------------------


def _over_sqlite(folder: Path, *, each: int, boxes: int, count: int) -> list[Row]:
    """Best of a few rounds, alternating with raw rows, so that both meet the same noise."""
    county = County(now_ms=SystemClock().now_ms())
    trust = Trust(root_name=county.root.name, root_public=county.root.public)
    load = _load(county, boxes=boxes, each=each, count=count)
    raw: list[float] = []
    ours: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        raw.append(_raw_sqlite(folder / f"raw-{each}-{number}.db", load))
        url = f"sqlite:///{folder / f'centre-{each}-{number}.db'}"
        _prepare(url)
        cpu, took = _cpu(), asyncio.run(_feed(url, load, trust))
        ours.append((count / took, (_cpu() - cpu) / count * 1e6))
        _check(url, load)
    name = f"centre ingest over SQLite, frames of {each} of {boxes} boxes"
    return [
        _row(f"{name} / raw rows", max(rate for rate, _ in ours), "/s", max(raw)),
        _row(f"{name}, CPU", min(cpu for _, cpu in ours), "us", None),
    ]


def _prepare(url: str) -> None:
    database = connect(url)
    migrate(database)
    make_ahead(database, now_ms=SystemClock().now_ms())
    database.close()


async def _feed(url: str, load: Load, trust: Trust) -> float:
    """Seconds from the first frame to the last receipt; hellos come before."""
    database = connect(url)
    store = CentreStore(database, store_id=STORE, register=_register(load))
    key = SigningKey.generate(kind="store", name=STORE)
    receiver = Receiver(store, key=key, trust=trust, clock=SystemClock())
    try:
        for box, _journal, _wires, hello in load:
            assert (await receiver.hello(box, hello)).refused == ()
        start = time.perf_counter()
        await asyncio.gather(*(_lane_of(receiver, *lane) for lane in load))
        return time.perf_counter() - start
    finally:
        receiver.close()
        database.close()


async def _lane_of(receiver: Receiver, box: str, journal: str, wires: list[bytes], _hello: bytes) -> None:
    """As a sender does: eight frames under way."""
    for start in range(0, len(wires), 8):
        answers = await asyncio.gather(
            *(receiver.accept(box, journal, wire) for wire in wires[start : start + 8])
        )
        for answer in answers:
            assert answer.refused is None, answer.refused


def _register(load: Load) -> Register:
    return Register(centre="centre", sources={box: "yiyuan/s01/lane1" for box, *_ in load})


def _check(url: str, load: Load) -> None:
    database = connect(url)
    with database.reader.connect() as connection:
        counted = recount(connection, register=_register(load))
    database.close()
    assert counted.differences == (), counted.differences[:3]


def _raw_sqlite(path: Path, load: Load) -> float:
    """The same bytes as rows, 500 a commit, with the same durability."""
    rows = [
        entry[0] + (entry[2] or b"")
        for *_, wires, _ in load
        for w in wires
        for entry in frames.decode(w).entries
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        start = time.perf_counter()
        for first in range(0, len(rows), 500):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO row VALUES (?, ?)", enumerate(rows[first : first + 500], first))
            db.execute("COMMIT")
        return len(rows) / (time.perf_counter() - start)


# --- PostgreSQL ------------------------------------------------------------------------------------------------


def _over_postgresql(address: str, *, each: int, boxes: int, count: int) -> list[Row]:
    """Two workers, processes of their own; each has half of the boxes, as a queue gives them."""
    county = County(now_ms=SystemClock().now_ms())
    trust = Trust(root_name=county.root.name, root_public=county.root.public)
    load = _load(county, boxes=boxes, each=each, count=count)
    raw, ours = list[float](), list[float]()
    for number in range(ROUNDS):
        raw.append(_raw_postgresql(create(address, f"raw_{each}_{number}"), load))
        url = create(address, f"bench_{each}_{number}")
        _prepare(url)
        ours.append(count / _by_workers(url, load, trust))
        _check(url, load)
    name = f"centre ingest over PostgreSQL, {WORKERS} workers, frames of {each} of {boxes} boxes / raw rows"
    return [_row(name, max(ours), "/s", max(raw))]


def _by_workers(url: str, load: Load, trust: Trust) -> float:
    """Seconds that the slower of them took."""
    processes = multiprocessing.get_context("spawn")
    gate, times = processes.Barrier(WORKERS), processes.Queue()
    workers = [
        processes.Process(target=_work, args=(url, load[n::WORKERS], trust, gate, times))
        for n in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    took = max(times.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    return float(took)


def _work(url: str, load: Load, trust: Trust, gate: object, times: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    times.put(asyncio.run(_feed(url, load, trust)))  # type: ignore[attr-defined]


def _raw_postgresql(url: str, load: Load) -> float:
    rows = [
        entry[0] + (entry[2] or b"")
        for *_, wires, _ in load
        for w in wires
        for entry in frames.decode(w).entries
    ]
    with psycopg.connect(url.replace("+psycopg", "")) as db:
        db.execute("CREATE TABLE row (seq bigint PRIMARY KEY, data bytea NOT NULL)")
        db.commit()
        start = time.perf_counter()
        for first in range(0, len(rows), 500):
            with db.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO row VALUES (%s, %s)", list(enumerate(rows[first : first + 500], first))
                )
            db.commit()
        return len(rows) / (time.perf_counter() - start)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _row(name: str, value: float, unit: str, baseline: float | None) -> Row:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": round(baseline, 1) if baseline else None,
        "ratio": round(value / baseline, 3) if baseline else None,
    }
