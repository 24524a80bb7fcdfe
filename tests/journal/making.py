"""Clocks, keys and bodies for the tests of the journal."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from pathlib import Path

from journal.keys import Identity, SigningKey, issue
from journal.writer import Journal
from kernel.events import Body, ClockChecked, EntryRef, JournalOpened, JournalRecovered, Predecessor
from kernel.evidence import canonical, frames, genesis, header, tree
from kernel.evidence.frames import Frame, Hello, HelloJournal, WireEntry
from kernel.evidence.header import ClockState, FileRef, Header
from kernel.evidence.notes import Note, Signature
from kernel.evidence.texts import Checkpoint

NOW = 1_790_000_000_000
YEAR = 365 * 86_400_000
BOX = "s01-lane1"


class TestClock:
    """Stands still unless told; sleeping gives way to others and takes no time."""

    __test__ = False

    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms - NOW

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)
        await asyncio.sleep(0)


class County:
    """A root, its enrolment key, and identities it certifies."""

    def __init__(self, name: str = "yiyuan", *, now_ms: int = NOW) -> None:
        self._valid = (now_ms - YEAR, now_ms + YEAR)
        self.root = SigningKey.generate(kind="root", name=f"{name}-root")
        self.enrolment = SigningKey.generate(kind="enrolment", name=f"{name}-enrolment")
        self.enrolment_cert = issue(
            kind="enrolment",
            name=self.enrolment.name,
            public_key=self.enrolment.public,
            issuer=self.root,
            not_before_ms=self._valid[0],
            not_after_ms=self._valid[1],
        )

    def identity(self, box: str = BOX) -> Identity:
        key = SigningKey.generate(kind="box", name=box)
        cert = issue(
            kind="box",
            name=box,
            public_key=key.public,
            issuer=self.enrolment,
            not_before_ms=self._valid[0],
            not_after_ms=self._valid[1],
        )
        return Identity(key=key, certs=(cert, self.enrolment_cert))


def open_journal(
    folder: Path, *, identity: SigningKey, clock: TestClock | None = None, process: str = "edge"
) -> Journal:
    return Journal.open(
        folder,
        box=identity.name,
        process=process,
        software="test",
        identity=identity,
        clock=clock or TestClock(),
        boot="0123456789abcdef",
    )


def said(number: int, *, size: int = 0) -> ClockChecked:
    """A small body that can be told from the others, padded to about `size` bytes."""
    return ClockChecked(reference="x" * size, offset_ms=number, err_ms=1, state="ok")


class PaperJournal:
    """A journal without a disk: what a writer would have said, and what a liar could."""

    source = "yiyuan/s01/lane1"

    def __init__(
        self,
        identity: Identity,
        *,
        process: str = "edge",
        predecessor: Predecessor | None = None,
        at: int = NOW,
    ) -> None:
        self.identity = identity
        self.box = identity.box
        self.key = SigningKey.generate(kind="journal", name="paper")
        self.id = header.journal_id(self.key.public)
        self.entries: list[WireEntry] = []
        self.leaves: list[bytes] = []
        body = genesis.open_body(
            public_key=self.key.public,
            box=self.box,
            process=process,
            software="paper",
            predecessor=predecessor,
            sign=identity.key.sign,
        )
        self.say(body, at=at)

    @property
    def size(self) -> int:
        return len(self.entries)

    def say(self, body: Body, *, at: int = NOW, files: tuple[FileRef, ...] = ()) -> None:
        self.say_bytes(canonical.encode(body), stream=body.stream, at=at, files=files)

    def say_bytes(self, body: bytes, *, stream: str, at: int = NOW, files: tuple[FileRef, ...] = ()) -> None:
        salt = self.size.to_bytes(16, "big")
        head = Header(
            at=at,
            body=header.body_digest(salt, body),
            boot="0123456789abcdef",
            clock=ClockState(err_ms=1, state="ok"),
            files=files,
            journal=self.id,
            mono_ms=self.size,
            seq=self.size,
            source=self.source,
            stream=stream,
        )
        self.take((header.encode(head), salt, body))

    def take(self, entry: WireEntry) -> None:
        self.entries.append(entry)
        self.leaves.append(header.leaf(entry[0]))

    def talk(self, count: int) -> None:
        for _ in range(count):
            self.say(said(self.size))

    def retell(self, seq: int, *, body: str | None = None) -> JournalRecovered:
        """Entry `seq`, as the successor of this journal says it again."""
        head, salt, said = self.entries[seq]
        assert salt is not None
        assert said is not None
        return JournalRecovered(
            old=EntryRef(journal=self.id, seq=seq, leaf=self.leaves[seq].hex()),
            header=head.decode(),
            salt=salt.hex(),
            body=body or said.decode(),
        )

    def predecessor(self) -> Predecessor:
        return Predecessor(id=self.id, size=self.size, root=tree.root(self.leaves).hex())

    def checkpoint(self, size: int | None = None) -> str:
        end = self.size if size is None else size
        signed = Checkpoint(journal=self.id, size=end, root=tree.root(self.leaves[:end]))
        return signed.signed(public_key=self.key.public, sign=self.key.sign).format()

    def padded_checkpoint(self, *lines: Signature) -> str:
        """Rightly signed, and with lines that its journal has no business to write."""
        note = Note.parse(self.checkpoint())
        return replace(note, signatures=(*lines, *note.signatures)).format()

    def frame(self, start: int = 0, end: int | None = None) -> Frame:
        end = self.size if end is None else end
        return Frame(
            journal=self.id,
            start=start,
            entries=tuple(self.entries[start:end]),
            checkpoint=self.checkpoint(end),
        )

    def wire(self, start: int = 0, end: int | None = None) -> bytes:
        return frames.encode(self.frame(start, end))

    def hello(self, *, genesis_too: bool = True, size: int | None = None) -> bytes:
        journal = HelloJournal(
            checkpoint=self.checkpoint(size), genesis=self.entries[0] if genesis_too else None
        )
        return frames.encode_hello(
            Hello(nonce=bytes(16), software="paper", journals=(journal,), certs=self.identity.certs)
        )

    def opened_by(self, identity: Identity, *, process: str = "edge") -> JournalOpened:
        """A genesis that names this journal's key and somebody who has signed for it."""
        return genesis.open_body(
            public_key=self.key.public,
            box=identity.box,
            process=process,
            software="paper",
            predecessor=None,
            sign=identity.key.sign,
        )

    def claimed_by(self, identity: Identity, *, checkpoint: str) -> bytes:
        """The hello of another box that has overheard a checkpoint of this journal and says that it is its own."""
        other = self.forked(0)
        other.say(self.opened_by(identity))
        said = HelloJournal(checkpoint=checkpoint, genesis=other.entries[0])
        return frames.encode_hello(
            Hello(nonce=bytes(16), software="paper", journals=(said,), certs=identity.certs)
        )

    def forked(self, at: int) -> PaperJournal:
        """The same journal, rolled back to `at` entries: what it says from now on is another story."""
        other = copy.copy(self)
        other.entries, other.leaves = self.entries[:at], self.leaves[:at]
        return other
