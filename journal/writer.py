"""The journal 日志: when append() returns, the entry is durable, in its place, signed, and will never change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from journal.cutting import Cutter
from journal.database import DoubtError, NewEntry, Reader, StoredEntry, doubting
from journal.keys import SigningKey
from journal.lock import FolderLock
from journal.recovering import recover
from journal.reserve import Reserve, with_reserve
from journal.shelf import HeadFile, Opened, mark_doubted, open_current
from journal.stamping import Stamped, Stamper, unknown_clock
from kernel.clock import Clock
from kernel.errors import RefusedError, RestartError, WeighpostError
from kernel.events import Body, EntryRef
from kernel.evidence import header
from kernel.evidence.frames import Frame
from kernel.evidence.header import ClockState, FileRef

log = logging.getLogger(__name__)

BATCH = 256
WAITING = 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where an entry went.  `durable_ms` is when it was known to survive a power cut; `known`: it was there before."""

    journal: str
    seq: int
    leaf_hex: str
    at: int
    durable_ms: int
    known: bool = False

    @property
    def ref(self) -> EntryRef:
        return EntryRef(journal=self.journal, seq=self.seq, leaf=self.leaf_hex)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    stamped: Stamped
    key: str | None
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Appended]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    """Something else that only the writer's thread may do, between two commits."""

    work: Callable[[], bool]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    seq: int
    leaf: bytes
    at: int
    known: bool = False


