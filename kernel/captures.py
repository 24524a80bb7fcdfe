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
from typing import Any, Literal

import msgspec

from kernel.errors import ProtocolError

Way = Literal["in", "out", "note"]

MEDIA_TYPE = "application/x-weighpost-capture"
SPAN_MS = 600_000  # of a line is remembered; as long as a crossing may last
_VERSION = 1
_MARK = b'{"weighpost_capture"'
_BOM = b"\xef\xbb\xbf"  # of editors that mean well


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
    first = _first_line(data)
    return first.startswith(_MARK) or _version(first) is not None


def _first_line(data: bytes) -> bytes:
    return data.removeprefix(_BOM).partition(b"\n")[0].strip()


class _Any(msgspec.Struct, frozen=True):
    """The head of a capture of any version."""

    weighpost_capture: Any


def _version(first: bytes) -> object | None:
    """None where this is no head of a capture."""
    try:
        return _named(msgspec.json.decode(first, type=_Any).weighpost_capture)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _named(version: object) -> object:
    return "null" if version is None else version


def read_capture(data: bytes) -> Capture:
    """ProtocolError names the line that is none."""
    first, *rest = data.removeprefix(_BOM).splitlines() or [b""]
    version = _version(first)
    if version not in (None, _VERSION):
        raise ProtocolError(f"a capture of version {version!r:.20}; this program reads version {_VERSION}")
    try:
        head = msgspec.json.decode(first, type=CaptureHead)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not a capture of a line: {error}", first) from error
    passed = tuple(_passed(line, number) for number, line in enumerate(rest, start=2) if line)
    for before, after in pairwise(passed):
        _follows(before, after)
    return Capture(head=head, passed=passed)


def _follows(before: Passed, after: Passed) -> None:
    if after.ms < before.ms:
        raise ProtocolError("a capture whose time goes back")
    if after.ms - before.ms > SPAN_MS:
        raise ProtocolError(
            f"a capture with a gap of {after.ms - before.ms} ms; no line is remembered so long"
        )


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    ms: int
    into: str | None = msgspec.field(default=None, name="in")
    out: str | None = None
    note: str | None = None


def _line(one: Passed) -> bytes:
    said = one.data.decode(errors="replace") if one.way == "note" else one.data.hex()
    return msgspec.json.encode({"ms": one.ms, one.way: said}) + b"\n"


def _one_way(said: _Line) -> tuple[Way, str]:
    ways: dict[Way, str | None] = {"in": said.into, "out": said.out, "note": said.note}
    found = [(way, text) for way, text in ways.items() if text is not None]
    if len(found) != 1:
        raise ValueError(f"must hold one of {', '.join(ways)}")
    return found[0]


def _passed(line: bytes, number: int) -> Passed:
    try:
        said = msgspec.json.decode(line, type=_Line)
        way, text = _one_way(said)
        data = text.encode() if way == "note" else bytes.fromhex(text)
    except (ValueError, RecursionError) as error:  # msgspec's own is one of the first
        raise ProtocolError(f"line {number} of a capture: {error}", line) from error
    if said.ms < 0:
        raise ProtocolError(f"line {number} of a capture is before its beginning", line)
    return Passed(said.ms, way, data)
