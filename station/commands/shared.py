"""What the verbs share: settings, and how an answer is written."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.settings import read
from station.settings import Settings

Verbs = Any  # argparse has no public name for what add_subparsers returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What a verb has besides its arguments."""

    clock: Clock


def load_settings(path: Path) -> Settings:
    """ConfigError with every fault of the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), f"is not TOML: {error}") from error
    return read(Settings, table)


def needs_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, default=Path("station.toml"), metavar="FILE")


def write(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def write_rows(rows: Sequence[object], columns: Sequence[str], *, as_json: bool) -> None:
    """One JSON array, or one line a row."""
    if as_json:
        write(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    write("\t".join(columns))
    for row in rows:
        write("\t".join(_shown(getattr(row, name)) for name in columns))


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
