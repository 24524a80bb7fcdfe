"""A workshop over a real journal and real folders, with originals put in by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from journal.clock import SystemClock
from journal.files import FileStore
from journal.writer import Journal
from kernel.footage.bodies import FootageImported
from kernel.law.shipped import national
from station.footage.folders import digest_of
from station.footage.keeping import Rules
from station.footage.room import Around, FootageRoom, open_room
from station.footage.settings import Footage
from station.footage.stock import Stocked
from station.queries import Queries
from station.store import StationStore
from tests.journal.making import County, TestClock, open_journal

START_MS = 1_795_000_000_000


@dataclass(frozen=True, kw_only=True)
class Workplace:
    room: FootageRoom
    journal: Journal
    own_files: FileStore

    async def original(
        self, movie: Path, *, codec: str = "h264", media_type: str = "video/mp4", duration_ms: int = 2_000
    ) -> str:
        """Take a file in as a recorder's."""
        sha256 = await asyncio.to_thread(digest_of, movie)
        await asyncio.to_thread(self._store, movie, sha256)
        body = FootageImported(
            recorder="3700123",
            dock="dock1",
            state="imported",
            name=movie.name,
            sha256=sha256,
            codec=codec,
            media_type=media_type,
            duration_ms=duration_ms,
            own_start_ms=START_MS,
        )
        await self.room.ledger.say(body)
        return sha256

    def _store(self, movie: Path, sha256: str) -> None:
        originals = self.room.library.originals
        originals.take(movie.rename(originals.incoming / "a"), sha256)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        tasks = [
            asyncio.ensure_future(run()) for run in (self.room.tasks()[name] for name in ("copies", "spans"))
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def workplace(folder: Path) -> AsyncIterator[Workplace]:
    clock = TestClock()
    journal = await asyncio.to_thread(
        lambda: open_journal(
            folder / "journal", identity=County().identity("s01-station").key, clock=clock, process="station"
        )
    )
    own_files = FileStore(folder / "own-files", clock=clock)
    store = StationStore(folder / "station.db", store_id="s01-store")
    room = open_room(Footage(), _around(folder, journal, own_files))
    await room.ledger.catch_up()
    try:
        yield Workplace(room=room, journal=journal, own_files=own_files)
    finally:
        await asyncio.to_thread(journal.close)
        store.close()


def _around(folder: Path, journal: Journal, own_files: FileStore) -> Around:
    return Around(
        data=folder,
        journal=journal,
        source="yiyuan/s01/station",
        box="s01-station",
        clock=SystemClock(),
        rules=Rules(law=national(), jurisdiction="370323", outcome=lambda _box, _name: None, held=dict),
        queries=Queries(folder / "station.db"),
        own_files=own_files,
        clips=own_files,
        clip=lambda _sha256: None,
        travels=lambda _index: Nothing(),
    )


class Nothing:
    """No span leaves."""

    def spare(self, _footage: Path) -> list[Stocked]:
        return []

    def has(self, _sha256: str) -> bool:
        return False

    async def evict(self, spans: Sequence[Stocked], *, free_kb: int) -> None:
        raise AssertionError

    async def erase(self, sha256: str, *, by: str) -> None:
        """There is none."""
