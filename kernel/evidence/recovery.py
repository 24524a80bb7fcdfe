"""A recovered entry as it first was: read out of what the successor of a doubted journal says, and checked."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kernel.errors import ProtocolError
from kernel.events import EntryRef, JournalRecovered
from kernel.evidence import canonical, header
from kernel.evidence.header import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """Who the entry first was and what it said."""

    old: EntryRef
    header: Header
    salt: bytes | None
    body: bytes | None


def unwrap(body: bytes) -> First:
    """What the body of a `journal.recovered` holds.  ProtocolError: it is not the entry that it names."""
    try:
        said = msgspec.convert(canonical.decode(body), type=JournalRecovered)
        first = header.decode(said.header.encode())
        salt = bytes.fromhex(said.salt) if said.salt is not None else None
    except (msgspec.ValidationError, ValueError) as error:
        raise ProtocolError(f"not a recovered entry: {error}") from error
    inner = said.body.encode() if said.body is not None else None
    same = (said.old.journal, said.old.seq) == (first.journal, first.seq)
    bound = inner is None or (salt is not None and header.body_matches(first, salt=salt, body=inner))
    if not same or not bound or header.leaf(said.header.encode()).hex() != said.old.leaf:
        raise ProtocolError("not the entry that it names")
    if first.stream == JournalRecovered.stream:
        raise ProtocolError("recovered twice over")
    return First(old=said.old, header=first, salt=salt, body=inner)
