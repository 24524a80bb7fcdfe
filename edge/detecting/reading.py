"""What a port heard, and as what its bytes may be meant: as they are, or seven bits and a parity bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from edge.detecting.lines import Line

Eighth = Literal["even", "odd", "mark"]

_ENOUGH = 20  # bytes, before parity means anything
_ODD = bytes(value.bit_count() & 1 for value in range(256))
_HIGH = bytes(value >> 7 for value in range(256))
_LOW_SEVEN = bytes(value & 0x7F for value in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The bytes that came at one setting of the port, with their times in ms since listening began.

    `asked` names the protocol whose question they answer, `form` the options of that row that make it ask; None: the
    device spoke unasked.  `is_echo`: the question itself came back, and nothing else.
    """

    line: Line
    chunks: tuple[tuple[int, bytes], ...]
    window_ms: int
    asked: str | None = None
    form: Mapping[str, object] = field(default_factory=dict)
    is_echo: bool = False

    @property
    def data(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One meaning of what was heard."""

    line: Line
    data: bytes
    masked: bool = False


def views(heard: Heard) -> Iterator[View]:
    """As heard; and without its eighth bits where these are parity: a 7E1 line opened as 8N1."""
    eighth = eighth_bit(heard.data) if heard.line.bits == 8 else None
    if eighth is not None:
        line = _seven_bits(heard.line, eighth)
        yield View(line=line, data=heard.data.translate(_LOW_SEVEN), masked=True)
    yield View(line=heard.line, data=heard.data)


def eighth_bit(data: bytes) -> Eighth | None:
    """What the high bits are if they carry no meaning; None if they do, or if there are none.

    Of bytes that mean something, half have even parity; 95 of 100 is a line with parity and some noise.
    """
    high = data.translate(_HIGH).count(1)
    if len(data) < _ENOUGH or high * 10 < len(data):
        return None
    odd = data.translate(_ODD).count(1)
    if high * 20 >= len(data) * 19:
        return "mark"
    if odd * 20 <= len(data):
        return "even"
    return "odd" if odd * 20 >= len(data) * 19 else None


def _seven_bits(line: Line, eighth: Eighth) -> Line:
    """Eighth bits that are always set are the first of two stop bits."""
    if eighth == "mark":
        return replace(line, bits=7, stop=2)
    return replace(line, bits=7, parity=eighth)
