"""A span may leave this disk for want of room once every destination keeps it, oldest first; it stays as long as its original."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from journal.cursors import Cursors, Upload
from journal.erasing import Erasing
from journal.files import FileStore
from journal.writer import Journal
from kernel.events import FileEvicted, RecordErased, RecordHeld
from kernel.evidence import header
from kernel.footage.bodies import FootageDerived, FootageDisposed
from station.footage.keeping import Keeping, Rules, Shelves
from station.footage.travelled import Travelled
from tests.journal.making import County, TestClock, open_journal
from tests.station.footage.world import Footage

CENTRE, OTHER = "centre", "province"


@dataclass
class Site:
    """Footage, and a journal with files that travel."""

    footage: Footage
    journal: Journal
    files: FileStore
    cursors: Cursors

    def keeping(self, *destinations: str) -> Keeping:
        folder = self.footage.folder
        travelled = Travelled(
            self.footage.index,
            Erasing(self.journal, source="yiyuan/s01/station", files=self.files, cursors=self.cursors),
            files=self.files,
            folder=folder / "own-files",
            cursors=self.cursors,
            destinations=destinations,
        )
        old = self.footage.keeping
        assert isinstance(old._places, Shelves)
        assert isinstance(old._rules, Rules)
        return Keeping(
            self.footage.ledger,
            old._places,
            old._rules,
            settings=self.footage.settings,
            by="s01-station",
            clock=self.footage.clock,
            spans=travelled,
        )

    async def span(self, content: bytes, *, source: str, kept: tuple[str, ...] = ()) -> str:
        """A span that was cut and sent; kept where it is said to be."""
        (ref,) = await self.files.put([("span.mp4", content)])
        body = FootageDerived(kind="span", sha256=ref.sha256, size=1, sources=(source,), by="rule")
        await self.footage.ledger.say(body)
        upload = Upload(sha256=ref.sha256, size=1, journal="0" * 32, seq=1, priority=2)
        for destination in (CENTRE, OTHER):
            self.cursors.list_uploads(
                [(upload, "waiting")], journal="0" * 32, destination=destination, scanned=2
            )
            self.cursors.uploaded(ref.sha256, destination=destination, kept=destination in kept)
        return ref.sha256

    def has(self, sha256: str) -> bool:
        return self.files.path(sha256) is not None


@pytest.fixture
async def site(quick_path: Path) -> AsyncIterator[Site]:
    footage, clock = Footage(quick_path), TestClock()
    identity = County().identity("s01-station")
    journal = open_journal(quick_path / "journal", identity=identity.key, clock=clock, process="station")
    cursors = Cursors(journal.home)
    yield Site(footage, journal, FileStore(quick_path / "own-files", clock=clock), cursors)
    cursors.close()
    journal.close()


async def test_only_what_every_destination_keeps_leaves(site: Site) -> None:
    source = await site.footage.take("a.mp4")
    waiting = await site.span(b"waiting", source=source)
    half = await site.span(b"half", source=source, kept=(CENTRE,))
    whole = await site.span(b"whole", source=source, kept=(CENTRE, OTHER))
    site.footage.percent = 95
    await site.keeping(CENTRE, OTHER).relieve()
    assert [site.has(one) for one in (waiting, half, whole)] == [True, True, False]
    assert site.footage.has(source)
    entries = await site.journal.read(0, 10)
    assert FileEvicted.stream in [header.decode(entry.header).stream for entry in entries]


async def test_a_hold_keeps_a_span_and_so_does_one_of_its_source(site: Site) -> None:
    source, other = await site.footage.take("a.mp4"), await site.footage.take("b.mp4")
    held = await site.span(b"held", source=source, kept=(CENTRE,))
    by_source = await site.span(b"by source", source=other, kept=(CENTRE,))
    for files in ((held,), (other,)):
        await site.footage.ledger.say(RecordHeld(act="held", files=files, by="wang", reason="复议"))
    site.footage.percent = 95
    await site.keeping(CENTRE).relieve()
    assert site.has(held)
    assert site.has(by_source)


async def test_no_more_leaves_than_it_takes_and_nothing_while_there_is_room(site: Site) -> None:
    source = await site.footage.take("a.mp4")
    spans = [await site.span(bytes([n]), source=source, kept=(CENTRE,)) for n in range(12)]
    await site.keeping(CENTRE).relieve()
    assert all(map(site.has, spans))
    site.footage.percent = 93  # and one file: nine above what is low
    await site.keeping(CENTRE).relieve()
    assert [site.has(one) for one in spans] == [False] * 9 + [True] * 3


async def test_without_a_destination_every_span_stays(site: Site) -> None:
    source = await site.footage.take("a.mp4")
    span = await site.span(b"x", source=source, kept=(CENTRE, OTHER))
    site.footage.percent = 95
    await site.keeping().relieve()
    assert site.has(span)


async def test_a_span_goes_with_its_original_when_their_days_are_over(site: Site) -> None:
    source = await site.footage.take("a.mp4")
    span = await site.span(b"x", source=source)
    gone = await site.span(b"y", source=source)
    site.files.remove([gone])  # it has left for want of room
    keeping = site.keeping(CENTRE)
    for days, there in ((183, True), (2, True), (7, False)):
        await site.footage.clock.run_for(days * 86_400)
        await keeping.sweep()
        assert (site.footage.has(source), site.has(span)) == (there, there)
    assert site.footage.acts(span) == ["marked", "deleted"]
    assert site.footage.acts(gone) == []
    said = [
        msgspec.json.decode(entry.body or b"", type=RecordErased)
        for entry in await site.journal.read(0, 10)
        if header.decode(entry.header).stream == RecordErased.stream
    ]
    assert [(one.rule, one.by, one.files) for one in said] == [("station.footage", "s01-station", (span,))]


async def test_a_span_whose_deletion_was_only_said_goes_at_the_next_start(site: Site) -> None:
    span = await site.span(b"x", source=await site.footage.take("a.mp4"))
    other = await site.span(b"y", source="ab" * 32)
    said = FootageDisposed(act="deleted", files=(span, other), rule="footage-unlinked", by="s01-station")
    await site.footage.ledger.say(said)
    await site.footage.clock.run_for(1)
    await site.span(b"y", source="ab" * 32)  # cut again
    await site.keeping(CENTRE).finish()
    assert (site.has(span), site.has(other)) == (False, True)
