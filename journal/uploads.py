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
from journal.hosts import Hosts
from journal.settings import Destination, listed
from journal.vouching import KnownStores
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError, RefusedError, WeighpostError
from kernel.evidence import canonical, header
from kernel.evidence.notes import decode_base64
from kernel.evidence.texts import FileReceipt, number

log = logging.getLogger(__name__)

PIECE = 256 * 1024  # at most; on a slow link as much as it carries in PIECE_MS
SMALLEST = 4 * 1024
PIECE_MS = 150  # what an event may have to wait for in front of it
SCAN = 256  # entries looked at in one go
SHARE = 0.8  # of the link; the rest is for facts
BACK_MS = 60_000  # with another address than the first, until the first is tried again
KEPT_EVERY_MS = 3_600_000
KEPT_AT_ONCE = 256
TOO_LARGE = 413
UNTAKEN = 256  # files that are larger than the receiver takes, remembered
GONE = 410  # from a receiver: a rule has erased the file there
UNSAVED = 256  # files that are there while cursor.db cannot be written
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


class _TooLargeError(WeighpostError):
    """The receiver takes no file of this size."""


class Uploader:
    """One destination's files.

    `accepted(id)` is how many entries of a journal that destination has receipted, `store()` who said so.
    """

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
        store: Callable[[], str],
        stores: KnownStores | None = None,
    ) -> None:
        self._journal = journal
        self._files = files
        self._cursors = cursors
        self._destination = destination
        self._stores = stores or KnownStores(
            pinned=destination.store_id, public_key=decode_base64(destination.store_public), root=None
        )
        self._hosts = Hosts([each.rstrip("/") for each in listed(destination.files or "")])
        self._away_ms = 0
        self._http = http
        self._auth = _authorization(box, destination.password)
        self._clock = clock
        self._accepted = accepted
        self._store = store
        self._wake = asyncio.Event()
        self._piece = SMALLEST
        self._round_trip_ms: int | None = None
        self._unsaved: dict[str, bool] = {}
        self._too_large: dict[str, None] = {}
        self._kept_asked_ms: int | None = None
        self._stayed = 0  # of the pages asked about this time
        self.waiting = 0
        self.refused = 0
        self.connected = False

    @property
    def too_large(self) -> int:
        """Files that the receiver takes from nobody; they stay here until asked for, or until this process starts anew."""
        return len(self._too_large)

    def wake(self) -> None:
        """Something was accepted, or asked for."""
        self._wake.set()

    async def has(self, sha256: str) -> bool:
        """Whether an accepted entry of ours names this file and it has not left this box."""
        await self._scan()
        known = await asyncio.to_thread(self._state_of, sha256)
        return known is not None and await asyncio.to_thread(self._files.path, sha256) is not None

    async def is_on_its_way(self, sha256: str) -> bool:
        return await asyncio.to_thread(self._state_of, sha256) == "waiting"

    async def demand(self, sha256: str) -> None:
        """Send a file that stays here otherwise, or once more; before its entry is accepted: when it is."""
        self._too_large.pop(sha256, None)
        await asyncio.to_thread(self._cursors.demand, sha256, destination=self._destination.name)
        await self._count()
        self.wake()

    async def run(self) -> None:
        """For ever; a lost link is waited for with growing patience, at another address if there is one."""
        wait_s = BACK_OFF_S[0]
        await self._count()
        while True:
            self._wake.clear()
            try:
                self._back_to_the_first()
                await self._ask_what_is_kept()
                if await self._one():
                    wait_s = BACK_OFF_S[0]
                else:
                    await self._rest(self._until_question_ms() / 1000)
            except LinkError as error:
                self._lost(error)
                await self._clock.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the crowd
                wait_s = min(2 * wait_s, BACK_OFF_S[1])

    async def _one(self) -> bool:
        """Upload the next file; False when nothing waits."""
        await self._scan()
        upload = await self._next()
        if upload is None:
            return False
        try:
            receipt = await self._push(upload)
        except RefusedError as refusal:
            await self._let_be(upload, refusal)
            return True
        except _TooLargeError as error:
            self._leave_here(upload, error)
            return True
        except ProtocolError as error:
            await self._put_off(upload, error)
            return True
        if receipt is not None:
            await self._uploaded(upload, kept=receipt.kept)
        return True

    def _state_of(self, sha256: str) -> str | None:
        return self._cursors.upload_state(sha256, destination=self._destination.name)

    async def _next(self) -> Upload | None:
        return await asyncio.to_thread(
            self._cursors.next_upload,
            destination=self._destination.name,
            accepted={volume.id: self._accepted(volume.id) for volume in self._journal.volumes},
            but=(*self._unsaved, *self._too_large),
        )

    async def _put_off(self, upload: Upload, error: ProtocolError | RefusedError) -> None:
        self.refused += 1
        log.error("file not taken", extra={"sha256": upload.sha256, "reason": str(error)})
        await asyncio.to_thread(self._cursors.postpone, upload.sha256, destination=self._destination.name)
        # What was postponed already is not tried again at once; anything new goes before it.
        await self._rest(BACK_OFF_S[1] if upload.priority >= POSTPONED else BACK_OFF_S[0])

    def _leave_here(self, upload: Upload, error: _TooLargeError) -> None:
        """Said once and not tried again: only who asks for it, or a new start, can find that a limit was raised."""
        self.refused += 1
        self._too_large[upload.sha256] = None
        while len(self._too_large) > UNTAKEN:
            del self._too_large[next(iter(self._too_large))]
        facts = {"sha256": upload.sha256, "bytes": upload.size, "reason": str(error)}
        log.error("file too large for where it goes", extra=facts)

    async def _let_be(self, upload: Upload, refusal: RefusedError) -> None:
        """Erased there, so never sent again; but only a signed word for that counts, for anybody on the way can say 410."""
        try:
            receipt = await self._which_are_kept([upload.sha256])
        except ProtocolError as error:
            await self._put_off(upload, error)
            return
        if receipt is None or not receipt.kept or (upload.sha256, upload.size) not in receipt.files:
            await self._put_off(upload, refusal)
            return
        log.info("file erased there", extra={"sha256": upload.sha256, "at": self._destination.name})
        await self._uploaded(upload, kept=True)

    async def _uploaded(self, upload: Upload, *, kept: bool) -> None:
        """What cannot be noted on a full disk is remembered here, or it would be sent for ever."""
        self.waiting = max(self.waiting - 1, 0)
        self._unsaved[upload.sha256] = kept
        for sha256, was_kept in list(self._unsaved.items()):
            saved = await asyncio.to_thread(
                self._cursors.uploaded, sha256, destination=self._destination.name, kept=was_kept
            )
            if not saved:
                break
            del self._unsaved[sha256]
        while len(self._unsaved) > UNSAVED:
            del self._unsaved[next(iter(self._unsaved))]

    async def _rest(self, seconds: float) -> None:
        """Sleep, or until something new is there."""
        waits = [asyncio.create_task(self._clock.sleep(seconds)), asyncio.create_task(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _scan(self) -> None:
        """Put the files of newly accepted entries on the list; after a restore, those that were lost."""
        store = self._store()
        new = bool(store) and await asyncio.to_thread(
            self._cursors.upload_again, store=store, destination=self._destination.name
        )
        for journal in self._journal.volumes:
            new = await self._scan_one(journal) or new
        if new:
            await self._count()

    async def _scan_one(self, journal: Entries) -> bool:
        """Whether there was something new."""
        name, accepted = self._destination.name, self._accepted(journal.id)
        start = await asyncio.to_thread(self._cursors.scanned, journal=journal.id, destination=name)
        if start >= accepted:
            return False
        while start < accepted:
            entries = await journal.read(start, min(SCAN, accepted - start))
            if not entries:
                break
            start += len(entries)
            listed = [item for entry in entries for item in _uploads(entry)]
            saved = await asyncio.to_thread(
                self._cursors.list_uploads, listed, journal=journal.id, destination=name, scanned=start
            )
            if not saved:
                break
        return True

    async def _count(self) -> None:
        self.waiting = await asyncio.to_thread(self._cursors.waiting, destination=self._destination.name)

    async def _push(self, upload: Upload) -> FileReceipt | None:
        """Every byte from the receiver's offset on; the signed receipt, or None when something more urgent came."""
        path = await asyncio.to_thread(self._whole, upload)
        offset, stuck = await self._offset(upload), 0
        while stuck < STUCK:
            piece = await asyncio.to_thread(_read, path, offset, self._piece)
            before_ms = self._clock.mono_ms()
            response = await self._send(
                "PATCH", f"files/{upload.sha256}", content=piece, headers={"Upload-Offset": str(offset)}
            )
            await self._pace(len(piece), self._clock.mono_ms() - before_ms)
            if response.status_code == 200:
                return self._receipt(response.text, upload)
            _check_wanted(response)
            if response.status_code not in (204, 409):
                raise ProtocolError(f"{response.status_code}: {response.text.strip()[:200]}")
            before, offset = offset, _offset_of(response, upload)
            stuck = 0 if offset > before else stuck + 1
            if await self._something_more_urgent(upload):
                return None
        raise LinkError(f"{self._hosts.now} always wants another offset")

    async def _something_more_urgent(self, upload: Upload) -> bool:
        if not self._wake.is_set():
            return False
        self._wake.clear()
        await self._scan()
        first = await self._next()
        return first is not None and first.priority < upload.priority

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
        before_ms = self._clock.mono_ms()
        response = await self._send("HEAD", f"files/{upload.sha256}")
        self._timed(self._clock.mono_ms() - before_ms)
        _check_wanted(response)
        if response.status_code == TOO_LARGE:
            raise _TooLargeError(f"{TOO_LARGE} from {self._hosts.now}")
        if response.status_code != 200:
            raise ProtocolError(f"{response.status_code} for {upload.sha256}")
        self._found()
        return _offset_of(response, upload)

    async def _ask_what_is_kept(self) -> None:
        """Once an hour about all of them, the oldest first: a page at each call, so that no file waits for the rest."""
        if not self._is_due(self._kept_asked_ms, KEPT_EVERY_MS):
            return
        stayed = await self._page_is_kept(after=self._stayed)
        if stayed is None:
            self._kept_asked_ms, self._stayed = self._clock.mono_ms(), 0
        else:
            self._stayed += stayed

    def _until_question_ms(self) -> int:
        if self._kept_asked_ms is None:
            return 0
        return max(self._kept_asked_ms + KEPT_EVERY_MS - self._clock.mono_ms(), 0)

    async def _page_is_kept(self, *, after: int) -> int | None:
        """How many of it stayed as they were, and are passed over; None: it is the end, or there is trouble."""
        name = self._destination.name
        pending = await asyncio.to_thread(
            self._cursors.unkept, destination=name, count=KEPT_AT_ONCE, after=after
        )
        if not pending:
            return None
        try:
            receipt = await self._which_are_kept([sha256 for sha256, _ in pending])
        except ProtocolError as error:
            self.refused += 1
            log.error("file receipt refused", extra={"reason": str(error)})  # noqa: TRY400
            return None
        named = receipt.files if receipt is not None and receipt.kept else ()
        kept = [sha256 for sha256, size in pending if (sha256, size) in named]
        saved = await asyncio.to_thread(self._cursors.kept, kept, destination=name)
        return len(pending) - len(kept) if saved else None

    async def _which_are_kept(self, digests: Sequence[str]) -> FileReceipt | None:
        """None: none of them.  ProtocolError: an answer that nobody we trust has signed."""
        lines = "".join(f"{sha256}\n" for sha256 in digests)
        response = await self._send("POST", "kept", content=lines.encode())
        return self._opened(response.text) if response.status_code == 200 else None

    async def _send(
        self, method: str, path: str, *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self._hosts.now}/v1/{path}"
        try:
            response = await self._http.request(
                method, url, content=content or None, headers=self._auth | (headers or {})
            )
        except httpx.HTTPError as error:
            raise LinkError(f"{method} {url}: {error!r}") from error
        if response.status_code in (423, 429) or response.status_code >= 500:
            raise LinkError(f"{method} {url}: {response.status_code}")
        return response

    def _receipt(self, text: str, upload: Upload) -> FileReceipt:
        receipt = self._opened(text)
        if (upload.sha256, upload.size) not in receipt.files:
            raise ProtocolError(f"a receipt that does not name {upload.sha256}")
        return receipt

    def _opened(self, text: str) -> FileReceipt:
        return self._stores.file_receipt(text)

    async def _pace(self, size: int, took_ms: int) -> None:
        """Leave a fifth of the link free: of the rate that is set, or of what this piece has measured.

        Pieces grow and shrink with the link, because what is ahead of an event in the modem's queue makes it late.
        """
        kbit_s = self._destination.upload_kbit_s
        carried_ms = size * 8 // kbit_s if kbit_s else max(took_ms - (self._round_trip_ms or 0), 0)
        fitting = size * PIECE_MS // max(carried_ms, 1)
        if carried_ms > PIECE_MS:
            self._piece = max(fitting, SMALLEST)
        elif size == self._piece:  # the end of a file says little
            self._piece = min(max(fitting, SMALLEST), 2 * self._piece, PIECE)
        if carried_ms / SHARE > took_ms:
            await self._clock.sleep((carried_ms / SHARE - took_ms) / 1000)

    def _timed(self, took_ms: int) -> None:
        """A question without a load: the way there and back.  One that got longer is believed slowly."""
        known = self._round_trip_ms
        self._round_trip_ms = took_ms if known is None else min(took_ms, known + known // 4 + 1)

    def _back_to_the_first(self) -> None:
        if self._hosts.is_away and self._is_due(self._away_ms, BACK_MS * self._hosts.patience):
            self._away_ms = self._clock.mono_ms()
            self._hosts.back()

    def _is_due(self, last_ms: int | None, every_ms: int) -> bool:
        return last_ms is None or self._clock.mono_ms() - last_ms >= every_ms

    def _lost(self, error: LinkError) -> None:
        if self.connected:
            log.warning("uploads stopped", extra={"to": self._destination.name, "reason": str(error)})
        self.connected = False
        if not self._hosts.is_away:
            self._away_ms = self._clock.mono_ms()
        self._hosts.failed()

    def _found(self) -> None:
        self._hosts.answered()
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


def _read(path: Path, offset: int, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(count)
    except OSError as error:
        raise ProtocolError(f"the file {path.name} cannot be read: {error.strerror}") from error


def _check_wanted(response: httpx.Response) -> None:
    """RefusedError: they do not want it any more."""
    if response.status_code == GONE:
        raise RefusedError(f"{GONE} for {response.url.path}")


def _offset_of(response: httpx.Response, upload: Upload) -> int:
    text = response.headers.get("Upload-Offset", "")
    offset = number(text)
    if offset > upload.size:
        raise ProtocolError(f"an offset beyond the file: {offset}")
    return offset


def _authorization(user: str, secret: str | None) -> dict[str, str]:
    """Nothing for those who have shown a certificate."""
    if secret is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
