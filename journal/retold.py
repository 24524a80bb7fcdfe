"""An accepted entry as it was first said, when the successor of a doubted journal says it again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from journal.store import Accepted
from kernel.events import EntryRef, JournalRecovered
from kernel.evidence import recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The entry in the place where it is now, with what it first said; `old` is its first identity, if it had another."""

    entry: Accepted
    old: EntryRef | None = None


def first_said(entry: Accepted) -> Said:
    """Other entries come back as they are.  ProtocolError: it is not the entry that it names."""
    if entry.header.stream != JournalRecovered.stream or entry.body is None:
        return Said(entry=entry)
    first = recovery.unwrap(entry.body)
    here = msgspec.structs.replace(first.header, journal=entry.header.journal, seq=entry.seq)
    return Said(entry=replace(entry, header=here, salt=first.salt, body=first.body), old=first.old)
