"""SIGKILL while journals follow each other: what append() returned is in the line once, and a repetition finds it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from journal.keys import SigningKey
from journal.settings import Succession
from journal.writer import Journal
from kernel.evidence import header
from tests.journal.making import TestClock, said

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

ROUNDS = 12
SOURCE = "yiyuan/s01/lane1"
IDENTITY = SigningKey.generate(kind="box", name="s01-lane1")

APPENDING = """
import asyncio, sys
from pathlib import Path
from journal.keys import SigningKey
from tests.journal.making import said
from tests.journal.test_succession_power import SOURCE, opened

async def main(folder, key, first):
    journal = opened(folder, SigningKey.load(key))
    async def one(n):
        done = await journal.append(said(n), source=SOURCE, key=f"weighed:{n}")
        print(n, done.journal, done.seq, done.leaf_hex, flush=True)
    while True:
        await asyncio.gather(*(one(first + i) for i in range(7)))
        first += 7

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
"""


def opened(folder: Path, identity: SigningKey) -> Journal:
    return Journal.open(
        folder,
        box=identity.name,
        process="edge",
        software="test",
        identity=identity,
        clock=TestClock(),
        boot="0123456789abcdef",
        succession=Succession(entries=100),
    )


def killed(folder: Path, key: Path, first: int, lines: int) -> dict[int, tuple[str, int, str]]:
    """What a process said was durable before it was killed after so many lines."""
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(folder), str(key), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert child.stdout is not None
    read = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    parts = [line.split() for line in (*read, *rest.splitlines())]
    whole = [each for each in parts if len(each) == 4 and len(each[3]) == 64]  # the last may be torn
    return {int(n): (journal, int(seq), leaf) for n, journal, seq, leaf in whole}


async def test_i1_i2_sigkill_between_journals_loses_and_doubles_nothing(tmp_path: Path) -> None:
    IDENTITY.save(tmp_path / "box.key")
    chance, durable, first = random.Random(3), dict[int, tuple[str, int, str]](), 0
    for _ in range(ROUNDS):
        told = await asyncio.to_thread(
            killed, tmp_path / "journal", tmp_path / "box.key", first, chance.randrange(1, 130)
        )
        durable |= told
        first = max(durable) + 8  # what was on its way may be there, too
    with closing(opened(tmp_path / "journal", IDENTITY)) as journal:
        assert journal.doubted is None
        places: dict[tuple[str, int], str] = {}
        for volume in journal.volumes:
            entries = await volume.read(0, volume.size)
            assert [entry.seq for entry in entries] == list(range(volume.size))
            assert "journal.recovered" not in {header.decode(entry.header).stream for entry in entries}
            places |= {(volume.id, entry.seq): entry.leaf.hex() for entry in entries}
        assert len(journal.volumes) > ROUNDS // 2
        assert {n: leaf for n, (_, _, leaf) in durable.items()} == {
            n: places[one, seq] for n, (one, seq, _) in durable.items()
        }
        for n in random.Random(4).sample(sorted(durable), 40):
            again = await journal.append(said(-1), source=SOURCE, key=f"weighed:{n}")
            assert (again.known, again.journal, again.seq, again.leaf_hex) == (True, *durable[n])
