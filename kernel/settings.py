"""Configuration as frozen dataclasses: every key known, every fault named by its path, all of them at once."""

from __future__ import annotations

import re
import types
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from kernel.errors import ConfigError

T = TypeVar("T")
Faults = list[tuple[str, str]]
Fault = tuple[str, str] | None

_TOKEN = re.compile(r"[a-z0-9-]{3,40}")


def read(kind: type[T], table: object) -> T:
    """Build `kind` from a parsed TOML table, or raise ConfigError with every fault and its path.

    Known value types: str, int, float, bool, Any, Literal, X | None, tuple[X, ...], dict[str, X] and dataclasses.
    A dataclass may check itself in `__post_init__` by raising ConfigError; its paths are prefixed.
    """
    faults: Faults = []
    value = _table(kind, table, "", faults)
    if faults:
        raise ConfigError(sorted(faults))
    return cast(T, value)


# --- checks for __post_init__: the fault, or None ---------------------------------------------------------------


def refuse(*faults: Fault) -> None:
    """ConfigError with every one that is a fault."""
    found = [fault for fault in faults if fault is not None]
    if found:
        raise ConfigError(found)


def must(good: bool, path: str, problem: str) -> Fault:
    return None if good else (path, problem)


def token(path: str, value: str) -> Fault:
    """The name of a process, a store or a key."""
    return must(bool(_TOKEN.fullmatch(value)), path, f"must be 3 to 40 of a-z, 0-9 and -, is {value!r}")


def port(path: str, value: int) -> Fault:
    return must(0 <= value <= 65_535, path, f"must be 0 to 65535, is {value}")


def url(path: str, value: str | None, *schemes: str) -> Fault:
    good = value is None or value.startswith(schemes)
    return must(good, path, f"must begin with {' or '.join(schemes)}, is {value!r}")


def filled(path: str, value: str) -> Fault:
    return must(bool(value), path, "must not be empty")


def above_zero(path: str, value: int) -> Fault:
    return must(value > 0, path, f"must be above 0, is {value}")


def public_key(path: str, value: str | None) -> Fault:
    """An Ed25519 public key in base64, or nothing."""
    try:
        good = value is None or len(b64decode(value, validate=True)) == 32
    except ValueError:
        good = False
    return must(good, path, "must be the base64 of a 32-byte public key")


def day(path: str, value: str | None) -> Fault:
    """A day in ISO form, or nothing."""
    try:
        good = value is None or bool(date.fromisoformat(value))
    except ValueError:
        good = False
    return must(good, path, f"must be a day such as 2027-06-30, is {value!r}")


def under(path: str, error: ConfigError) -> ConfigError:
    """The same faults, seen from a table further out."""
    return ConfigError([(f"{path}.{inner}", problem) for inner, problem in error.faults])


def once_each(path: str, names: Sequence[str]) -> Fault:
    doubled = sorted({name for name in names if names.count(name) > 1})
    return must(not doubled, path, f"named twice: {', '.join(doubled)}")


# --- reading ---------------------------------------------------------------------------------------------------


def _table(kind: Any, table: object, at: str, faults: Faults) -> object:
    if not isinstance(table, dict):
        faults.append((at or "top level", f"must be a table, is {_shown(table)}"))
        return None
    before = len(faults)
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}
    for key in sorted(table.keys() - known.keys()):
        faults.append((_path(at, key), f"unknown; known here: {', '.join(sorted(known))}"))
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            faults.append((_path(at, name), "is required"))
    values = {k: _value(hints[k], v, _path(at, k), faults) for k, v in table.items() if k in known}
    if len(faults) > before:
        return None
    return _build(kind, values, at, faults)


def _build(kind: Any, values: Mapping[str, object], at: str, faults: Faults) -> object:
    try:
        return kind(**values)
    except ConfigError as error:
        faults += [(_path(at, path), problem) for path, problem in error.faults]
        return None


def _value(kind: Any, value: object, at: str, faults: Faults) -> object:
    if is_dataclass(kind):
        return _table(kind, value, at, faults)
    origin = get_origin(kind)
    if origin is tuple:
        return _items(get_args(kind)[0], value, at, faults)
    if origin is dict:
        return _mapping(get_args(kind)[1], value, at, faults)
    if origin in (Union, types.UnionType):
        inner = next(arg for arg in get_args(kind) if arg is not type(None))
        return _value(inner, value, at, faults)
    return _scalar(kind, value, at, faults)


def _items(kind: Any, value: object, at: str, faults: Faults) -> object:
    if not isinstance(value, list):
        faults.append((at, f"must be a list, is {_shown(value)}"))
        return ()
    return tuple(_value(kind, item, f"{at}[{n}]", faults) for n, item in enumerate(value))


def _mapping(kind: Any, value: object, at: str, faults: Faults) -> object:
    if not isinstance(value, dict):
        faults.append((at, f"must be a table, is {_shown(value)}"))
        return {}
    return {key: _value(kind, item, _path(at, key), faults) for key, item in value.items()}


def _shown(value: object) -> str:
    """A value as a fault shows it; a whole table may hold a secret."""
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)


def _scalar(kind: Any, value: object, at: str, faults: Faults) -> object:
    if kind is Any:  # a table that its owner reads again, such as a driver's options
        return value
    if get_origin(kind) is Literal:
        if not any(type(value) is type(known) and value == known for known in get_args(kind)):
            faults.append((at, f"must be one of {', '.join(map(repr, get_args(kind)))}, is {_shown(value)}"))
    elif kind is float and type(value) is int:
        return float(value)
    elif type(value) is not kind:
        faults.append((at, f"must be {kind.__name__}, is {_shown(value)}"))
    return value


def _path(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
