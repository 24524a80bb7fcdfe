"""Says as an anchor what satellites told a recorder: in a track of its film, or in a file beside it 卫星对时."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

from kernel.footage.bodies import AnchorKind, ClockAnchor, ClockAnchored, FootageImported
from kernel.footage.nmea import Rmc
from kernel.footage.satellites import Reception, Stamp, along, receptions
from station.footage.clockseen import Seen
from station.footage.folders import DigestFolder
from station.footage.index import Said
from station.footage.ledger import Ledger
from station.footage.sidecars import beside, docked_with
from station.footage.times import NUMBER_TWICE, Times

BY = "satellites"
FOUND = ("anchored", "received")

File = Said[FootageImported]


class Satellites:
    """Answers with a machine word: `received`, `nothing`, or why what was received is ignored."""

    def __init__(
        self,
        ledger: Ledger,
        originals: DigestFolder,
        see: Callable[[File, Path], Awaitable[Seen | str]],
    ) -> None:
        """`see` answers with what a file shows, or with why nothing was seen."""
        self._ledger = ledger
        self._originals = originals
        self._see = see

    async def of_track(self, film: File, stamps: Sequence[Stamp]) -> str:
        return await self._say(film, receptions(stamps, before_ms=film.at_ms))

    async def of_sidecar(self, sidecar: File, path: Path) -> str:
        """By the films that are here; one that comes later asks again."""
        films = await self._docked_with(sidecar)
        others = [] if films else await asyncio.to_thread(beside, self._ledger.index, sidecar)
        if others:
            return "gps_other_docking"
        return await self._read(sidecar, path, films)

    async def of_earlier(self, film: File, known: Collection[str]) -> list[str]:
        """By files beside this film that were looked at before it was here."""
        results = []
        for sidecar in await self._docked_with(film):
            path = await self._path(sidecar)
            if path is not None and sidecar.body.sha256 in known:
                results.append(await self._read(sidecar, path, await self._docked_with(sidecar)))
        return results

    async def _docked_with(self, file: File) -> list[File]:
        return await asyncio.to_thread(docked_with, self._ledger.index, file)

    async def _path(self, file: File) -> Path | None:
        return await asyncio.to_thread(self._originals.path, file.body.sha256 or "")

    async def _read(self, sidecar: File, path: Path, films: Sequence[File]) -> str:
        timed = [one for one in films if one.body.own_start_ms is not None]
        wanted = [one for one in timed if NUMBER_TWICE not in one.body.problems]
        if len(wanted) > 1:  # nobody can tell whose it is
            return "gps_two_films"
        seen = await self._see(sidecar, path) if wanted else Seen()
        if isinstance(seen, str):
            return seen
        if not seen.lines:
            return "nothing"
        return best_of([await self._held_against(film, sidecar, seen.lines) for film in wanted])

    async def _held_against(self, film: File, sidecar: File, lines: Sequence[Rmc]) -> str:
        found = _along(film, lines)
        if found.ignored is None and await self._is_told_otherwise(film, sidecar, found):
            return "gps_files_differ"
        said = await self._say(film, [found], of=sidecar.body)
        denied = said == "received" and await self._is_denied(_anchored(film.body, found, sidecar.body))
        return "gps_against_measured" if denied else said

    async def _is_told_otherwise(self, film: File, sidecar: File, found: Reception) -> bool:
        """Whether another file beside the film tells another time."""
        for other in await self._docked_with(film):
            path = None if other.body.sha256 == sidecar.body.sha256 else await self._path(other)
            seen = await self._see(other, path) if path is not None else Seen()
            if isinstance(seen, Seen) and seen.lines and not _agree(found, _along(film, seen.lines)):
                return True
        return False

    async def _is_denied(self, said: ClockAnchored) -> bool:
        times = await asyncio.to_thread(Times.of, self._ledger.index, said.recorder)
        return said.anchor in times.model.set_aside

    async def _say(self, film: File, found: Sequence[Reception], *, of: FootageImported | None = None) -> str:
        good = [one for one in found if one.ignored is None]
        for number, one in enumerate(good):
            key = f"gps {film.body.sha256} {of.sha256 if of else 'track'} {number}"
            await self._ledger.say(_anchored(film.body, one, of), key=key)
        if good:
            return "received"
        return next((f"gps_{one.ignored}" for one in found), "nothing")


def _along(film: File, lines: Sequence[Rmc]) -> Reception:
    return along(lines, duration_ms=film.body.duration_ms or 0, before_ms=film.at_ms)


def _agree(one: Reception, other: Reception) -> bool:
    apart_ms = (one.true_ms - one.in_file_ms) - (other.true_ms - other.in_file_ms)
    return other.ignored is not None or abs(apart_ms) <= one.err_ms + other.err_ms


def best_of(results: Sequence[str]) -> str:
    """What is said of a file in one word: what was found, else why nothing was."""
    found = [word for word in FOUND if word in results]
    why = [word for word in results if word != "nothing"]
    return next(iter([*found, *why]), "nothing")


def _anchored(film: FootageImported, found: Reception, of: FootageImported | None) -> ClockAnchored:
    """How well the film says when it began is part of what its clock is worth elsewhere; see `Times.start`."""
    kind: AnchorKind = "gps" if of is None else "gps_beside"
    anchor = ClockAnchor(
        kind=kind,
        own_ms=(film.own_start_ms or 0) + found.in_file_ms,
        true_ms=found.true_ms,
        err_ms=found.err_ms + film.start_err_ms,
    )
    note = f"{found.sentences} sentences" + (f" of {of.name}" if of else "")
    return ClockAnchored(recorder=film.recorder or "", anchor=anchor, by=BY, sha256=film.sha256, note=note)
