"""Which scale a verb means: from its arguments, or from the settings of a lane."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.detecting.lines import Line
from edge.drivers import load_driver
from edge.drivers.making import read_options
from edge.drivers.rows import Indicator, Weigher
from edge.links.opening import SerialSettings, check_url, open_link
from edge.settings import Settings
from edge.words import LANGUAGES
from journal.console import read_settings
from kernel.errors import ConfigError
from kernel.links import Link
from kernel.settings import must, refuse, under

HOLDER = "weighpost-edge scale"
LONGEST_S = 31 * 86_400
OPTIONS_HELP = 'of the protocol, such as \'{"unit":"kg"}\'; see docs/devices.md'
_PATIENCE_MS = 100


class Parser(argparse.ArgumentParser):
    """Takes URL also behind options that follow another argument: argparse by itself takes both at the first."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, rest = super().parse_known_args(args, namespace)
        if rest and not rest[0].startswith("-") and getattr(known, "url", "") is None:
            known.url = rest.pop(0)
        return known, rest


def add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="the line: /dev/ttyUSB0, socket://host:port, see docs/scales.md"
    )
    parser.add_argument("--settings", type=Path, metavar="lane.toml", help="instead of URL and what follows")
    parser.add_argument("--protocol", metavar="P", help="see `weighpost-edge drivers`")
    parser.add_argument("--options", default="{}", metavar="JSON", help=OPTIONS_HELP)
    parser.add_argument("--line", default="9600 8N1", metavar='"9600 7E1"')
    parser.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])


def serial_settings(line: Line) -> SerialSettings:
    return SerialSettings(
        baud=line.baud, bits=line.bits, parity=line.parity, stop=line.stop, patience_ms=_PATIENCE_MS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A scale on a line.  `of_a_lane`: its settings are those of a lane, which enforces."""

    url: str
    row: Indicator | Weigher
    options: Any
    line: SerialSettings
    of_a_lane: bool = False

    async def open(self) -> Link:
        return await open_link(self.url, line=self.line, holder=HOLDER)


def target_of(given: argparse.Namespace) -> Target:
    """ConfigError names the argument at fault."""
    if given.settings is not None:
        scale = read_settings(Settings, given.settings).scale
        row = protocol(scale.driver)
        options = options_of(row, scale.options, "scale.options")
        return Target(url=scale.url, row=row, options=options, line=scale.serial, of_a_lane=True)
    refuse(
        must(given.url is not None, "URL", "is required, or --settings"),
        must(given.protocol is not None, "--protocol", "is required, or --settings"),
    )
    check_url(given.url)
    row = protocol(given.protocol)
    try:
        line = serial_settings(Line.of(given.line))
    except ConfigError as error:
        raise ConfigError.one("--line", error.faults[0][1]) from error
    return Target(url=given.url, row=row, options=options_of(row, json_of(given.options)), line=line)


def protocol(name: str) -> Indicator | Weigher:
    try:
        row: Indicator | Weigher = load_driver(name)
        return row
    except ConfigError as error:
        raise ConfigError.one("--protocol", error.faults[0][1]) from error


def json_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError.one("--options", f"is not JSON: {error}") from error
    except RecursionError as error:
        raise ConfigError.one("--options", "is nested too deep") from error


def check_seconds(seconds: float | None, *, least: float) -> None:
    """ConfigError for what is no time that anybody would wait."""
    good = seconds is None or least <= seconds <= LONGEST_S
    refuse(must(good, "--seconds", f"must be at least {least:g} and at most {LONGEST_S}, is {seconds}"))


def options_of(row: Indicator | Weigher, table: object, path: str = "--options") -> Any:
    try:
        return read_options(row, table)
    except ConfigError as error:
        raise under(path, error) from error
