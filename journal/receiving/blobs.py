"""Files as a receiver keeps them: by digest, whole and durable, or as a partial that grows from an offset.

sha256/ab/<digest>            256 folders, made at the start
partial/<box>/<digest>        what has come so far, of one box
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from journal.files import digest_of
from journal.keys import sync_folder
from kernel.errors import FullError, ProtocolError


class BlobFolder:
    """Blocking.  Names are digests and box tokens that the caller has checked."""

    def __init__(self, folder: Path) -> None:
        self._whole = folder / "sha256"
        self._partial = folder / "partial"
        for first in range(256):
            (self._whole / f"{first:02x}").mkdir(parents=True, exist_ok=True)
        self._partial.mkdir(exist_ok=True)
        self._unfinished = Counter(
            {box.name: sum(part.stat().st_size for part in box.iterdir()) for box in self._partial.iterdir()}
        )
        self._counting = threading.Lock()
        sync_folder(self._whole)

    def path(self, sha256: str) -> Path | None:
        """Where the whole file lies, None when it is not here."""
        found = self._place(sha256)
        return found if found.exists() else None

    def offset(self, box: str, sha256: str) -> int:
        """How many bytes of this box's partial are here."""
        try:
            return self._part(box, sha256).stat().st_size
        except FileNotFoundError:
            return 0

    def unfinished(self, box: str) -> int:
        """Bytes of all partials of this box."""
        return self._unfinished[box]

    def grow(self, box: str, sha256: str, data: bytes) -> int:
        """Append to the partial; FullError leaves what was there before."""
        part = self._part(box, sha256)
        part.parent.mkdir(exist_ok=True)
        with _room(), part.open("ab") as file:
            before = file.tell()
            try:
                file.write(data)
                file.flush()
            except OSError:
                os.truncate(part, before)
                raise
            self._count(box, len(data))
            return file.tell()

    def forget(self, box: str, sha256: str) -> None:
        self._count(box, -self.offset(box, sha256))
        self._part(box, sha256).unlink(missing_ok=True)

    def forget_old(self, *, before_ms: int, busy: Collection[tuple[str, str]] = ()) -> None:
        """Partials that have not grown since then, except those that are growing now."""
        for part in self._partial.glob("*/*"):
            place = (part.parent.name, part.name)
            if place not in busy and part.stat().st_mtime_ns // 1_000_000 < before_ms:
                self.forget(*place)

    def finish(self, box: str, sha256: str) -> None:
        """Check the digest and make the file whole and durable.  ProtocolError: wrong bytes, the partial is gone."""
        part = self._part(box, sha256)
        if not part.exists():  # a file of no bytes has never been written to
            self.grow(box, sha256, b"")
        found, size = digest_of(part)
        if found != sha256:
            self.forget(box, sha256)
            raise ProtocolError(f"the bytes are not those of {sha256}: they have {found}")
        with _room():
            _sync(part)
            place = self._place(sha256)
            part.replace(place)
            self._count(box, -size)
            sync_folder(place.parent)

    def take(self, sha256: str, source: Path) -> None:
        """Keep a copy of a file of this process's own."""
        if self.path(sha256) is not None:
            return
        part = self._part("own", sha256)
        part.parent.mkdir(exist_ok=True)
        with _room():
            shutil.copyfile(source, part)
        self._count("own", part.stat().st_size)
        self.finish("own", sha256)

    def erase(self, sha256: str) -> None:
        """Remove the file and every box's partial of it; one that is not here is no error."""
        whole, parts = self._place(sha256), list(self._partial.glob(f"*/{sha256}"))
        whole.unlink(missing_ok=True)
        for part in parts:
            self.forget(part.parent.name, sha256)
        for folder in {path.parent for path in (whole, *parts)}:
            sync_folder(folder)

    def _count(self, box: str, change: int) -> None:
        with self._counting:
            self._unfinished[box] += change

    def _place(self, sha256: str) -> Path:
        return self._whole / sha256[:2] / sha256

    def _part(self, box: str, sha256: str) -> Path:
        return self._partial / box / sha256


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FullError("no room for files") from error
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
