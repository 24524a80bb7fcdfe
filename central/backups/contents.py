"""The list of contents of a backup, and the folder it lies in.

files/ab/<sha256>        files by digest, shared by all backups
20261127T021500Z/        one finished backup: contents.json, files.txt, and store.db or tables/
20261127T021500Z.part/   one that was begun: worth nothing
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from journal.files import digest_of
from journal.keys import sync_folder, write_durably
from kernel.errors import RefusedError

LIST = "contents.json"
FILES = "files.txt"
_NAME = re.compile(r"\d{8}T\d{6}Z(-\d{1,4})?")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the database's copy; `columns` when it is a table."""

    name: str
    sha256: str
    size: int
    columns: tuple[str, ...] = ()


class HeldJournal(msgspec.Struct, frozen=True, kw_only=True):
    """How far the copy holds a journal."""

    journal: str
    size: int
    root: str  # hex


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished backup holds; `cosigner` is the key whose memory is not among it."""

    store: str
    made_ms: int
    software: str
    engine: Literal["sqlite", "postgresql"]
    revision: str
    cosigner: str  # base64
    pieces: tuple[Piece, ...]
    journals: tuple[HeldJournal, ...]
    files: int
    file_bytes: int
    v: Literal[1] = 1

    @property
    def entries(self) -> int:
        return sum(journal.size for journal in self.journals)

    @property
    def bytes(self) -> int:
        return self.file_bytes + sum(piece.size for piece in self.pieces)


class Vault:
    """The folder of backups.  Blocking."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = folder / "files"

    def prepare(self) -> None:
        """Make what is missing and clear away what was begun and never finished."""
        self._files.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        for path in self.folder.glob("*.part"):
            if _NAME.fullmatch(path.stem):
                shutil.rmtree(path)

    def begin(self, now_ms: int) -> Path:
        """A folder for a new backup, beside which its finished name is free."""
        stamp = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"
        name, number = stamp, 1
        while (self.folder / name).exists():
            number += 1
            name = f"{stamp}-{number}"
        part = self.folder / f"{name}.part"
        part.mkdir(mode=0o700)
        return part

    def finish(self, part: Path, contents: Contents) -> tuple[Path, str]:
        """Its name, and the digest of its list: only now there is such a backup."""
        listed = msgspec.json.format(msgspec.json.encode(contents))
        write_durably(part / LIST, listed)
        place = part.with_name(part.stem)
        part.rename(place)
        sync_folder(self.folder)
        return place, sha256(listed).hexdigest()

    def finished(self) -> list[Path]:
        """Oldest first."""
        found = [path for path in self.folder.glob("*Z*") if _NAME.fullmatch(path.name)]
        return sorted((path for path in found if (path / LIST).exists()), key=_by_age)

    def place(self, sha256: str) -> Path:
        """Where a file lies, or would."""
        return self._files / sha256[:2] / sha256

    def rotate(self, keep: int) -> int:
        """Remove all but the newest, and the files that none of those names; how many backups went."""
        backups = self.finished()
        gone = backups[: max(len(backups) - keep, 0)]
        for path in gone:
            shutil.rmtree(path)
        if gone:
            self._remove_unnamed(backups[len(gone) :])
        return len(gone)

    def _remove_unnamed(self, backups: Iterable[Path]) -> None:
        named = {digest for path in backups for digest, _size in read_files(path)}
        for path in self._files.glob("*/*"):
            if path.name not in named:
                path.unlink()


def read(backup: Path) -> tuple[Contents, str]:
    """The list, and its digest; RefusedError when it, or a piece that it names, is not what was written."""
    data = _listed(backup)
    try:
        contents = msgspec.json.decode(data, type=Contents)
    except msgspec.MsgspecError as error:
        raise RefusedError(f"{backup} has no list of contents that can be read: {error}") from error
    for piece in contents.pieces:
        check(backup, piece)
    return contents, sha256(data).hexdigest()


def check(backup: Path, piece: Piece) -> None:
    """Read it again, from the disk; RefusedError when it has changed."""
    path = backup / piece.name
    try:
        forget_cached(path)
        found = digest_of(path)
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {error.strerror}") from error
    if found != (piece.sha256, piece.size):
        raise RefusedError(f"{path} is not what was written; try an older backup")


def write_files(backup: Path, files: Iterable[tuple[str, int]]) -> Piece:
    """files.txt: one digest and size a line, sorted."""
    text = "".join(f"{digest} {size}\n" for digest, size in sorted(files))
    write_durably(backup / FILES, text.encode())
    return piece_of(backup, FILES)


def read_files(backup: Path) -> Iterator[tuple[str, int]]:
    with (backup / FILES).open(encoding="ascii") as lines:
        for line in lines:
            digest, _, size = line.strip().partition(" ")
            yield digest, int(size)


def piece_of(backup: Path, name: str, *, columns: tuple[str, ...] = ()) -> Piece:
    digest, size = digest_of(backup / name)
    return Piece(name=name, sha256=digest, size=size, columns=columns)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def forget_cached(path: Path) -> None:
    """What is read next comes from the disk, not from memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _listed(backup: Path) -> bytes:
    try:
        return (backup / LIST).read_bytes()
    except OSError as error:
        raise RefusedError(f"{backup} is no finished backup: {error.strerror}") from error


def _by_age(path: Path) -> tuple[str, int]:
    stamp, _, number = path.name.partition("-")
    return stamp, int(number or 1)
