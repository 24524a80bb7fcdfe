"""Spans of footage that have travelled: once every destination keeps one, it may leave this disk for want of room."""

from __future__ import annotations

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


class Travelled:
    """`spare` blocks: call it from a thread."""

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

    async def evict(self, spans: Sequence[Stocked], *, free_kb: int) -> None:
        """The entry first, then the bytes; FullError: nothing was said and nothing is gone."""
        await self._erasing.evict(spans, rule="kept", free_kb=free_kb)

    def _kept(self, digests: Sequence[str]) -> set[str]:
        kept = set(digests)
        for destination in self._destinations:
            for start in range(0, len(digests), AT_ONCE):
                some = digests[start : start + AT_ONCE]
                states = self._cursors.uploads(some, destination=destination)
                kept -= {name for name in some if name not in states or not states[name].kept}
        return kept
