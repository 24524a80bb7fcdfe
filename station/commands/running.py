"""`run`: the station itself."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from journal.console import Console, Verbs, write
from station.commands.shared import load_settings


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("run", help="run the station until stopped")
    parser.add_argument("settings", type=Path, metavar="station.toml")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    # Loaded here: the other verbs need neither pages nor broker.
    from journal.logs import log_as_json
    from station.running import run

    log_as_json(settings.log_level)
    asyncio.run(run(settings, clock=console.clock, ready=lambda address: write(f"ready {address}")))
    return 0
