"""Packages and whole journals through the verifier: in process, as a command, and how much memory a journal takes."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from kernel.evidence import tree
from kernel.evidence.tree import Frontier
from tests.verify.journals import TABLES
from tests.verify.making import (
    CLIP,
    NOW_MS,
    Log,
    Signer,
    as_json,
    b64,
    central_log,
    draft,
    passage_log,
    trust_toml,
)
from verify import package
from verify.journal import Given, examine
from verify.package import read_trust, verify

Row = dict[str, object]

TRUST = read_trust(trust_toml())
ALONE = Given(trust=None, now_ms=NOW_MS)
MEGABYTES = 7
ROUNDS = 7


def run(*, full: bool) -> list[Row]:
    """A few seconds; with `full` a journal of a million entries."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        return [*_packages(folder), *_journal(folder, 1_000_000 if full else 50_000)]


def _packages(folder: Path) -> list[Row]:
    passage, case = folder / "passage.zip", folder / "case.zip"
    passage.write_bytes(_passage())
    case.write_bytes(_case())
    (folder / "trust.toml").write_text(trust_toml(), "utf-8")
    command = [
        sys.executable,
        "-m",
        "verify.main",
        "package",
        str(passage),
        "--trust",
        str(folder / "trust.toml"),
    ]
    hashing = _best(lambda: sha256(passage.read_bytes()).digest())
    in_process = _best(lambda: _proven(passage))
    return [
        {
            "name": f"a package of {MEGABYTES} MB, in process",
            "value": 1000 * in_process,
            "unit": "ms",
            "ratio": hashing / in_process,
            "baseline": "reading and hashing the file",
        },
        {
            "name": f"a package of {MEGABYTES} MB, as a command",
            "value": 1000 * _best(lambda: subprocess.run(command, check=True, capture_output=True), rounds=3),
            "unit": "ms",
        },
        {
            "name": "a case of 20 passages in 3 journals, in process",
            "value": 1000 * _best(lambda: _proven(case)),
            "unit": "ms",
        },
    ]


def _passage() -> bytes:
    log, third = Log(seed="large"), bytes(MEGABYTES * 1_000_000 // 3)
    log.add("vehicle.weighed", {"passage": "p-1", "gross_kg": 51_300})
    files = {f"{n}.jpg": bytes([n]) + third for n in range(3)}
    log.add("vehicle.pictured", {"passage": "p-1", "weighed": log.reference(1)}, files)
    return draft(log, seqs=(0, 1, 2)).zipped()


def _case() -> bytes:
    lane, centre = passage_log(), central_log()
    other = Log(Signer("yiyuan-s02-lane1"), "other")
    for number in range(19):
        passage = f"q-{number}"
        other.add("vehicle.weighed", {"passage": passage, "gross_kg": 51_300})
        weighed = other.reference(len(other.entries) - 1)
        other.add("file.stored", {"passage": passage, "weighed": weighed, "kind": "clip"}, CLIP)
    entries = [lane.reference(3), *(other.reference(n) for n in range(1, len(other.entries), 2))]
    centre.add("case.recorded", {"case": "c", "entries": entries, "by": "x"})
    also = [(other, range(len(other.entries))), (centre, (0, 1))]
    return draft(lane, also=also, case="c").zipped()


def _proven(path: Path) -> None:
    package.ed25519_verify.cache_clear()
    report = verify(path, TRUST, NOW_MS)
    if not report.proven:
        raise AssertionError([line.en for line in report.lines if line.verdict != package.PROVEN])


def _best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _journal(folder: Path, count: int) -> list[Row]:
    small, large = _written(folder / "small.db", count // 10), _written(folder / "large.db", count)
    start, cpu = time.perf_counter(), time.process_time()
    report = examine([large], ALONE)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    if not report.proven:
        raise AssertionError([line.en for line in report.lines])
    few, many = _peak_kb(small), _peak_kb(large)
    return [
        {"name": f"a journal of {count:,} entries", "value": took, "unit": "s"},
        {"name": "CPU of that for a million", "value": cpu / count * 1_000_000, "unit": "s"},
        {"name": "memory of the command for it", "value": many / 1024, "unit": "MB"},
        {"name": "more than for a tenth of it", "value": (many - few) / 1024, "unit": "MB"},
    ]


def _peak_kb(path: Path) -> int:
    """Of the command in a process of its own; the smaller journal first, for children are counted by the largest."""
    subprocess.run(
        [sys.executable, "-m", "verify.main", "journal", str(path)], check=True, capture_output=True
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _written(path: Path, count: int) -> Path:
    """A journal as a lane writes it, 1.2 kB a body; written at once, for it is the reading that is measured."""
    log, frontier, leaves = Log(seed="bench"), Frontier(), list[bytes]()
    text = as_json({"passage": "p", "trace": "x" * 1_150})
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(TABLES)
        for seq in range(count):
            entry = log.made(seq, "vehicle.weighed", text) if seq else log.entries[0]
            leaves.append(entry.leaf)
            frontier.append(entry.leaf)
            db.execute("INSERT INTO entry VALUES (?, ?, ?)", (seq, entry.leaf, entry.header))
            db.execute("INSERT INTO body VALUES (?, ?, ?)", (seq, entry.salt, entry.body))
            if len(leaves) == tree.BLOCK:
                db.execute("INSERT INTO block VALUES (?, ?)", (seq // tree.BLOCK, tree.root(leaves)))
                leaves.clear()
        text_of_note = f"weighpost/{log.id}\n{count}\n{b64(frontier.root())}\n"
        note = f"{text_of_note}\n{log.key.line(text_of_note)}"
        db.execute("INSERT INTO head VALUES (0, ?, x'', ?)", (count, note))
    return path
