r"""The lane controller's wire, pure: loops in, sign out; every frame is COBS(message + CRC-32) between two zero bytes.

    message = version 01 | type | sequence, 2 bytes | body          all numbers big-endian

The controller repeats Hello and Loop until they are acknowledged, so that no trigger is lost; the host repeats Sign
until SignShown names it, and Light until LightSet does.  docs/lane-controller.md holds the bodies byte by byte.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kernel.errors import ProtocolError
from kernel.framing import DelimitedBuffer

VERSION = 1
FRAME_LIMIT = 300
LINES_LIMIT, LINE_LIMIT = 4, 48  # lines of a sign, bytes of a line in UTF-8

Colour = Literal["red", "green", "amber"]
_COLOURS: tuple[Colour, ...] = ("red", "green", "amber")
Exposure = Literal["normal", "shorter", "longer"]
_EXPOSURES: tuple[Exposure, ...] = ("normal", "shorter", "longer")
_HEAD = struct.Struct(">BBH")
_HELLO = struct.Struct(">IB")
_LOOP = struct.Struct(">BBQ")
_STATUS = struct.Struct(">QBBH")
_WORD = struct.Struct(">H")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The controller has started; `boot` differs at every start, and with it sequences begin anew."""

    seq: int
    boot: int
    loops: int
    firmware: str

    def body(self) -> bytes:
        return _HELLO.pack(self.boot, self.loops) + _text(self.firmware)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An induction loop 线圈 was entered or left; `mono_ms` is the controller's own clock at that moment."""

    seq: int
    loop: int
    occupied: bool
    mono_ms: int

    def body(self) -> bytes:
        return _LOOP.pack(self.loop, self.occupied, self.mono_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Show these lines on the message sign 情报板; no lines make it dark."""

    seq: int
    lines: tuple[str, ...]
    colour: Colour = "amber"

    def body(self) -> bytes:
        if len(self.lines) > LINES_LIMIT:
            raise ValueError(f"a sign has {LINES_LIMIT} lines")
        head = bytes([_COLOURS.index(self.colour), len(self.lines)])
        return head + b"".join(_text(line) for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignShown:
    """The sign shows what the Sign with sequence `of` said."""

    seq: int
    of: int

    def body(self) -> bytes:
        return _WORD.pack(self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Sent every second: the controller's clock, which loops are occupied or broken, and frames it had to drop."""

    seq: int
    mono_ms: int
    occupied: int = 0  # bit 0 is loop 1
    broken: int = 0
    dropped: int = 0

    def body(self) -> bytes:
        return _STATUS.pack(self.mono_ms, self.occupied, self.broken, self.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The message with sequence `of` has arrived."""

    seq: int
    of: int

    def body(self) -> bytes:
        return _WORD.pack(self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Fill light 补光灯 on or off, and how the cameras should expose 曝光: a hint, obeyed as far as the site can."""

    seq: int
    fill: bool
    exposure: Exposure = "normal"

    def body(self) -> bytes:
        return bytes([self.fill, _EXPOSURES.index(self.exposure)])


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSet:
    """The light is as the Light with sequence `of` said, as far as it can be."""

    seq: int
    of: int

    def body(self) -> bytes:
        return _WORD.pack(self.of)


Message = Hello | Loop | Sign | SignShown | Status | Ack | Light | LightSet
_TYPES: tuple[type[Message], ...] = (Hello, Loop, Sign, SignShown, Status, Ack, Light, LightSet)


def encode(message: Message) -> bytes:
    """The whole frame between its delimiters, so that a damaged one before it cannot take it along; raises ValueError when a value does not fit."""
    try:
        head = _HEAD.pack(VERSION, _TYPES.index(type(message)) + 1, message.seq)
        content = head + message.body()
    except struct.error as error:
        raise ValueError(str(error)) from error
    return b"\x00" + stuff(content + zlib.crc32(content).to_bytes(4, "big")) + b"\x00"


class Parser:
    """Feed it whatever the wire gave; it returns whole messages and what it had to drop."""

    def __init__(self) -> None:
        self._frames = DelimitedBuffer(delimiter=0, limit=FRAME_LIMIT)

    def feed(self, data: bytes) -> list[Message | ProtocolError]:
        # Between two frames are two zeros, which is one empty frame.
        return [_checked(frame) for frame in self._frames.feed(data) if frame != b""]


def _checked(frame: bytes | ProtocolError) -> Message | ProtocolError:
    if isinstance(frame, ProtocolError):
        return frame
    try:
        return decode(frame)
    except ProtocolError as error:
        return error


def decode(frame: bytes) -> Message:
    """The message of one frame without its delimiter; raises ProtocolError."""
    data = unstuff(frame)
    content, check = data[:-4], data[-4:]
    if len(content) < _HEAD.size or zlib.crc32(content).to_bytes(4, "big") != check:
        raise ProtocolError("wrong checksum", frame)
    version, kind, seq = _HEAD.unpack_from(content)
    if version != VERSION:
        raise ProtocolError(f"unknown version {version}", frame)
    if kind not in _BODIES:
        raise ProtocolError(f"unknown message type {kind}", frame)
    try:
        return _BODIES[kind](seq, content[_HEAD.size :])
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(f"bad body of message type {kind}", frame) from error


def _hello(seq: int, body: bytes) -> Hello:
    boot, loops = _HELLO.unpack_from(body)
    (firmware,) = _texts(body[_HELLO.size :], 1)
    return Hello(seq=seq, boot=boot, loops=loops, firmware=firmware)


def _loop(seq: int, body: bytes) -> Loop:
    loop, occupied, mono_ms = _LOOP.unpack(body)
    if occupied > 1:
        raise ValueError(f"occupied is 0 or 1, not {occupied}")
    return Loop(seq=seq, loop=loop, occupied=bool(occupied), mono_ms=mono_ms)


def _sign(seq: int, body: bytes) -> Sign:
    colour, count = body[0], body[1]
    if count > LINES_LIMIT:
        raise ValueError(f"a sign has {LINES_LIMIT} lines")
    return Sign(seq=seq, lines=_texts(body[2:], count), colour=_COLOURS[colour])


def _status(seq: int, body: bytes) -> Status:
    mono_ms, occupied, broken, dropped = _STATUS.unpack(body)
    return Status(seq=seq, mono_ms=mono_ms, occupied=occupied, broken=broken, dropped=dropped)


def _light(seq: int, body: bytes) -> Light:
    fill, exposure = body
    if fill > 1:
        raise ValueError(f"fill is 0 or 1, not {fill}")
    return Light(seq=seq, fill=bool(fill), exposure=_EXPOSURES[exposure])


_BODIES: dict[int, Callable[[int, bytes], Message]] = {
    1: _hello,
    2: _loop,
    3: _sign,
    4: lambda seq, body: SignShown(seq=seq, of=_WORD.unpack(body)[0]),
    5: _status,
    6: lambda seq, body: Ack(seq=seq, of=_WORD.unpack(body)[0]),
    7: _light,
    8: lambda seq, body: LightSet(seq=seq, of=_WORD.unpack(body)[0]),
}


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) > LINE_LIMIT:
        raise ValueError(f"a text has at most {LINE_LIMIT} bytes: {text!r}")
    return bytes([len(data)]) + data


def _texts(data: bytes, count: int) -> tuple[str, ...]:
    texts = []
    for _ in range(count):
        size = data[0]
        if size > LINE_LIMIT or size >= len(data):
            raise ValueError("text longer than its frame")
        texts.append(data[1 : 1 + size].decode())
        data = data[1 + size :]
    if data:
        raise ValueError("bytes behind the last text")
    return tuple(texts)


def stuff(data: bytes) -> bytes:
    """COBS: the same content without a zero byte."""
    out = bytearray()
    for run in data.split(b"\x00"):
        full = len(run) // 254 * 254
        for at in range(0, full, 254):
            out += b"\xff" + run[at : at + 254]
        out += bytes([len(run) - full + 1]) + run[full:]
    return bytes(out)


def unstuff(frame: bytes) -> bytes:
    """Inverse of `stuff`; raises ProtocolError."""
    out, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        if code == 0 or at + code > len(frame):
            raise ProtocolError("not a COBS frame", frame)
        out += frame[at + 1 : at + code]
        at += code
        if code < 0xFF and at < len(frame):
            out.append(0)
    return bytes(out)
