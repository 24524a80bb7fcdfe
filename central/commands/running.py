"""`run`: the centre itself; `renew-journal`: what it obeys while it runs, or at its next start."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from central.commands.shared import load_settings, needs_settings
from journal import renew_verb
from journal.console import Console, Verbs, write
from journal.logs import log_as_json


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("run", help="run the centre until stopped")
    parser.add_argument("settings", type=Path, metavar="central.toml")
    parser.set_defaults(run=_run)
    renew = verbs.add_parser(
        "renew-journal", help="close the journal and open the next, soon or at the next start"
    )
    needs_settings(renew)
    renew_verb.options(renew)
    renew.set_defaults(run=_renew)


def _renew(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    write(renew_verb.order(settings.folder / "journal", arguments))
    return 0


def _run(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    # Loaded here: the other verbs need neither pages nor broker.
    from central.pages.routes import mount
    from central.running import run

    log_as_json(settings.log_level)
    asyncio.run(run(settings, clock=console.clock, mounts=[mount], ready=_ready))
    return 0


def _ready(address: str) -> None:
    write(f"ready {address}")
