"""Journal and receiver against raw sqlite3 at equal durability, in the same run on the same disk."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

from journal.checking import Trust
from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.database import JournalFile
from journal.intake import Intake
from journal.keys import SigningKey
from journal.receiver import Receiver
from journal.sender import Sender
from journal.settings import Destination
from journal.stamping import Stamper, unknown_clock
from journal.stores import SqliteStore
from journal.writer import Journal
from kernel.evidence import canonical, frames
from kernel.evidence.frames import Frame
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import Checkpoint
from kernel.evidence.tree import Frontier
from tests.journal.brokers import MemoryBroker
from tests.journal.making import County, PaperJournal, said

Row = dict[str, object]

SOURCE = "yiyuan/s01/lane1"
BODY = said(1, size=1200)
ROW = canonical.encode(BODY) + bytes(700)  # body and header of the same entry
ROUNDS = 3


def run() -> list[Row]:
    """About fifteen seconds.  Ratios are what counts: the rate of one disk varies tenfold between days."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        return [
            *_one_thread(folder, each=1, count=900),
            *_one_thread(folder, each=50, count=9_000),
            *_append(folder, at_once=1, count=900),
            *_append(folder, at_once=50, count=9_000),
            *asyncio.run(_ingest(folder, each=32, count=6_400)),
            *asyncio.run(_ingest(folder, each=1, count=1_500)),
            *asyncio.run(_drain(folder, count=6_000)),
        ]


