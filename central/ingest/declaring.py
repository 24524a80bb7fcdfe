"""Makes entries of the centre's own journal out of what its store has found: forks with both notes, finished backups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from central.store.findings import Backup, Findings, Fork
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.events import BackupMade, Body, JournalForked
from kernel.evidence.header import origin
from kernel.evidence.notes import Note

log = logging.getLogger(__name__)

EVERY_S = 2.0


class Appends(Protocol):
    async def __call__(self, body: Body, *, key: str | None = None) -> object: ...


class Declaring:
    """Looks again and again: whoever found it, and whenever, it is said once."""

    def __init__(self, findings: Findings, append: Appends, *, clock: Clock) -> None:
        self._findings = findings
        self._append = append
        self._clock = clock
        self._said: set[str] = set()

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except (SQLAlchemyError, FullError) as error:
                log.warning("nothing declared", extra={"reason": str(error)})
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Say what is new."""
        for key, body in await asyncio.to_thread(lambda: list(self._found())):
            if key not in self._said:
                await self._append(body, key=key)
                self._said.add(key)

    def _found(self) -> Iterator[tuple[str, Body]]:
        for fork in self._findings.forks():
            yield f"forked/{fork.journal}", _forked(fork)
        for backup in self._findings.backups():
            yield f"backup/{backup.sha256}", _made(backup)


def _forked(fork: Fork) -> JournalForked:
    return JournalForked(
        journal=fork.journal,
        box=fork.box,
        ours=_bare(fork.ours, fork.journal),
        theirs=_bare(fork.theirs, fork.journal),
    )


def _bare(note: str, journal: str) -> str:
    """With the journal's own signature only: what else a liar has hung on it may not fit into an entry."""
    try:
        parsed = Note.parse(note)
    except ProtocolError:  # a journal of which nothing was accepted yet has no note
        return ""
    own = tuple(each for each in parsed.signatures if each.name == origin(journal))
    return Note(text=parsed.text, signatures=own[:4]).format()


def _made(backup: Backup) -> BackupMade:
    return BackupMade(
        store=backup.store,
        sha256=backup.sha256,
        journals=backup.journals,
        entries=backup.entries,
        files=backup.files,
        bytes=backup.bytes,
    )
