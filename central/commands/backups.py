"""`backup` and `restore`: the store on another disk, and back."""

from __future__ import annotations

import argparse
import importlib.metadata
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from central import keyring
from central.commands.shared import load_settings, needs_settings, open_database
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError, FullError, RefusedError
from kernel.evidence.notes import encode_base64


def add(verbs: Verbs) -> None:
    backup = verbs.add_parser(
        "backup", help="copy the store, while it runs; what a finished backup holds is kept"
    )
    backup.add_argument("folder", type=Path, metavar="DIR", help="on another disk")
    backup.add_argument("--keep", type=int, default=7, metavar="N", help="how many backups stay (7)")
    restore = verbs.add_parser(
        "restore", help="put a store back, under its next name, into an empty data folder"
    )
    restore.add_argument("folder", type=Path, metavar="DIR")
    restore.add_argument("--backup", metavar="NAME", help="the newest if not given")
    for parser in (backup, restore):
        parser.add_argument("--json", action="store_true")
        needs_settings(parser)
    backup.set_defaults(run=_backup)
    restore.set_defaults(run=_restore)


def _backup(arguments: argparse.Namespace, console: Console) -> int:
    from central.backups.making import make

    if arguments.keep < 1:
        raise ConfigError.one("--keep", "must be above 0")
    settings = load_settings(arguments.settings)
    with _disk_faults(arguments.folder), open_database(settings) as database:
        made = make(
            arguments.folder,
            settings=settings,
            keys=keyring.load(settings),
            database=database,
            software=_software(),
            now_ms=console.clock.now_ms(),
            keep_last=arguments.keep,
        )
    if arguments.json:
        write(msgspec.json.encode(made).decode())
        return 0
    write(
        f"{made.name}: {made.journals} journals, {made.entries} entries, {made.files} files, {made.bytes} bytes;"
        f" {made.new_files} files were new"
    )
    if made.missing:
        write(f"{made.missing} files are not on the centre's disk and not in the backup")
    if made.same_disk:
        write("it lies on the same file system as the data: it is lost together with it")
    return 0


def _restore(arguments: argparse.Namespace, console: Console) -> int:
    from central.backups.restoring import restore

    settings = load_settings(arguments.settings)
    keys = keyring.load(settings)
    with _disk_faults(arguments.folder):
        restored = restore(
            arguments.folder,
            name=arguments.backup,
            settings=settings,
            keys=keys,
            software=_software(),
            clock=console.clock,
        )
    if arguments.json:
        write(msgspec.json.encode(restored).decode())
        return 1 if restored.damaged else 0
    write(
        f"{restored.backup}: {restored.entries} entries of {restored.journals} journals, {restored.files} files"
    )
    write(
        f"{restored.before} goes on as {restored.store}; what came after the backup comes again from the boxes"
    )
    if not restored.vouched:
        public = encode_base64(keys.store.public)
        write(
            f'its certificate is not here: pin store_id = "{restored.store}", store_public = "{public}" in every box'
        )
    for sha256 in restored.damaged:
        write(f"damaged in the backup: {sha256}")
    return 1 if restored.damaged else 0


@contextmanager
def _disk_faults(folder: Path) -> Iterator[None]:
    """What is wrong with a disk is for a person to see, not a fault of ours; nothing counts that was not finished."""
    try:
        yield
    except (OSError, sqlite3.Error, FullError) as error:
        raise RefusedError(f"{folder}: not finished: {error}") from error


def _software() -> str:
    return importlib.metadata.version("weighpost")
