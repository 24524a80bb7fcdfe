"""How a program ends: what a person can act upon in plain lines, and an exit code that systemd understands."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

from kernel.errors import ConfigError, RefusedError, RestartError, WeighpostError

WRONG = 2  # starting again cannot help
AGAIN = 75  # EX_TEMPFAIL: starting again does

log = logging.getLogger(__name__)

Ending = WeighpostError | ExceptionGroup[Exception]


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


def _reasons(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _reasons(one)
    else:
        yield error


def _lines(reasons: list[BaseException]) -> list[str]:
    return list(dict.fromkeys(line for reason in reasons for line in str(reason).splitlines()))
