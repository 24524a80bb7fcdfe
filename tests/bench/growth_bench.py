"""What a long journal costs: each entry up to a million, opening, proofs and the nightly re-hash at a million."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from journal.clock import SystemClock
from journal.database import Reader
from journal.keys import SigningKey
from journal.rehashing import rehash
from journal.settings import Succession
from journal.writer import Journal
from kernel.evidence import tree
from tests.journal.making import said

Row = dict[str, object]

MILLION = 1_000_000
STEP = 10_000
AT_ONCE = 200
POINTS = Path("build/journal_growth.json")
IDENTITY = SigningKey.generate(kind="box", name="bench-lane")


def run(*, full: bool = False) -> list[Row]:
    """About two minutes and one gigabyte; ten times that when full, then over ten journals."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name) / "journal"
        rows = asyncio.run(_grow(folder, 10 * MILLION if full else MILLION))
        return [*rows, *asyncio.run(_at_its_end(folder))]


async def _grow(folder: Path, count: int) -> list[Row]:
    points: list[tuple[int, float, float]] = []
    with closing(_open(folder)) as journal:

        async def caller(first: int) -> None:
            for n in range(first, first + STEP // AT_ONCE):
                await journal.append(said(n), source="yiyuan/s01/lane1")

        for first in range(0, count, STEP):
            start, cpu = time.perf_counter(), _cpu()
            await asyncio.gather(*(caller(first + one) for one in range(0, STEP, STEP // AT_ONCE)))
            took, used = time.perf_counter() - start, _cpu() - cpu
            points.append((first + STEP, took / STEP * 1e6, used / STEP * 1e6))
    _plot(points)
    early, late = _mean(points[:10]), _mean(points[-10:])
    size = _bytes(folder)
    return [
        _row(f"append, {AT_ONCE} at once, CPU, first 100 000", early, "us", None),
        _row(f"append, {AT_ONCE} at once, CPU, last 100 000 of {count}", late, "us", early),
        _row("journal on disk, an entry", size / count, "bytes", None),
    ]


async def _at_its_end(folder: Path) -> list[Row]:
    start = time.perf_counter()
    journal = await asyncio.to_thread(_open, folder)
    opened = time.perf_counter() - start
    with closing(journal):
        volume = max(journal.volumes, key=lambda one: one.size)
        size, chance = volume.size, random.Random(1)
        root = await volume.root(size)
        with closing(Reader(volume.folder / "journal.db")) as reader:
            frontier = _timed(lambda: reader.frontier(size).root())
        proofs = [await _proof(volume.inclusion_proof, chance.randrange(size), size) for _ in range(50)]
        seq = chance.randrange(size)
        [entry] = await volume.read(seq, 1)
        proof = await volume.inclusion_proof(seq, size)
        if not tree.verify_inclusion(leaf=entry.leaf, index=seq, size=size, proof=proof, root=root):
            raise AssertionError("a proof does not prove")
        start = time.perf_counter()
        hashed = await rehash(journal, clock=SystemClock(), pause_s=0)
        took = time.perf_counter() - start
    return [
        _row(f"open at {size}, {len(journal.volumes)} journals", opened * 1e3, "ms", None),
        _row(f"frontier and root at {size} from its blocks", frontier * 1e3, "ms", None),
        _row(f"inclusion proof at {size}, median of 50", sorted(proofs)[25] * 1e3, "ms", None),
        _row(f"inclusion proof at {size}, the slowest of 50", max(proofs) * 1e3, "ms", None),
        _row(f"re-hash of {hashed} without pauses", took, "s", None),
    ]


async def _proof(prove: Callable[[int, int], Awaitable[object]], seq: int, size: int) -> float:
    start = time.perf_counter()
    await prove(seq, size)
    return time.perf_counter() - start


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _open(folder: Path) -> Journal:
    return Journal.open(
        folder,
        box=IDENTITY.name,
        process="edge",
        software="bench",
        identity=IDENTITY,
        clock=SystemClock(),
        boot="0123456789abcdef",
        succession=Succession(entries=MILLION + 2),
    )


def _plot(points: list[tuple[int, float, float]]) -> None:
    """The cost of an entry over the length of the journal, as numbers and as a picture."""
    told = [{"entries": entries, "us": round(us, 1), "cpu_us": round(cpu, 1)} for entries, us, cpu in points]
    POINTS.parent.mkdir(exist_ok=True)
    POINTS.write_text(json.dumps({"points": told}) + "\n")
    POINTS.with_suffix(".svg").write_text(_picture(points))


def _picture(points: list[tuple[int, float, float]]) -> str:
    """Microseconds of CPU an entry from 0 up, over entries from 0 to the last."""
    last, most = points[-1][0], max(cpu for _, _, cpu in points) * 1.25
    line = " ".join(f"{60 + 720 * at / last:.1f},{340 - 300 * cpu / most:.1f}" for at, _, cpu in points)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="380" font-family="sans-serif" font-size="14">'
        '<rect width="800" height="380" fill="white"/><path d="M60 40V340H780" fill="none" stroke="#444"/>'
        f'<polyline points="{line}" fill="none" stroke="#0b4a8b" stroke-width="2"/>'
        f'<text x="60" y="28">{most:.0f} us CPU an entry</text>'
        f'<text x="780" y="362" text-anchor="end">{last:,} entries</text></svg>\n'
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _mean(points: list[tuple[int, float, float]]) -> float:
    return sum(cpu for _, _, cpu in points) / len(points)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _row(name: str, value: float, unit: str, baseline: float | None) -> Row:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": round(baseline, 2) if baseline else None,
        "ratio": round(value / baseline, 3) if baseline else None,
    }
