"""The journal 日志: when append() returns, the entry is durable, in its place, signed, and will never change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from journal.database import DoubtError, Known, NewEntry, StoredEntry, erase_unwritten
from journal.keys import SigningKey
from journal.lock import FolderLock
from journal.recovering import recover
from journal.reserve import Reserve, with_reserve
from journal.settings import Succession
from journal.shelf import (
    Closed,
    HeadFile,
    Opened,
    Rules,
    is_current,
    open_current,
    remove,
    renewal_order,
    succeed,
)
from journal.stamping import Stamped, Stamper, unknown_clock
from journal.volume import Volume
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError, RestartError, WeighpostError
from kernel.events import Body, EntryRef
from kernel.evidence import header
from kernel.evidence.frames import Frame, HelloJournal
from kernel.evidence.header import ClockState, FileRef

log = logging.getLogger(__name__)

BATCH = 256
WAITING = 1024
PATIENCE = (
    64  # commits that may follow each other before a succession that is due no longer waits for a pause
)
AGAIN_MS = 60_000  # until a succession that the disk did not allow is tried again


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


# Structs, because they are made for every entry and a frozen dataclass costs five times as much.
class _Request(msgspec.Struct, kw_only=True):
    stamped: Stamped
    key: str | None
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Appended]


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    journal: str
    seq: int
    leaf: bytes
    at: int
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    """Done in the writer's thread when no commit is under way."""

    work: Callable[[], None]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Event


