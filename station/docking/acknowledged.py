"""Whether what was said is out of danger elsewhere: only then may the recorder's own copy go."""

from __future__ import annotations

from collections.abc import Sequence

from journal.cursors import Cursors
from kernel.events import EntryRef
from station.docking.docking import Acknowledged


def kept_by(cursors: Cursors, destinations: Sequence[str]) -> Acknowledged:
    """Every destination has signed that it keeps the entry; never, where there is none."""

    def acknowledged(entry: EntryRef) -> bool:
        kept = (cursors.cursor(journal=entry.journal, destination=name).kept for name in destinations)
        return bool(destinations) and all(size > entry.seq for size in kept)

    return acknowledged
