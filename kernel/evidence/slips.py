"""What a slip's QR code says 打印凭条: which entry, half of its leaf, and how much was cosigned when it was printed.

    WP1:JOURNAL:SEQ:LEAF:COSIGNED:CHECK

Journal, the leaf's first 16 bytes and the check are hexadecimal in capitals, numbers are decimal: only letters that
QR codes hold in alphanumeric mode.  The check is the CRC-32 of all before it, so one wrong character never passes.
"""

from __future__ import annotations

import re
from binascii import crc32
from dataclasses import dataclass

from kernel.errors import ProtocolError
from kernel.evidence.texts import number

VERSION = "WP1"
LEAF_BYTES = 16
LONGEST = 120

_PAYLOAD = re.compile(r"(WP1:([0-9A-F]{32}):([0-9]{1,16}):([0-9A-F]{32}):([0-9]{1,16}):)([0-9A-F]{8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """`leaf` is the first half of the entry's leaf, in hex; `cosigned_size` 0 when no cosignature was known."""

    journal: str
    seq: int
    leaf: str
    cosigned_size: int

    def payload(self) -> str:
        text = f"{VERSION}:{self.journal.upper()}:{self.seq}:{self.leaf.upper()}:{self.cosigned_size}:"
        return text + _check(text)

    @classmethod
    def of(cls, *, journal: str, seq: int, leaf: str, cosigned_size: int) -> Slip:
        """From the whole leaf, 64 hex."""
        return cls(journal=journal, seq=seq, leaf=leaf[: 2 * LEAF_BYTES], cosigned_size=cosigned_size)

    @classmethod
    def parse(cls, payload: str) -> Slip:
        """ProtocolError for anything but what `payload` makes, to the character."""
        match = _PAYLOAD.fullmatch(payload) if len(payload) <= LONGEST else None
        if match is None:
            raise ProtocolError("not the payload of a slip", payload[:64].encode(errors="replace"))
        text, journal, seq, leaf, size, check = match.groups()
        if check != _check(text):
            raise ProtocolError("a character of the payload is wrong", payload.encode())
        return cls(journal=journal.lower(), seq=number(seq), leaf=leaf.lower(), cosigned_size=number(size))


def _check(text: str) -> str:
    return f"{crc32(text.encode()):08X}"
