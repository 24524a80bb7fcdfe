"""`instrument`: what is known of a lane's scale, and what the centre says of it, on a terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from central.commands.asking import asking
from central.commands.shared import load_settings, needs_settings
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError
from kernel.law.instrument_acts import ACTS, AT_THE_BOX, certificate_of, moment_ms
from web import times


def add(verbs: Verbs) -> None:
    acts = verbs.add_parser(
        "instrument", help="the scale of a lane: certificate, seals, shifts"
    ).add_subparsers(required=True)
    show = acts.add_parser("show", help="what a lane has said of its scale")
    show.add_argument("box")
    show.add_argument("--json", action="store_true")
    needs_settings(show)
    show.set_defaults(run=_show)
    say = acts.add_parser("say", help="say something of the scale to its lane, which decides")
    say.add_argument("box")
    say.add_argument("act", choices=[act for act in ACTS if act not in AT_THE_BOX])
    say.add_argument("--by", required=True, metavar="NAME", help="whose act it is")
    say.add_argument("--certificate", type=Path, metavar="certificate.toml")
    say.add_argument("--seal", default="", metavar="NUMBER")
    say.add_argument("--at", metavar="'YYYY-MM-DD HH:MM'", help="since when, in China; without it now")
    say.add_argument("--note", default="")
    needs_settings(say)
    say.set_defaults(run=_say)


def _show(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    with asking(settings, role="viewer", clock=console.clock) as centre:
        found = centre.get(f"/boxes/{arguments.box}/instruments")
    if arguments.json:
        write(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        waiting = [_waiting(order) for order in (found[0]["waiting"] if found else ())]
        write("\n".join([*map(_line, found), *waiting]) or "nothing is known of a scale there")
    return 0


def _line(instrument: dict[str, Any]) -> str:
    number = (instrument["certificate"] or {}).get("number", "none")
    standing = ", ".join(instrument["reasons"]) or "evidence"
    return f"{instrument['device'] or 'no scale known'}: certificate {number}: {standing}"


def _waiting(order: dict[str, Any]) -> str:
    since = f" since {times.stamp(order['at_ms'])}" if order["at_ms"] is not None else ""
    return f"waits for the box to accept it: {order['act']}{since}, by {order['by']}"


def _say(arguments: argparse.Namespace, console: Console) -> int:
    said: dict[str, Any] = {"act": arguments.act, "seal": arguments.seal, "note": arguments.note}
    if arguments.at is not None:
        said["at_ms"] = moment_ms("--at", arguments.at)
    if arguments.certificate is not None:
        said["certificate"] = _certificate(arguments.certificate)
    settings = load_settings(arguments.settings)
    with asking(settings, role="admin", clock=console.clock, by=arguments.by) as centre:
        ref = centre.post(f"/boxes/{arguments.box}/instruments", said)
    write(f"{ref['journal']}/{ref['seq']}")
    return 0


def _certificate(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), f"cannot be read: {error}") from error
    return msgspec.to_builtins(certificate_of(str(path), text))
