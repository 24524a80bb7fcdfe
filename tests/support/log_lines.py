"""Everything that a log record carries, before any formatter hides something of it."""

from __future__ import annotations

from collections.abc import Sequence
from logging import Formatter, LogRecord


def whole(records: Sequence[LogRecord]) -> str:
    """Message, arguments, extras and tracebacks of each, one a line."""
    return "\n".join(_whole(record) for record in records)


def _whole(record: LogRecord) -> str:
    said = [record.getMessage(), *(str(value) for value in vars(record).values())]
    if record.exc_info:
        said.append(Formatter().formatException(record.exc_info))
    return " ".join(said)
