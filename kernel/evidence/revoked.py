"""The centre's list of whom nobody shall believe any more 吊销名单, signed by its command key."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernel.errors import ProtocolError
from kernel.evidence.notes import Note, Sign, open_note, sign_note
from kernel.evidence.texts import number

REVOKED = "weighpost-revoked/v1"
_BOX = re.compile(r"[a-z0-9-]{3,40}")
_JOURNAL = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Nothing of these boxes; of these journals nothing beyond their bounds."""

    boxes: tuple[str, ...] = ()
    journals: tuple[tuple[str, int], ...] = ()

    def signed(self, *, issuer: str, public_key: bytes, sign: Sign) -> Note:
        lines = [
            REVOKED,
            *sorted(self.boxes),
            *(f"{journal} {size}" for journal, size in sorted(self.journals)),
        ]
        return sign_note("\n".join(lines) + "\n", name=issuer, public_key=public_key, sign=sign)

    @classmethod
    def open(cls, note: str, *, issuer: str, public_key: bytes) -> Revoked:
        first, *lines = open_note(note, name=issuer, public_key=public_key).text.split("\n")[:-1]
        if first != REVOKED:
            raise ProtocolError("not a list of what is revoked", note[:64].encode())
        parts = [line.split(" ") for line in lines]
        boxes = tuple(part[0] for part in parts if len(part) == 1 and _BOX.fullmatch(part[0]))
        journals = tuple(
            (part[0], number(part[1])) for part in parts if len(part) == 2 and _JOURNAL.fullmatch(part[0])
        )
        if len(boxes) + len(journals) != len(lines):
            raise ProtocolError("not a list of what is revoked", note[:64].encode())
        return cls(boxes=boxes, journals=journals)

    def __or__(self, other: Revoked) -> Revoked:
        """Everything that either says; of two bounds of a journal the lower."""
        bounds = dict(self.journals)
        for journal, size in other.journals:
            bounds[journal] = min(size, bounds.get(journal, size))
        boxes = tuple(sorted({*self.boxes, *other.boxes}))
        return Revoked(boxes=boxes, journals=tuple(sorted(bounds.items())))
