"""`scale capture`: has the running lane keep what its lines said lately, without taking a line away from it."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from edge.orders import FOLDER, leave, wait
from edge.settings import Settings
from journal.console import Console, Verbs, read_settings, write
from kernel.clock import Clock
from kernel.errors import RefusedError

ACT = "capture"
LONGEST_S = 600
_WAIT_S = 10


def add(verbs: Verbs) -> None:
    parser = verbs.add_parser("capture", help="have the running lane keep what its lines said lately")
    parser.add_argument("settings", type=Path, metavar="lane.toml")
    parser.add_argument("--seconds", type=int, default=60, help="how far back (60, at most 600)")
    parser.add_argument("--by", default=None, metavar="NAME", help="who asks; by default the user's name")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace, console: Console) -> int:
    settings = read_settings(Settings, given.settings)
    said = {"seconds": str(given.seconds), "by": given.by or _user()}
    write(asyncio.run(ask(Path(settings.data) / FOLDER, said, clock=console.clock)))
    return 0


async def ask(folder: Path, said: Mapping[str, str], *, clock: Clock) -> str:
    """What the lane kept, a line a file.  RefusedError: it does not run, or kept nothing."""
    seconds_and_by(said)
    try:
        path = leave(folder, {"act": ACT, "id": uuid.uuid4().hex, **said})
    except OSError as error:
        raise RefusedError(f"{folder}: {error.strerror}") from error
    answer = await wait(path, _WAIT_S, clock=clock, withdraw=True)
    if answer is None:
        raise RefusedError("the lane has not answered: is it running?")
    if answer.refused:
        raise RefusedError(answer.refused)
    return answer.done


def seconds_and_by(said: Mapping[str, str]) -> tuple[int, str]:
    """How far back, and who asks; RefusedError: the order is none."""
    seconds, by = said.get("seconds", ""), said.get("by", "").strip()
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 5 and 0 < int(seconds) <= LONGEST_S):
        raise RefusedError(f"seconds must be 1 to {LONGEST_S}, is {seconds[:20]!r}")
    if not 0 < len(by) <= 100:
        raise RefusedError("an order says by whom, in at most 100 characters")
    return int(seconds), by


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
