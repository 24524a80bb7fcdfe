"""Gathers the evidence of one passage for central.evidence.package: one journal, its proofs, its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from central.evidence.package import PackagedEntry, PackageParts, ShownKey, write
from central.parts import PlacesFiles
from central.store.custody import CustodyStore, Stored
from central.store.queries import Queries
from central.views import PassageDetail
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint

_CERTIFICATES = ("box", "enrolment")


class Packages:
    """Implements central.parts.WritesPackages.  Blocking."""

    def __init__(
        self,
        queries: Queries,
        custody: CustodyStore,
        files: PlacesFiles,
        *,
        keys: Sequence[ShownKey],
        clock: Clock,
    ) -> None:
        self._queries = queries
        self._custody = custody
        self._files = files
        self._keys = tuple(keys)
        self._clock = clock

    def write(self, box: str, passage: str, path: Path) -> None:
        found = self._queries.passage(box, passage)
        if found is None:
            raise RefusedError("no such passage")
        write(self._parts(found), path)

    def _parts(self, found: PassageDetail) -> PackageParts:
        journal, seq = found.row.journal, found.row.seq
        if journal is None or seq is None:
            raise RefusedError("not weighed yet")
        seqs = sorted({0, *(entry.seq for entry in found.entries if entry.journal == journal)})
        note = self._note(journal, seq, seqs[-1])
        size = Checkpoint.parse(Note.parse(note).text).size
        entries = self._custody.stored(journal, [each for each in seqs if each < size])
        return PackageParts(
            journal=journal,
            seq=seq,
            entries=tuple(self._packaged(journal, entry, size) for entry in entries),
            checkpoint=note,
            certificates=dict(zip(_CERTIFICATES, self._custody.chain(journal), strict=False)),
            files=self._here(found),
            made_ms=self._clock.now_ms(),
            keys=self._keys,
        )

    def _note(self, journal: str, first: int, last: int) -> str:
        vouched = self._custody.vouched(journal)
        note = vouched.speaking_of(first, last) if vouched else None
        if note is None:
            raise RefusedError("not cosigned yet; try again in a moment")
        return note

    def _packaged(self, journal: str, entry: Stored, size: int) -> PackagedEntry:
        proof = self._custody.inclusion(journal, entry.seq, size=size)
        return PackagedEntry(header=entry.header, salt=entry.salt, body=entry.body, inclusion=tuple(proof))

    def _here(self, found: PassageDetail) -> dict[str, Path]:
        places = {file.sha256: self._files.path(file.sha256) for file in found.files}
        return {sha256: path for sha256, path in places.items() if path is not None}
