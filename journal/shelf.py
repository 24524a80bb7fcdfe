"""A journal's folder: which journal is the current one, and what became of those that it continues.

    lock  current  cursor.db  0001/{journal.db, journal.key, head}  0002/...

A successor is made whole in the next folder before `current` names it, so a crash at any point leaves one current
journal.  `head` says how far a journal had come; it betrays a database that was rolled back.  Empty or short files in
the folder of a journal say the rest: `renew` (an operator wants the next one), `doubted` (why it is not believed),
`recovered` (what it held is in a later one), `unused` (left by a crash, never a journal).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from journal.database import DoubtError, JournalFile, NewEntry, Reader, StoredEntry, doubting
from journal.keys import SigningKey, sync_folder, write_durably
from kernel.errors import ConfigError, FullError, ProtocolError, RefusedError, RestartError
from kernel.events import Predecessor
from kernel.evidence import header
from kernel.evidence.frames import HelloJournal
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint

log = logging.getLogger(__name__)

REASON = 200  # characters of a doubt

Genesis = Callable[[SigningKey, Predecessor | None], NewEntry]
Owns = Callable[[StoredEntry], None]
Recover = Callable[[JournalFile, "Doubted"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A journal that was closed because its disk did not tell what it had signed, or because its box is another."""

    folder: Path
    reason: str
    predecessor: Predecessor


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A journal that was closed in order; those who do not have it yet get it from here."""

    folder: Path
    key: SigningKey
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`before`: what the current journal continues, oldest first, as far as it is here.

    What is doubted is only what can be said of it: a checkpoint and a genesis, signed when it was not yet in doubt.
    """

    folder: Path
    file: JournalFile
    doubted: Doubted | None = None
    before: tuple[Closed | HelloJournal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the shelf begins a journal, whose it must be, and how it saves what is in doubt."""

    genesis: Genesis
    owns: Owns  # DoubtError when this genesis is another's
    recover: Recover


class HeadFile:
    """The newest checkpoint beside the database, overwritten in place after each commit."""

    WIDTH = 1024

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def write(self, checkpoint: str) -> None:
        os.pwrite(self._descriptor, checkpoint.encode().ljust(self.WIDTH, b"\0"), 0)

    def close(self) -> None:
        os.close(self._descriptor)


def open_current(folder: Path, rules: Rules) -> Opened:
    """The current journal, verified; on any doubt a successor that holds what could be recovered."""
    for left in folder.glob("*.removed"):
        shutil.rmtree(left)
    number = _current(folder)
    if number is None:
        return _create(folder, 1, rules.genesis)
    inside = folder / f"{number:04d}"
    doubted = None
    try:
        file = _open(inside, rules.owns)
    except DoubtError as error:
        doubted = _doubt(inside, error.problem)
        opened = _create(folder, number + 1, rules.genesis, doubted=doubted, recover=rules.recover)
        inside, file = opened.folder, opened.file
        _mark(doubted.folder, "recovered")
    try:
        before = _before(inside, file, rules)
    except BaseException:
        file.close()
        raise
    return Opened(folder=inside, file=file, doubted=doubted, before=before)


def succeed(inside: Path, file: JournalFile, genesis: Genesis) -> Opened:
    """Close this journal, which is whole, and open the next.

    FullError, OSError, RestartError: it could not be made, and `is_current` tells whether the old one goes on.
    """
    predecessor = Predecessor(id=file.journal, size=file.size, root=file.frontier.root().hex())
    return _create(inside.parent, int(inside.name) + 1, genesis, predecessor=predecessor)


def is_current(inside: Path) -> bool:
    return _current(inside.parent) == int(inside.name)


def order_renewal(folder: Path) -> str:
    """An operator wants the next journal: the running process opens it, or its next start.  What to tell him.

    RefusedError: there is no journal.
    """
    number = _current(folder)
    if number is None:
        raise RefusedError(f"{folder} holds no journal")
    write_durably(renewal_order(folder / f"{number:04d}"), b"")
    return f"journal {number:04d} is closed and the next opened at the next quiet moment, or start"


def order_doubt(folder: Path, reason: str, *, journal: str | None = None) -> str:
    """An operator believes a journal no more, the current one by default: the next start says again what is not kept.

    RefusedError: there is no such journal, it has been continued already, or no reason is given.
    """
    number = _current(folder)
    if number is None:
        raise RefusedError(f"{folder} holds no journal")
    if not reason.strip():
        raise RefusedError("a doubt needs its reason")
    current = folder / f"{number:04d}"
    for inside in (current, *_folders_before(current)):
        known = _last_known(inside).id
        if journal in (None, known):
            if (inside / "recovered").exists():
                raise RefusedError(f"journal {known} has been continued already")
            mark_doubted(inside, reason.strip()[:REASON])
            return f"journal {known} is continued by another at the next start: restart now"
    raise RefusedError(f"{folder} holds no journal {journal}")


def renewal_order(inside: Path) -> Path:
    """Is there when an operator wants the next journal."""
    return inside / "renew"


def mark_doubted(inside: Path, reason: str) -> None:
    write_durably(inside / "doubted", f"{reason}\n".encode())


def remove(inside: Path) -> None:
    """Blocking.  Nothing half-removed is ever taken for a journal."""
    gone = inside.with_name(inside.name + ".removed")
    inside.rename(gone)
    sync_folder(inside.parent)
    shutil.rmtree(gone)


# --- beginning -------------------------------------------------------------------------------------------------


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
    genesis: Genesis,
    *,
    predecessor: Predecessor | None = None,
    doubted: Doubted | None = None,
    recover: Recover | None = None,
) -> Opened:
    # A folder left by a crash before `current` named it may hold a key; it is never used and never overwritten.
    while (inside := folder / f"{number:04d}").exists():
        _mark(inside, "unused")
        number += 1
    inside.mkdir(mode=0o700)
    sync_folder(folder)
    named = doubted.predecessor if doubted else predecessor
    try:
        file = _fill(inside, lambda key: genesis(key, named), doubted=doubted, recover=recover)
        write_durably(folder / "current", f"{number:04d}\n".encode())
    except (OSError, FullError, RestartError):
        if _current(folder) != number:
            shutil.rmtree(inside)  # without room each start would leave one more
        raise
    return Opened(folder=inside, file=file, doubted=doubted)


def _fill(
    inside: Path,
    genesis: Callable[[SigningKey], NewEntry],
    *,
    doubted: Doubted | None,
    recover: Recover | None,
) -> JournalFile:
    key = SigningKey.generate(kind="journal", name="new")
    key.name = header.journal_id(key.public)
    key.save(inside / "journal.key")
    file = JournalFile(inside / "journal.db", key=key, create=True)
    try:
        file.commit([genesis(key)])
        if doubted and recover:
            recover(file, doubted)
    except BaseException:
        file.close()
        raise
    return file


# --- opening ---------------------------------------------------------------------------------------------------


def _open(inside: Path, owns: Owns) -> JournalFile:
    _check_mark(inside)
    file = JournalFile(inside / "journal.db", key=_journal_key(inside))
    try:
        owns(file.genesis())
        _compare_with_head(inside, file.frontier.size, file.journal, file.key, root_at=file.root_at)
    except BaseException:
        file.close()
        raise
    return file


def _check_mark(inside: Path) -> None:
    mark = inside / "doubted"
    if mark.exists():
        raise DoubtError(mark.read_text(errors="replace").strip() or "marked")


def _journal_key(inside: Path) -> SigningKey:
    try:
        return SigningKey.load(inside / "journal.key", kind="journal")
    except ConfigError as error:
        raise DoubtError(f"journal key: {error}") from error


def _compare_with_head(
    inside: Path, size: int, journal: str, key: SigningKey, *, root_at: Callable[[int], bytes]
) -> None:
    """The head file may be behind (it is written later) but never ahead, and never elsewhere."""
    note = _head_note(inside)
    try:
        found = Checkpoint.open(note, journal=journal, public_key=key.public)
    except ProtocolError:
        # Not there yet, or torn by a power cut: the database has proven itself.
        log.warning("head file missing or unreadable", extra={"folder": str(inside)})
        return
    if found.size > size:
        raise DoubtError(f"rolled back: the head file knows {found.size} entries, the database {size}")
    if found.root != root_at(found.size):
        raise DoubtError("the head file was signed over another past")


def _doubt(inside: Path, reason: str) -> Doubted:
    """The mark is durable before anything is done about it, so that nobody believes this journal again."""
    doubted = Doubted(folder=inside, reason=reason, predecessor=_last_known(inside))
    log.warning("journal in doubt", extra={"folder": str(inside), "reason": reason})
    if not (inside / "doubted").exists():
        mark_doubted(inside, reason)
    return doubted


# --- what came before ------------------------------------------------------------------------------------------


def _before(inside: Path, file: JournalFile, rules: Rules) -> tuple[Closed | HelloJournal, ...]:
    """Every earlier journal that is here; what is found damaged only now is saved into the current one."""
    said = (_earlier(folder, file, rules) for folder in _folders_before(inside))
    return tuple(each for each in said if each is not None)


def _folders_before(inside: Path) -> list[Path]:
    numbers = [int(path.name) for path in inside.parent.iterdir() if path.name.isdecimal()]
    folders = [inside.parent / f"{number:04d}" for number in sorted(numbers) if number < int(inside.name)]
    return [folder for folder in folders if not (folder / "unused").exists()]


def _earlier(folder: Path, file: JournalFile, rules: Rules) -> Closed | HelloJournal | None:
    if (folder / "recovered").exists():
        return _as_said(folder)
    try:
        return _closed(folder, rules.owns)
    except DoubtError as error:
        try:
            rules.recover(file, _doubt(folder, error.problem))
        except RefusedError as unknown:  # not even its name is left
            log.critical("journal not recognised", extra={"reason": str(unknown)})
            mark_doubted(folder, str(unknown))
        _mark(folder, "recovered")
        return _as_said(folder)


def _closed(folder: Path, owns: Owns) -> Closed:
    _check_mark(folder)
    key = _journal_key(folder)
    journal = header.journal_id(key.public)
    with doubting("cannot be read"), closing(Reader(folder / "journal.db")) as reader:
        size = reader.verified(key).size
        owns(reader.genesis())
        _compare_with_head(folder, size, journal, key, root_at=lambda size: reader.frontier(size).root())
    return Closed(folder=folder, key=key, size=size)


def _as_said(folder: Path) -> HelloJournal | None:
    """A doubted journal as it can be introduced, so that a successor of its successor is understood."""
    note = _head_note(folder) or _database_note(folder)
    try:
        Checkpoint.parse(Note.parse(note).text)
        with doubting("cannot be read"), closing(Reader(folder / "journal.db")) as reader:
            first = reader.genesis()
    except (ProtocolError, RestartError):
        return None
    return HelloJournal(checkpoint=note, genesis=(first.header, first.salt, first.body))


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


def _mark(inside: Path, name: str) -> None:
    write_durably(inside / name, b"")