class Journal:
    """One per process, for its life; made by `Journal.open`.

    It is a line of journals: those that were closed and are still here, and the current one, which is written.  What
    is read through `Journal` itself is of the current one.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        stamper: Stamper,
        lock: FolderLock,
        succession: Succession,
        reserve: Reserve | None = None,
    ) -> None:
        self.home = opened.folder.parent
        self.doubted = opened.doubted
        self.box = stamper.box
        self.process = stamper.process
        self._stamper = stamper
        self._lock = lock
        self._succession = succession
        self._reserve = reserve
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._line: tuple[Volume | HelloJournal, ...] = tuple(map(self._as_read, opened.before))
        self._begin(opened)
        self._requests: queue.SimpleQueue[_Request | _Errand | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(WAITING)
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[int], None]]] = []
        self._closed = False
        self._failed: RestartError | None = None
        self._watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._succeed_when_quiet()
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
        succession: Succession | None = None,
        reserve: Reserve | None = None,
        destinations: Collection[str] = (),
    ) -> Journal:
        """Lock, verify and continue the journal of this folder, or begin one; RefusedError names another owner.

        Blocking.  A journal whose disk is in doubt, or that another identity has opened, is kept as it is and
        continued by a new one that names it.  RestartError: there is no room for that now.
        `reserve` is given up when the journal finds no other room.  What all of `destinations` keep is not said again.
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
        rules = Rules(
            genesis=stamper.genesis,
            owns=stamper.owns,
            recover=partial(recover, cursors=folder, destinations=destinations, stamper=stamper),
        )
        try:
            opened = with_reserve(partial(open_current, folder, rules), reserve)
            return cls(
                opened,
                stamper=stamper,
                lock=lock,
                succession=succession or Succession(),
                reserve=reserve,
            )
        except FullError as error:
            lock.release()
            raise RestartError(f"the journal cannot be opened now: {error}") from error
        except BaseException:
            lock.release()
            raise

    @property
    def id(self) -> str:
        return self.current.id

    @property
    def public_key(self) -> bytes:
        return self.current.key.public

    @property
    def folder(self) -> Path:
        return self.current.folder

    @property
    def size(self) -> int:
        """Entries of the current journal that are durable."""
        return self.current.size

    @property
    def current(self) -> Volume:
        return self._current

    @property
    def line(self) -> tuple[Volume | HelloJournal, ...]:
        """Everything that leads to the current journal, oldest first; what was doubted is only known by name."""
        return self._line

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The journals that can be read, oldest first; the last is the current one."""
        return tuple(each for each in self._line if isinstance(each, Volume))

    @property
    def doubted_before(self) -> tuple[HelloJournal, ...]:
        return tuple(each for each in self._line if not isinstance(each, Volume))

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

        The same `key` again gives the entry that was appended under it, also when that is in an earlier journal.
        ProtocolError: the body or header has no valid form; FullError: no room, nothing was written; RefusedError: the
        journal is closed; RestartError: it has failed, and only a new start finds out what is on disk.
        """
        stamped = self._stamper.stamp(body, source=source, at=at, files=files)
        loop = asyncio.get_running_loop()
        async with self._room:
            if self._closed:
                raise RefusedError("the journal is closed")
            answer: asyncio.Future[Appended] = loop.create_future()
            self._requests.put(_Request(stamped=stamped, key=key, loop=loop, answer=answer))
            return await answer

    async def find(self, key: str) -> Appended | None:
        """What `append` would answer for this key without writing anything; None: nothing was appended under it.

        RefusedError: the journal is closed; RestartError: it has failed.
        """
        outcomes: list[_Place | WeighpostError | None] = []
        await self._between_commits(lambda: outcomes.append(self._find(key)))
        [outcome] = outcomes
        if isinstance(outcome, WeighpostError):
            raise outcome
        return _appended(outcome, self._stamper.clock.now_ms()) if outcome else None

    async def erase(self, volume: Volume, seqs: Sequence[int]) -> bool:
        """Remove bodies and salts for ever; the entry that says so is the caller's, and comes before.

        False: somebody is reading, and an older copy may be left until this is called again.  FullError: no room.
        """
        outcomes: list[bool | WeighpostError] = []
        await self._between_commits(lambda: outcomes.append(self._erase(volume, seqs)))
        [outcome] = outcomes
        if isinstance(outcome, WeighpostError):
            raise outcome
        return outcome

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        """RestartError, here and wherever it is read: the disk has changed it; the next `open` goes on with a new one."""
        return await self.current.read(start, count)

    async def checkpoint(self, size: int | None = None) -> str:
        return await self.current.checkpoint(size)

    async def root(self, size: int) -> bytes:
        return await self.current.root(size)

    async def frame(self, start: int) -> Frame | None:
        return await self.current.frame(start)

    async def inclusion_proof(self, seq: int, size: int) -> list[bytes]:
        return await self.current.inclusion_proof(seq, size)

    async def consistency_proof(self, old: int, new: int) -> list[bytes]:
        return await self.current.consistency_proof(old, new)

    def doubt(self, reason: str) -> None:
        """Somebody has shown another story of this journal: the next `open` keeps it and opens a successor."""
        self.current.doubt(reason)

    async def let_go(self, volume: Volume) -> None:
        """Remove the folder of a closed journal; who may is told by journal.leaving."""
        await self._between_commits(partial(self._take_out, volume))
        await volume.leave()
        await asyncio.to_thread(remove, volume.folder)

    def on_append(self, callback: Callable[[int], None]) -> None:
        """Call back in this event loop with the new size of the current journal after each commit."""
        self._listeners.append((asyncio.get_running_loop(), callback))

    async def watch(self) -> NoReturn:
        """For a task beside the others: RestartError once the journal has failed, whoever met that."""
        failed = asyncio.Event()
        self._watchers.append((asyncio.get_running_loop(), failed))
        if self._failed is None:
            await failed.wait()
        raise self._failed or RestartError("the journal has failed")

    @property
    def wal_bytes(self) -> int:
        """Grows beyond a few megabytes only while somebody holds a read transaction open."""
        try:
            return (self.folder / "journal.db-wal").stat().st_size
        except OSError:
            return 0

    def close(self) -> None:
        """Finish what waits, then let go of the folder."""
        if self._closed:
            return
        self._closed = True
        self._requests.put(None)
        self._thread.join()
        self._reading.shutdown()
        for volume in self.volumes:
            volume.close()
        self._head.close()
        self._file.close()
        self._lock.release()

    def _as_read(self, before: Closed | HelloJournal) -> Volume | HelloJournal:
        if isinstance(before, HelloJournal):
            return before
        return Volume(before.folder, key=before.key, size=before.size, reading=self._reading, closed=True)

    def _begin(self, opened: Opened) -> None:
        """From here on this journal is the one that is written."""
        self._file = opened.file
        self._head = _QuietHead(HeadFile(opened.folder / "head"))
        self._head.write(opened.file.checkpoint)
        self._opened_ms = header.decode(opened.file.genesis().header).at
        self._renewal = os.fspath(renewal_order(opened.folder))
        self._put_off_ms: int | None = None
        self._busy = 0
        self._current = Volume(
            opened.folder, key=opened.file.key, size=opened.file.size, reading=self._reading
        )
        self._line = (*self._line, self._current)

    async def _between_commits(self, work: Callable[[], None]) -> None:
        if self._closed:
            raise RefusedError("the journal is closed")
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        self._requests.put(_Errand(work=work, loop=loop, done=done))
        await done.wait()

    # --- in the writer's thread --------------------------------------------------------------------------------

    def _write(self) -> None:
        while batch := self._next_batch():
            requests = [each for each in batch if isinstance(each, _Request)]
            if requests:
                self._answer(requests)
            for each in batch:
                if isinstance(each, _Errand):
                    each.work()
                    _call(each.loop, each.done.set)
            if not self._failed:
                self._succeed_when_quiet()

    def _answer(self, batch: list[_Request]) -> None:
        if self._failed:
            _settle((request, self._failed) for request in batch)
            return
        try:
            self._commit(batch)
        except DoubtError as error:
            self.doubt(error.problem)
            failed = self._fail(error)
        except WeighpostError as error:
            _settle((request, error) for request in batch)
            return
        except Exception as error:  # noqa: BLE001 - whatever the disk does
            # After a failed fsync nobody knows what is on disk: only opening the journal again finds out.
            failed = self._fail(error)
        else:
            return
        _settle((request, failed) for request in batch)

    def _erase(self, volume: Volume, seqs: Sequence[int]) -> bool | WeighpostError:
        if self._failed:
            return self._failed
        written = volume.id == self._file.journal
        erase = self._file.erase if written else partial(erase_unwritten, volume.folder / "journal.db")
        try:
            return with_reserve(partial(erase, seqs), self._reserve)
        except FullError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever the disk does
            return self._fail(error)

    def _find(self, key: str) -> _Place | WeighpostError | None:
        if self._failed:
            return self._failed
        try:
            return self._known(key, {})
        except DoubtError as error:
            self.doubt(error.problem)
            return self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever the disk does
            return self._fail(error)

    def _fail(self, error: Exception) -> RestartError:
        log.critical("journal failed", exc_info=error)
        self._failed = RestartError(f"the journal has failed: {error}")
        for loop, failed in self._watchers:
            _call(loop, failed.set)
        return self._failed

    def _next_batch(self) -> list[_Request | _Errand]:
        """Whatever waits now, at most BATCH; empty when the journal is closed and nothing waits."""
        batch: list[_Request | _Errand] = []
        request = self._requests.get()
        while request is not None:
            batch.append(request)
            if len(batch) == BATCH:
                return batch
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._requests.put(None)
        return batch

    def _commit(self, batch: Sequence[_Request]) -> None:
        places, entries = self._place(batch, self._file.size)
        if entries:
            with_reserve(partial(self._file.commit, entries), self._reserve)
            self._current.grow(self._file.size)
        durable_ms = self._stamper.clock.now_ms()
        outcomes = [
            (request, place if isinstance(place, WeighpostError) else _appended(place, durable_ms))
            for request, place in zip(batch, places, strict=True)
        ]
        _settle(outcomes, self._listeners if entries else (), self._file.size)
        if entries:
            self._head.write(self._file.checkpoint)

    def _place(
        self, batch: Sequence[_Request], first: int
    ) -> tuple[list[_Place | WeighpostError], list[NewEntry]]:
        """Where each request goes (or went, when its key is known), and the entries that are new."""
        places: list[_Place | WeighpostError] = []
        entries: list[NewEntry] = []
        keys: dict[str, _Place] = {}
        for request in batch:
            place = self._known(request.key, keys) if request.key else None
            try:
                places.append(place or self._new(request, first, entries, keys))
            except WeighpostError as error:
                places.append(error)
        return places, entries

    def _new(self, request: _Request, first: int, entries: list[NewEntry], keys: dict[str, _Place]) -> _Place:
        seq = first + len(entries)
        entry = request.stamped.placed(journal=self._file.journal, seq=seq, key=request.key)
        entries.append(entry)
        place = _Place(journal=self._file.journal, seq=seq, leaf=entry.leaf, at=request.stamped.at)
        if request.key:
            keys[request.key] = place
        return place

    def _known(self, key: str, batch: dict[str, _Place]) -> _Place | None:
        if key in batch:
            return msgspec.structs.replace(batch[key], known=True)
        known = self._file.known(key) or self._known_before(key)
        if known is None:
            return None
        return _Place(journal=known.journal, seq=known.seq, leaf=known.leaf, at=known.at, known=True)

    def _known_before(self, key: str) -> Known | None:
        for volume in reversed(self.volumes[:-1]):
            if known := volume.known(key):
                return known
        return None

    # --- succession --------------------------------------------------------------------------------------------

    def _succeed_when_quiet(self) -> None:
        """Open the next journal when it is time and nobody waits; whoever never pauses is made to wait once."""
        if not self._is_due():
            return
        self._busy += 1
        if self._requests.empty() or self._busy > PATIENCE:
            self._succeed()

    def _is_due(self) -> bool:
        now_ms = self._stamper.clock.mono_ms()
        if self._put_off_ms is not None and 0 <= now_ms - self._put_off_ms < AGAIN_MS:
            return False
        age_ms = self._stamper.clock.now_ms() - self._opened_ms
        due = self._succession.is_due(entries=self._file.size, age_ms=age_ms)
        return due or os.path.exists(self._renewal)  # noqa: PTH110 - asked after every commit

    def _succeed(self) -> None:
        old, file, head = self._current, self._file, self._head
        try:
            opened = succeed(old.folder, file, self._stamper.genesis)
            self._begin(opened)
        except Exception as error:  # noqa: BLE001 - whatever the disk does
            if not is_current(old.folder):  # only the next start finds out what is there
                self._fail(error)
                return
            log.warning("next journal put off", extra={"reason": str(error)})
            self._put_off_ms = self._stamper.clock.mono_ms()
            return
        old.closed = True
        head.close()
        file.retire()  # here, so that no two connections ever checkpoint one database at once
        log.info("journal continued as planned", extra={"old": old.id, "size": old.size, "new": self.id})
        _settle((), self._listeners, self._file.size)

    def _take_out(self, volume: Volume) -> None:
        self._line = tuple(each for each in self._line if each is not volume)


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
_Listeners = Sequence[tuple[asyncio.AbstractEventLoop, Callable[[int], None]]]


def _appended(place: _Place, durable_ms: int) -> Appended:
    return Appended(
        journal=place.journal,
        seq=place.seq,
        leaf_hex=place.leaf.hex(),
        at=place.at,
        durable_ms=durable_ms,
        known=place.known,
    )


def _settle(outcomes: Iterable[tuple[_Request, _Outcome]], listeners: _Listeners = (), size: int = 0) -> None:
    """Wake each loop once, however many of its requests are settled and whoever listens there."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Appended], _Outcome]]] = {}
    told: dict[asyncio.AbstractEventLoop, list[Callable[[int], None]]] = {}
    for request, outcome in outcomes:
        by_loop.setdefault(request.loop, []).append((request.answer, outcome))
    for loop, callback in listeners:
        told.setdefault(loop, []).append(callback)
    for loop in by_loop | told:
        _call(loop, partial(_resolve, by_loop.get(loop, ()), told.get(loop, ()), size))


def _resolve(
    answers: Sequence[tuple[asyncio.Future[Appended], _Outcome]],
    listeners: Sequence[Callable[[int], None]],
    size: int,
) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, Appended):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)
    for callback in listeners:
        callback(size)


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    # The loop may have ended while the entry was on its way to disk; the entry is durable all the same.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)
