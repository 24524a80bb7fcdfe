"""JPEG stills out of a multipart/x-mixed-replace stream, however its bytes are cut."""

from __future__ import annotations

import re

from kernel.errors import ProtocolError

MAX_STILL = 16 * 1024 * 1024
MAX_HEAD = 4096
MOST_PX = 64_000_000  # a larger picture is not decoded: it is no camera's
MOST_SCANS = 64  # of a progressive JPEG, where ten are usual: each is as much work as a picture
_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d{1,9})\s*$")
_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"


class Parts:
    """Fed with bytes, answers with whole JPEG files as delivered.

    A part is taken by its Content-Length, or else up to the next boundary.
    """

    def __init__(self, boundary: str) -> None:
        self._mark = b"--" + boundary.strip().strip('"').removeprefix("--").encode("latin-1", "replace")
        self._buffer = bytearray()
        self._begin_from = self._end_from = 0  # before it, there is no boundary to begin with, or to end with
        self._lied = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        self._buffer += data
        found: list[bytes | ProtocolError] = []
        while (item := self._next()) is not None:
            found.append(item)
        if len(self._buffer) > MAX_STILL + MAX_HEAD:
            self._forget(len(self._buffer))
            found.append(self._drop("a part has no end"))
        return found

    def _next(self) -> bytes | ProtocolError | None:
        begin = self._buffer.find(self._mark, self._begin_from)
        if begin < 0:
            self._begin_from = self._unsearched
            return None
        self._begin_from = begin
        head_end = self._buffer.find(b"\r\n\r\n", begin, begin + MAX_HEAD + 4)
        if head_end < 0 or head_end - begin > MAX_HEAD:
            return self._skip(begin) if len(self._buffer) - begin > MAX_HEAD else None
        span = self._body(head_end + 4, bytes(self._buffer[begin:head_end]))
        return None if span is None else self._take(*span)

    def _body(self, start: int, head: bytes) -> tuple[int, int] | None:
        """Where the body lies, or None while it is not whole.

        A length that reaches over the next boundary, or ends where no JPEG does, is a lie: the boundary counts.
        """
        mark = self._buffer.find(self._mark, max(start, self._end_from))
        if mark < 0:
            self._end_from = self._unsearched
        length = _LENGTH.search(head)
        end = start + int(length[1]) if length and int(length[1]) <= MAX_STILL else 0
        if not self._lied and start < end <= len(self._buffer) and (mark < 0 or end <= mark):
            if self._is_whole(start, end):
                return start, end
            self._lied = True
        return (start, mark) if mark >= 0 else None

    def _is_whole(self, start: int, end: int) -> bool:
        return is_jpeg(bytes(self._buffer[start:end]))

    def _take(self, start: int, end: int) -> bytes | ProtocolError:
        body = bytes(self._buffer[start:end]).rstrip(b"\r\n")
        self._forget(end)
        if is_jpeg(body):
            return body
        return self._drop("a part is no whole JPEG", body)

    def _skip(self, begin: int) -> ProtocolError:
        self._forget(begin + len(self._mark))
        return self._drop("a part's head has no end")

    @property
    def _unsearched(self) -> int:
        """From here on a boundary may still begin."""
        return max(0, len(self._buffer) - len(self._mark) + 1)

    def _forget(self, size: int) -> None:
        del self._buffer[:size]
        self._begin_from = self._end_from = 0
        self._lied = False

    def _drop(self, problem: str, frame: bytes = b"") -> ProtocolError:
        self.dropped += 1
        return ProtocolError(problem, frame)


def is_jpeg(data: bytes) -> bool:
    """Begins and ends as a JPEG file does; trailing zero bytes some cameras add are allowed."""
    return data.startswith(_START) and data.rstrip(b"\0").endswith(_END) and has_few_scans(data)


def has_few_scans(data: bytes) -> bool:
    """Whether it can be decoded in bounded time: inside its data the marker of a scan cannot stand."""
    return data.count(_SCAN) <= MOST_SCANS


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the frame header, or (0, 0)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:
            at += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0
