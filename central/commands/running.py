"""`run`: the centre itself."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from central.commands.shared import load_settings
from journal.console import Console, Verbs, write
from journal.logs import log_as_json


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("run", help="run the centre until stopped")
    parser.add_argument("settings", type=Path, metavar="central.toml")
    parser.set_defaults(run=_run)


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
