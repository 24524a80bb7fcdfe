r"""Captures of a line 线路录音: the bytes that passed, when, and in which direction; small, and readable by a person.

One JSON object a line.  The first says what was listened to, the others what passed, `ms` after the beginning:

    {"weighpost_capture":1,"box":"s01-lane1","device":"scale","url":"/dev/ttyUSB0","line":"9600 8N1","begin_ms":...}
    {"ms":0,"in":"0231..."}   from the device, hexadecimal      {"ms":12,"out":"5057"}   to it
    {"ms":900,"note":"lost: ..."}   what happened to the line
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import msgspec

from kernel.errors import ProtocolError

Way = Literal["in", "out", "note"]

MEDIA_TYPE = "application/x-weighpost-capture"
_MARK = b'{"weighpost_capture":1,'


class CaptureHead(msgspec.Struct, frozen=True, kw_only=True):
    """What was listened to.  `begin_ms` is the UTC time of the first line; `options` are those of the driver."""

    weighpost_capture: Literal[1] = 1
    box: str
    device: str
    url: str
    line: str
    begin_ms: int
    driver: str = ""
    options: dict[str, object] = {}


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes at one moment (milliseconds of one clock), or a note in UTF-8."""

    ms: int
    way: Way
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """`passed` counts its milliseconds from the head's `begin_ms`."""

    head: CaptureHead
    passed: tuple[Passed, ...]

    @property
    def incoming(self) -> bytes:
        """Everything that the device said."""
        return b"".join(one.data for one in self.passed if one.way == "in")

    def to_bytes(self) -> bytes:
        """The file."""
        return b"".join((msgspec.json.encode(self.head), b"\n", *map(_line, self.passed)))


def counted_from(begin: int, passed: Iterable[Passed]) -> tuple[Passed, ...]:
    """The same, with times after `begin` of their own clock."""
    return tuple(Passed(one.ms - begin, one.way, one.data) for one in passed)


def is_capture(data: bytes) -> bool:
    """Whether this is the beginning of such a file, and not raw bytes of a line."""
    return data.startswith(_MARK)


def read_capture(data: bytes) -> Capture:
    """ProtocolError names the line that is none."""
    first, *rest = data.splitlines() or [b""]
    try:
        head = msgspec.json.decode(first, type=CaptureHead)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"not a capture of a line: {error}", first) from error
    passed = tuple(_passed(line, number) for number, line in enumerate(rest, start=2) if line)
    if any(after.ms < before.ms for before, after in pairwise(passed)):
        raise ProtocolError("a capture whose time goes back")
    return Capture(head=head, passed=passed)


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ms: int
    into: str | None = msgspec.field(default=None, name="in")
    out: str | None = None
    note: str | None = None


def _line(one: Passed) -> bytes:
    said = one.data.decode(errors="replace") if one.way == "note" else one.data.hex()
    return msgspec.json.encode({"ms": one.ms, one.way: said}) + b"\n"


def _passed(line: bytes, number: int) -> Passed:
    try:
        said = msgspec.json.decode(line, type=_Line)
        ways: dict[Way, str | None] = {"in": said.into, "out": said.out, "note": said.note}
        [(way, text)] = [(way, text) for way, text in ways.items() if text is not None]
        data = text.encode() if way == "note" else bytes.fromhex(text)
    except ValueError as error:  # msgspec's own is one
        raise ProtocolError(f"line {number} of a capture: {error}", line) from error
    if said.ms < 0:
        raise ProtocolError(f"line {number} of a capture is before its beginning", line)
    return Passed(said.ms, way, data)
