"""Files to a receiver 上传: only what it has accepted entries for, the important first, never the whole of the link."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import httpx

from journal.cursors import Cursors, Upload
from journal.database import StoredEntry
from journal.files import digest_of
from journal.settings import Destination
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError
from kernel.evidence import canonical, header
from kernel.evidence.notes import decode_base64
from kernel.evidence.texts import FileReceipt, number

log = logging.getLogger(__name__)

PIECE = 256 * 1024
SCAN = 256  # entries looked at in one go
SHARE = 0.8  # of the link; the rest is for facts
LATER = 2  # priority of what no body speaks for
POSTPONED = 10  # from this priority on a file has failed before
BACK_OFF_S = (0.5, 30.0)
STUCK = 5  # answers in a row that bring a file no further


class Entries(Protocol):
    """A journal, as far as uploads need it."""

    @property
    def id(self) -> str: ...

    async def read(self, start: int, count: int) -> list[StoredEntry]: ...


class Line(Protocol):
    """The journals of a process, as far as uploads need them."""

    @property
    def volumes(self) -> Sequence[Entries]: ...


class Places(Protocol):
    def path(self, sha256: str) -> Path | None: ...


class Uploader:
    """One destination's files.  `accepted(id)` is how many entries of a journal that destination has receipted."""

    def __init__(
        self,
        journal: Line,
        files: Places,
        cursors: Cursors,
        *,
        box: str,
        destination: Destination,
        http: httpx.AsyncClient,
        clock: Clock,
        accepted: Callable[[str], int],
    ) -> None:
        self._journal = journal
        self._files = files
        self._cursors = cursors
        self._destination = destination
        self._store_key = decode_base64(destination.store_public)
        self._url = f"{(destination.files or '').rstrip('/')}/v1/files"
        self._http = http
        self._auth = _basic(box, destination.password)
        self._clock = clock
        self._accepted = accepted
        self._wake = asyncio.Event()
        self.waiting = 0
        self.refused = 0
        self.connected = False

    def wake(self) -> None:
        """Something was accepted, or asked for."""
        self._wake.set()

    async def demand(self, sha256: str) -> bool:
        """Send a file that stays here otherwise; False when no accepted entry of ours names it."""
        await self._scan()
        known = await asyncio.to_thread(self._cursors.demand, sha256, destination=self._destination.name)
        self.wake()
        return known

    async def run(self) -> None:
        """For ever; a lost link is waited for with growing patience."""
        wait_s = BACK_OFF_S[0]
        while True:
            self._wake.clear()
            try:
                if await self._one():
                    wait_s = BACK_OFF_S[0]
                else:
                    await self._wake.wait()
            except LinkError as error:
                self._lost(error)
                await self._clock.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the crowd
                wait_s = min(2 * wait_s, BACK_OFF_S[1])

    async def _one(self) -> bool:
        """Upload the next file; False when nothing waits."""
        await self._scan()
        name = self._destination.name
        self.waiting = await asyncio.to_thread(self._cursors.waiting, destination=name)
        upload = await asyncio.to_thread(self._cursors.next_upload, destination=name)
        if upload is None:
            return False
        try:
            receipt = await self._push(upload)
        except ProtocolError as error:
            self.refused += 1
            log.error("file not taken", extra={"sha256": upload.sha256, "reason": str(error)})  # noqa: TRY400
            await asyncio.to_thread(self._cursors.postpone, upload.sha256, destination=name)
            # What was postponed already is not tried again at once; anything new goes before it.
            await self._rest(BACK_OFF_S[1] if upload.priority >= POSTPONED else BACK_OFF_S[0])
            return True
        await asyncio.to_thread(self._cursors.uploaded, upload.sha256, destination=name, kept=receipt.kept)
        return True

    async def _rest(self, seconds: float) -> None:
        """Sleep, or until something new is there."""
        self._wake.clear()
        waits = [asyncio.create_task(self._clock.sleep(seconds)), asyncio.create_task(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _scan(self) -> None:
        """Put the files of newly accepted entries on the list."""
        for journal in self._journal.volumes:
            await self._scan_one(journal)

    async def _scan_one(self, journal: Entries) -> None:
        name, accepted = self._destination.name, self._accepted(journal.id)
        start = await asyncio.to_thread(self._cursors.scanned, journal=journal.id, destination=name)
        while start < accepted:
            entries = await journal.read(start, min(SCAN, accepted - start))
            if not entries:
                return
            start += len(entries)
            listed = [item for entry in entries for item in _uploads(entry)]
            await asyncio.to_thread(
                self._cursors.list_uploads, listed, journal=journal.id, destination=name, scanned=start
            )

    async def _push(self, upload: Upload) -> FileReceipt:
        """Every byte from the receiver's offset on; the signed receipt at the end."""
        path = await asyncio.to_thread(self._whole, upload)
        offset, stuck = await self._offset(upload), 0
        while stuck < STUCK:
            piece = await asyncio.to_thread(_read, path, offset)
            before_ms = self._clock.mono_ms()
            response = await self._send(
                "PATCH", upload, content=piece, headers={"Upload-Offset": str(offset)}
            )
            if response.status_code == 200:
                return self._receipt(response.text, upload)
            if response.status_code not in (204, 409):
                raise ProtocolError(f"{response.status_code}: {response.text.strip()[:200]}")
            before, offset = offset, _offset_of(response, upload)
            stuck = 0 if offset > before else stuck + 1
            await self._pace(len(piece), self._clock.mono_ms() - before_ms)
        raise LinkError(f"{self._url} always wants another offset")

    def _whole(self, upload: Upload) -> Path:
        """Where it lies; one that the disk has changed would be sent again and again, and never taken."""
        path = self._files.path(upload.sha256)
        if path is None:
            raise ProtocolError(f"the file {upload.sha256} is not here")
        try:
            found = digest_of(path)
        except OSError as error:
            raise ProtocolError(f"the file {upload.sha256} cannot be read: {error.strerror}") from error
        if found != (upload.sha256, upload.size):
            raise ProtocolError(f"the file {upload.sha256} is not what was written")
        return path

    async def _offset(self, upload: Upload) -> int:
        response = await self._send("HEAD", upload)
        if response.status_code != 200:
            raise ProtocolError(f"{response.status_code} for {upload.sha256}")
        self._found()
        return _offset_of(response, upload)

    async def _send(
        self, method: str, upload: Upload, *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            response = await self._http.request(
                method,
                f"{self._url}/{upload.sha256}",
                content=content or None,
                headers={"Authorization": self._auth, **(headers or {})},
            )
        except httpx.HTTPError as error:
            raise LinkError(f"{method} {self._url}: {error!r}") from error
        if response.status_code == 423 or response.status_code >= 500:
            raise LinkError(f"{method} {self._url}: {response.status_code}")
        return response

    def _receipt(self, text: str, upload: Upload) -> FileReceipt:
        receipt = FileReceipt.open(text, store=self._destination.store_id, public_key=self._store_key)
        if (upload.sha256, upload.size) not in receipt.files:
            raise ProtocolError(f"a receipt that does not name {upload.sha256}")
        return receipt

    async def _pace(self, size: int, took_ms: int) -> None:
        """Leave a fifth of the link free: of the rate that is set, or of what this piece has measured."""
        kbit_s = self._destination.upload_kbit_s
        wanted_ms = size * 8 / (kbit_s * SHARE) if kbit_s else took_ms / SHARE
        if wanted_ms > took_ms:
            await self._clock.sleep((wanted_ms - took_ms) / 1000)

    def _lost(self, error: LinkError) -> None:
        if self.connected:
            log.warning("uploads stopped", extra={"to": self._destination.name, "reason": str(error)})
        self.connected = False

    def _found(self) -> None:
        if not self.connected:
            log.info("uploads go on", extra={"to": self._destination.name})
        self.connected = True


def _uploads(entry: StoredEntry) -> Sequence[tuple[Upload, str]]:
    """The files of one entry; its body may say how urgent they are and that they stay until asked for."""
    head = header.decode(entry.header)
    if not head.files:
        return ()
    priority, state = _wishes(entry.body)
    return [
        (
            Upload(sha256=file.sha256, size=file.size, journal=head.journal, seq=head.seq, priority=priority),
            state,
        )
        for file in head.files
    ]


def _wishes(body: bytes | None) -> tuple[int, str]:
    table = canonical.decode(body) if body else {}
    priority = table.get("priority", LATER)
    state = "on_demand" if table.get("upload") == "on_demand" else "waiting"
    return (priority if isinstance(priority, int) else LATER), state


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(PIECE)
    except OSError as error:
        raise ProtocolError(f"the file {path.name} cannot be read: {error.strerror}") from error


def _offset_of(response: httpx.Response, upload: Upload) -> int:
    text = response.headers.get("Upload-Offset", "")
    offset = number(text)
    if offset > upload.size:
        raise ProtocolError(f"an offset beyond the file: {offset}")
    return offset


def _basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
