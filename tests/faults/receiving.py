"""A centre or a station without pages: custody and files in a process of their own, over the real stores."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import uvicorn
from starlette.applications import Starlette

from central.store.engines import connect
from central.store.migrate import migrate
from central.store.projections import Register
from central.store.receiving import CentreStore
from journal.checking import Trust
from journal.clock import SystemClock
from journal.console import end
from journal.intake import Intake
from journal.keys import SigningKey
from journal.mqtt import PahoTransport
from journal.receiver import Receiver
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.store import ReceiverStore
from journal.stores import SqliteStore
from kernel.errors import WeighpostError

Kind = Literal["centre", "station"]


@dataclass(frozen=True, kw_only=True)
class ReceivingOptions:
    """`kind` decides which store: the centre's (SQLAlchemy, views and counts) or a station's (one small file)."""

    ready: Path
    kind: Kind
    database: str  # URL for a centre, path for a station
    files: Path
    key: Path
    root_name: str
    root_public: bytes
    mqtt: str
    port: int
    boxes: tuple[tuple[str, str], ...]  # names and secrets
    register: tuple[tuple[str, str], ...]
    user: str = "centre"
    client: str = "centre"  # two of one name at a broker take each other's place


def live(options: ReceivingOptions) -> int:
    """The process."""
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(_run(options))
    except (WeighpostError, ExceptionGroup) as error:
        return end(error, program=options.kind)
    return 0


async def _run(options: ReceivingOptions) -> None:
    key = SigningKey.load(options.key, kind="store")
    clock = SystemClock()
    trust = Trust(root_name=options.root_name, root_public=options.root_public)
    with _store(options, key.name) as store:
        receiver = Receiver(store, key=key, trust=trust, clock=clock)
        transport = PahoTransport(options.mqtt, user=options.user, password="x", client_id=options.client)
        intake = Intake(transport, receiver)
        files = FileIntake(
            store=store, blobs=BlobFolder(options.files), key=key, secrets=dict(options.boxes), clock=clock
        )
        await transport.start()
        try:
            await _serve(options, Starlette(routes=files.routes()))
            await intake.stop()
        finally:
            await transport.stop()
            receiver.close()


async def _serve(options: ReceivingOptions, app: Starlette) -> None:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=options.port, log_level="warning", lifespan="off")
    )
    serving = asyncio.ensure_future(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    options.ready.touch()
    await serving


@contextmanager
def _store(options: ReceivingOptions, store_id: str) -> Iterator[ReceiverStore]:
    if options.kind == "station":
        with contextlib.closing(SqliteStore(Path(options.database), store_id=store_id)) as store:
            yield store
        return
    database = connect(options.database)
    migrate(database)
    register = Register(centre="yiyuan-centre", sources=dict(options.register))
    with contextlib.closing(database):
        yield CentreStore(database, store_id=store_id, register=register)
