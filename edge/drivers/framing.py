"""Frames out of a byte stream by a pattern: the same for every split of it, and noise never costs the next frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from kernel.errors import ProtocolError

T = TypeVar("T")

JUNK_RUN = 64  # one error is reported for so many bytes outside a frame


class FrameParser(Generic[T]):
    """Feeds `decode` with what `pattern` matches.

    For every split to give the same, all matches must have one length, or end in a byte that is nowhere else in them.
    It may look behind by one byte.  `longest` is the length of the longest match; bytes of `between` may stand outside
    a frame.  `decode` is told whether the frame repeats the one before it, byte for byte (without a checksum only that
    confirms it), and raises ProtocolError for what looks like a frame but is none: then the search goes on at its
    second byte, because the next frame may begin inside it.
    `touching`: a frame repeats another only when nothing lay between them.  That is for frames without an end, which a
    longer frame of another protocol may begin like, time and again.
    """

    def __init__(
        self,
        pattern: re.Pattern[bytes],
        *,
        longest: int,
        decode: Callable[[re.Match[bytes], bool], T],
        touching: bool = False,
        between: bytes = b"",
    ) -> None:
        self._search = pattern.search
        self._longest = longest
        self._decode = decode
        self._touching = touching
        self._between = between
        self._rest = b""  # what may still become a frame, after the byte before it
        self._past = 0  # 1 once there is such a byte
        self._before = b""
        self._junk = 0

    def feed(self, data: bytes) -> list[T | ProtocolError]:
        buffer = self._rest + data
        out: list[T | ProtocolError] = []
        done = self._past
        while (found := self._search(buffer, done)) is not None:
            start, end = found.span()
            out += self._skip(buffer[done:start])
            try:
                out.append(self._decode(found, found[0] == self._before))
            except ProtocolError as error:
                out.append(error)
                done, self._junk = start + 1, max(self._junk, 1)
                self._before = b"" if self._touching else self._before
                continue
            done, self._junk, self._before = end, 0, found[0]
        keep = max(done, len(buffer) - self._longest + 1)
        out += self._skip(buffer[done:keep])
        self._past = min(keep, 1)
        self._rest = buffer[keep - self._past :]
        return out

    def finish(self) -> list[T | ProtocolError]:
        """What is left is no frame."""
        left = self._skip(self._rest[self._past :])
        self._rest, self._past = b"", 0
        return list(left)

    def _skip(self, outside: bytes) -> list[ProtocolError]:
        """One error at the first byte outside a frame, and one for every so many after it."""
        if not outside:
            return []
        if self._touching:
            self._before = b""
        before, self._junk = self._junk, self._junk + len(outside.translate(None, self._between))
        errors = -(-self._junk // JUNK_RUN) - -(-before // JUNK_RUN)
        return [ProtocolError("bytes outside a frame") for _ in range(errors)]
