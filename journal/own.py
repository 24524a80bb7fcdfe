"""An entry of the process's own journal as it was first said, also when a journal that continues another says it again."""

from __future__ import annotations

from journal.database import StoredEntry
from kernel.events import EntryRef, JournalRecovered
from kernel.evidence import header, recovery
from kernel.evidence.header import Header


def first_said_of(entry: StoredEntry) -> tuple[Header, bytes | None, EntryRef]:
    """Header, body and first identity; ProtocolError when it is not the entry that it names."""
    head = header.decode(entry.header)
    if head.stream == JournalRecovered.stream and entry.body is not None:
        first = recovery.unwrap(entry.body)
        return first.header, first.body, first.old
    ref = EntryRef(journal=head.journal, seq=head.seq, leaf=header.leaf(entry.header).hex())
    return head, entry.body, ref
