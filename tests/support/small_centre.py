"""A centre of one process for benches: receiver, small store and upload endpoint, told everything by one JSON argument.

On standard output: `up PORT` once, then for each journal in a commit `c JOURNAL FIRST LAST MS` with the machine's
monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from journal.checking import Trust
from journal.clock import SystemClock
from journal.intake import Intake
from journal.keys import SigningKey
from journal.mqtt import PahoTransport
from journal.receiver import Receiver
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.store import Accepted
from journal.stores import SqliteStore
from kernel.evidence.notes import decode_base64

CLOCK = SystemClock()


def told(entries: Sequence[Accepted]) -> None:
    now_ms = CLOCK.mono_ms()
    for journal, run in groupby(entries, key=attrgetter("header.journal")):
        seqs = [entry.seq for entry in run]
        print(f"c {journal} {seqs[0]} {seqs[-1]} {now_ms}", flush=True)


async def main(options: dict[str, Any]) -> None:
    folder = Path(options["folder"])
    key = SigningKey.load(Path(options["store_key"]), kind="store")
    store = SqliteStore(folder / "store.db", store_id=key.name)
    trust = Trust(root_name=options["root_name"], root_public=decode_base64(options["root_public"]))
    receiver = Receiver(store, key=key, trust=trust, clock=CLOCK)
    receiver.on_committed(told)
    transport = PahoTransport(options["broker"], user="ingest", password="ingest")
    Intake(transport, receiver)
    await transport.start()
    intake = FileIntake(
        store=store,
        blobs=BlobFolder(folder / "files"),
        key=key,
        secrets={options["box"]: options["password"]},
        clock=CLOCK,
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=intake.routes()), log_level="warning"))
    print(f"up {listening.getsockname()[1]}", flush=True)
    await server.serve([listening])


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
