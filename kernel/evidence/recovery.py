"""What a journal says when it continues another whose disk was in doubt: the doubt, and each entry it could save."""

from __future__ import annotations

from typing import ClassVar

from kernel.events import Body, EntryRef, Predecessor


class JournalDoubted(Body, frozen=True, kw_only=True):
    """The predecessor was closed, why, and what of it follows here.  `lost` are entries named here that do not."""

    stream: ClassVar[str] = "journal.doubted"
    predecessor: Predecessor
    reason: str
    first: int  # entries from here on were not known to be kept elsewhere
    recovered: int
    lost: tuple[int, ...] = ()  # seqs that were signed and cannot be read any more, at most 1000 of them
    lost_count: int = 0


class JournalRecovered(Body, frozen=True, kw_only=True):
    """An entry of the predecessor, byte for byte; readers count it under its old identity, once."""

    stream: ClassVar[str] = "journal.recovered"
    old: EntryRef
    header: str
    salt: str | None  # hex
    body: str | None
