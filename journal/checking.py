"""What a receiver can say about bytes without its store: frames and hellos read strictly, entries hashed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from journal.store import Accepted
from kernel.errors import ProtocolError, RefusedError
from kernel.events import JournalOpened
from kernel.evidence import canonical, frames, genesis, header, notes
from kernel.evidence.certificates import verify_chain
from kernel.evidence.frames import Frame, Hello, HelloJournal, WireEntry
from kernel.evidence.notes import Note, decode_base64
from kernel.evidence.texts import Absent, Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The county's root key, pinned; whoever it vouches for may open journals."""

    root_name: str
    root_public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A frame that is sound in itself; whether it continues anything, and who signed it, is not known yet."""

    frame: Frame
    note: Note  # of the checkpoint
    checkpoint: Checkpoint
    entries: tuple[Accepted, ...]
    absent: tuple[int, ...]  # entries that came without a body


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """A journal that a box has shown to be its own."""

    opened: JournalOpened
    public_key: bytes
    checkpoint: Checkpoint


def inspect(box: str, journal: str, data: bytes, *, received_ms: int) -> Inspected:
    """Everything but place and signature; ProtocolError refuses the frame whole."""
    frame = frames.decode(data)
    if frame.journal != journal:
        raise ProtocolError("a frame of another journal than its topic")
    note = Note.parse(frame.checkpoint)
    checkpoint = Checkpoint.parse(note.text)
    if (checkpoint.journal, checkpoint.size) != (journal, frame.end):
        raise ProtocolError("the checkpoint is not at the end of the frame")
    entries = tuple(
        _entry(box, journal, seq, wire, received_ms) for seq, wire in enumerate(frame.entries, frame.start)
    )
    return Inspected(
        frame=frame,
        note=note,
        checkpoint=checkpoint,
        entries=entries,
        absent=tuple(entry.seq for entry in entries if entry.body is None),
    )


def signed_by(inspected: Inspected, public_key: bytes) -> dict[int, str]:
    """Check checkpoint and absences against the journal's key; the reasons of absent bodies by seq."""
    journal = inspected.frame.journal
    name = header.origin(journal)
    if not notes.verify(inspected.note, name=name, public_key=public_key):
        raise ProtocolError(f"not signed by {name}")
    if not inspected.absent:
        return {}
    if inspected.frame.absent is None:
        raise ProtocolError("a body is missing and the journal does not say so")
    reasons = dict(Absent.open(inspected.frame.absent, journal=journal, public_key=public_key).reasons)
    if not reasons.keys() >= set(inspected.absent):
        raise ProtocolError("a body is missing and the journal does not say so")
    return reasons


def introduce(box: str, hello: Hello, said: HelloJournal, *, trust: Trust, now_ms: int) -> Introduced:
    """A journal met for the first time: its genesis, signed by the box, whose chain ends in the pinned root.

    ProtocolError or RefusedError says what is missing.
    """
    if said.genesis is None:
        raise RefusedError("an unknown journal without its genesis")
    certificate = verify_chain(
        hello.certs, root_name=trust.root_name, root_pub=trust.root_public, now_ms=now_ms
    )
    if (certificate.kind, certificate.name) != ("box", box):
        raise RefusedError(f"the certificate of {certificate.kind} {certificate.name}, not of box {box}")
    opened = genesis.verify_entry(said.genesis, box_key=certificate.public_key)
    if opened.box != box:
        raise RefusedError(f"a journal of box {opened.box}")
    public_key = decode_base64(opened.public_key)
    journal = header.journal_id(public_key)
    checkpoint = Checkpoint.open(said.checkpoint, journal=journal, public_key=public_key)
    return Introduced(opened=opened, public_key=public_key, checkpoint=checkpoint)


def opens(first: Accepted, *, box: str, process: str) -> None:
    """ProtocolError unless this first entry opens its journal for whom the journal is registered.

    Whoever overheard a checkpoint can be registered with a genesis of his own; the journal's key signed only this one.
    """
    if first.header.stream != JournalOpened.stream or first.body is None:
        raise ProtocolError("the first entry is no genesis", first.header_bytes)
    try:
        opened = canonical.decode_as(first.body, JournalOpened)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"not a genesis ({error})", first.body) from error
    if header.journal_id(decode_base64(opened.public_key)) != first.header.journal:
        raise ProtocolError("the genesis of another key", first.body)
    if (opened.box, opened.process) != (box, process):
        raise ProtocolError(f"the genesis of {opened.process} of box {opened.box}", first.body)


def claimed(said: HelloJournal) -> Checkpoint:
    """The checkpoint as it stands there, nobody's signature checked."""
    return Checkpoint.parse(Note.parse(said.checkpoint).text)


def own(note: Note, *, journal: str, public_key: bytes) -> str:
    """A checkpoint as its journal signed it, whatever other lines came with it.

    Cosigners add theirs to it; one that stands there already, in the name of any of them, would spoil the note.
    """
    name = header.origin(journal)
    wanted = (name, notes.key_id(name, public_key))
    lines = tuple(each for each in note.signatures if (each.name, each.key_id) == wanted)
    return replace(note, signatures=lines).format()


def _entry(box: str, journal: str, seq: int, wire: WireEntry, received_ms: int) -> Accepted:
    header_bytes, salt, body = wire
    decoded = header.decode(header_bytes)
    if (decoded.journal, decoded.seq) != (journal, seq):
        raise ProtocolError("a header of another place", header_bytes)
    if (salt is None) != (body is None):
        raise ProtocolError("a body without its salt, or the other way round")
    if salt is not None and body is not None and not header.body_matches(decoded, salt=salt, body=body):
        raise ProtocolError("a body that its header does not bind", body)
    return Accepted(
        box=box,
        seq=seq,
        leaf=header.leaf(header_bytes),
        header_bytes=header_bytes,
        header=decoded,
        salt=salt,
        body=body,
        absent=None,
        received_ms=received_ms,
    )
