"""`weighpost-verify journal` and `slip`: what the command line asks, and its answer."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from verify.journal import Counts, Given, examine
from verify.package import PROVEN, Line, Say, Trust, json_of, read_trust, result_of, say, text_of, unusable
from verify.slips import against_journals, against_package, read_payload

CANNOT_BE_USED = (OSError, ValueError)


def journal_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="journal.db or an export 日志文件"
    )
    parser.add_argument(
        "--note", type=Path, action="append", default=[], help="a cosigned checkpoint 会签的检查点"
    )
    parser.add_argument(
        "--cert", type=Path, action="append", default=[], help="a certificate of the box 证书"
    )
    _shared(parser)


def slip_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("payload", help="what the QR code says 二维码内容")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--package", type=Path, metavar="FILE", help="evidence package 证据包 (.zip)")
    where.add_argument("--journal", type=Path, metavar="FILE", help="journal.db or an export 日志文件")
    _shared(parser)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trust", type=Path, help="trust.toml: the keys you trust 信任文件")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--lang", choices=("zh", "en", "both"), default="both")


def run_journal(options: argparse.Namespace) -> int:
    """The exit code: 0 only if every line is PROVEN, 2 when a file cannot be used."""
    try:
        trust = _trust(options.trust)
        given = Given(
            trust=trust,
            now_ms=_now_ms(),
            notes=tuple(path.read_bytes() for path in options.note),
            certificates=tuple(path.read_bytes() for path in options.cert),
        )
        report = examine(options.files, given)
    except CANNOT_BE_USED as error:
        return unusable(_named(error, options.trust), error)
    about = {"journals": [_table(counts) for counts in report.counts]}
    more = [*map(_told, report.counts), *_without_trust(trust)]
    say(
        json_of(report.lines, trust, about)
        if options.json
        else text_of(report.lines, trust, options.lang, more)
    )
    return _code(report.lines)


def run_slip(options: argparse.Namespace) -> int:
    try:
        trust = _trust(options.trust)
        slip = read_payload(options.payload)
        if options.package is None:
            lines = against_journals(slip, [options.journal], Given(trust=trust, now_ms=_now_ms()))
        elif trust is None:
            raise ValueError("a package is checked with --trust")
        else:
            lines = against_package(slip, options.package, trust, _now_ms())
    except CANNOT_BE_USED as error:
        return unusable(_named(error, options.trust), error)
    about = {"journal": slip.journal, "seq": slip.seq, "leaf": slip.leaf, "cosigned_size": slip.cosigned_size}
    more = _without_trust(trust)
    say(json_of(lines, trust, about) if options.json else text_of(lines, trust, options.lang, more))
    return _code(lines)


def _code(lines: tuple[Line, ...]) -> int:
    return 0 if result_of(lines) == PROVEN else 1


def _trust(path: Path | None) -> Trust | None:
    return None if path is None else read_trust(path.read_text("utf-8"))


def _named(error: Exception, trust: Path | None) -> Path:
    """The file that the error is about."""
    name = error.filename if isinstance(error, OSError) else None
    return Path(name or trust or "command line")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _without_trust(trust: Trust | None) -> list[Say]:
    if trust is not None:
        return []
    return [
        (
            "未给信任文件:只查了日志自身是否完整一致,没有查由谁开立、由谁会签",
            "no trust file: checked whether it is whole and agrees with itself, not whose it is nor who cosigned it",
        )
    ]


def _table(counts: Counts) -> dict[str, object]:
    names = ("journal", "box", "entries", "good", "holes", "altered", "bodies", "erased", "recovered")
    table = {name: getattr(counts, name) for name in names}
    return {"file": str(counts.path), **table, "first_difference": counts.first_difference}


def _told(counts: Counts) -> Say:
    first = "-" if counts.first_difference is None else str(counts.first_difference)
    return (
        f"{counts.journal} {counts.box or '?'}:{counts.entries} 条,完好 {counts.good},缺 {counts.holes},"
        f"改动 {counts.altered},正文 {counts.bodies},已删除 {counts.erased},恢复 {counts.recovered},首处差异 {first}",
        f"{counts.journal} {counts.box or '?'}: {counts.entries} entries, {counts.good} good, {counts.holes} missing, "
        f"{counts.altered} altered, {counts.bodies} bodies, {counts.erased} erased, {counts.recovered} recovered, "
        f"first difference {first}",
    )
