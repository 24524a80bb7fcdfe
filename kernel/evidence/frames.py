"""What travels: frames of entries and hellos, in msgpack, with limits that hold before anything is believed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from kernel.errors import ProtocolError
from kernel.evidence.canonical import LARGEST
from kernel.evidence.header import MAX_BODY, MAX_HEADER, JournalId

MAX_FRAME = 96 * 1024
MAX_ENTRIES = 256
MAX_HELLO = 512 * 1024
NONCE_BYTES = 16

HeaderBytes = Annotated[bytes, Meta(max_length=MAX_HEADER)]
Salt = Annotated[bytes, Meta(min_length=16, max_length=16)]
BodyBytes = Annotated[bytes, Meta(max_length=MAX_BODY)]
NoteText = Annotated[str, Meta(max_length=64 * 1024)]
WireEntry = tuple[HeaderBytes, Salt | None, BodyBytes | None]
Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]

T = TypeVar("T")


class Frame(Struct, frozen=True, kw_only=True):
    """Consecutive entries of one journal and its checkpoint right after them; taken whole or not at all."""

    journal: JournalId
    start: Annotated[int, Meta(ge=0, le=LARGEST)] = field(name="from")
    entries: Annotated[tuple[WireEntry, ...], Meta(min_length=1, max_length=MAX_ENTRIES)]
    checkpoint: NoteText
    absent: NoteText | None = None
    v: Literal[1] = 1

    @property
    def end(self) -> int:
        return self.start + len(self.entries)


class HelloJournal(Struct, frozen=True, kw_only=True):
    """One journal of the box: its newest checkpoint and, for those who do not know it, its genesis."""

    checkpoint: NoteText
    genesis: WireEntry | None = None


class Hello(Struct, frozen=True, kw_only=True):
    """First word of every connection.  `certs`: the box's certificate, then the enrolment key's."""

    nonce: Nonce
    software: Annotated[str, Meta(max_length=100)]
    journals: Annotated[tuple[HelloJournal, ...], Meta(max_length=64)]
    certs: Annotated[tuple[NoteText, ...], Meta(max_length=2)]
    v: Literal[1] = 1


_encoder = msgspec.msgpack.Encoder()
_frame = msgspec.msgpack.Decoder(Frame)
_hello = msgspec.msgpack.Decoder(Hello)


def encode(frame: Frame) -> bytes:
    data = _encoder.encode(frame)
    if len(data) > MAX_FRAME:
        raise ProtocolError(f"frame larger than {MAX_FRAME} bytes")
    return data


def decode(data: bytes) -> Frame:
    return _decode(_frame, data, MAX_FRAME, "frame")


def encode_hello(hello: Hello) -> bytes:
    return _encoder.encode(hello)


def decode_hello(data: bytes) -> Hello:
    return _decode(_hello, data, MAX_HELLO, "hello")


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes, limit: int, what: str) -> T:
    if len(data) > limit:
        raise ProtocolError(f"{what} larger than {limit} bytes", data)
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"not a {what} ({error})", data) from error
