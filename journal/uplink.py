"""One destination of one journal, whole: connection, custody and files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import msgspec

from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity
from journal.mqtt import PahoTransport
from journal.sender import UP, Sender, UplinkState
from journal.settings import Destination
from journal.uploads import Uploader
from journal.writer import Journal
from kernel.clock import Clock
from kernel.events import DeviceHealth
from kernel.evidence.commands import FETCH_FILE, Command

log = logging.getLogger(__name__)

HTTP_PATIENCE_S = 20.0


class Uplink:
    """Sends a journal and its files to one destination, and obeys its commands to fetch what stayed here."""

    def __init__(
        self,
        journal: Journal,
        files: FileStore,
        cursors: Cursors,
        *,
        identity: Identity,
        destination: Destination,
        software: str,
        clock: Clock,
    ) -> None:
        self.destination = destination
        self._box = identity.box
        self._clock = clock
        self._since_ms = clock.now_ms()
        self._was: str = ""
        self._asked: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self._transport = PahoTransport(destination.mqtt, user=identity.box, password=destination.password)
        self._sender = Sender(
            journal,
            cursors,
            identity=identity,
            destination=destination,
            transport=self._transport,
            software=software,
            clock=clock,
            obey=self._obey,
        )
        self._http = httpx.AsyncClient(timeout=HTTP_PATIENCE_S)
        self._uploader = (
            Uploader(
                journal,
                files,
                cursors,
                box=identity.box,
                destination=destination,
                http=self._http,
                clock=clock,
                accepted=self._sender.accepted_of,
            )
            if destination.files
            else None
        )

    async def run(self) -> None:
        """Until cancelled; RestartError, in a group, when the destination contradicts the journal."""
        await self._transport.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, work in self._work():
                    tasks.create_task(work(), name=f"{name} to {self.destination.name}")
        finally:
            await self._transport.stop()
            await self._http.aclose()

    def live(self, name: str, value: object) -> None:
        """QoS 0, never journalled, never counted; gone when nobody listens."""
        if self.destination.live:
            self._transport.publish(f"{UP}/{self._box}/live/{name}", msgspec.json.encode(value), qos=0)

    @property
    def state(self) -> UplinkState:
        return self._sender.state

    def health(self) -> tuple[DeviceHealth, ...]:
        state = self.state
        condition = "down" if state.stopped or not state.connected else "up"
        if condition != self._was:
            self._was, self._since_ms = condition, self._clock.now_ms()
        files = f", {self._uploader.waiting} files" if self._uploader else ""
        return (
            DeviceHealth(
                name=self.destination.name,
                kind="uplink",
                state="up" if condition == "up" else "down",
                since_ms=self._since_ms,
                detail=state.stopped or f"{state.lag} entries{files} waiting",
                good=state.size,
                dropped=state.refused_receipts,
            ),
        )

    def _work(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        work: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [("custody", self._sender.run)]
        if self._uploader is not None:
            self._sender.on_accepted(lambda _size: self._uploader.wake() if self._uploader else None)
            work += [("files", self._uploader.run), ("requests", self._fetch)]
        return work

    def _obey(self, command: Command) -> None:
        if command.kind != FETCH_FILE:
            log.warning("command not known", extra={"kind": command.kind})
            return
        sha256 = command.args.get("sha256")
        if isinstance(sha256, str) and not self._asked.full():
            self._asked.put_nowait(sha256)

    async def _fetch(self) -> None:
        while True:
            sha256 = await self._asked.get()
            known = self._uploader is not None and await self._uploader.demand(sha256)
            log.info("file asked for", extra={"sha256": sha256, "known": known})
