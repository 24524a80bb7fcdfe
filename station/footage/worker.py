"""The process that makes files of footage: decoders of hostile files fail here and not in the station.

`python -m station.footage.worker`: one line of JSON on standard input, lines of JSON on standard output, the last of
them what was made or why not.  It works behind everybody else, and ends when nobody listens any more.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import msgspec
from av.error import FFmpegError

from kernel.errors import ProtocolError
from station.footage.copying import Made, copy, cut
from station.footage.folders import NO_ROOM
from station.footage.making import Report, Work
from station.footage.media import reason
from station.footage.orders import Order
from station.footage.redaction import follow, redact

NICE = 10
MEMORY = 4 << 30  # it also codes pictures of the largest size


def main() -> int:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    work = msgspec.json.decode(sys.stdin.readline(), type=Work)
    try:
        _tell(_done(work))
    except (ProtocolError, FFmpegError, OSError) as error:
        _tell(failed(error))
    except MemoryError:
        _tell(Report(problem="its pictures need too much memory"))
    return 0


def failed(error: Exception) -> Report:
    """A full disk is no fault of the file: it is tried again."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "errno", None) in NO_ROOM:
            return Report(problem="no room on the disk", full=True)
        cause = cause.__cause__
    if isinstance(error, FFmpegError):
        return Report(problem=reason(error))
    return Report(problem=f"disk: {reason(error)}" if isinstance(error, OSError) else str(error))


def _done(work: Work) -> Report:
    source = Path(work.source)
    if work.follow is not None:
        return Report(boxes=follow(source, work.follow, until_ms=work.until_ms))
    assert work.order is not None  # noqa: S101 - one or the other
    made = _made(work.order, source, Path(work.to))
    return Report(how=made.how, from_ms=made.from_ms, to_ms=made.to_ms)


def _made(order: Order, source: Path, to: Path) -> Made:
    if order.redaction is not None:
        return redact(source, to, order.redaction, _progress)
    if order.kind == "span":
        tags = {"source_sha256": order.sha256, "passage": order.passage or "", "box": order.box or ""}
        return cut(
            source,
            to,
            from_ms=order.from_ms or 0,
            to_ms=order.to_ms or 0,
            tags=tags,
            tell=_progress,
            encode=order.encode,
        )
    return copy(source, to, _progress)


def _progress(done_permille: int) -> None:
    _tell(Report(done_permille=done_permille))


def _tell(report: Report) -> None:
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
