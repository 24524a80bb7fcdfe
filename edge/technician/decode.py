"""The verb `scale decode`: raw bytes or a capture in, one JSON object for each reading out, nothing for what is rejected."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from edge.technician.target import json_of, options_of, protocol
from journal.console import Console, Verbs, write
from kernel.captures import is_capture, read_capture
from kernel.errors import ConfigError, ProtocolError

_CHUNK = 1 << 16


def add(verbs: Verbs) -> None:
    decode = verbs.add_parser("decode", help="raw bytes or a capture in, one JSON object a reading out")
    decode.add_argument("--protocol", required=True, metavar="P", help="see `weighpost-edge drivers`")
    decode.add_argument("--options", default="{}", metavar="JSON")
    decode.add_argument("file", metavar="FILE", help="- is standard input")
    decode.set_defaults(run=_decode)


def _decode(given: argparse.Namespace, _console: Console) -> int:
    row = protocol(given.protocol)
    options = options_of(row, json_of(given.options))
    if given.file == "-":
        decode_from(sys.stdin.buffer, row, options)
        return 0
    try:
        with Path(given.file).open("rb") as file:
            decode_from(file, row, options)
    except OSError as error:
        raise ConfigError.one("FILE", f"{given.file} cannot be read: {error.strerror}") from error
    return 0


def decode_from(file: BinaryIO, row: Any, options: Any) -> None:
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


def _said_by_the_device(file: BinaryIO) -> Iterator[bytes]:
    """Raw bytes as they are; of a capture only what came in."""
    first = file.read(_CHUNK)
    if is_capture(first):
        try:
            yield read_capture(first + file.read()).incoming
        except ProtocolError as error:
            raise ConfigError.one("FILE", str(error)) from error
        return
    yield first
    yield from iter(partial(file.read, _CHUNK), b"")


def _print(items: Sequence[Any], row: Any, problems: Counter[str]) -> int:
    good = 0
    for item in items:
        if isinstance(item, ProtocolError):
            problems[item.problem] += 1
            continue
        good += 1
        write(json.dumps(dict(row.describe(item)), ensure_ascii=False))
    return good
