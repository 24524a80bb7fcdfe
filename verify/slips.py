"""Compares the QR code of a slip 打印凭条 with a package or a journal: whether paper and log agree.

WP1:JOURNAL:SEQ:LEAF:COSIGNED:CHECK          docs/verify.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from verify.journal import Given, JournalReport, examine
from verify.logfile import LogFile
from verify.package import (
    LARGEST_INTEGER,
    Line,
    RefutedError,
    Say,
    Trust,
    UnprovenError,
    line_of,
    read_checkpoint,
    read_package,
    verify,
)

LONGEST = 120
_PAYLOAD = re.compile(
    r"(WP1:([0-9A-F]{32}):(0|[1-9][0-9]{0,15}):([0-9A-F]{32}):(0|[1-9][0-9]{0,15}):)([0-9A-F]{8})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What the paper says; `leaf` is the first half of the entry's leaf, in hex."""

    journal: str
    seq: int
    leaf: str
    cosigned_size: int


def read_payload(text: str) -> Slip:
    """ValueError for anything that nobody has printed, to the character."""
    match = _PAYLOAD.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError("not the code of a slip: WP1:JOURNAL:SEQ:LEAF:COSIGNED:CHECK")
    covered, journal, seq, leaf, size, check = match.groups()
    if f"{crc32(covered.encode()):08X}" != check:
        raise ValueError("a character of the code is wrong: the check digits do not fit")
    if max(int(seq), int(size)) > LARGEST_INTEGER:
        raise ValueError("a number of the code is too large")
    return Slip(journal=journal.lower(), seq=int(seq), leaf=leaf.lower(), cosigned_size=int(size))


def against_package(slip: Slip, path: Path, trust: Trust, now_ms: int) -> tuple[Line, ...]:
    """The lines of the package, and the slip's."""
    report = verify(path, trust, now_ms)
    return (*report.lines, _line(slip, partial(_in_package, slip, path)))


def _in_package(slip: Slip, path: Path) -> Say:
    with path.open("rb") as file:
        package = read_package(file)
    for chapter in package.chapters:
        if chapter.journal != slip.journal:
            continue
        leaves = {entry.seq: entry.leaf.hex() for entry in chapter.entries}
        return _agree(slip, leaf=leaves.get(slip.seq), size=read_checkpoint(chapter.checkpoint).size)
    raise UnprovenError(
        f"包内没有日志 {slip.journal}", f"the package has nothing of the journal {slip.journal}"
    )


def against_journals(slip: Slip, paths: Sequence[Path], given: Given) -> tuple[Line, ...]:
    """The lines of the journals, and the slip's.  OSError when a file is not there."""
    report = examine(paths, given)
    return (*report.lines, _line(slip, partial(_in_journals, slip, report)))


def _in_journals(slip: Slip, report: JournalReport) -> Say:
    for counts in report.counts:
        if counts.journal == slip.journal:
            with closing(LogFile(counts.path)) as file:
                leaf = file.leaf(slip.seq)
            return _agree(slip, leaf=None if leaf is None else leaf.hex(), size=counts.entries)
    raise UnprovenError(f"未给出日志 {slip.journal}", f"the journal {slip.journal} is not given")


def _line(slip: Slip, prove: Callable[[], Say]) -> Line:
    return line_of("slip", f"{slip.journal[:8]} entry {slip.seq}", prove)


def _agree(slip: Slip, *, leaf: str | None, size: int) -> Say:
    """Paper and log side by side; the paper carries no signature, so this says that one of them is false, not which."""
    if leaf is not None and leaf[: len(slip.leaf)] != slip.leaf:
        raise RefutedError(
            f"纸面为 {slip.leaf},记录为 {leaf[: len(slip.leaf)]}:打印之后记录被改写,或凭条是伪造的",
            f"paper says {slip.leaf}, the log {leaf[: len(slip.leaf)]}: rewritten after the print, or a forged slip",
        )
    if size < slip.cosigned_size:
        raise UnprovenError(
            f"打印时已会签 {slip.cosigned_size} 条,现只有 {size} 条",
            f"{slip.cosigned_size} entries were cosigned at the print, and here are only {size}",
        )
    if leaf is None:
        raise UnprovenError("此处没有该条记录", "the entry is not here")
    return ("纸面与记录一致", "paper and log agree")
