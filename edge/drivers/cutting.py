"""Frames of many lengths out of a byte stream: the same for every split of it, and noise never costs the next frame."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from kernel.errors import ProtocolError

T = TypeVar("T")

JUNK_RUN = 64  # one error is reported for so many bytes outside a frame


class ChecksumError(ProtocolError):
    """A frame arrived damaged; the device can be asked to send it again."""


class _Candidate(NamedTuple):
    """A head in the buffer that may begin a frame; `ready` is how far the buffer must reach to judge it."""

    start: int
    end: int
    ready: int


# (length, is a record) of the frame that may begin at an index: length 0 if none can, None if too little is here.
# It looks at nothing but the bytes that are here, and never changes a length that it has given.
Judge = Callable[[bytearray, int], tuple[int, bool] | None]


def xmodem_ok(whole: bytes) -> bool:
    """CRC-16/XMODEM over the frame with its own checksum, big-endian, behind it."""
    return crc_hqx(whole, 0) == 0


class Cutter:
    """Whole frames with a good checksum.

    A record is taken as soon as it is whole, even inside what looks like the head of a longer frame: noise must not
    hold it back until the next vehicle comes.  Any other frame waits for what it may be a part of.
    """

    def __init__(self, head: bytes, judge: Judge, *, check: Callable[[bytes], bool] = xmodem_ok) -> None:
        self._head = head
        self._judge = judge
        self._check = check
        self._buffer = bytearray()
        self._dead: set[int] = set()  # heads that began nothing; what is inside may still be a frame
        self._first = 0  # no head before it can begin a frame
        self._junk = 0

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        self._buffer += data
        out: list[bytes | ProtocolError] = []
        while True:
            candidates = self._candidates()
            ready = [each for each in candidates if each.ready <= len(self._buffer)]
            if not ready:
                break
            out += self._take(min(ready, key=lambda each: (each.ready, each.start)))
        return out + self._forget(candidates)

    def finish(self) -> list[bytes | ProtocolError]:
        """No more bytes will come: what is whole counts, whatever it may have been a part of."""
        out: list[bytes | ProtocolError] = []
        while whole := [each for each in self._candidates() if each.end <= len(self._buffer)]:
            out += self._take(min(whole))
        out += self._skip(len(self._buffer))
        self._drop(len(self._buffer))
        return out

    def _candidates(self) -> list[_Candidate]:
        found: list[_Candidate] = []
        buffer, reach, limit = self._buffer, 0, len(self._buffer)
        at = buffer.find(self._head, self._first)
        while at >= 0:
            judged = self._judge(buffer, at) if at not in self._dead else (0, False)
            if judged is None:
                found.append(_Candidate(at, len(buffer) + 1, len(buffer) + 1))
            elif judged[0]:
                size, record = judged
                reach = max(reach, at + size)
                found.append(_Candidate(at, at + size, at + size if record else reach))
                # What begins behind one that can be judged is never judged before it.
                limit = min(limit, found[-1].ready)
            at = buffer.find(self._head, at + 1, limit)
        self._first = found[0].start if found else self._first
        return found

    def _take(self, candidate: _Candidate) -> list[bytes | ProtocolError]:
        whole = bytes(self._buffer[candidate.start : candidate.end])
        if not self._check(whole):
            self._dead.add(candidate.start)
            return [ChecksumError("wrong checksum", whole)]
        errors = self._skip(candidate.start)
        self._junk = 0
        self._drop(candidate.end)
        return [*errors, whole]

    def _forget(self, candidates: list[_Candidate]) -> list[ProtocolError]:
        """Drop what can no longer become a frame."""
        buffer, short = self._buffer, len(self._head) - 1
        tail = next((n for n in range(short, 0, -1) if buffer.endswith(self._head[:n])), 0)
        keep = candidates[0].start if candidates else len(buffer) - tail
        errors = self._skip(keep)
        self._drop(keep)
        return errors

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._first = max(self._first - count, 0)
        if self._dead:
            self._dead = {at - count for at in self._dead if at >= count}

    def _skip(self, count: int) -> list[ProtocolError]:
        """One error at the first byte outside a frame, and one for every so many after it."""
        before, self._junk = self._junk, self._junk + count
        errors = -(-self._junk // JUNK_RUN) - -(-before // JUNK_RUN)
        return [ProtocolError("bytes outside a frame") for _ in range(errors)]


class CutParser(Generic[T]):
    """A FedParser of what each frame says; `read` hands a ProtocolError on as it is."""

    def __init__(
        self, head: bytes, judge: Judge, read: Callable[[bytes | ProtocolError], T | ProtocolError]
    ) -> None:
        self._cutter = Cutter(head, judge)
        self._read = read

    def feed(self, data: bytes) -> list[T | ProtocolError]:
        return [self._read(item) for item in self._cutter.feed(data)]

    def finish(self) -> list[T | ProtocolError]:
        return [self._read(item) for item in self._cutter.finish()]
