"""The verb `scale decode`: raw bytes or a capture in, one JSON object for each reading out, nothing for what is rejected."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from edge.drivers.readings import Reading
from edge.technician.target import OPTIONS_HELP, json_of, options_of, protocol
from journal.console import Console, Verbs, write
from kernel.captures import is_capture, read_capture
from kernel.errors import ConfigError, ProtocolError

_CHUNK = 1 << 16


class Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def add(verbs: Verbs) -> None:
    decode = verbs.add_parser("decode", help="raw bytes or a capture in, one JSON object a reading out")
    decode.add_argument("--protocol", required=True, metavar="P", help="see `weighpost-edge drivers`")
    decode.add_argument("--options", default="{}", metavar="JSON", help=OPTIONS_HELP)
    decode.add_argument(
        "file", metavar="FILE", help="raw bytes, or a capture of a line (scale capture); - is standard input"
    )
    decode.set_defaults(run=_decode)


def _decode(given: argparse.Namespace, _console: Console) -> int:
    row = protocol(given.protocol)
    options = options_of(row, json_of(given.options))
    try:
        with _opened(given.file) as file:
            decode_from(file, row, options)
    except BrokenPipeError:
        _close_output()  # whoever read has enough
    except OSError as error:
        _close_output()
        raise ConfigError.one("standard output", f"cannot be written: {error.strerror}") from error
    return 0


def _opened(name: str) -> AbstractContextManager[Readable]:
    """ConfigError; standard input stays open afterwards."""
    if name == "-":
        if sys.stdin is None:
            raise ConfigError.one("FILE", "standard input is closed")
        return nullcontext(cast(Readable, sys.stdin.buffer))
    try:
        return Path(name).open("rb")
    except (OSError, ValueError) as error:
        raise ConfigError.one("FILE", f"{name!r} cannot be read: {_why(error)}") from error


def _close_output() -> None:
    """What could not be written is not tried again at the end of the process."""
    with suppress(OSError):
        sys.stdout.close()


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def decode_from(file: Readable, row: Any, options: Any) -> None:
    parser = row.parser(options)
    problems: Counter[str] = Counter()
    good = 0
    for data in _said_by_the_device(file):
        good += _print(parser.feed(data), row, problems)
    good += _print(parser.finish(), row, problems)
    sys.stderr.write(f"{row.name}: {good} readings, {problems.total()} errors\n")
    for problem, count in problems.most_common():
        sys.stderr.write(f"  {count} x {problem}\n")
    for doubt in row.doubts:
        sys.stderr.write(f"  in doubt, an option: {doubt.option}: {doubt.why}\n")


def _said_by_the_device(file: Readable) -> Iterator[bytes]:
    """Raw bytes as they come; of a capture only what came in."""
    read = partial(_some, file)
    first = read()
    while b"\n" not in first and first.startswith(b"{") and len(first) < _CHUNK and (more := read()):
        first += more  # perhaps a capture, through a pipe
    if is_capture(first):
        try:
            yield read_capture(first + b"".join(iter(read, b""))).incoming
        except ProtocolError as error:
            raise ConfigError.one("FILE", str(error)) from error
        return
    yield first
    yield from iter(read, b"")


def _some(file: Readable) -> bytes:
    """What is there, without waiting for more; ConfigError."""
    try:
        return file.read1(_CHUNK)
    except OSError as error:
        raise ConfigError.one("FILE", f"cannot be read: {error.strerror}") from error


def _print(items: Sequence[Any], row: Any, problems: Counter[str]) -> int:
    good = 0
    for item in items:
        if isinstance(item, ProtocolError):
            problems[item.problem] += 1
            continue
        good += 1
        write(json.dumps(dict(row.describe(item)) | _vouched(item), ensure_ascii=False))
    return good


def _vouched(item: object) -> dict[str, object]:
    """Whether a lane may use it, which no frame says by itself."""
    if not isinstance(item, Reading):
        return {}
    return {"confirmed": item.confirmed} | ({"doubt": item.doubt} if item.doubt else {})
