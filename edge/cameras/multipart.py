"""JPEG stills out of a multipart/x-mixed-replace stream, however its bytes are cut."""

from __future__ import annotations

import re

from kernel.errors import ProtocolError

MAX_STILL = 16 * 1024 * 1024
MAX_HEAD = 4096
_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d{1,9})\s*$")
_START, _END = b"\xff\xd8", b"\xff\xd9"


class Parts:
    """Fed with bytes, answers with whole JPEG files as delivered.

    A part is taken by its Content-Length, or else up to the next boundary.
    """

    def __init__(self, boundary: str) -> None:
        self._mark = b"--" + boundary.strip().strip('"').removeprefix("--").encode("latin-1", "replace")
        self._buffer = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        self._buffer += data
        found: list[bytes | ProtocolError] = []
        while (item := self._next()) is not None:
            found.append(item)
        if len(self._buffer) > MAX_STILL + MAX_HEAD:
            self._buffer.clear()
            found.append(self._drop("a part has no end"))
        return found

    def _next(self) -> bytes | ProtocolError | None:
        begin = self._buffer.find(self._mark)
        if begin < 0:
            return None
        head_end = self._buffer.find(b"\r\n\r\n", begin)
        if head_end < 0 or head_end - begin > MAX_HEAD:
            return self._skip(begin) if len(self._buffer) - begin > MAX_HEAD else None
        span = self._body(head_end + 4, bytes(self._buffer[begin:head_end]))
        return None if span is None else self._take(*span)

    def _body(self, start: int, head: bytes) -> tuple[int, int] | None:
        """Where the body lies, or None while it is not whole.

        A length that reaches over the next boundary, or ends where no JPEG does, is a lie: the boundary counts.
        """
        mark = self._buffer.find(self._mark, start)
        length = _LENGTH.search(head)
        end = start + int(length[1]) if length and int(length[1]) <= MAX_STILL else 0
        if start < end <= len(self._buffer) and (mark < 0 or end <= mark) and self._is_whole(start, end):
            return start, end
        return (start, mark) if mark >= 0 else None

    def _is_whole(self, start: int, end: int) -> bool:
        return is_jpeg(bytes(self._buffer[start:end]))

    def _take(self, start: int, end: int) -> bytes | ProtocolError:
        body = bytes(self._buffer[start:end]).rstrip(b"\r\n")
        del self._buffer[:end]
        if is_jpeg(body):
            return body
        return self._drop("a part is no whole JPEG", body)

    def _skip(self, begin: int) -> ProtocolError:
        del self._buffer[: begin + len(self._mark)]
        return self._drop("a part's head has no end")

    def _drop(self, problem: str, frame: bytes = b"") -> ProtocolError:
        self.dropped += 1
        return ProtocolError(problem, frame)


def is_jpeg(data: bytes) -> bool:
    """Begins and ends as a JPEG file does; trailing zero bytes some cameras add are allowed."""
    return data.startswith(_START) and data.rstrip(b"\0").endswith(_END)


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
