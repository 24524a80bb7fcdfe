"""`dock`: take in the recorders that are mounted now, without a station; or what the station's docks have taken in."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal.console import Console, Verbs, printable, write, write_rows
from station.commands.shared import load_settings, needs_settings

if TYPE_CHECKING:
    from station.docking.board import Board, DockView
    from station.docking.listing import FileRow

DOCKED = (
    "at",
    "dock",
    "recorder",
    "model",
    "state",
    "clock_off_ms",
    "clock_err_ms",
    "free_kb",
    "files",
    "note",
)
FILES = (
    "name", "digest", "device", "officer", "start_own", "start_true", "error_ms", "duration_ms", "status",
)  # fmt: skip
WIDTH = 30


def add(verbs: Verbs) -> None:
    dock = verbs.add_parser("dock", help="take in recorders that are mounted now, or list what was docked")
    dock.add_argument(
        "--once", nargs="+", type=Path, metavar="PATH", help="folders of recorders to take in now"
    )
    dock.add_argument("--data", type=Path, default=Path("build/dock"), help="where to, with --once")
    dock.add_argument("--model", help="of the profiles; without it the names of the files tell")
    dock.add_argument("--profiles", help="folder with models of your own, TOML")
    dock.add_argument("--files", action="store_true", help="list files, not dockings")
    dock.add_argument("--most", type=int, default=200, help="how many, the newest")
    dock.add_argument(
        "--json", action="store_true", help="with --once one object a line, as each file is through"
    )
    needs_settings(dock)
    dock.set_defaults(run=_dock)


def _dock(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.once:
        return _once(arguments, console)
    return _list(arguments)


def _once(arguments: argparse.Namespace, console: Console) -> int:
    # Loaded here: the other verbs need none of it.
    from station.docking.once import problem_of, take_once
    from station.docking.profiles import load_profiles
    from station.docking.settings import Dock

    docks = [
        Dock(name=f"dock{number}", path=str(path), model=arguments.model)
        for number, path in enumerate(arguments.once, 1)
    ]
    profiles = load_profiles(arguments.profiles)
    profiles.require(arguments.model, at="--model")
    if not arguments.json:
        write("\t".join(FILES))
    board = asyncio.run(
        take_once(
            docks,
            data=arguments.data,
            profiles=profiles,
            clock=console.clock,
            told=_as_json if arguments.json else _as_line,
            shown=bars(sys.stderr.write) if sys.stderr.isatty() else lambda _board: None,
        )
    )
    if (problem := problem_of(board)) is not None:
        raise problem
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from station.docking.listing import dockings, files
    from station.footage.index import FootageIndex

    settings = load_settings(arguments.settings)
    own = settings.footage.folder if settings.footage else None
    index = FootageIndex((Path(own) if own else settings.folder / "footage") / "footage.db")
    if arguments.files:
        write_rows(files(index, most=arguments.most), FILES, as_json=arguments.json)
    else:
        write_rows(dockings(index, most=arguments.most), DOCKED, as_json=arguments.json)
    return 0


def _as_json(row: FileRow) -> None:
    write(msgspec.json.encode(row).decode())


def _as_line(row: FileRow) -> None:
    shown = [getattr(row, name) for name in FILES]
    write("\t".join("-" if one is None else printable(str(one)) for one in shown))


def bars(put: Callable[[str], object]) -> Callable[[Board], None]:
    """One bar a dock, drawn over themselves."""
    drawn = 0

    def show(board: Board) -> None:
        nonlocal drawn
        lines = [_bar(view) for view in board.docks.values()]
        put(f"\x1b[{drawn}A" if drawn else "")
        put("".join(f"\x1b[2K{line}\n" for line in lines))
        drawn = len(lines)

    return show


def _bar(view: DockView) -> str:
    full = WIDTH * view.done // view.size if view.size else WIDTH * (view.state == "collected")
    bar = "█" * full + "░" * (WIDTH - full)
    mb = f"{view.done >> 20}/{view.size >> 20} MB"
    said = f"{view.dock} {view.recorder or '-'} {bar} {mb} {view.done_files}/{view.files} {view.state} {view.name}"
    return printable(said)
