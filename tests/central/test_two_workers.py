"""Attack 8: the same frames to two workers at once, doubled within a batch, and one of them killed around its commit."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from central.store import schema
from central.store.engines import connect
from central.store.rollups import recount
from kernel.evidence.notes import encode_base64
from tests.central.made import weighed
from tests.central.worker import REGISTER, Offered
from tests.journal.making import PaperJournal
from tests.journal.receiver_contract import COUNTY, lane

pytestmark = [pytest.mark.wire, pytest.mark.timeout(170)]

PATIENCE_S = 30
LANES = 3


class Worker:
    """A process of its own, begun again when it has died."""

    def __init__(self, url: str, folder: Path) -> None:
        self._command = [
            sys.executable,
            "-m",
            "tests.central.worker",
            url,
            COUNTY.root.name,
            encode_base64(COUNTY.root.public),
        ]
        self._errors = folder / "worker.err"
        self.deaths = 0
        self._start()

    def order(self, batch: Path, *, die: str | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"batch": str(batch), "die": die}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """{} when it has died on the way."""
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert readable, "stuck: a deadlock"
        line = self._process.stdout.readline()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        self.close()
        self.deaths += 1
        self._start()
        return {}

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _start(self) -> None:
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | {"PYTHONPATH": str(Path.cwd())},
            )
        assert self.answer_of_start() == {"ready": True}

    def answer_of_start(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


class Story:
    """Lanes that go on talking, and what of it is in the next batch."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.lanes = [lane(f"s01-lane{number}") for number in range(1, LANES + 1)]
        self.chance = random.Random(seed)
        self._path = folder / "batch"
        self._sent = dict.fromkeys((journal.id for journal in self.lanes), 0)
        self._number = 0

    def next(self) -> list[Path]:
        """The same frames for both workers, each in an order of its own; with repetitions of all kinds."""
        offered: list[Offered] = []
        for journal in self.lanes:
            offered += self._of(journal)
        hellos = [
            Offered(j.box, "", j.hello())
            for j in self.lanes
            if self.chance.random() < 0.2 or not self._number
        ]
        self._number += 1
        backwards = sorted(offered, key=lambda one: one.journal, reverse=True)
        paths = []
        for name, batch in (("a", offered), ("b", backwards)):
            paths.append(self._path.with_suffix(f".{name}"))
            paths[-1].write_bytes(msgspec.msgpack.encode([*hellos, *batch]))
        return paths

    def _of(self, journal: PaperJournal) -> list[Offered]:
        start = self._sent[journal.id]
        for _ in range(self.chance.randint(1, 6)):
            outcome = self.chance.choice(["within", "over_limit"])
            journal.say(weighed(f"{journal.box}-{journal.size}", outcome=outcome))
        end = self._sent[journal.id] = journal.size
        middle = self.chance.randint(start, end)
        pieces = [(start, middle), (max(start - 3, 0), end), (start, end), (middle, end)]
        return [
            Offered(journal.box, journal.id, journal.wire(*piece)) for piece in pieces if piece[0] < piece[1]
        ]


def run(url: str, folder: Path, *, rounds: int, deaths: int, seed: int = 8) -> int:
    """How many workers have died; everything is checked at the end."""
    story = Story(folder, seed=seed)
    fatal = dict(
        zip(story.chance.sample(range(1, rounds), deaths), ["before", "after"] * deaths, strict=False)
    )
    with ExitStack() as stack:
        workers = [Worker(url, folder) for _ in range(2)]
        for worker in workers:
            stack.callback(worker.close)
        for number in range(rounds):
            dying = story.chance.randrange(2)
            for which, (worker, batch) in enumerate(zip(workers, story.next(), strict=True)):
                worker.order(batch, die=fatal.get(number) if which == dying else None)
            for which, worker in enumerate(workers):
                answer = worker.answer()
                died_now = number in fatal and which == dying
                expected: dict[str, Any] = {} if died_now else {"refused": []}
                assert answer == expected, (number, answer)
        died = sum(worker.deaths for worker in workers)
    check(url, story.lanes)
    return died


def check(url: str, lanes: list[PaperJournal]) -> None:
    """Each entry once, byte for byte, and each count once."""
    database = connect(url)
    entry = schema.entry
    with database.reader.connect() as connection:
        for journal in lanes:
            query = entry.select().where(entry.c.journal == journal.id).order_by(entry.c.seq)
            rows = connection.execute(query).all()
            assert [(row.seq, row.leaf, row.header) for row in rows] == [
                (seq, journal.leaves[seq], journal.entries[seq][0]) for seq in range(journal.size)
            ]
            head = connection.execute(schema.head.select().where(schema.head.c.journal == journal.id)).one()
            assert head.size == journal.size
        counted = recount(connection, register=REGISTER)
    database.close()
    assert counted.differences == ()
    assert counted.entries == sum(journal.size - 1 for journal in lanes)


def test_i8_the_same_frames_at_two_workers_are_stored_and_counted_once(
    make_url: Callable[[bool], str], tmp_path: Path
) -> None:
    assert run(make_url(True), tmp_path, rounds=50, deaths=6) == 6


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_no_deadlock_in_a_thousand_rounds(make_url: Callable[[bool], str], tmp_path: Path) -> None:
    assert run(make_url(True), tmp_path, rounds=1_000, deaths=40, seed=1_000) == 40
