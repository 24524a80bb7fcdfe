"""Takes in the files of one docked recorder: each copied in one read, proven, made durable, written down, then marked as collected."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kernel.clock import Clock
from kernel.errors import FullError, LinkError, ProtocolError, RefusedError, RestartError
from kernel.footage.bodies import ClockAnchored, FootageImported, ImportState, RecorderIssued
from kernel.footage.clocks import TrueTime
from station.docking import copying
from station.docking.collected import Collected, source_key
from station.docking.describing import Known, Visit, claims_video, describe, with_problems
from station.docking.probing import Probe, probe
from station.docking.threads import OwnThreads
from station.docking.volume import Found, Volume
from station.footage.folders import DigestFolder
from station.footage.index import Said
from station.footage.ledger import Ledger
from station.footage.stock import deletion_of, was_deleted

log = logging.getLogger(__name__)

Told = Callable[[int], None]  # bytes of the file that are copied; from another thread
GIVEN_UP_MS = 30 * 86_400_000
STATES: Mapping[str, ImportState] = {"empty": "empty", "unreadable": "damaged", "changed": "damaged"}
COPIES = 8  # at once; more recorders wait for each other
EARLIER = 40  # files of a recorder among which the part before is looked for


class NoRoomError(FullError):
    """This file is larger than what is free; a smaller one may go in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file; `again`: it had been taken in before, and nothing new was said."""

    found: Found
    said: Said[FootageImported]
    true: TrueTime | None = None
    again: bool = False

    @property
    def body(self) -> FootageImported:
        return self.said.body


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    source: str
    copied: copying.Copied
    probe: Probe
    path: Path


class Importer:
    """Several recorders may be taken in at once; each file of each is named by its own key."""

    def __init__(
        self,
        ledger: Ledger,
        originals: DigestFolder,
        collected: Collected,
        *,
        clock: Clock,
        reserve_mb: int,
        look: Callable[[Path], Probe] = probe,
        flush_bytes: int = copying.FLUSH,
    ) -> None:
        """`reserve_mb` of the disk stay free for those who write the journal."""
        self.ledger = ledger
        self.originals = originals
        self._collected = collected
        self._clock = clock
        self._reserve = reserve_mb << 20
        self._look = look
        self._flush_bytes = flush_bytes
        self._threads = OwnThreads(COPIES, name="recorder copy")
        self._ending = threading.Event()
        self._saying = asyncio.Lock()

    def close(self) -> None:
        """A copy that is under way stops where it is; the next start goes on there."""
        self._ending.set()
        self._threads.close()

    async def tidy(self) -> None:
        """Copies that nobody came back to finish are taken away."""
        before_ms = self._clock.now_ms() - GIVEN_UP_MS
        for source in await asyncio.to_thread(self._collected.given_up, before_ms=before_ms):
            await asyncio.to_thread(self._part(source).unlink, missing_ok=True)

    async def take(
        self, volume: Volume, found: Found, visit: Visit, told: Told = copying.nothing_to_tell
    ) -> Outcome:
        """One file.  LinkError: the recorder is gone; FullError: no room; both times nothing half taken is left to see."""
        if found.refused:
            return await self._without_bytes(found, visit, Probe(), found.refused)
        if not found.size:
            return await self._without_bytes(found, visit, Probe(), "empty")
        try:
            source = await self._threads.run(self._source, volume, found, visit)
            if (known := await self._known(source, found, visit)) is not None:
                return known
            taken = await self._threads.run(self._copied, volume, found, source, told)
        except ProtocolError:
            return await self._without_bytes(found, visit, Probe(), "changed")
        except RefusedError:
            return await self._without_bytes(found, visit, Probe(), "no_file")
        except LinkError:
            if not await self._threads.run(volume.there):
                raise
            return await self._without_bytes(found, visit, Probe(), "unreadable")
        return await self._say_taken(found, visit, taken)

    async def take_log(self, data: bytes, visit: Visit) -> None:
        """The recorder's own log 设备日志, kept like a file of it.  FullError."""
        digest = await asyncio.to_thread(self._stored_log, data, visit.dock)
        body = FootageImported(
            recorder=visit.recorder,
            dock=visit.dock,
            state="imported",
            name="device.log",
            sha256=digest,
            size=len(data),
            media_type="text/plain",
        )
        deleted = await self._deleted(digest)
        await self.ledger.say(body, key=f"footage log {visit.owner} {digest}{deleted}")

    # --- bytes; in a thread -----------------------------------------------------------------------------------

    def _source(self, volume: Volume, found: Found, visit: Visit) -> str:
        with volume.open(found) as file:
            print_ = copying.fingerprint(file, found.size)
        return source_key(
            recorder=visit.owner,
            place=found.place,
            size=found.size,
            mtime_ns=found.mtime_ns,
            fingerprint=print_,
        )

    def _copied(self, volume: Volume, found: Found, source: str, told: Told) -> _Taken:
        try:
            return self._copy(volume, found, source, told)
        except OSError as error:  # of our own disk: the recorder's are LinkErrors
            raise FullError(f"the disk does not take it: {error.strerror}") from error

    def _copy(self, volume: Volume, found: Found, source: str, told: Told) -> _Taken:
        part = self._part(source)
        begun = min(self._collected.begun(source), part.stat().st_size) if part.exists() else 0
        self._need_room(min(found.size, found.on_disk or found.size) - begun)
        with volume.open(found) as file:
            copied = copying.copy(
                file,
                part,
                begun=begun,
                flushed=partial(self._reached, source),
                told=partial(self._going_on, told),
                flush_bytes=self._flush_bytes,
            )
        if copied.size != found.size:  # it is recording still, or gives less than it states
            part.unlink()
            raise ProtocolError(f"{found.name}: {copied.size} bytes came of {found.size}")
        path = self._store(part, copied.sha256)
        return _Taken(source=source, copied=copied, probe=self._probed(path, found), path=path)

    def _going_on(self, told: Told, done: int) -> None:
        if self._ending.is_set():
            raise RestartError("the station ends")
        told(done)

    def _need_room(self, wanted: int) -> None:
        free = shutil.disk_usage(self.originals.folder).free
        if free < wanted + self._reserve:
            raise NoRoomError(f"{(wanted + self._reserve) >> 20} MB are needed, {free >> 20} MB are free")

    def _store(self, part: Path, digest: str) -> Path:
        try:
            return self.originals.take(part, digest)
        except ProtocolError as error:  # our own disk gives back something else
            part.unlink()
            raise FullError(f"the disk does not keep what is written: {error}") from error
        except OSError as error:
            raise FullError(f"the disk does not take it: {error.strerror}") from error

    def _stored_log(self, data: bytes, dock: str) -> str:
        digest = hashlib.sha256(data).hexdigest()
        part = self._part(f"{digest} {dock}")  # two recorders may have the same log
        try:
            part.write_bytes(data)
        except OSError as error:
            raise FullError(f"the disk does not take it: {error.strerror}") from error
        self._store(part, digest)
        return digest

    def _probed(self, path: Path, found: Found) -> Probe:
        seen = self._look(path)
        if not seen.media_type and claims_video(found.name):
            return Probe(fault=seen.fault or "not_playable")
        return seen

    def _reached(self, source: str, done: int) -> None:
        self._collected.reached(source, done, at_ms=self._clock.now_ms())

    def _part(self, source: str) -> Path:
        return self.originals.incoming / f"{source}.part"

    # --- words ------------------------------------------------------------------------------------------------

    async def _known(self, source: str, found: Found, visit: Visit) -> Outcome | None:
        """It was collected before: what was said of it then.  None, too, where its original was lost here."""
        digest = await asyncio.to_thread(self._here, source)
        said = await self._same(digest, found, visit) if digest else None
        return await self._again(found, said, visit) if said else None

    def _here(self, source: str) -> str | None:
        """What was collected, unless it was lost: it is not here, and nobody deleted it.  Blocking."""
        digest = self._collected.digest(source)
        if digest is None or self.originals.path(digest) is not None:
            return digest
        return digest if was_deleted(self.ledger.index, digest) else None

    async def _say_taken(self, found: Found, visit: Visit, taken: _Taken) -> Outcome:
        digest = taken.copied.sha256
        known = await self._what_is_known(visit)
        async with self._saying:
            deleted = await self._deleted(digest)
            same = None if deleted else await self._same(digest, found, visit)
            if same is not None:
                outcome = await self._again(found, same, visit)
            else:
                outcome = await self._say_new(found, visit, taken, known, deleted=deleted)
        await asyncio.to_thread(self._collected.mark, taken.source, digest, at_ms=self._clock.now_ms())
        return outcome

    async def _say_new(
        self, found: Found, visit: Visit, taken: _Taken, known: Known, *, deleted: str
    ) -> Outcome:
        digest, fault = taken.copied.sha256, taken.probe.fault
        others = await asyncio.to_thread(self.ledger.index.of, FootageImported, sha256=digest)
        is_double = bool(others) and not deleted
        body = describe(
            found,
            visit,
            known,
            state="duplicate" if is_double else "damaged" if fault else "imported",
            probe=taken.probe,
            sha256=digest,
            size=taken.copied.size,
        )
        length = "length_uncertain" if taken.probe.length_uncertain else ""
        words = (
            "duplicate" if is_double else "",
            fault,
            length,
            "" if found.readable_name else "name_unreadable",
        )
        body = with_problems(body, visit, *words)
        said = await self.ledger.say(body, key=_key(visit, found, digest + deleted))
        return Outcome(found=found, said=said, true=known.true_of(body.own_start_ms, visit))

    async def _without_bytes(self, found: Found, visit: Visit, seen: Probe, why: str) -> Outcome:
        """Said once, however often the recorder is docked with it."""
        known = await self._what_is_known(visit)
        state = STATES.get(why, "refused")
        body = describe(
            found,
            visit,
            known,
            state=state,
            probe=seen,
            sha256=None,
            size=found.size,
        )
        body = with_problems(body, visit, why, "" if found.readable_name else "name_unreadable")
        said = await self.ledger.say(body, key=_key(visit, found, why))
        told = {"dock": visit.dock, "file": f"{found.folder}/{found.name}", "reason": why}
        log.warning("file of a recorder not taken in", extra=told)
        again = any(_is_said(one, found, why) for one in known.earlier)
        return Outcome(found=found, said=said, true=known.true_of(body.own_start_ms, visit), again=again)

    async def _deleted(self, digest: str) -> str:
        """Names the deletion, where that is the last word on these bytes: taken in again, they are new."""
        said = await asyncio.to_thread(deletion_of, self.ledger.index, digest)
        return f" after {said.ref.journal} {said.ref.seq}" if said else ""

    async def _same(self, digest: str, found: Found, visit: Visit) -> Said[FootageImported] | None:
        """The same file of the same recorder."""
        said = await asyncio.to_thread(self.ledger.index.of, FootageImported, sha256=digest)
        wanted = (visit.recorder, found.folder, found.name)
        for one in said:
            if (one.body.recorder, one.body.folder, one.body.name) == wanted and (
                visit.recorder or one.body.dock == visit.dock
            ):
                return one
        return None

    async def _again(self, found: Found, said: Said[FootageImported], visit: Visit) -> Outcome:
        known = await self._what_is_known(visit)
        return Outcome(found=found, said=said, true=known.true_of(said.body.own_start_ms, visit), again=True)

    async def _what_is_known(self, visit: Visit) -> Known:
        return await asyncio.to_thread(self._read_known, visit)

    def _read_known(self, visit: Visit) -> Known:
        if visit.recorder is None:
            return Known(anchors=(), issues=(), earlier=())
        index, recorder = self.ledger.index, visit.recorder
        earlier = index.of(FootageImported, recorder=recorder, newest=EARLIER)
        return Known(
            anchors=tuple(one.body.anchor for one in index.of(ClockAnchored, recorder=recorder)),
            issues=tuple(one.body for one in index.of(RecorderIssued, recorder=recorder)),
            earlier=tuple(one.body for one in reversed(earlier)),
        )


def _is_said(body: FootageImported, found: Found, why: str) -> bool:
    return (body.folder, body.name) == (found.folder, found.name) and why in body.problems


def _key(visit: Visit, found: Found, what: str) -> str:
    told = f"{visit.owner}\n{found.place}\n{found.size}\n{what}"
    return "footage " + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