class Journal:
    """One per process, for its life; made by `Journal.open`."""

    def __init__(
        self, opened: Opened, *, stamper: Stamper, lock: FolderLock, reserve: Reserve | None = None
    ) -> None:
        self.id = opened.file.journal
        self.public_key = opened.file.key.public
        self.box = stamper.box
        self.process = stamper.process
        self.folder = opened.folder
        self.doubted = opened.doubted
        self._stamper = stamper
        self._lock = lock
        self._reserve = reserve
        self._file = opened.file
        self._size = opened.file.size
        self._head = _QuietHead(HeadFile(opened.folder / "head"))
        self._head.write(opened.file.checkpoint)
        self._reader = Reader(opened.folder / "journal.db")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._cutter = Cutter(self._reader, key=opened.file.key)
        self._requests: queue.SimpleQueue[_Request | _Errand | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(WAITING)
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[int], None]]] = []
        self._closed = False
        self._failed: RestartError | None = None
        self._watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._thread = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        box: str,
        process: str,
        software: str,
        identity: SigningKey,
        clock: Clock,
        boot: str,
        source_clock: Callable[[], ClockState] = unknown_clock,
        reserve: Reserve | None = None,
    ) -> Journal:
        """Lock, verify and continue the journal of this folder, or begin one; RefusedError names another owner.

        Blocking.  A journal whose disk is in doubt is kept as it is and continued by a new one that names it.
        `reserve` is given up when the journal finds no other room.
        """
        stamper = Stamper(
            box=box,
            process=process,
            software=software,
            identity=identity,
            clock=clock,
            boot=boot,
            source_clock=source_clock,
        )
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder)
        begin = partial(
            open_current,
            folder,
            genesis=stamper.genesis,
            recover=partial(recover, cursors=folder, stamper=stamper),
        )
        try:
            opened = with_reserve(begin, reserve)
        except BaseException:
            lock.release()
            raise
        return cls(opened, stamper=stamper, lock=lock, reserve=reserve)

    @property
    def size(self) -> int:
        """Entries that are durable."""
        return self._size

    async def append(
        self,
        body: Body,
        *,
        source: str,
        at: int | None = None,
        files: Sequence[FileRef] = (),
        key: str | None = None,
    ) -> Appended:
        """Return once the entry survives a power cut; the files it names must be stored before.

        The same `key` again gives the entry that was appended under it.  ProtocolError: the body or header has no
        valid form; FullError: no room, nothing was written; RefusedError: the journal is closed; RestartError: it has
        failed, and only a new start finds out what is on disk.
        """
        stamped = self._stamper.stamp(body, source=source, at=at, files=files)
        loop = asyncio.get_running_loop()
        async with self._room:
            if self._closed:
                raise RefusedError("the journal is closed")
            answer: asyncio.Future[Appended] = loop.create_future()
            self._requests.put(_Request(stamped=stamped, key=key, loop=loop, answer=answer))
            return await answer

    async def erase(self, seqs: Sequence[int]) -> bool:
        """Remove bodies and salts for ever; the entry that says so is the caller's, and comes before.

        False: somebody is reading, and an older copy may be left until this is called again.  FullError: no room.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RefusedError("the journal is closed")
        answer: asyncio.Future[bool] = loop.create_future()
        work = partial(with_reserve, partial(self._file.erase, tuple(seqs)), self._reserve)
        self._requests.put(_Errand(work=work, loop=loop, answer=answer))
        return await answer

    async def bodies(self, seqs: Sequence[int]) -> set[int]:
        """Which of these entries still have theirs."""
        return await self._in_thread(partial(self._reader.bodies, seqs))

    async def holding(self, words: Sequence[str], start: int = 0) -> list[int]:
        """The entries from `start` on whose headers hold one of these words."""
        return await self._in_thread(partial(self._reader.holding, words, start))

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        """RestartError, here and wherever it is read: the disk has changed it; the next `open` goes on with a new one."""
        return await self._in_thread(partial(self._reader.entries, start, count))

    async def checkpoint(self, size: int | None = None) -> str:
        """A signed note for the journal as it was at `size`, the newest by default; never beyond what is durable."""
        if size is None:
            return await self._in_thread(self._reader.checkpoint)
        if size > self._size:
            raise RefusedError(f"the journal has {self._size} entries, a checkpoint at {size} is not signed")
        return await self._in_thread(partial(self._cutter.checkpoint, size))

    async def root(self, size: int) -> bytes:
        return (await self._in_thread(partial(self._cutter.frontier, size))).root()

    async def frame(self, start: int) -> Frame | None:
        """The next entries from `start` with their signed checkpoint, as many as one frame takes."""
        if start >= self._size:
            return None
        return await self._in_thread(partial(self._cutter.frame, start, self._size))

    async def inclusion_proof(self, seq: int, size: int) -> list[bytes]:
        return await self._in_thread(partial(self._cutter.inclusion_proof, seq, size))

    async def consistency_proof(self, old: int, new: int) -> list[bytes]:
        return await self._in_thread(partial(self._cutter.consistency_proof, old, new))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, partial(self._undoubted, work))

    def _undoubted(self, work: Callable[[], T]) -> T:
        try:
            with doubting("cannot be read"):
                return work()
        except DoubtError as error:
            log.critical("journal in doubt", extra={"folder": str(self.folder), "reason": error.problem})
            self.doubt(error.problem)
            raise RestartError(
                f"the journal is in doubt and goes on as a new one: {error.problem}"
            ) from error

    def on_append(self, callback: Callable[[int], None]) -> None:
        """Call back in this event loop with the new size after each commit."""
        self._listeners.append((asyncio.get_running_loop(), callback))

    async def watch(self) -> NoReturn:
        """For a task beside the others: RestartError once the journal has failed, whoever met that."""
        failed = asyncio.Event()
        self._watchers.append((asyncio.get_running_loop(), failed))
        if self._failed is None:
            await failed.wait()
        raise self._failed or RestartError("the journal has failed")

    def doubt(self, reason: str) -> None:
        """Somebody has shown another story of this journal: the next `open` keeps it and opens a successor."""
        mark_doubted(self.folder, reason)

    def close(self) -> None:
        """Finish what waits, then let go of the folder."""
        if self._closed:
            return
        self._closed = True
        self._requests.put(None)
        self._thread.join()
        self._reading.shutdown()
        self._reader.close()
        self._head.close()
        self._file.close()
        self._lock.release()

    # --- in the writer's thread --------------------------------------------------------------------------------

    def _write(self) -> None:
        while batch := self._next_batch():
            if self._failed:
                _settle((request, self._failed) for request in batch)
                continue
            try:
                self._commit(batch)
            except WeighpostError as error:
                _settle((request, error) for request in batch)
            except Exception as error:
                log.critical("journal failed", exc_info=error)
                failed = self._fail(error)
                _settle((request, failed) for request in batch)

    def _fail(self, error: Exception) -> RestartError:
        """After a failed fsync nobody knows what is on disk: only opening the journal again finds out."""
        self._failed = RestartError(f"the journal has failed: {error}")
        for loop, failed in self._watchers:
            _call(loop, failed.set)
        return self._failed

    def _next_batch(self) -> list[_Request]:
        """Whatever waits now, at most BATCH; empty when the journal is closed and nothing waits."""
        batch: list[_Request] = []
        request = self._requests.get()
        while request is not None:
            if isinstance(request, _Errand):
                self._run(request)
            else:
                batch.append(request)
            if len(batch) == BATCH:
                return batch
            try:
                request = self._requests.get(block=not batch)
            except queue.Empty:
                return batch
        if batch:
            self._requests.put(None)
        return batch

    def _run(self, errand: _Errand) -> None:
        try:
            if self._failed:
                raise self._failed
            outcome = partial(_answer, errand.answer, errand.work())
        except WeighpostError as error:
            outcome = partial(_refuse, errand.answer, error)
        except Exception as error:
            log.critical("journal failed", exc_info=error)
            outcome = partial(_refuse, errand.answer, self._fail(error))
        _call(errand.loop, outcome)

    def _commit(self, batch: Sequence[_Request]) -> None:
        first = self._file.size
        places, entries = self._place(batch, first)
        if entries:
            with_reserve(partial(self._file.commit, entries), self._reserve)
            self._size = self._file.size
        durable_ms = self._stamper.clock.now_ms()
        _settle(
            (request, place if isinstance(place, WeighpostError) else self._appended(place, durable_ms))
            for request, place in zip(batch, places, strict=True)
        )
        if entries:
            self._head.write(self._file.checkpoint)
            for loop, callback in self._listeners:
                _call(loop, partial(callback, self._size))

    def _place(
        self, batch: Sequence[_Request], first: int
    ) -> tuple[list[_Place | WeighpostError], list[NewEntry]]:
        """Where each request goes (or went, when its key is known), and the entries that are new."""
        places: list[_Place | WeighpostError] = []
        entries: list[NewEntry] = []
        keys: dict[str, _Place] = {}
        for request in batch:
            place = self._known(request.key, keys)
            try:
                places.append(place or self._new(request, first, entries, keys))
            except WeighpostError as error:
                places.append(error)
        return places, entries

    def _new(self, request: _Request, first: int, entries: list[NewEntry], keys: dict[str, _Place]) -> _Place:
        seq = first + len(entries)
        entry = request.stamped.placed(journal=self.id, seq=seq, key=request.key)
        entries.append(entry)
        place = _Place(seq=seq, leaf=entry.leaf, at=request.stamped.at)
        if request.key:
            keys[request.key] = place
        return place

    def _known(self, key: str | None, batch: dict[str, _Place]) -> _Place | None:
        if key is None:
            return None
        if key in batch:
            return replace(batch[key], known=True)
        seq = self._file.known(key)
        if seq is None:
            return None
        stored = self._file.entry(seq)
        return _Place(seq=seq, leaf=stored.leaf, at=header.decode(stored.header).at, known=True)

    def _appended(self, place: _Place, durable_ms: int) -> Appended:
        return Appended(
            journal=self.id,
            seq=place.seq,
            leaf_hex=place.leaf.hex(),
            at=place.at,
            durable_ms=durable_ms,
            known=place.known,
        )


class _QuietHead:
    """A head file that cannot be written (full disk) is behind, which is allowed: said once."""

    def __init__(self, file: HeadFile) -> None:
        self._file = file
        self._behind = False

    def write(self, checkpoint: str) -> None:
        try:
            self._file.write(checkpoint)
            self._behind = False
        except OSError as error:
            if not self._behind:
                log.warning("head file not written", extra={"reason": str(error)})
            self._behind = True

    def close(self) -> None:
        self._file.close()


_Outcome = Appended | WeighpostError


def _settle(outcomes: Iterable[tuple[_Request, _Outcome]]) -> None:
    """Wake each loop once, however many of its requests are settled."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Appended], _Outcome]]] = {}
    for request, outcome in outcomes:
        by_loop.setdefault(request.loop, []).append((request.answer, outcome))
    for loop, answers in by_loop.items():
        _call(loop, partial(_resolve, answers))


def _resolve(answers: Sequence[tuple[asyncio.Future[Appended], _Outcome]]) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, Appended):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)


def _answer(answer: asyncio.Future[bool], done: bool) -> None:
    if not answer.done():
        answer.set_result(done)


def _refuse(answer: asyncio.Future[bool], error: WeighpostError) -> None:
    if not answer.done():
        answer.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    # The loop may have ended while the entry was on its way to disk; the entry is durable all the same.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)
