"""A journal's folder: which journal is the current one, its key and its head file; doubtful ones are kept, not opened.

    lock  current  cursor.db  0001/{journal.db, journal.key, head}  0002/...

A successor is made whole in the next folder before `current` names it, so a crash at any point leaves one current
journal.  `head` says how far the journal had come; it betrays a database that was rolled back.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from journal.database import DoubtError, JournalFile, NewEntry, Reader, doubting
from journal.keys import SigningKey, sync_folder, write_durably
from kernel.errors import ConfigError, FullError, ProtocolError, RefusedError, RestartError
from kernel.events import Predecessor
from kernel.evidence import header
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint

log = logging.getLogger(__name__)

Genesis = Callable[[SigningKey, Predecessor | None], NewEntry]
Recover = Callable[[JournalFile, "Doubted"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A journal that was closed because its disk did not tell what it had signed."""

    folder: Path
    reason: str
    predecessor: Predecessor


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    folder: Path
    file: JournalFile
    doubted: Doubted | None = None


class HeadFile:
    """The newest checkpoint beside the database, overwritten in place after each commit."""

    WIDTH = 1024

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def write(self, checkpoint: str) -> None:
        os.pwrite(self._descriptor, checkpoint.encode().ljust(self.WIDTH, b"\0"), 0)

    def close(self) -> None:
        os.close(self._descriptor)


def open_current(folder: Path, *, genesis: Genesis, recover: Recover) -> Opened:
    """The current journal, verified; on any doubt a successor that holds what could be recovered."""
    number = _current(folder)
    if number is None:
        return _create(folder, 1, genesis=genesis)
    inside = folder / f"{number:04d}"
    try:
        file = _open(inside)
    except DoubtError as error:
        doubted = Doubted(folder=inside, reason=error.problem, predecessor=_last_known(inside))
        log.warning("journal in doubt", extra={"folder": str(inside), "reason": error.problem})
        return _create(folder, number + 1, genesis=genesis, doubted=doubted, recover=recover)
    return Opened(folder=inside, file=file)


def _current(folder: Path) -> int | None:
    path = folder / "current"
    if not path.exists():
        return None
    text = path.read_text().strip()
    if not text.isdecimal():
        raise RefusedError(f"{path} does not name a journal: {text[:40]!r}")
    return int(text)


def _create(
    folder: Path,
    number: int,
    *,
    genesis: Genesis,
    doubted: Doubted | None = None,
    recover: Recover | None = None,
) -> Opened:
    # A folder left by a crash before `current` named it may hold a key; it is never used and never overwritten.
    while (inside := folder / f"{number:04d}").exists():
        number += 1
    inside.mkdir(mode=0o700)
    sync_folder(folder)
    try:
        file = _fill(inside, genesis=genesis, doubted=doubted, recover=recover)
        write_durably(folder / "current", f"{number:04d}\n".encode())
    except (OSError, FullError, RestartError):
        shutil.rmtree(inside)  # without room each start would leave one more
        raise
    return Opened(folder=inside, file=file, doubted=doubted)


def _fill(inside: Path, *, genesis: Genesis, doubted: Doubted | None, recover: Recover | None) -> JournalFile:
    key = SigningKey.generate(kind="journal", name="new")
    key.name = header.journal_id(key.public)
    key.save(inside / "journal.key")
    file = JournalFile(inside / "journal.db", key=key, create=True)
    try:
        file.commit([genesis(key, doubted.predecessor if doubted else None)])
        if doubted and recover:
            recover(file, doubted)
    except BaseException:
        file.close()
        raise
    return file


def mark_doubted(inside: Path, reason: str) -> None:
    write_durably(inside / "doubted", f"{reason}\n".encode())


def _open(inside: Path) -> JournalFile:
    mark = inside / "doubted"
    if mark.exists():
        raise DoubtError(mark.read_text(errors="replace").strip() or "marked")
    file = JournalFile(inside / "journal.db", key=_journal_key(inside))
    try:
        _compare_with_head(inside, file)
    except BaseException:
        file.close()
        raise
    return file


def _journal_key(inside: Path) -> SigningKey:
    try:
        return SigningKey.load(inside / "journal.key", kind="journal")
    except ConfigError as error:
        raise DoubtError(f"journal key: {error}") from error


def _compare_with_head(inside: Path, file: JournalFile) -> None:
    """The head file may be behind (it is written later) but never ahead, and never elsewhere."""
    note = _head_note(inside)
    try:
        found = Checkpoint.open(note, journal=file.journal, public_key=file.key.public)
    except ProtocolError:
        # Not there yet, or torn by a power cut: the database has proven itself.
        log.warning("head file missing or unreadable", extra={"folder": str(inside)})
        return
    if found.size > file.size:
        raise DoubtError(f"rolled back: the head file knows {found.size} entries, the database {file.size}")
    if found.root != file.root_at(found.size):
        raise DoubtError("the head file was signed over another past")


def _last_known(inside: Path) -> Predecessor:
    """What the doubted journal last said of itself; it names the predecessor, it proves nothing."""
    for note in (_head_note(inside), _database_note(inside)):
        try:
            said = Checkpoint.parse(Note.parse(note).text)
        except ProtocolError:
            continue
        return Predecessor(id=said.journal, size=said.size, root=said.root.hex())
    raise RefusedError(f"{inside}: neither head file nor database says which journal this was")


def _head_note(inside: Path) -> str:
    path = inside / "head"
    return path.read_bytes().rstrip(b"\0").decode(errors="replace") if path.exists() else ""


def _database_note(inside: Path) -> str:
    try:
        with doubting("cannot be read"), closing(Reader(inside / "journal.db")) as reader:
            return reader.checkpoint()
    except DoubtError:
        return ""
