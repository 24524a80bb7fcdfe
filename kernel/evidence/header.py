"""The header of an entry: what the leaf covers, and how a leaf, a body digest and a journal id are made of bytes.

The header holds nothing personal.  It binds the body by `SHA-256(salt || body)`, so salt and body can be erased and
every proof still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kernel.errors import ProtocolError
from kernel.evidence import canonical

MAX_HEADER = 4 * 1024
MAX_BODY = 28 * 1024
SALT_BYTES = 16

Natural = Annotated[int, Meta(ge=0, le=canonical.LARGEST)]
Whole = Annotated[int, Meta(ge=-canonical.LARGEST, le=canonical.LARGEST)]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
JournalId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
BootId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
FileName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
Source = Annotated[str, Meta(pattern=r"\A[a-z0-9-]+(?:/[a-z0-9-]+)*\Z", max_length=100)]
StreamName = Annotated[str, Meta(pattern=r"\A[a-z0-9_]+(?:\.[a-z0-9_]+)*\Z", max_length=60)]


class FileRef(Struct, frozen=True, kw_only=True):
    """A file that belongs to the entry; its bytes are known by digest, its place is not part of the fact."""

    name: FileName
    sha256: Digest
    size: Natural


class ClockState(Struct, frozen=True, kw_only=True):
    """How far the clock was to be trusted; `err_ms` is None when nobody can say."""

    err_ms: Natural | None
    state: Literal["ok", "holdover", "unset"]


class Header(Struct, frozen=True, kw_only=True):
    """One entry's place and binding.  `at` is UTC ms, `mono_ms` ms since `boot`, `body` hex of the body digest."""

    at: Whole
    body: Digest
    boot: BootId
    clock: ClockState
    files: tuple[FileRef, ...]
    journal: JournalId
    mono_ms: Natural
    seq: Natural
    source: Source
    stream: StreamName
    v: Literal[1] = 1


_decoder = msgspec.json.Decoder(Header)
_encoder = msgspec.json.Encoder(order="sorted")


def encode(header: Header) -> bytes:
    """The bytes that are hashed, stored and sent; ProtocolError when a receiver would refuse them."""
    try:
        data = _encoder.encode(header)
        # What we encode has no key twice and no other form: it is read only for what its fields may be.
        same = _decoder.decode(data) == header
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ProtocolError(f"not a header ({error})") from error
    if not same:
        raise ProtocolError("a header that is not what it says", data)
    return _checked(data, header)


def decode(data: bytes) -> Header:
    """Read strictly: size, duplicate keys, floats, ranges and forms; fields of later versions are tolerated."""
    if len(data) > MAX_HEADER:
        raise ProtocolError(f"header larger than {MAX_HEADER} bytes", data)
    try:
        header = _decoder.decode(data)
        if _encoder.encode(header) != data:
            header = _read_slowly(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"not a header ({error})", data) from error
    _checked(data, header)
    return header


def _checked(data: bytes, header: Header) -> bytes:
    """What no field says by itself."""
    if len(data) > MAX_HEADER:
        raise ProtocolError(f"header larger than {MAX_HEADER} bytes", data)
    if header.files and len({file.name for file in header.files}) != len(header.files):
        raise ProtocolError("a file name is used twice", data)
    return data


def _read_slowly(data: bytes) -> Header:
    fields = canonical.decode(data)
    if "v" not in fields:
        raise ProtocolError("a header without its version", data)
    return msgspec.convert(fields, Header)


def leaf(header_bytes: bytes) -> bytes:
    """RFC 6962 leaf hash."""
    return sha256(b"\x00" + header_bytes).digest()


def body_digest(salt: bytes, body: bytes) -> str:
    return sha256(salt + body).hexdigest()


def body_matches(header: Header, *, salt: bytes, body: bytes) -> bool:
    return len(salt) == SALT_BYTES and len(body) <= MAX_BODY and body_digest(salt, body) == header.body


def journal_id(public_key: bytes) -> str:
    """A journal is named by its key, so a new key is always a new journal."""
    if len(public_key) != 32:
        raise ProtocolError("an Ed25519 public key has 32 bytes", public_key)
    return sha256(public_key).digest()[:16].hex()


def origin(journal: str) -> str:
    return f"weighpost/{journal}"


def file_refs(named: Sequence[tuple[str, bytes]]) -> tuple[FileRef, ...]:
    """References to files whose bytes are at hand."""
    return tuple(FileRef(name=name, sha256=sha256(data).hexdigest(), size=len(data)) for name, data in named)
