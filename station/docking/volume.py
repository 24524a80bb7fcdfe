"""A recorder's volume as a hostile place: only its regular files are opened, by their own folders, and no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kernel.errors import LinkError, RefusedError

MOST = 20_000  # files of one volume: a recorder has hundreds
DEEPEST = 16  # folders in folders
LONGEST = 1_000  # bytes of a folder's place, which an entry has to hold
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One name on the volume; `refused` is a machine word for what may not be opened."""

    place: str  # from the top of the volume, as the system has it: undecodable bytes are surrogates
    size: int = 0
    on_disk: int = 0  # bytes that it takes there: a file with holes takes less
    mtime_ns: int = 0
    refused: str = ""

    @property
    def name(self) -> str:
        return _shown(self.place.rpartition("/")[2])

    @property
    def folder(self) -> str:
        return _shown(self.place.rpartition("/")[0])

    @property
    def readable_name(self) -> bool:
        return self.name == self.place.rpartition("/")[2] and self.name.isprintable()


class Volume:
    """A mounted folder.  Blocking.  LinkError: the recorder is gone, or does not give this file."""

    def __init__(self, top: Path, *, skip: Collection[str] = ()) -> None:
        self.top = top
        self._skip = frozenset(skip)

    def there(self) -> bool:
        """Still mounted and readable."""
        try:
            with os.scandir(self.top) as names:
                return os.path.ismount(self.top) or any(names)
        except OSError:
            return False

    def files(self) -> Iterator[Found]:
        """Everything that is no folder, in the order of folders and names.  LinkError: it cannot be listed."""
        for number, found in enumerate(self._walk()):
            if number == MOST:
                yield Found(place="…", refused="too_many_files")
                return
            yield found

    def open(self, found: Found) -> BinaryIO:
        """The file that was found, and no other.  RefusedError: it has become something else meanwhile."""
        try:
            handle, device = self._reach(found.place, _FILE)
        except OSError as error:
            raise LinkError(f"{found.name}: {error.strerror}") from error
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_dev != device:
            os.close(handle)
            raise RefusedError(f"{found.name} is no regular file any more")
        return os.fdopen(handle, "rb", buffering=0)

    def unchanged(self, found: Found) -> None:
        """It has the same size and time still.  LinkError, RefusedError."""
        with self.open(found) as file:
            about = os.fstat(file.fileno())
        if (about.st_size, about.st_mtime_ns) != (found.size, found.mtime_ns):
            raise RefusedError(f"{found.name} has changed")

    def remove(self, found: Found) -> None:
        """Nothing but the file that was found.  LinkError, RefusedError."""
        self.unchanged(found)
        folder, _slash, name = found.place.rpartition("/")
        try:
            handle, _device = self._reach(folder, _FOLDER)
            try:
                os.unlink(name, dir_fd=handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise LinkError(f"{found.name}: {error.strerror}") from error

    def _walk(self) -> Iterator[Found]:
        faults: list[OSError] = []
        top = self._opened()
        try:
            yield from self._walk_from(top, self._device(top), faults)
        finally:
            os.close(top)
        yield from (Found(place=_named(fault), refused="unreadable") for fault in faults)

    def _walk_from(self, top: int, device: int, faults: list[OSError]) -> Iterator[Found]:
        walked = False
        for path, folders, names, handle in os.fwalk(
            ".", onerror=faults.append, follow_symlinks=False, dir_fd=top
        ):
            here = os.path.normpath(path)
            walked = True
            links = [name for name in folders if _is_link(name, handle)]
            inner = sorted(name for name in folders if name not in links and name not in self._skip)
            deep = [name for name in inner if _too_deep(_place(here, name))]
            folders[:] = [name for name in inner if name not in deep]
            for name in sorted([*names, *links]):
                yield _found(_place(here, name), name, handle, device)
            yield from (Found(place=_place(here, name), refused="too_deep") for name in deep)
        if not walked:
            raise LinkError(f"{self.top} cannot be listed")

    def _opened(self) -> int:
        try:
            return os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise LinkError(f"{self.top} is gone: {error.strerror}") from error

    def _device(self, top: int) -> int:
        try:
            return os.fstat(top).st_dev
        except OSError as error:
            raise LinkError(f"{self.top} is gone: {error.strerror}") from error

    def _reach(self, place: str, flags: int) -> tuple[int, int]:
        """And the device of the top.  Folder by folder: a link in the middle is not followed either."""
        parts = [part for part in place.split("/") if part]
        if ".." in parts:
            raise RefusedError(f"{_shown(place)} leads out of the recorder")
        handle = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        device = os.fstat(handle).st_dev
        for number, part in enumerate(parts):
            try:
                inner = os.open(part, flags if number == len(parts) - 1 else _FOLDER, dir_fd=handle)
            finally:
                os.close(handle)
            handle = inner
        return handle, device


def _place(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _too_deep(place: str) -> bool:
    return place.count("/") >= DEEPEST or len(os.fsencode(place)) > LONGEST


def _found(place: str, name: str, handle: int, device: int) -> Found:
    try:
        about = os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return Found(place=place, refused="unreadable")
    if stat.S_ISLNK(about.st_mode):
        return Found(place=place, refused="link")
    if not stat.S_ISREG(about.st_mode):
        return Found(place=place, refused="no_file")
    if about.st_dev != device:
        return Found(place=place, refused="other_volume")
    return Found(place=place, size=about.st_size, on_disk=about.st_blocks * 512, mtime_ns=about.st_mtime_ns)


def _named(fault: OSError) -> str:
    """A folder that cannot be listed; the system may know it by a number only."""
    return fault.filename if isinstance(fault.filename, str) else "…"


def _is_link(name: str, handle: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
    except OSError:
        return True


def _shown(text: str) -> str:
    """Bytes that are no UTF-8 as \\xNN: an entry is text."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")
