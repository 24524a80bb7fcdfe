"""`evidence export`, `journal export`, `slip`: proof taken out of the running centre, so that it is an entry there first."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

from central.commands.asking import Centre, asking
from central.commands.shared import load_settings, needs_settings
from journal.console import Console, Verbs, write
from kernel.errors import RefusedError
from web.accounts import Role

_NO_PASSAGE = "no such passage"


def add(verbs: Verbs) -> None:
    verb = verbs.add_parser("evidence", help="evidence packages").add_subparsers(required=True)
    export = verb.add_parser("export", help="write the package of one passage or case")
    export.add_argument("what", metavar="PASSAGE|CASE")
    export.add_argument("--case", action="store_true", help="it is a case, also if a passage has that name")
    export.add_argument("--box", help="of a passage: needed only if two boxes chose the same id")
    export.add_argument("--out", type=Path, metavar="FILE", help="NAME.zip here if not given")
    needs_settings(export)
    export.set_defaults(run=_export)
    _add_journal(verbs)
    _add_slip(verbs)


def _add_journal(verbs: Verbs) -> None:
    verb = verbs.add_parser("journal", help="whole journals").add_subparsers(required=True)
    export = verb.add_parser("export", help="write a journal to a file for weighpost-verify journal")
    export.add_argument("journal", metavar="ID")
    export.add_argument("file", type=Path, metavar="FILE")
    needs_settings(export)
    export.set_defaults(run=_journal)


def _add_slip(verbs: Verbs) -> None:
    slip = verbs.add_parser("slip", help="the code to print on a slip about an entry")
    slip.add_argument("journal")
    slip.add_argument("seq", type=int)
    slip.add_argument("--svg", type=Path, metavar="FILE", help="also write the QR code as an image")
    needs_settings(slip)
    slip.set_defaults(run=_slip)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    path = arguments.out or Path(f"{arguments.what}.zip")
    name = quote(arguments.what, safe="")
    with _asking(arguments, "operator", console) as centre:
        if arguments.case or not _passage(centre, name, arguments.box, path):
            centre.download(f"/cases/{name}/package", path)
    write(str(path))
    return 0


def _passage(centre: Centre, name: str, box: str | None, path: Path) -> bool:
    """False when there is no such passage: then it is a case."""
    try:
        centre.download(f"/passages/{name}/package", path, box=box)
    except RefusedError as error:
        if box is None and _NO_PASSAGE in str(error):
            return False
        raise
    return True


def _journal(arguments: argparse.Namespace, console: Console) -> int:
    with _asking(arguments, "auditor", console) as centre:
        centre.download(f"/journals/{quote(arguments.journal, safe='')}/export", arguments.file)
    write(str(arguments.file))
    return 0


def _slip(arguments: argparse.Namespace, console: Console) -> int:
    with _asking(arguments, "operator", console) as centre:
        said = centre.post(f"/events/{quote(arguments.journal, safe='')}/{arguments.seq}/slip", {})
    if arguments.svg is not None:
        arguments.svg.write_text(said["qr_svg"], "utf-8")
    write(said["payload"])
    return 0


def _asking(arguments: argparse.Namespace, role: Role, console: Console) -> AbstractContextManager[Centre]:
    return asking(load_settings(arguments.settings), role=role, clock=console.clock)
