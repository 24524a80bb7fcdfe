"""A line of seven bits with parity (7E1, 7O1) that was opened as 8N1: found out by its bytes, and put right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from kernel.links import Link

Parity = Literal["even", "odd"]

BLOCK = 64  # bytes after which it is decided anew, counted from the start, so that every split gives the same
_ENTER = BLOCK * 95 // 100 + 1  # bytes with the right parity: more than 95 %
_HIGH = BLOCK // 16  # of them with bit 7 set: noise alone sets fewer
_STAY, _STAY_HIGH = BLOCK * 7 // 8, BLOCK // 32

_SETS: dict[Parity, bytes] = {
    "even": bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0),
    "odd": bytes(byte for byte in range(256) if byte.bit_count() % 2 == 1),
}
_WRONG: tuple[tuple[Parity, bytes], ...] = (("even", _SETS["odd"]), ("odd", _SETS["even"]))
_HIGH_BYTES = bytes(range(128, 256))
_LOW_SEVEN = bytes(byte & 0x7F for byte in range(256))
# A byte of wrong parity was damaged: it gets bit 7, which no text has, so that no frame is made of it.
_TABLES: dict[Parity, bytes] = {
    parity: bytes(byte & 0x7F if byte in good else byte | 0x80 for byte in range(256))
    for parity, good in _SETS.items()
}


class SevenBits:
    """Pure: fed with what the wire gave, answers with what the device meant.

    Bytes pass as they are until a block of them shows parity in the eighth bit, and again from the block on that does
    not.  `parity` is what is being taken off now, `judged` counts the blocks, `masked` the bytes whose eighth bit was.
    """

    def __init__(self) -> None:
        self.parity: Parity | None = None
        self.judged = 0
        self.masked = 0
        self._block = b""

    def feed(self, data: bytes) -> bytes:
        out, at = [], 0
        while at < len(data):
            piece = data[at : at + BLOCK - len(self._block)]
            at += len(piece)
            out.append(self._through(piece))
            self._block += piece
            if len(self._block) == BLOCK:
                self.parity, self._block = _judge(self._block, self.parity), b""
                self.judged += 1
        return b"".join(out)

    def _through(self, piece: bytes) -> bytes:
        if self.parity is None:
            return piece
        self.masked += _count(piece, _HIGH_BYTES)
        return piece.translate(_TABLES[self.parity])


def _judge(block: bytes, now: Parity | None) -> Parity | None:
    if block.isascii():
        return None
    for parity, wrong in _WRONG:
        enough, high = (_STAY, _STAY_HIGH) if parity == now else (_ENTER, _HIGH)
        right = block.translate(None, wrong)
        if len(right) >= enough and _count(right, _HIGH_BYTES) >= high:
            return parity
    return None


def _count(data: bytes, members: bytes) -> int:
    return len(data) - len(data.translate(None, members))


class SevenBitLink:
    """A link whose bytes lose a parity bit that does not belong to them; `tell` hears the verdict whenever it changes."""

    def __init__(
        self, inner: Link, *, always: bool = False, tell: Callable[[str], None] = lambda _text: None
    ) -> None:
        self._inner = inner
        self._always = always
        self._tell = tell
        self._seven = SevenBits()
        self._said: str | None = None

    async def read(self) -> bytes:
        data = await self._inner.read()
        if self._always:
            return data.translate(_LOW_SEVEN)
        data = self._seven.feed(data)
        if self._seven.judged:
            self._say(said_of(self._seven.parity))
        return data

    async def write(self, data: bytes) -> None:
        await self._inner.write(data)

    async def close(self) -> None:
        await self._inner.close()

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._tell(text)


def said_of(parity: Parity | None) -> str:
    """What the technician is told."""
    if parity is None:
        return ""
    return f"7{parity[0].upper()}1 line read as 8N1: set bits 7, parity {parity}"
