"""Files under their SHA-256: written once, proven, read-only for ever; originals and what was made of them lie apart."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from kernel.errors import ProtocolError

READ_ONLY = 0o444
CHUNK = 1 << 20
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class DigestFolder:
    """`<folder>/ab/abcd...`; a file that is there is whole.  Blocking; OSError when the disk does not do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path | None:
        path = self._place(sha256)
        return path if path.is_file() else None

    def take(self, part: Path, sha256: str) -> Path:
        """Make a finished file of `incoming` the stored one.  Durable when it returns.

        The caller has written it in full; it is read again here, so that what is stored is what was meant.
        ProtocolError: it is not: the part stays.
        """
        found = digest_of(part)
        if found != sha256:
            raise ProtocolError(f"read back as {found[:12]}, was {sha256[:12]}")
        place = self._place(sha256)
        if place.is_file():
            part.unlink()
            return place
        place.parent.mkdir(exist_ok=True)
        flush(part)
        part.chmod(READ_ONLY)
        part.rename(place)
        flush(place.parent)
        flush(self.folder)
        return place

    def remove(self, sha256: str) -> int:
        """Bytes that were freed; the entry that says so comes before and is the caller's."""
        path = self.path(sha256)
        if path is None:
            return 0
        size = path.stat().st_size
        path.unlink()
        flush(path.parent)
        return size

    def digests(self) -> Iterator[str]:
        """Of every stored file, by its name; files with other names are not ours."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if _is_digest(path.name):
                yield path.name

    def strangers(self) -> Iterator[Path]:
        """Files that no rule of this folder explains; reported, never removed."""
        for path in sorted(self.folder.rglob("*")):
            ours = path.parent == self.incoming or (
                _is_digest(path.name) and path.parent.name == path.name[:2]
            )
            if path.is_file() and not ours:
                yield path

    def _place(self, sha256: str) -> Path:
        if not _is_digest(sha256):
            raise ValueError(f"no SHA-256: {sha256!r}")
        return self.folder / sha256[:2] / sha256


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def flush(path: Path) -> None:
    """A file or a folder is on the disk when it returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
