"""Spans of footage that travel: one may leave this disk once every destination keeps it, and goes when its days are over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from journal.cursors import Cursors
from journal.disk import on_one_disk
from journal.erasing import Erasing
from journal.files import FileStore
from kernel.footage.bodies import FootageDerived
from station.footage.index import FootageIndex
from station.footage.stock import Stocked

AT_ONCE = 200  # digests in one question
ERASED = "station.footage"  # the rule itself is in the entry footage.disposed before it


class Travelled:
    """`spare` and `has` block: call them from a thread."""

    def __init__(
        self,
        index: FootageIndex,
        erasing: Erasing,
        *,
        files: FileStore,
        folder: Path,
        cursors: Cursors,
        destinations: Sequence[str],
    ) -> None:
        """`folder` is where `files` lie."""
        self._index = index
        self._erasing = erasing
        self._files = files
        self._folder = folder
        self._cursors = cursors
        self._destinations = tuple(destinations)

    def spare(self, footage: Path) -> list[Stocked]:
        """Spans that are out of danger elsewhere, the oldest first; none where their going makes no room for footage."""
        if not self._destinations or not on_one_disk(self._folder, footage):
            return []
        spans = {
            said.body.sha256: Stocked(
                sha256=said.body.sha256, since_ms=said.at_ms, size=said.body.size, sources=said.body.sources
            )
            for said in self._index.of(FootageDerived)
            if said.body.kind == "span"
        }
        kept = self._kept(list(spans))
        return [one for name, one in spans.items() if name in kept and self._files.path(name) is not None]

    def has(self, sha256: str) -> bool:
        return self._files.path(sha256) is not None

    async def evict(self, spans: Sequence[Stocked], *, free_kb: int) -> None:
        """The entry first, then the bytes; FullError: nothing was said and nothing is gone."""
        await self._erasing.evict(spans, rule="kept", free_kb=free_kb)

    async def erase(self, sha256: str, *, by: str) -> None:
        """The entry first, then the bytes, here and where they were sent; FullError: nothing was said.

        What is no span, or has left already, is left alone.
        """
        if await asyncio.to_thread(self._is_span, sha256):
            await self._erasing.erase((), files=(sha256,), rule=ERASED, by=by)

    def _is_span(self, sha256: str) -> bool:
        return self.has(sha256) and any(
            said.body.kind == "span" for said in self._index.of(FootageDerived, sha256=sha256)
        )

    def _kept(self, digests: Sequence[str]) -> set[str]:
        kept = set(digests)
        for destination in self._destinations:
            for start in range(0, len(digests), AT_ONCE):
                some = digests[start : start + AT_ONCE]
                states = self._cursors.uploads(some, destination=destination)
                kept -= {name for name in some if name not in states or not states[name].kept}
        return kept
