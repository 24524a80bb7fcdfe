"""NMEA 0183 as recorders keep it beside their pictures: of a sentence only the time is read, never the place 卫星授时.

Only RMC has both date and time.  Whatever stands between sentences is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from kernel.errors import ProtocolError

LONGEST = 250  # bytes between `$` and `*`: the standard has 82, receivers that add fields more
# Between a dollar and an asterisk nothing but printable ASCII without either.
_SENTENCE = re.compile(rb"\$([\x20-\x23\x25-\x29\x2b-\x7e]{6,%d})\*([0-9A-Fa-f]{2})" % LONGEST)
_KIND = re.compile(rb"[A-Z]{2}RMC,")
_TIME = re.compile(rb"(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_DATE = re.compile(rb"(\d\d)(\d\d)(\d\d)", re.ASCII)
_CENTURY = 80  # receivers know no year before 1980
_FIXED = (b"", b"A", b"D", b"F", b"R", b"P")  # modes; the others are estimated, simulated, typed in or none
_STEPS_MS = (1_000, 100, 10, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rmc:
    """UTC of a fix, in steps of `step_ms`; None: the receiver had no fix, and what it says of time is a guess."""

    utc_ms: int | None
    step_ms: int = 1_000
    talker: str = "GP"  # which system or receiver says it: several may write side by side

    def to_bytes(self) -> bytes:
        """Without a place, as a whole line."""
        if self.utc_ms is None:
            body = f"{self.talker}RMC,,V,,,,,,,,,,N".encode()
        else:
            at = datetime.fromtimestamp(self.utc_ms // 1000, UTC)
            digits = _STEPS_MS.index(self.step_ms)
            part = f".{self.utc_ms % 1000:03d}"[: digits + 1] if digits else ""
            body = f"{self.talker}RMC,{at:%H%M%S}{part},A,,,,,,,{at:%d%m%y},,,A".encode()
        return b"$%s*%02X\r\n" % (body, _checksum(body))


class Sentences:
    """Fed with bytes, answers with what RMC sentences say; a damaged one is an item, and loses no other."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Rmc | ProtocolError]:
        text = self._rest + data
        found: list[Rmc | ProtocolError] = []
        done = 0
        for match in _SENTENCE.finditer(text):
            done = match.end()
            if _KIND.match(match[1]):
                found.append(_read(match[1], int(match[2], 16)))
        begun = text.rfind(b"$", done)
        # Of what has become longer than any sentence nothing will come.
        self._rest = text[begun:] if begun >= 0 and len(text) - begun <= LONGEST + 4 else b""
        return found


def _checksum(body: bytes) -> int:
    value = 0
    for byte in body:
        value ^= byte
    return value


def _read(body: bytes, checksum: int) -> Rmc | ProtocolError:
    if _checksum(body) != checksum:
        return ProtocolError("its checksum is another", body)
    fields = body.split(b",")
    if len(fields) < 10:
        return ProtocolError("it has too few fields", body)
    if fields[2] != b"A" or b"".join(fields[12:13]) not in _FIXED:
        return Rmc(utc_ms=None, talker=body[:2].decode())
    return _utc(fields[1], fields[9], body)


def _utc(time: bytes, date: bytes, body: bytes) -> Rmc | ProtocolError:
    clock, day = _TIME.fullmatch(time), _DATE.fullmatch(date)
    if clock is None or day is None:
        return ProtocolError("it has no time", body)
    part = (clock[4] or b"")[:3].decode()  # nobody's second is right to more
    year = int(day[3]) + (1900 if int(day[3]) >= _CENTURY else 2000)
    try:
        at = datetime(year, int(day[2]), int(day[1]), int(clock[1]), int(clock[2]), int(clock[3]), tzinfo=UTC)
    except ValueError:
        return ProtocolError("there is no such time", body)
    utc_ms = int(at.timestamp()) * 1000 + int(part.ljust(3, "0") or 0)
    return Rmc(utc_ms=utc_ms, step_ms=_STEPS_MS[len(part)], talker=body[:2].decode())
