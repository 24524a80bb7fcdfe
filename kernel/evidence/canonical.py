"""Canonical JSON: the one byte form a value has (RFC 8785 without floats), and a reader that takes nothing looser."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import inspect

from kernel.errors import ProtocolError

LARGEST = 2**53 - 1

T = TypeVar("T")

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 16  # 2**53 has sixteen digits; a hit inside a string only costs the slow reading

_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: object) -> bytes:
    """The canonical bytes of a struct or of plain values; ProtocolError for what has none."""
    try:
        data = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ProtocolError(f"has no canonical form: {error}") from error
    if not _plainly_canonical(value, data):
        _read(data)
    return data


def decode(data: bytes) -> dict[str, object]:
    """Read one object; duplicate keys, floats, |n| > 2**53 - 1 and non-ASCII keys are ProtocolError."""
    value = _read(data)
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object", data)
    return cast(dict[str, object], value)


def decode_as(data: bytes, kind: type[T]) -> T:
    """Read one struct as strictly as `decode` does; msgspec.ValidationError when it has another form."""
    decoder = _decoder(kind)  # type: ignore[arg-type]  # mypy takes type[T] for unhashable
    if decoder is not None and _LONG_NUMBER not in data.translate(_DIGITS):
        # What comes out as the very bytes that went in holds nothing that a strict reading would refuse.
        with contextlib.suppress(msgspec.MsgspecError, RecursionError):
            value: T = decoder.decode(data)
            if _encoder.encode(value) == data:
                return value
    return msgspec.convert(decode(data), type=kind)


def _plainly_canonical(value: object, data: bytes) -> bool:
    """Cheap and never wrong when it says yes; a no means: read it strictly."""
    decoder = _decoder(type(value))  # type: ignore[arg-type]  # mypy takes type(object) for unhashable
    if decoder is None or _LONG_NUMBER in data.translate(_DIGITS):
        return False
    try:
        return bool(decoder.decode(data) == value)
    except msgspec.ValidationError:
        return False


@lru_cache(maxsize=256)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any] | None:
    """For structs whose declared types leave no room for floats, free keys or anything unknown."""
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return None
    return msgspec.json.Decoder(kind) if _is_plain(inspect.type_info(kind), set()) else None


def _is_plain(info: inspect.Type, seen: set[type]) -> bool:
    match info:
        case inspect.NoneType() | inspect.BoolType() | inspect.IntType() | inspect.StrType():
            return True
        case inspect.LiteralType():
            return True
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return _is_plain(item, seen)
        case inspect.TupleType(item_types=items) | inspect.UnionType(types=items):
            return all(_is_plain(item, seen) for item in items)
        case inspect.StructType(cls=kind, fields=fields) if kind not in seen:
            seen.add(kind)
            return all(field.encode_name.isascii() and _is_plain(field.type, seen) for field in fields)
        case inspect.StructType():
            return True
    return False


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
