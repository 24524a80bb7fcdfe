"""Canonical JSON: the one byte form a value has (RFC 8785 without floats), and a reader that takes nothing looser."""

from __future__ import annotations

import json
import re
from typing import NoReturn, cast

import msgspec

from kernel.errors import ProtocolError

LARGEST = 2**53 - 1

# A number in value position that is no integer, or long enough to be outside +-(2**53 - 1).  It may also hit inside a
# string; then the slow reader decides.
_DOUBTFUL_NUMBER = re.compile(rb"(?:^|[:,\[])-?(?:\d+[.eE]|\d{16})")
_KEY = re.compile(rb'"([^"\\]*)":')

_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: object) -> bytes:
    """The canonical bytes of a struct or of plain values; ProtocolError for what has none."""
    try:
        data = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ProtocolError(f"has no canonical form: {error}") from error
    if not _plainly_canonical(data):
        _read(data)
    return data


def decode(data: bytes) -> dict[str, object]:
    """Read one object; duplicate keys, floats, |n| > 2**53 - 1 and non-ASCII keys are ProtocolError."""
    value = _read(data)
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object", data)
    return cast(dict[str, object], value)


def _plainly_canonical(data: bytes) -> bool:
    """Cheap and never wrong when it says yes; a no means: read it strictly."""
    if _DOUBTFUL_NUMBER.search(data) or b"\\" in data:
        return False
    return data.isascii() or all(key.isascii() for key in _KEY.findall(data))


def _read(data: bytes) -> object:
    try:
        text = data.decode("utf-8")
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_no_float,
            parse_int=_integer,
            parse_constant=_no_float,
        )
        if "\\u" in text:
            _no_lone_surrogates(value)
    except ProtocolError as error:
        raise ProtocolError(error.problem, data) from error
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not canonical JSON ({error})", data) from error
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ProtocolError("duplicate key")
    for key in members:
        if not key.isascii():
            raise ProtocolError("key is not ASCII")
    return members


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST or text == "-0":
        raise ProtocolError("integer outside +-(2**53 - 1)")
    return int(text)


def _no_float(text: str) -> NoReturn:
    raise ProtocolError(f"{text[:20]} is not an integer")


def _no_lone_surrogates(value: object) -> None:
    json.dumps(value, ensure_ascii=False).encode("utf-8")
