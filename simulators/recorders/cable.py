"""A cable that is pulled in the middle of a file: reads fail from a given byte on, as they do then."""

from __future__ import annotations

import errno
from typing import BinaryIO, cast


class _Pulled:
    def __init__(self, file: BinaryIO, after: int) -> None:
        self._file = file
        self._after = after

    def read(self, size: int = -1) -> bytes:
        left = self._after - self._file.tell()
        if left <= 0:
            raise OSError(errno.EIO, "Input/output error")
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    def __enter__(self) -> _Pulled:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._file.close()


def pulled(file: BinaryIO, *, after: int) -> BinaryIO:
    """The same file, but for what is behind its first `after` bytes."""
    return cast(BinaryIO, _Pulled(file, after))
