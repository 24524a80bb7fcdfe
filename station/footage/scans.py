"""Looks for true time in every file that was taken in, once, and says as an anchor what it found: QR clock, satellites."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.footage.bodies import ClockAnchor, ClockAnchored, FootageImported
from kernel.footage.clockcode import Filming, Hit, filmings
from station.footage.clockseen import Seen
from station.footage.folders import DigestFolder
from station.footage.index import Said
from station.footage.ledger import Ledger
from station.footage.limits import GRACE_S, SCAN_S
from station.footage.making import ended
from station.footage.received import Satellites, best_of
from station.footage.sidecars import is_sidecar
from station.footage.times import NUMBER_TWICE

log = logging.getLogger(__name__)

BY = "qr clock"
LOOK_S = 5.0
AFTER_FAULT_S = 30.0
COMMAND = (sys.executable, "-m", "station.footage.qrscan")

Scan = Callable[[Path], Awaitable[Seen]]


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file: `result` is `anchored` (QR clock), `received` (satellites), `nothing`, `no_own_time`, `number_twice`, `unreadable`, `out_of_time`, or why a clock was ignored."""

    sha256: str
    at_ms: int
    result: str
    read: int = 0  # codes


class Remembered:
    """Which files were looked at; without it they are looked at again, to the same effect.  Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS scanned (sha256 TEXT PRIMARY KEY, at INTEGER NOT NULL,"
                " result TEXT NOT NULL, read INTEGER NOT NULL) WITHOUT ROWID"
            )

    def digests(self) -> set[str]:
        with self._open() as db:
            return {str(row[0]) for row in db.execute("SELECT sha256 FROM scanned")}

    def all(self) -> list[Scanned]:
        with self._open() as db:
            rows = db.execute("SELECT sha256, at, result, read FROM scanned ORDER BY at").fetchall()
        return [Scanned(sha256=row[0], at_ms=row[1], result=row[2], read=row[3]) for row in rows]

    def hold(self, scanned: Scanned) -> None:
        row = (scanned.sha256, scanned.at_ms, scanned.result, scanned.read)
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as db:
            yield db


class Scans:
    """One task of the station; a file is looked at by a process of its own."""

    def __init__(
        self,
        ledger: Ledger,
        originals: DigestFolder,
        remembered: Remembered,
        *,
        station: str,
        clock: Clock,
        scan: Scan,
    ) -> None:
        self._ledger = ledger
        self._originals = originals
        self._remembered = remembered
        self._station = station
        self._clock = clock
        self._scan = scan
        self._satellites = Satellites(ledger, originals, self._seen)
        self._place = 0
        self._due: dict[str, Said[FootageImported]] = {}

    async def run(self) -> None:
        """Until the process ends."""
        while True:
            try:
                await self.look()
            except (sqlite3.Error, OSError, FullError) as error:  # a full disk: it is looked at again
                log.warning("footage not looked at", extra={"reason": str(error)})
                await self._clock.sleep(AFTER_FAULT_S)
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """Look at what came in; how many files that were.  What one of them says that cannot be is of no other."""
        await asyncio.to_thread(self._take)
        looked = 0
        for file in list(self._due.values()):
            path = await asyncio.to_thread(self._originals.path, file.body.sha256 or "")
            if path is not None:
                await self._one(file, path)
                looked += 1
        return looked

    def _take(self) -> None:
        """What was taken in since the last look, and at the start what was not looked at before."""
        said, place = self._ledger.index.after(self._place)
        files = [(one, one.body) for one in said if isinstance(one.body, FootageImported)]
        known = self._remembered.digests() if files else set()
        for one, body in files:
            if body.sha256 and body.sha256 not in known and body.state in ("imported", "damaged"):
                self._due.setdefault(body.sha256, Said(ref=one.ref, at_ms=one.at_ms, body=body))
        self._place = place

    async def _one(self, file: Said[FootageImported], path: Path) -> None:
        try:
            result, read = await self._looked(file, path)
        except ProtocolError as error:  # a time that no entry can hold
            log.warning("footage says rubbish", extra={"sha256": file.body.sha256, "reason": str(error)})
            result, read = "unreadable", 0
        scanned = Scanned(sha256=file.body.sha256 or "", at_ms=self._clock.now_ms(), result=result, read=read)
        await asyncio.to_thread(self._remembered.hold, scanned)
        del self._due[scanned.sha256]

    async def _looked(self, file: Said[FootageImported], path: Path) -> tuple[str, int]:
        if NUMBER_TWICE in file.body.problems:  # the anchor would be the other recorder's as well
            return NUMBER_TWICE, 0
        if file.body.recorder is not None and is_sidecar(file.body):
            return await self._satellites.of_sidecar(file, path), 0
        if file.body.recorder is not None and file.body.own_start_ms is not None:
            return await self._searched(file, path)
        return "no_own_time", 0

    async def _searched(self, file: Said[FootageImported], path: Path) -> tuple[str, int]:
        """What came of it, and how many codes were read.  What takes too long counts as far as it was read."""
        seen = await self._seen(file, path)
        if isinstance(seen, str):
            return seen, 0
        known = await asyncio.to_thread(self._remembered.digests)
        result = best_of(
            [
                await self._found(file, seen.hits),
                await self._satellites.of_track(file, seen.stamps),
                *await self._satellites.of_earlier(file, known),
            ]
        )
        if seen.late:
            log.warning(
                "search for a clock ended early", extra={"sha256": file.body.sha256, "result": result}
            )
        return "out_of_time" if seen.late and result == "nothing" else result, len(seen.hits)

    async def _seen(self, file: Said[FootageImported], path: Path) -> Seen | str:
        """Or why nothing was seen."""
        try:
            return await self._scan(path)
        except OSError as error:
            log.warning("footage unreadable", extra={"sha256": file.body.sha256, "reason": str(error)})
            return "out_of_time" if isinstance(error, TimeoutError) else "unreadable"

    async def _found(self, file: Said[FootageImported], hits: Sequence[Hit]) -> str:
        found = filmings(hits, station=self._station, before_ms=file.at_ms)
        good = [filming for filming in found if filming.ignored is None]
        for number, filming in enumerate(good):
            await self._ledger.say(_anchored(file.body, filming), key=f"qr {file.body.sha256} {number}")
        if good:
            return "anchored"
        ignored = Counter(filming.ignored for filming in found if filming.ignored)
        for why, times in ignored.items():
            log.info("filmed clock ignored", extra={"file": file.body.name, "reason": why, "times": times})
        return next(iter(ignored), "nothing")


def _anchored(file: FootageImported, filming: Filming) -> ClockAnchored:
    """How well the file says when it began is part of what its clock is worth elsewhere; see `Times.start`."""
    anchor = ClockAnchor(
        kind="qr",
        own_ms=(file.own_start_ms or 0) + filming.in_file_ms,
        true_ms=filming.true_ms,
        err_ms=filming.err_ms + file.start_err_ms,
    )
    note = f"{filming.codes} codes"
    return ClockAnchored(recorder=file.recorder or "", anchor=anchor, by=BY, sha256=file.sha256, note=note)


async def in_own_process(
    path: Path, *, patience_s: float = SCAN_S, grace_s: float = GRACE_S, command: Sequence[str] = COMMAND
) -> Seen:
    """What `station.footage.qrscan` reads of a file.  TimeoutError: it did not end; OSError: it died of it.

    It is told when to end, and killed when it does not.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        str(path),
        str(round(patience_s * 1000)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(patience_s + grace_s):
            out, _ = await process.communicate()
        if process.returncode != 0:
            raise OSError(f"scan ended with {process.returncode}")
        return msgspec.json.decode(out, type=Seen)
    except msgspec.MsgspecError as error:
        raise OSError(f"scan said rubbish: {error}") from error
    finally:
        await ended(process)
