"""`enrol-token`, `boxes`, `revoke`: who may speak to this centre, decided at its terminal."""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass

from central.commands.shared import load_settings, needs_settings, open_database
from central.enrolment.service import new_token
from central.settings import Settings
from central.store.custody import CustodyStore
from central.store.engines import Database
from central.store.speakers import Enrolled, Revocation, Speakers
from journal.console import Console, Verbs, write, write_rows
from kernel.errors import ConfigError
from kernel.evidence.notes import decode_base64
from kernel.settings import must, refuse, token

_HOUR_MS = 3_600_000
_SOURCE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")
_COLUMNS = ("box", "source", "state", "journal", "size", "until_ms", "by", "reason", "public_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRow:
    """One box, or one bound of one of its journals."""

    box: str
    source: str | None
    state: str  # listed in the settings, enrolled over the wire, revoked
    journal: str | None = None
    size: int | None = None
    until_ms: int | None = None
    by: str | None = None
    reason: str | None = None
    public_key: str | None = None


def add(verbs: Verbs) -> None:
    given = verbs.add_parser("enrol-token", help="let one box ask for its certificates, once")
    given.add_argument("--box", required=True, metavar="NAME")
    given.add_argument("--source", help="its device path; needed unless the settings list the box")
    given.add_argument(
        "--host", action="append", default=[], help="where it serves others, as a station does"
    )
    given.add_argument("--hours", type=int, default=24)
    given.add_argument("--by", default="command-line", help="who let it in, for the journal")
    needs_settings(given)
    given.set_defaults(run=_token)
    boxes = verbs.add_parser("boxes", help="who may speak to this centre, and who may no more")
    boxes.add_argument("--json", action="store_true")
    needs_settings(boxes)
    boxes.set_defaults(run=_boxes)
    revoke = verbs.add_parser("revoke", help="believe nothing more of a box, or of a journal beyond a size")
    revoke.add_argument("--box", required=True, metavar="NAME")
    revoke.add_argument("--journal", metavar="ID")
    revoke.add_argument("--size", type=int, help="of the last checkpoint cosigned before the theft")
    revoke.add_argument("--reason", required=True)
    revoke.add_argument("--by", default="command-line", help="who decided it, for the journal")
    needs_settings(revoke)
    revoke.set_defaults(run=_revoke)


def _token(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    source = arguments.source or settings.register.sources.get(arguments.box, "")
    refuse(
        token("--box", arguments.box),
        must(arguments.box != settings.box, "--box", "is the centre itself"),
        must(bool(_SOURCE.fullmatch(source)), "--source", "must be a device path such as yiyuan/s01/lane1"),
        must(0 < arguments.hours <= 24 * 31, "--hours", "must be 1 to 744"),
    )
    secret, kept = new_token(
        box=arguments.box,
        source=source,
        hosts=arguments.host,
        life_ms=arguments.hours * _HOUR_MS,
        by=arguments.by,
        now_ms=console.clock.now_ms(),
    )
    with open_database(settings) as database:
        speakers = Speakers(database)
        if any(one.box == arguments.box and one.journal is None for one in speakers.revocations()):
            raise ConfigError.one("--box", f"{arguments.box} is revoked; choose another name")
        speakers.save_token(kept)
    write(f"{secret}\nroot {_fingerprint(settings)}")
    return 0


def _boxes(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database:
        rows = rows_of(settings, Speakers(database))
    write_rows(rows, _COLUMNS, as_json=arguments.json)
    return 0


def rows_of(settings: Settings, speakers: Speakers) -> list[BoxRow]:
    enrolled = {one.box: one for one in speakers.enrolled()}
    revocations = speakers.revocations()
    gone = {one.box for one in revocations if one.journal is None}
    names = sorted({box.name for box in settings.boxes} | enrolled.keys() | gone)
    listed = {box.name: box.source for box in settings.boxes}
    rows = [_row(name, enrolled.get(name), listed.get(name)) for name in names if name not in gone]
    return rows + [
        BoxRow(
            box=one.box,
            source=listed.get(one.box),
            state="revoked",
            journal=one.journal,
            size=one.size,
            by=one.by,
            reason=one.reason,
        )
        for one in revocations
    ]


def _row(name: str, enrolled: Enrolled | None, source: str | None) -> BoxRow:
    if enrolled is None:
        return BoxRow(box=name, source=source, state="listed")
    return BoxRow(
        box=name,
        source=enrolled.source,
        state="enrolled",
        until_ms=enrolled.not_after_ms,
        by=enrolled.by,
        public_key=enrolled.public_key,
    )


def _revoke(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    journal, size = arguments.journal, arguments.size
    refuse(
        token("--box", arguments.box),
        must((journal is None) == (size is None), "--size", "goes with --journal"),
        must(size is None or size >= 0, "--size", "must not be below 0"),
        must(arguments.box != settings.box, "--box", "is the centre itself"),
    )
    with open_database(settings) as database:
        known = _journals(database, arguments.box)
        if journal is not None and journal not in known:
            raise ConfigError.one("--journal", f"is not a journal of {arguments.box} that this centre holds")
        bounds = {journal: size} if journal is not None else known
        rows = [_revocation(arguments, console, at, bound) for at, bound in bounds.items()]
        if journal is None:
            rows.insert(0, _revocation(arguments, console, None, None))
        Speakers(database).revoke(rows)
    for row in rows:
        write(f"revoked {row.box}" + (f" journal {row.journal} beyond {row.size}" if row.journal else ""))
    return 0


def _revocation(
    arguments: argparse.Namespace, console: Console, journal: str | None, size: int | None
) -> Revocation:
    return Revocation(
        box=arguments.box,
        journal=journal,
        size=size,
        reason=arguments.reason,
        by=arguments.by,
        at_ms=console.clock.now_ms(),
    )


def _journals(database: Database, box: str) -> dict[str, int]:
    """Its journals and how far they are held now: what came before was taken in good faith."""
    return {head.journal: head.size for head in CustodyStore(database).heads() if head.box == box}


def _fingerprint(settings: Settings) -> str:
    return hashlib.sha256(decode_base64(settings.keys.root.public)).hexdigest()
