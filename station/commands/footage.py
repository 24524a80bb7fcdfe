"""`footage list`, `footage show`, `footage tags`: what this station holds of recordings, for a person or a program."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from journal.console import Console, Verbs, write, write_rows
from kernel.errors import ConfigError
from kernel.footage.bodies import FootageDerived, FootageImported, FootageLinked, FootageTagged
from station.commands import keeping, links
from station.commands.shared import load_settings, needs_settings
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.library import Known, Library
from station.footage.tags import Tag, standing
from station.queries import Queries
from station.settings import Settings

FILES = (
    "sha256",
    "kind",
    "name",
    "recorder",
    "officer",
    "own_start_ms",
    "true_start_ms",
    "err_ms",
    "duration_ms",
    "here",
)
TAGS = ("tag", "sha256", "from_ms", "to_ms", "kind", "value", "by", "at_ms", "taken_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recording."""

    sha256: str
    kind: str
    name: str
    recorder: str | None
    officer: str | None
    own_start_ms: int | None
    true_start_ms: int | None
    err_ms: int | None
    duration_ms: int | None
    here: bool


def add(verbs: Verbs) -> None:
    footage = verbs.add_parser("footage", help="recordings of recorders, and what was made and said of them")
    kinds = footage.add_subparsers(required=True, metavar="VERB")
    listed = kinds.add_parser("list", help="every recording, and what was made of it")
    listed.set_defaults(run=_list)
    show = kinds.add_parser("show", help="one recording: its times, marks, links and copies")
    show.add_argument("sha256")
    show.set_defaults(run=_show)
    tags = kinds.add_parser("tags", help="marks on recordings, those that were taken back included")
    tags.add_argument("sha256", nargs="?")
    tags.set_defaults(run=_tags)
    keeping.add_to(kinds)
    links.add_to(kinds)
    for parser in (listed, show, tags):
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)


def _list(arguments: argparse.Namespace, _console: Console) -> int:
    library = _library(load_settings(arguments.settings))
    write_rows(list(_rows(library)), FILES, as_json=arguments.json)
    return 0


def _show(arguments: argparse.Namespace, _console: Console) -> int:
    library = _library(load_settings(arguments.settings))
    known = library.known(arguments.sha256)
    if known is None:
        raise ConfigError.one("sha256", "no recording of this station")
    sha256 = known.sha256
    told = {
        "file": _row(library, known),
        "problems": known.problems,
        "sources": known.sources,
        "how": known.how,
        "tags": standing(one for one in library.index.of(FootageTagged, sha256=sha256)),
        "links": [one.body for one in library.index.of(FootageLinked, sha256=sha256)],
        "made": library.made_of(sha256),
    }
    text = msgspec.json.encode(told)
    write((text if arguments.json else msgspec.json.format(text)).decode())
    return 0


def _tags(arguments: argparse.Namespace, _console: Console) -> int:
    library = _library(load_settings(arguments.settings))
    tags: list[Tag] = standing(library.index.of(FootageTagged, sha256=arguments.sha256))
    write_rows(tags, TAGS, as_json=arguments.json)
    return 0


def _rows(library: Library) -> Iterator[Row]:
    said = [one.body for one in library.index.of(FootageImported)]
    digests = [body.sha256 for body in said if body.sha256]
    digests += [one.body.sha256 for one in library.index.of(FootageDerived)]
    for sha256 in dict.fromkeys(digests):
        if (known := library.known(sha256)) is not None:
            yield _row(library, known)


def _row(library: Library, known: Known) -> Row:
    start = known.start
    return Row(
        sha256=known.sha256,
        kind=known.kind,
        name=known.name,
        recorder=known.recorder,
        officer=known.officer,
        own_start_ms=known.own_start_ms,
        true_start_ms=start.true_ms if start else None,
        err_ms=start.err_ms if start else None,
        duration_ms=known.duration_ms,
        here=library.path(known.sha256) is not None,
    )


def _library(settings: Settings) -> Library:
    """Of a station that runs or not; it is read only."""
    if settings.footage is None:
        raise ConfigError.one("footage", "is not set: no recorders are taken in here")
    folder = Path(settings.footage.folder) if settings.footage.folder else settings.folder / "footage"
    if not (folder / "footage.db").exists():
        raise ConfigError.one("footage.folder", "nothing is there: the station has not run yet")
    queries = Queries(settings.folder / "station.db")
    return Library(
        FootageIndex(folder / "footage.db"),
        originals=DigestFolder(folder / "originals"),
        derived=DigestFolder(folder / "derived"),
        spans=Lying(settings.folder / "own-files"),
        clips=Lying(settings.folder / "files"),
        clip=queries.clip,
    )


class Lying:
    """Files under their digests in folders of whatever name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path | None:
        return next((path for path in self._folder.glob(f"*/{sha256}") if path.is_file()), None)
