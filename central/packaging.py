"""Gathers the evidence of one passage or case for central.evidence.package: journals, their proofs, their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from central.evidence.package import Chapter, PackagedEntry, PackageParts, ShownKey, write
from central.parts import PlacesFiles
from central.store.belonging import Belonging, Belongings
from central.store.custody import CustodyStore, Stored
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.events import JournalRecovered
from kernel.evidence import header, recovery
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint

_CERTIFICATES = ("box", "enrolment")
_NOT_YET = "not cosigned yet; try again in a moment"

Seqs = dict[str, set[int]]  # of each journal


class Packages:
    """Implements central.parts.WritesPackages.  Blocking."""

    def __init__(
        self,
        belonging: Belonging,
        custody: CustodyStore,
        files: PlacesFiles,
        *,
        keys: Sequence[ShownKey],
        clock: Clock,
    ) -> None:
        self._belonging = belonging
        self._custody = custody
        self._files = files
        self._keys = tuple(keys)
        self._clock = clock

    def write(self, box: str, passage: str, path: Path) -> None:
        found = self._belonging.of_passage(box, passage)
        if found is None:
            raise RefusedError("not weighed yet")
        write(self._parts(found), path)

    def write_case(self, case: str, path: Path) -> None:
        found = self._belonging.of_case(case)
        if found is None:
            raise RefusedError("no such case, or nothing of it is here yet")
        write(self._parts(found, case=case), path)

    def _parts(self, found: Belongings, *, case: str | None = None) -> PackageParts:
        seqs = self._by_journal(found)
        main, seq = found.first
        chapters = [self._chapter(main, seqs.pop(main), first=seq)]
        chapters += [chapter for journal in sorted(seqs) if (chapter := self._other(journal, seqs[journal]))]
        _check_covered(chapters, {found.first, *found.acts})
        return PackageParts(
            seq=seq,
            case=case,
            chapters=tuple(chapters),
            files=self._here(chapters),
            made_ms=self._clock.now_ms(),
            keys=self._keys,
        )

    def _by_journal(self, found: Belongings) -> Seqs:
        """With each journal's genesis, and those of the journals that recovered entries first were in."""
        seqs: Seqs = {}
        for journal, seq in found.places:
            seqs.setdefault(journal, {0}).add(seq)
        for journal in list(seqs):
            for old in self._recovered_from(journal, sorted(seqs[journal])):
                for between in self._between(journal, old):
                    seqs.setdefault(between, {0})
        return seqs

    def _recovered_from(self, journal: str, seqs: Sequence[int]) -> set[str]:
        """The journals that these entries were first in."""
        stored = self._custody.stored(journal, seqs)
        again = [
            entry.body
            for entry in stored
            if entry.body is not None and header.decode(entry.header).stream == JournalRecovered.stream
        ]
        return {recovery.unwrap(body).old.journal for body in again}

    def _between(self, journal: str, old: str) -> list[str]:
        """The journals from this one back to the old one, the old one included if it is here."""
        chain: list[str] = []
        before = self._belonging.predecessor(journal)
        while before is not None and before not in chain:
            chain.append(before)
            before = None if before == old else self._belonging.predecessor(before)
        return chain

    def _other(self, journal: str, seqs: set[int]) -> Chapter | None:
        """Another journal's chapter; None while none of these entries is cosigned."""
        try:
            chapter = self._chapter(journal, seqs, first=min(seqs - {0}, default=0))
        except RefusedError:
            return None
        return chapter if len(chapter.entries) > 1 or seqs == {0} else None

    def _chapter(self, journal: str, seqs: set[int], *, first: int) -> Chapter:
        note = self._note(journal, first, max(seqs))
        size = Checkpoint.parse(Note.parse(note).text).size
        entries = self._custody.stored(journal, [seq for seq in sorted(seqs) if seq < size])
        return Chapter(
            journal=journal,
            entries=tuple(self._packaged(journal, entry, size) for entry in entries),
            checkpoint=note,
            certificates=dict(zip(_CERTIFICATES, self._custody.chain(journal), strict=False)),
        )

    def _note(self, journal: str, first: int, last: int) -> str:
        vouched = self._custody.vouched(journal)
        note = vouched.speaking_of(first, last) if vouched else None
        if note is None:
            raise RefusedError(_NOT_YET)
        return note

    def _packaged(self, journal: str, entry: Stored, size: int) -> PackagedEntry:
        proof = self._custody.inclusion(journal, entry.seq, size=size)
        return PackagedEntry(header=entry.header, salt=entry.salt, body=entry.body, inclusion=tuple(proof))

    def _here(self, chapters: Sequence[Chapter]) -> Mapping[str, Path]:
        named = {
            file.sha256
            for chapter in chapters
            for entry in chapter.entries
            for file in header.decode(entry.header).files
        }
        places = {sha256: self._files.path(sha256) for sha256 in sorted(named)}
        return {sha256: path for sha256, path in places.items() if path is not None}


def _check_covered(chapters: Sequence[Chapter], needed: set[tuple[str, int]]) -> None:
    """RefusedError while the package would lack what it is about."""
    there = {
        (chapter.journal, header.decode(entry.header).seq)
        for chapter in chapters
        for entry in chapter.entries
    }
    if not needed <= there:
        raise RefusedError(_NOT_YET)
