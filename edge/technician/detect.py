"""The verb `scale detect`: which indicator is on which line, with its evidence, or why that cannot be said."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator

from edge.detecting.diagnosis import Trouble
from edge.detecting.evidence import Evidence
from edge.detecting.lines import Line
from edge.detecting.saying import Speech, open_settings, tenths
from edge.detecting.searching import Outcome, Search
from edge.drivers import indicators, weighers
from edge.links.opening import check_url, open_link
from edge.technician.ports import serial_ports
from edge.technician.target import HOLDER, check_seconds, serial_settings
from edge.words import LANGUAGES
from journal.console import Console, Verbs, write
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError
from kernel.links import Link

FOUND, NOT_FOUND = 0, 1


def add(verbs: Verbs) -> None:
    detect = verbs.add_parser("detect", help="say which indicator is on a line, or why that cannot be said")
    detect.add_argument(
        "url", nargs="?", metavar="URL", help="the line, see docs/scales.md; without it: every serial port"
    )
    detect.add_argument("--json", action="store_true", help="one JSON object a port")
    detect.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        metavar="S",
        help="how long to listen at each setting of the line",
    )
    detect.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
    detect.set_defaults(run=_detect)


def _detect(given: argparse.Namespace, console: Console) -> int:
    check_seconds(given.seconds, least=0.5)
    urls = [given.url] if given.url else serial_ports()
    for url in urls:
        check_url(url)
    if not urls:
        sys.stderr.write(Speech(language=given.lang)("no_ports") + "\n")
    found = False
    for url in urls:
        speech = Speech(language=given.lang, settable=_is_settable(url))
        try:
            outcome = asyncio.run(_search(url, speech, given.seconds, console.clock))
        except LinkError as error:
            if given.url:
                raise ConfigError.one("URL", str(error)) from error
            sys.stderr.write(speech("cannot_open", url=url, why=error) + "\n")
            continue
        found = found or outcome.claim is not None
        write(as_json(outcome, url, speech) if given.json else "\n".join(as_text(outcome, url, speech)))
    return FOUND if found else NOT_FOUND


def _is_settable(url: str) -> bool:
    return not url.startswith(("socket://", "tcp-server://"))


async def _search(url: str, speech: Speech, seconds: float, clock: Clock) -> Outcome:
    async def open_at(line: Line) -> Link:
        return await open_link(url, line=serial_settings(line), holder=f"{HOLDER} detect")

    def tell(line: Line, asked: str | None) -> None:
        sys.stderr.write(f"{url}: {speech.trying(line, asked)}\n")

    search = Search(
        rows=(*indicators(), *weighers()),
        open_at=open_at,
        clock=clock,
        window_ms=round(seconds * 1000),
        tell=tell,
        settable=speech.settable,
    )
    return await search.run()


def as_text(outcome: Outcome, url: str, speech: Speech) -> Iterator[str]:
    if outcome.claim is None:
        yield f"{url}: {speech('not_found')}"
        yield from (f"  {speech.trouble(trouble)}" for trouble in outcome.troubles)
        return
    several = len(outcome.claim.candidates) > 1
    yield f"{url}: {speech('one_of' if several else 'found')}"
    yield from (f"  {speech.candidate(one)}" for one in outcome.claim.candidates)
    yield speech("paste")
    yield speech.toml(outcome.claim, url=url)


def as_json(outcome: Outcome, url: str, speech: Speech) -> str:
    claim = outcome.claim
    candidates = claim.candidates if claim else ()
    found: dict[str, object] = {
        "url": url,
        "found": claim is not None,
        "told_apart": len(candidates) == 1,
        "candidates": [_candidate(one, speech) for one in candidates],
        "toml": speech.toml(claim, url=url) if claim else "",
        "diagnosis": [_trouble(one, speech) for one in outcome.troubles],
        "heard": [
            {"line": str(one.line), "asked": one.asked, "bytes": len(one.data), "window_ms": one.window_ms}
            for one in outcome.heard
        ],
    }
    return json.dumps(found, ensure_ascii=False)


def _candidate(one: Evidence, speech: Speech) -> dict[str, object]:
    return {
        "protocol": one.row.name,
        "title": one.row.title,
        "line": str(one.line) if speech.settable else None,
        "options": dict(one.form),
        "frames": one.frames,
        "checksums_right": one.vouched if one.checked else None,
        "spoiled": one.spoiled,
        "explained_percent": one.explained_percent,
        "per_s": tenths(one.per_10_s),
        "asked": one.asked is not None,
        "settings": [{"option": doubt.option, "why": doubt.why} for doubt in open_settings(one.row)],
        "sentence": speech.candidate(one),
    }


def _trouble(one: Trouble, speech: Speech) -> dict[str, object]:
    return {
        "word": one.word,
        "line": str(one.line) if one.line else None,
        "protocol": one.protocol or None,
        "speeds": list(one.speeds),
        "sentence": speech.trouble(one),
    }
