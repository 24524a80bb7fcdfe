"""One ingest worker as a process: takes the batches that it is told to, and can be told when to die.

    python -m tests.central.worker URL ROOT_NAME ROOT_PUBLIC

Each line on standard input is {"batch": path, "die": "before" | "after" | null}; each answer is a line of JSON: what was
refused, in order, or an error.  `before` and `after` are the commit: nobody hears of it either way.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from central.store.engines import connect
from central.store.projections import Register
from central.store.receiving import CentreStore, CentreTransaction
from journal.checking import Trust, inspect
from journal.clock import SystemClock
from journal.custody import Custody
from journal.keys import SigningKey
from kernel.evidence import frames
from kernel.evidence.notes import decode_base64

STORE = "bench-store"
SOURCES = {f"s01-lane{number}": "yiyuan/s01" for number in range(1, 9)}
REGISTER = Register(centre="yiyuan-centre", sources=SOURCES)


class Offered(msgspec.Struct, frozen=True):
    """One frame, or a hello where there is no journal."""

    box: str
    journal: str
    data: bytes


class MortalStore(CentreStore):
    """Dies with everything written and nothing committed, when it was told to."""

    dies = False

    @contextmanager
    def begin(self) -> Iterator[CentreTransaction]:
        with super().begin() as transaction:
            yield transaction
            if self.dies:
                transaction.flush()
                die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    url, root_name, root_public = sys.argv[1:]
    store = MortalStore(connect(url), store_id=STORE, register=REGISTER)
    custody = Custody(
        store,
        key=SigningKey.generate(kind="store", name=STORE),
        trust=Trust(root_name=root_name, root_public=decode_base64(root_public)),
        clock=SystemClock(),
    )
    say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        store.dies = order["die"] == "before"
        batch = msgspec.msgpack.decode(Path(order["batch"]).read_bytes(), type=list[Offered])
        try:
            refused = work(custody, batch)
        except Exception as error:  # noqa: BLE001 - the test says what it was
            say({"error": repr(error)})
            continue
        if order["die"] == "after":
            die()
        say({"refused": refused})


def work(custody: Custody, batch: list[Offered]) -> list[str]:
    refused: list[str] = []
    for one in batch:
        if not one.journal:
            refused += custody.greet(one.box, frames.decode_hello(one.data)).refused
    offered = [
        inspect(one.box, one.journal, one.data, received_ms=SystemClock().now_ms())
        for one in batch
        if one.journal
    ]
    return refused + [answer.refused for answer in custody.take(offered).answers if answer.refused]


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
