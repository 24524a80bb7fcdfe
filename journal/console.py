"""What the verbs of the programs share: settings from a file, answers on standard output, and how they end."""

from __future__ import annotations

import argparse
import logging
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kernel.clock import Clock
from kernel.errors import ConfigError, RefusedError, RestartError, WeighpostError
from kernel.law.law import Law
from kernel.law.shipped import national, with_site
from kernel.settings import read

WRONG = 2  # starting again cannot help
AGAIN = 75  # EX_TEMPFAIL: starting again does

log = logging.getLogger(__name__)

Ending = WeighpostError | ExceptionGroup[Exception]
Verbs = Any  # argparse has no public name for what add_subparsers returns
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What a verb has besides its arguments."""

    clock: Clock


def read_settings(kind: type[T], path: Path) -> T:
    """ConfigError with every fault of the file."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), f"is not TOML: {error}") from error
    return read(kind, table)


def read_law(site: str | None) -> Law:
    """The shipped law, under this site's own rows; ConfigError with every fault of these."""
    if site is None:
        return national()
    path = Path(site)
    try:
        return with_site({path.name: path.read_text(encoding="utf-8")})
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError.one("law", f"cannot be read: {error}") from error


def needs_settings(parser: argparse.ArgumentParser, usual: str) -> None:
    """The option that names the settings, for verbs that are typed by hand in their folder."""
    parser.add_argument("--settings", type=Path, default=Path(usual), metavar="FILE")


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


def printable(text: str) -> str:
    """Names of files and notes are whatever others wrote: nothing that moves the cursor or pretends to be a column."""
    return "".join(sign if sign.isprintable() or sign == "\u3000" else ascii(sign)[1:-1] for sign in text)


def end(error: Ending, *, program: str) -> int:
    """Say why it ends; the exit code.  What nobody raised on purpose is raised again: it is a bug."""
    reasons = list(_reasons(error))
    if not all(isinstance(reason, ConfigError | RefusedError | RestartError) for reason in reasons):
        raise error
    if any(isinstance(reason, RestartError) for reason in reasons):
        log.critical("process ends to begin anew", extra={"program": program, "reasons": _lines(reasons)})
        return AGAIN
    for line in _lines(reasons):
        sys.stderr.write(f"{program}: {line}\n")
    return WRONG


def _shown(value: object) -> str:
    return "-" if value is None else printable(str(value))


def _reasons(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _reasons(one)
    else:
        yield error


def _lines(reasons: list[BaseException]) -> list[str]:
    return list(dict.fromkeys(line for reason in reasons for line in str(reason).splitlines()))
