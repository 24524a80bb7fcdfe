"""What a port at one setting makes of characters sent at another 串口采样: levels of the wire, sampled as a UART does."""

from __future__ import annotations

from collections.abc import Iterable

from edge.detecting.lines import Line

TICKS = 230_400  # per second: two in the shortest bit
_LOW, _HIGH = b"\x00", b"\x01"


def wave(pieces: Iterable[tuple[bytes, int]], line: Line) -> bytes:
    """The wire's level at every tick: bytes, each piece followed by so many ms of idle."""
    bit = TICKS // line.baud
    out = [_HIGH * bit]
    for data, idle_ms in pieces:
        out += [_character(byte, line, bit) for byte in data]
        out.append(_HIGH * (TICKS * idle_ms // 1000))
    out.append(_HIGH * bit * 12)
    return b"".join(out)


def sampled(levels: bytes, line: Line) -> bytes:
    """The bytes that a port hands on; like Linux with its default settings it keeps those with a framing error."""
    bit = TICKS // line.baud
    out, at = bytearray(), 0
    while (start := levels.find(_LOW, at)) >= 0:
        middle = start + bit // 2
        stop = middle + bit * (1 + line.bits + (line.parity != "none"))
        if stop >= len(levels):
            break
        if levels[middle]:  # shorter than half a bit: no start
            at = middle
            continue
        out.append(sum(levels[middle + bit * (n + 1)] << n for n in range(line.bits)))
        at = stop if levels[stop] else levels.find(_HIGH, stop)
        if at < 0:
            break
    return bytes(out)


def _character(byte: int, line: Line, bit: int) -> bytes:
    bits = [byte >> n & 1 for n in range(line.bits)]
    if line.parity != "none":
        bits.append(sum(bits) % 2 ^ (line.parity == "odd"))
    return b"".join((_HIGH if one else _LOW) * bit for one in (0, *bits)) + _HIGH * bit * line.stop
