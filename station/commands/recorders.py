"""`recorders ...`: the register of recorders 执法记录仪, who has which, who is on duty, and what is known of their clocks."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from journal.console import Console, Verbs, write, write_rows
from kernel.footage.bodies import AnchorKind, ClockAnchored, DutyKept
from kernel.footage.register import shifts
from station.commands.asking import asking
from station.commands.shared import load_settings, needs_settings
from station.footage import recorders
from station.footage.index import FootageIndex
from station.settings import Settings

ROWS = (
    "recorder",
    "registered",
    "model",
    "unit",
    "status",
    "holder",
    "docked_ms",
    "clock_ahead_ms",
    "clock_err_ms",
    "free_kb",
    "conflicts",
)
MISSING = ("day", "officer", "shift_from_ms", "shift_to_ms", "recorder")
SHIFTS = ("officer", "from_ms", "to_ms")
ANCHORS = ("kind", "own_ms", "true_ms", "err_ms", "by", "note", "sha256")


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `recorders anchors`."""

    kind: AnchorKind
    own_ms: int
    true_ms: int
    err_ms: int
    by: str
    note: str
    sha256: str | None


def add(verbs: Verbs) -> None:
    kinds = verbs.add_parser("recorders", help="register, issue and return, duty and clocks of recorders")
    kinds = kinds.add_subparsers(required=True, metavar="VERB")
    _add_listings(kinds)
    _add_acts(kinds)


def footage_index(settings: Settings) -> FootageIndex:
    """What was said of footage here; a station that takes in none has an empty one."""
    own = settings.footage.folder if settings.footage else None
    folder = settings.folder / "footage" if own is None else Path(own)
    return FootageIndex(folder / "footage.db")


def _add_listings(kinds: Verbs) -> None:
    for name, run, text in (
        ("list", _list, "the register as it stands"),
        ("missing", _missing, "shifts that are over and of which no footage is here"),
        ("shifts", _shifts, "who was on duty when"),
        ("anchors", _anchors, "what is known of one recorder's clock"),
    ):
        parser = kinds.add_parser(name, help=text)
        if name == "anchors":
            parser.add_argument("recorder")
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)
        parser.set_defaults(run=run)


def _add_acts(kinds: Verbs) -> None:
    register = _act(
        kinds, "register", "write a recorder into the register, or change what it says", _register
    )
    register.add_argument("recorder")
    register.add_argument("--model", required=True)
    register.add_argument("--unit", required=True)
    register.add_argument("--status", choices=("in_use", "repair", "lost", "retired"), default="in_use")
    register.add_argument("--note", default="")
    for name, text in (("issue", "an officer takes a recorder"), ("return", "an officer gives one back")):
        parser = _act(kinds, name, text, _hand)
        parser.add_argument("recorder")
        parser.add_argument("officer", help="the name of the account")
        parser.set_defaults(address=f"/recorders/{name}")
    duty = _act(kinds, "duty", "a shift of one's own begins or ends", _duty)
    duty.add_argument("act", choices=("begun", "ended"))
    anchor = _act(kinds, "anchor", "tell what a recorder's clock showed at a known time", _anchor)
    anchor.add_argument("recorder")
    anchor.add_argument("--own", required=True, metavar="TIME", help="as it showed: 2026-08-28 14:03:07")
    anchor.add_argument("--true", required=True, metavar="TIME")
    anchor.add_argument("--err", required=True, metavar="SECONDS", help="off by at most")
    anchor.add_argument("--reason", required=True)
    seen = _act(kinds, "seen", "a moment of a file is a passage that leaves the scale", _seen)
    seen.add_argument("sha256")
    seen.add_argument("at", help="place in the file: 12:34")
    seen.add_argument("passage", help="BOX/PASSAGE")
    seen.add_argument("--reason", required=True)


def _act(kinds: Verbs, name: str, text: str, run: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=text)
    parser.add_argument("--by", required=True, metavar="ACCOUNT")
    needs_settings(parser)
    parser.set_defaults(run=run)
    return parser


# --- listings ----------------------------------------------------------------------------------------------------


def _list(given: argparse.Namespace, _console: Console) -> int:
    write_rows(recorders.rows(_index(given)), ROWS, as_json=given.json)
    return 0


def _missing(given: argparse.Namespace, console: Console) -> int:
    days = recorders.missing(_index(given), now_ms=console.clock.now_ms())
    write_rows(days, MISSING, as_json=given.json)
    return 0


def _shifts(given: argparse.Namespace, _console: Console) -> int:
    kept = shifts(one.body for one in _index(given).of(DutyKept))
    write_rows(kept, SHIFTS, as_json=given.json)
    return 0


def _anchors(given: argparse.Namespace, _console: Console) -> int:
    said = [one.body for one in _index(given).of(ClockAnchored, recorder=given.recorder)]
    rows = [
        Anchor(
            kind=one.anchor.kind,
            own_ms=one.anchor.own_ms,
            true_ms=one.anchor.true_ms,
            err_ms=one.anchor.err_ms,
            by=one.by,
            note=one.note,
            sha256=one.sha256,
        )
        for one in said
    ]
    write_rows(rows, ANCHORS, as_json=given.json)
    return 0


def _index(given: argparse.Namespace) -> FootageIndex:
    return footage_index(load_settings(given.settings))


# --- acts, said by the running station ---------------------------------------------------------------------------


def _register(given: argparse.Namespace, console: Console) -> int:
    body = {name: getattr(given, name) for name in ("recorder", "model", "unit", "status", "note")}
    return _say(given, console, "/recorders/register", body)


def _hand(given: argparse.Namespace, console: Console) -> int:
    return _say(given, console, given.address, {"recorder": given.recorder, "officer": given.officer})


def _duty(given: argparse.Namespace, console: Console) -> int:
    return _say(given, console, f"/recorders/duty/{given.act}", {})


def _anchor(given: argparse.Namespace, console: Console) -> int:
    body = {"recorder": given.recorder, "own": given.own, "true": given.true, "err_s": given.err}
    return _say(given, console, "/recorders/anchor", body | {"note": given.reason})


def _seen(given: argparse.Namespace, console: Console) -> int:
    body = {"sha256": given.sha256, "at": given.at, "passage": given.passage, "note": given.reason}
    return _say(given, console, "/recorders/anchor/passage", body)


def _say(given: argparse.Namespace, console: Console, path: str, body: object) -> int:
    with asking(load_settings(given.settings), by=given.by, clock=console.clock) as station:
        said = station.post(path, body)
    entry = said["entry"]
    write(f"entry {entry['seq']} of journal {entry['journal']}")
    return 0
