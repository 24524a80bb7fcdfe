"""Footage of a station without the station: an index, folders with small files, and a disk of any size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from journal.disk import Room
from kernel.errors import FullError
from kernel.events import Body, EntryRef, Outcome
from kernel.footage.bodies import FootageDerived, FootageDisposed, FootageImported, FootageLinked
from kernel.footage.keeping import Hold
from kernel.law.shipped import national
from simulators.clock import VirtualClock
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex, Said
from station.footage.keeping import Keeping, Rules, Shelves
from station.footage.keeping_settings import KeepingSettings

T = TypeVar("T", bound=Body)
DAY_MS = 86_400_000
NIGHT_MS = 1_790_017_200_000  # 03:00 in China
JOURNAL = "f" * 32


class WrittenLedger:
    """Every body said is an entry of its own, in order; `full` is a journal without room."""

    def __init__(self, index: FootageIndex, *, clock: VirtualClock) -> None:
        self.index = index
        self.full = False
        self._clock = clock
        self._said = 0

    async def say(self, body: T, *, key: str | None = None) -> Said[T]:
        if self.full:
            raise FullError("no room")
        self._said += 1
        ref = EntryRef(journal=JOURNAL, seq=self._said, leaf="0" * 64)
        said = Said(ref=ref, at_ms=self._clock.now_ms(), body=body)
        self.index.hold([said], journal=JOURNAL, size=0)
        return said


@dataclass
class Footage:
    """A station's footage, and the keeping that is tested."""

    folder: Path
    settings: KeepingSettings = field(default_factory=KeepingSettings)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(now_ms=NIGHT_MS))
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    percent: int = 10
    held: dict[str, Hold] = field(default_factory=dict)
    clips: set[str] = field(default_factory=set)  # of the lanes, here

    def __post_init__(self) -> None:
        self.originals = DigestFolder(self.folder / "originals")
        self.derived = DigestFolder(self.folder / "derived")
        self.index = FootageIndex(self.folder / "footage.db")
        self.ledger = WrittenLedger(self.index, clock=self.clock)
        self.keeping = self.made_again()

    def made_again(self) -> Keeping:
        """As after a start."""
        return Keeping(
            self.ledger,
            Shelves(originals=self.originals, derived=self.derived, room=self.room),
            Rules(
                law=national(),
                jurisdiction="370323",
                outcome=lambda _box, name: self.outcomes.get(name),
                held=lambda: self.held,
                knows=self.outcomes.__contains__,
            ),
            settings=self.settings,
            by="s01-station",
            clock=self.clock,
            lies=lambda name: name in self.clips,
        )

    def room(self) -> Room:
        """Each file here takes one in a hundred of the disk."""
        used = self.percent + sum(1 for _ in (*self.originals.digests(), *self.derived.digests()))
        return Room(used=used, free=100 - used)

    async def take(self, name: str, *, important: bool = False) -> str:
        """A file of a recorder is taken in; its digest."""
        sha256 = store(self.originals, name)
        await self.ledger.say(
            FootageImported(
                recorder="3700123", dock="dock1", state="imported", name=name, sha256=sha256, size=1, important=important
            )
        )  # fmt: skip
        return sha256

    async def copy(self, source: str) -> str:
        """A working copy is made of it."""
        sha256 = store(self.derived, f"copy of {source}")
        body = FootageDerived(kind="working_copy", sha256=sha256, size=1, sources=(source,), by="li")
        await self.ledger.say(body)
        return sha256

    async def redacted(self, source: str) -> str:
        """A part of it is hidden."""
        sha256 = store(self.derived, f"redacted {source}")
        body = FootageDerived(
            kind="redacted", sha256=sha256, size=1, sources=(source,), by="li", reason="court"
        )
        await self.ledger.say(body)
        return sha256

    async def link(
        self, sha256: str, *, passage: str | None = None, case: str | None = None, act: str = "linked"
    ) -> None:
        await self.ledger.say(
            FootageLinked(
                link=f"{sha256[:8]}/{passage}/{case}", act=act, sha256=sha256, from_ms=0, to_ms=60_000, by="rule",  # type: ignore[arg-type]
                reason="near", box="s01-lane2", passage=passage, case=case,
            )
        )  # fmt: skip

    async def nights(self, count: int) -> None:
        """So many nights pass, each with its look at 03:00."""
        for _ in range(count):
            await self.clock.run_for(86_400)
            await self.keeping.step()

    def acts(self, sha256: str) -> list[str]:
        return [said.body.act for said in self.index.naming(FootageDisposed, sha256)]

    def has(self, sha256: str) -> bool:
        return self.originals.path(sha256) is not None or self.derived.path(sha256) is not None


def store(folder: DigestFolder, content: str) -> str:
    part = folder.incoming / "1.part"
    part.write_text(content)
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    folder.take(part, sha256)
    return sha256
