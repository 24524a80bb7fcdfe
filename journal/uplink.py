"""One destination of one journal, whole: connection, custody and files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx
import msgspec

from journal.commands import Arguments, Commands, Kind
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity
from journal.live import NAME, LiveCopy
from journal.mqtt import PahoTransport
from journal.sender import UP, Sender, UplinkState
from journal.settings import Destination
from journal.tls import Credentials
from journal.uploads import Uploader
from journal.vouching import KnownStores
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.events import DeviceHealth
from kernel.evidence.commands import FETCH_FILE

log = logging.getLogger(__name__)

HTTP_PATIENCE_S = 20.0


class Uplink:
    """Sends a journal and its files to one destination, and obeys its commands.

    It may always ask for files that stayed here; `kinds` are what it may command besides.  `source` speaks in the
    entries about commands.
    """

    def __init__(
        self,
        journal: Journal,
        files: FileStore,
        cursors: Cursors,
        *,
        identity: Identity,
        destination: Destination,
        source: str,
        software: str,
        clock: Clock,
        tls: Credentials | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """`tls`: what we show where the destination has no password."""
        self.destination = destination
        self._journal, self._cursors = journal, cursors
        self._box = identity.box
        self._clock = clock
        self._since_ms = clock.now_ms()
        self._was: str = ""
        stores = KnownStores.of(destination, identity)
        certified = tls if destination.password is None else None
        self._transport = PahoTransport(
            destination.mqtt,
            user=identity.box,
            password=destination.password,
            tls=certified.client() if certified else None,
        )
        self._commands = self._make_commands(source, kinds or {})
        self._sender = Sender(
            journal,
            cursors,
            identity=identity,
            destination=destination,
            transport=self._transport,
            software=software,
            clock=clock,
            command=self._commands.heard,
            stores=stores,
            heard_time=tls.time.heard if tls else lambda _at_ms: None,
        )
        self._http = httpx.AsyncClient(
            timeout=HTTP_PATIENCE_S, verify=certified.client() if certified else True
        )
        self._live_copy = LiveCopy(journal, publish=self._glimpse, accepted=self._sender.accepted_of)
        self._uploader = self._make_uploader(files, stores) if destination.files else None

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

    def _glimpse(self, payload: bytes) -> None:
        self._transport.publish(f"{UP}/{self._box}/live/{NAME}", payload, qos=0)

    def on_accepted(self, callback: Callable[[int], None]) -> None:
        """Called with the new size whenever the destination has more."""
        self._sender.on_accepted(callback)

    @property
    def state(self) -> UplinkState:
        return self._sender.state

    def health(self) -> tuple[DeviceHealth, ...]:
        state = self.state
        condition = "down" if state.stopped or not state.connected else "up"
        if condition != self._was:
            self._was, self._since_ms = condition, self._clock.now_ms()
        files = f", {self._uploader.waiting} files" if self._uploader else ""
        large = self._uploader.too_large if self._uploader else 0
        untaken = f", {large} of them larger than is taken there" if large else ""
        return (
            DeviceHealth(
                name=self.destination.name,
                kind="uplink",
                state="up" if condition == "up" else "down",
                since_ms=self._since_ms,
                detail=state.stopped or f"{state.lag} entries{files} waiting{untaken}",
                good=state.size,
                dropped=state.refused_receipts + self._commands.refused,
            ),
        )

    def _make_commands(self, source: str, kinds: Mapping[str, Kind]) -> Commands:
        return Commands(
            self._journal,
            self._cursors,
            box=self._box,
            destination=self.destination,
            source=source,
            clock=self._clock,
            kinds={FETCH_FILE: Kind(check=self._may_fetch, act=self._fetch), **kinds},
        )

    def _make_uploader(self, files: FileStore, stores: KnownStores) -> Uploader:
        return Uploader(
            self._journal,
            files,
            self._cursors,
            box=self._box,
            destination=self.destination,
            http=self._http,
            clock=self._clock,
            accepted=self._sender.accepted_of,
            store=lambda: self._sender.store,
            stores=stores,
        )

    def _work(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        work: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("custody", self._sender.run),
            ("commands", self._commands.run),
        ]
        if self._uploader is not None:
            self._sender.on_accepted(lambda _size: self._uploader.wake() if self._uploader else None)
            work.append(("files", self._uploader.run))
        if self.destination.live:
            self._transport.on_connected(self._live_copy.connected)
            work.append(("live", self._live_copy.run))
        return work

    async def _may_fetch(self, arguments: Arguments) -> bool:
        if self._uploader is None:
            raise RefusedError(f"no files go to {self.destination.name}")
        sha256 = arguments.get("sha256", "")
        if not await self._uploader.has(sha256):
            raise RefusedError("no such file here that an accepted entry names")
        return not await self._uploader.is_on_its_way(sha256)

    async def _fetch(self, arguments: Arguments) -> None:
        if self._uploader is not None:
            await self._uploader.demand(arguments["sha256"])
