"""What one end of a serial line hears of the other when the two are set differently, bit by bit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from kernel.errors import ConfigError

Parity = Literal["N", "E", "O"]

_TEXT = re.compile(r"([1-9][0-9]{2,5}) ([78])([NEO])([12])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Speed and frame of a character, such as 9600 7E1."""

    baud: int = 9600
    bits: int = 8
    parity: Parity = "N"
    stop: int = 1

    @classmethod
    def parse(cls, text: str, *, path: str = "line") -> Line:
        """ConfigError for what is no line setting."""
        found = _TEXT.fullmatch(text)
        if not found:
            raise ConfigError.one(path, f'must be such as "9600 8N1", is {text!r}')
        baud, bits, parity, stop = found.groups()
        return cls(baud=int(baud), bits=int(bits), parity=cast(Parity, parity), stop=int(stop))

    @property
    def character_bits(self) -> int:
        return 1 + self.bits + (self.parity != "N") + self.stop

    @property
    def byte_s(self) -> float:
        return self.character_bits / self.baud


def heard(data: bytes, *, sent: Line, read: Line) -> bytes:
    """What a host set to `read` receives of `data` that a device set to `sent` sends without a pause.

    The host finds a start bit by its edge and samples every bit in its middle; characters with a wrong stop bit or
    parity are delivered as they were read, as serial drivers do unless told otherwise.
    """
    levels = [1, *(level for byte in data for level in _levels(byte, sent))]
    return bytes(_characters(levels, ratio=sent.baud / read.baud, read=read))


def with_parity(data: bytes, line: Line) -> bytes:
    """What eight bits without parity show of seven bits with it; other lines show the bytes as they are."""
    if line.bits == 8 or line.parity == "N":
        return bytes(byte & ((1 << line.bits) - 1) for byte in data)
    return bytes(byte & 0x7F | _parity(byte & 0x7F, line.parity) << 7 for byte in data)


def _levels(byte: int, line: Line) -> Iterator[int]:
    yield 0
    for place in range(line.bits):
        yield byte >> place & 1
    if line.parity != "N":
        yield _parity(byte & ((1 << line.bits) - 1), line.parity)
    yield from (1,) * line.stop


def _parity(value: int, parity: Parity) -> int:
    return (value.bit_count() + (parity == "O")) & 1


def _characters(levels: list[int], *, ratio: float, read: Line) -> Iterator[int]:
    """`ratio`: bits of the sender in one bit of the reader."""
    at, end = 0.0, len(levels)
    while True:
        start = _falling(levels, at)
        if start is None:
            return
        value = 0
        for place in range(read.bits):
            value |= _level(levels, start + (place + 1.5) * ratio) << place
        yield value
        middle_of_stop = start + (read.character_bits - read.stop + 0.5) * ratio
        at = middle_of_stop
        if middle_of_stop >= end:
            return


def _falling(levels: list[int], at: float) -> float | None:
    """Where the line next falls after it was high, from `at` on."""
    place = int(at)
    while place < len(levels) and not levels[place]:
        place += 1
    while place < len(levels) and levels[place]:
        place += 1
    return float(place) if place < len(levels) else None


def _level(levels: list[int], at: float) -> int:
    """An idle line is high."""
    place = int(at)
    return levels[place] if place < len(levels) else 1
