"""Byte streams cut into frames at a delimiter; nothing grows past its limit."""

from __future__ import annotations

from kernel.errors import ProtocolError


class DelimitedBuffer:
    """Collects bytes until a frame is whole; an overlong one is one error, and the next frame is not eaten."""

    def __init__(self, *, delimiter: int, limit: int) -> None:
        self._delimiter = bytes([delimiter])
        self._limit = limit
        self._data = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        """Return the frames that `data` completed, in order and without their delimiter."""
        *ends, rest = data.split(self._delimiter)
        out: list[bytes | ProtocolError] = []
        for end in ends:
            self._collect(end)
            out.append(self._whole())
        self._collect(rest)
        return out

    def _collect(self, part: bytes) -> None:
        if self._overlong or len(self._data) + len(part) > self._limit:
            self._overlong = True
            self._data.clear()
        else:
            self._data += part

    def _whole(self) -> bytes | ProtocolError:
        frame, overlong = bytes(self._data), self._overlong
        self._data.clear()
        self._overlong = False
        return ProtocolError(f"frame longer than {self._limit} bytes") if overlong else frame