def _one_thread(folder: Path, *, each: int, count: int) -> list[Row]:
    """What stamping, hashing, signing and the tables cost, like for like: raw sqlite3 has no event loop either."""
    ours: list[tuple[float, float]] = []
    raw: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        ours.append(_written(folder / f"written-{each}-{number}.db", each=each, count=count // ROUNDS))
        raw.append(_raw(folder / f"raw-of-written-{each}-{number}.db", each=each, count=count // ROUNDS))
    rate, cpu_us = max(rate for rate, _ in ours), min(cpu for _, cpu in ours)
    raw_rate, raw_cpu_us = max(rate for rate, _ in raw), min(cpu for _, cpu in raw)
    return [
        _row(f"journal written in one thread, {each} a commit / raw sqlite3", rate, "/s", raw_rate),
        _row(f"journal written in one thread, {each} a commit, CPU / raw sqlite3", cpu_us, "us", raw_cpu_us),
    ]


def _written(path: Path, *, each: int, count: int) -> tuple[float, float]:
    key, box = (
        SigningKey.generate(kind="journal", name="bench"),
        SigningKey.generate(kind="box", name="bench-lane"),
    )
    stamper = Stamper(
        box=box.name,
        process="edge",
        software="bench",
        identity=box,
        clock=SystemClock(),
        boot="0123456789abcdef",
        source_clock=unknown_clock,
    )
    with closing(JournalFile(path, key=key, create=True)) as file:
        file.commit([stamper.genesis(key, None)])
        start, cpu = time.perf_counter(), _cpu()
        for _ in range(0, count, each):
            stamped = [stamper.stamp(BODY, source=SOURCE) for _ in range(each)]
            file.commit(
                [one.placed(journal=file.journal, seq=file.size + n) for n, one in enumerate(stamped)]
            )
        return count / (time.perf_counter() - start), (_cpu() - cpu) / count * 1e6


def _append(folder: Path, *, at_once: int, count: int) -> list[Row]:
    """Through the event loop, which never waits for a disk: two changes of thread an entry, or a batch.

    Best of a few rounds each, alternating, so that both meet the same noise; raw commits what ours committed.
    """
    raw: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    each = 1
    for number in range(ROUNDS):
        rate, cpu_us, commits = asyncio.run(
            _journal(folder / f"journal-{at_once}-{number}", at_once=at_once, count=count // ROUNDS)
        )
        each = max(round(count / ROUNDS / commits), 1)
        ours.append((rate, cpu_us))
        raw.append(_raw(folder / f"raw-{at_once}-{number}.db", each=each, count=count // ROUNDS))
    rate, cpu_us = max(rate for rate, _ in ours), min(cpu for _, cpu in ours)
    raw_rate, raw_cpu_us = max(rate for rate, _ in raw), min(cpu for _, cpu in raw)
    return [
        _row(f"journal append, {at_once} at once ({each} a commit) / raw sqlite3", rate, "/s", raw_rate),
        _row(f"journal append CPU, {at_once} at once / raw sqlite3", cpu_us, "us", raw_cpu_us),
    ]


def _raw(path: Path, *, each: int, count: int) -> tuple[float, float]:
    """Rate, and CPU microseconds a row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        start, cpu = time.perf_counter(), _cpu()
        for first in range(0, count, each):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO row VALUES (?, ?)", [(first + n, ROW) for n in range(each)])
            db.execute("COMMIT")
        return count / (time.perf_counter() - start), (_cpu() - cpu) / count * 1e6


async def _journal(folder: Path, *, at_once: int, count: int) -> tuple[float, float, int]:
    """Rate, CPU microseconds an entry, and commits that it took; `at_once` callers, each waiting for its entry."""
    journal = _open(folder)
    commits: list[int] = []
    journal.on_append(commits.append)

    async def caller() -> None:
        for _ in range(count // at_once):
            await journal.append(BODY, source=SOURCE)

    try:
        start, cpu = time.perf_counter(), _cpu()
        await asyncio.gather(*(caller() for _ in range(at_once)))
        took, used = time.perf_counter() - start, _cpu() - cpu
    finally:
        journal.close()
    return count / took, used / count * 1e6, len(commits)


async def _ingest(folder: Path, *, each: int, count: int) -> list[Row]:
    """Frames of one box, checked, committed and receipted; 64 frames may be under way."""
    county = County()
    journal = PaperJournal(county.identity("bench-lane"))
    for _ in range(count - 1):
        journal.say(BODY)
    wires = _cut(journal, each)
    with closing(SqliteStore(folder / f"store-{each}.db", store_id="bench-store")) as store:
        receiver = _receiver(store, county)
        try:
            await receiver.hello(journal.box, journal.hello())
            start, cpu = time.perf_counter(), _cpu()
            answers = await _all_through([_accepting(receiver, journal, wire) for wire in wires])
            took, used = time.perf_counter() - start, _cpu() - cpu
        finally:
            receiver.close()
    if any(answers):
        raise AssertionError(f"refused: {next(filter(None, answers))}")
    return [
        _row(f"ingest, frames of {each}", count / took, "/s", None),
        _row(f"ingest CPU, frames of {each}", used / count * 1e6, "us", None),
    ]


async def _drain(folder: Path, *, count: int) -> list[Row]:
    """A backlog from journal.db through a broker in memory to the committed receipt, one process."""
    county = County()
    identity = county.identity("bench-lane")
    journal = _open(folder / "drain", identity=identity.key)
    await asyncio.gather(*(journal.append(BODY, source=SOURCE) for _ in range(count)))
    broker, key = MemoryBroker(), SigningKey.generate(kind="store", name="bench-store")
    with (
        closing(SqliteStore(folder / "drain.db", store_id=key.name)) as store,
        closing(Cursors(folder)) as cursors,
    ):
        receiver = _receiver(store, county, key=key)
        intake = Intake(broker.transport(), receiver)
        sender = Sender(
            journal,
            cursors,
            identity=identity,
            destination=Destination(
                name="bench",
                mqtt="mqtt://memory",
                password="none",
                store_id=key.name,
                store_public=encode_base64(key.public),
            ),
            transport=broker.transport(),
            software="bench",
            clock=SystemClock(),
        )
        done = asyncio.Event()
        sender.on_accepted(lambda size: done.set() if size > count else None)
        start = time.perf_counter()
        task = asyncio.create_task(sender.run())
        await done.wait()
        took = time.perf_counter() - start
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await intake.stop()
        receiver.close()
        journal.close()
    return [_row("drain, journal to receipt", count / took, "/s", None)]


def _receiver(store: SqliteStore, county: County, *, key: SigningKey | None = None) -> Receiver:
    return Receiver(
        store,
        key=key or SigningKey.generate(kind="store", name="bench-store"),
        trust=Trust(root_name=county.root.name, root_public=county.root.public),
        clock=SystemClock(),
    )


def _cut(journal: PaperJournal, each: int) -> list[bytes]:
    """Cut with a growing frontier: cutting through the paper journal itself would hash all leaves for each frame."""
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


def _accepting(receiver: Receiver, journal: PaperJournal, wire: bytes) -> Callable[[], Awaitable[str | None]]:
    async def accept() -> str | None:
        return (await receiver.accept(journal.box, journal.id, wire)).refused

    return accept


async def _all_through(jobs: Sequence[Callable[[], Awaitable[str | None]]]) -> list[str | None]:
    answers: list[str | None] = []
    for start in range(0, len(jobs), 64):
        answers += await asyncio.gather(*(job() for job in jobs[start : start + 64]))
    return answers


def _open(folder: Path, *, identity: SigningKey | None = None) -> Journal:
    return Journal.open(
        folder,
        box="bench-lane",
        process="edge",
        software="bench",
        identity=identity or SigningKey.generate(kind="box", name="bench-lane"),
        clock=SystemClock(),
        boot="0123456789abcdef",
    )


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
