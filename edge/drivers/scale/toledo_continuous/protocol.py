r"""Toledo continuous output, pure: the indicator's bytes in, the displayed values out.

    STX SWA SWB SWC wwwwww tttttt CR [CHK]      w displayed weight, t tare, digits only, leading '0' or ' '

SWA holds the place of the point and the increment, SWB net, sign, range, motion, unit and power-up, SWC grams, print
and expanded display.  CHK makes the sum of all 18 bytes a multiple of 128.  The short variant has no tare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.errors import ProtocolError

STX, CR = 0x02, 0x0D
Unit = Literal["kg", "lb", "g"]

NET, NEGATIVE, OUT_OF_RANGE, MOTION, KILOGRAMS, POWER_UP = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40
GRAMS, PRINT_REQUEST, EXPANDED = 0x01, 0x08, 0x10
INCREMENTS: tuple[int | None, ...] = (None, 1, 2, 5)

_VOTES = 8  # frames looked at before deciding whether a checksum is sent
_UNDECIDED_LIMIT = 1024
_JUNK_RUN = 64  # one error is reported for so many bytes outside a frame
_EVEN = bytes(value.bit_count() & 1 for value in range(256))
_LOW_SEVEN = bytes(value & 0x7F for value in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What the indicator is set to and one frame cannot tell.

    `fixed_zero` concerns displays whose last places are painted zeros (codes 000 and 001), where the manuals
    contradict each other: the zeros come "after" the six digits, or are "inside" them; "refuse" reads no such frame.
    """

    checksum: Literal["yes", "no", "auto"] = "auto"
    tare: bool = True
    fixed_zero: Literal["after", "inside", "refuse"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One displayed value: mantissa x 10^exponent in `unit`, and the status words.

    `checked` tells that a checksum vouched for it.  `confirmed` is `checked`, or that the frame before said exactly
    the same: without a checksum a single frame may be a flipped digit.
    """

    mantissa: int
    exponent: int = 0
    unit: Unit = "kg"
    negative: bool = False  # the sign as sent: a blank display out of range has no other
    net: bool = False
    motion: bool = False
    out_of_range: bool = False
    power_up: bool = False
    print_request: bool = False
    expanded: bool = False
    increment: int | None = 1  # of the last place: 1, 2 or 5
    tare: int | None = 0  # same exponent and unit; None in the short variant
    checked: bool = False
    confirmed: bool = False

    def to_bytes(self, *, checksum: bool, padding: bytes = b" ") -> bytes:
        """The frame as an indicator sends it, fixed zeros after the digits; raises ValueError if it cannot."""
        body = bytes([STX, self._swa(), self._swb(), self._swc()]) + _digits(abs(self.mantissa), padding)
        if self.tare is not None:
            body += _digits(self.tare, padding)
        body += bytes([CR])
        return body + bytes([-sum(body) & 0x7F]) if checksum else body

    def _swa(self) -> int:
        if not -5 <= self.exponent <= 2:
            raise ValueError(f"exponent {self.exponent} has no code")
        return 0x20 | INCREMENTS.index(self.increment) << 3 | 2 - self.exponent

    def _swb(self) -> int:
        return (
            0x20
            | NET * self.net
            | NEGATIVE * (self.negative or self.mantissa < 0)
            | OUT_OF_RANGE * self.out_of_range
            | MOTION * self.motion
            | KILOGRAMS * (self.unit != "lb")
            | POWER_UP * self.power_up
        )

    def _swc(self) -> int:
        return (
            0x20 | GRAMS * (self.unit == "g") | PRINT_REQUEST * self.print_request | EXPANDED * self.expanded
        )


def _digits(value: int, padding: bytes) -> bytes:
    if not 0 <= value <= 999_999:
        raise ValueError(f"{value} does not fit six digits")
    return str(value).encode().rjust(6, padding)


class Parser:
    """Feed it whatever the wire gave; it returns whole readings and what it had to drop, for any split the same."""

    def __init__(self, form: Format | None = None) -> None:
        self._format = form or Format()
        self._body = 17 if self._format.tare else 11
        self._checksum = {"yes": True, "no": False, "auto": None}[self._format.checksum]
        self._buffer = bytearray()
        self._junk = 0
        self._before: bytes = b""

    @property
    def checksum(self) -> bool | None:
        """Whether frames carry one; None as long as it is undecided."""
        return self._checksum

    def feed(self, data: bytes) -> list[Reading | ProtocolError]:
        self._buffer += data
        if self._checksum is None:
            self._checksum = _sends_checksum(self._buffer, self._body)
        if self._checksum is None:
            return self._undecided()
        return self._scan(self._body + self._checksum)

    def _undecided(self) -> list[Reading | ProtocolError]:
        if len(self._buffer) <= _UNDECIDED_LIMIT:
            return []
        del self._buffer[: _UNDECIDED_LIMIT // 2]
        return [ProtocolError("no frames found: check baud rate, parity and the indicator's output mode")]

    def _scan(self, size: int) -> list[Reading | ProtocolError]:
        out: list[Reading | ProtocolError] = []
        buffer, at = self._buffer, 0
        while True:
            if at >= len(buffer) or buffer[at] & 0x7F != STX:
                start = _next_stx(buffer, at)
                out += self._skip(start - at)
                at = start
            if len(buffer) - at < size:
                break
            item = self._frame(bytes(buffer[at : at + size]))
            if item is None:
                out += self._skip(1)
                at += 1
            elif isinstance(item, ProtocolError):
                out.append(item)
                self._junk, at = 1, at + 1
            else:
                out.append(item)
                self._junk, at = 0, at + size
        del buffer[:at]
        return out

    def _skip(self, count: int) -> list[ProtocolError]:
        """One error at the first byte outside a frame, and one for every so many after it."""
        before, self._junk = self._junk, self._junk + count
        errors = -(-self._junk // _JUNK_RUN) - -(-before // _JUNK_RUN)
        return [ProtocolError("bytes outside a frame") for _ in range(errors)]

    def _frame(self, frame: bytes) -> Reading | ProtocolError | None:
        """None when this is no frame at all, an error when it looks like one but cannot be believed."""
        if frame[self._body - 1] & 0x7F != CR:
            return None
        if self._checksum and sum(frame) & 0x7F:
            return ProtocolError("wrong checksum", frame)
        try:
            body = _seven_bits(frame[: self._body])
            reading = _decode(body, self._format, bool(self._checksum), body == self._before)
        except ProtocolError as error:
            return error
        self._before = body
        return reading


def _next_stx(buffer: bytearray, at: int) -> int:
    plain, even = buffer.find(STX, at), buffer.find(STX | 0x80, at)
    return min((found for found in (plain, even) if found >= 0), default=len(buffer))


def _sends_checksum(buffer: bytearray, body: int) -> bool | None:
    """Decide over several frames: one frame without a checksum passes the test one time in 128."""
    frames = checked = followed = 0
    at = _next_stx(buffer, 0)
    while at + 2 * body <= len(buffer):
        if buffer[at + body - 1] & 0x7F == CR:
            frames += 1
            checked += sum(buffer[at : at + body + 1]) & 0x7F == 0
            # A display that stands still repeats its sum: then only what follows the CR tells.
            followed += buffer[at + body] & 0x7F == STX and buffer[at + 2 * body - 1] & 0x7F == CR
        at = _next_stx(buffer, at + 1)
    if frames < _VOTES:
        return None
    return checked > followed and 2 * checked > frames


def _seven_bits(frame: bytes) -> bytes:
    """A 7E1 or 7O1 line opened as 8N1 shows its parity in the high bit: all the same, or it is noise."""
    if frame.isascii():
        return frame
    if len(set(frame.translate(_EVEN))) > 1:
        raise ProtocolError("bytes of mixed parity", frame)
    return frame.translate(_LOW_SEVEN)


def _decode(frame: bytes, form: Format, checked: bool, repeated: bool) -> Reading:
    swa, swb, swc = frame[1:4]
    if min(swa, swb, swc) < 0x20:
        raise ProtocolError("control character in a status word", frame)
    out_of_range = bool(swb & OUT_OF_RANGE)
    digits = _value(frame[4:10], frame, blank=out_of_range)
    tare = _value(frame[10:16], frame, blank=True) if form.tare else None
    return Reading(
        mantissa=-digits if swb & NEGATIVE else digits,
        exponent=_exponent(2 - (swa & 7), digits, form, frame),
        unit=("g" if swc & GRAMS else "kg") if swb & KILOGRAMS else "lb",
        negative=bool(swb & NEGATIVE),
        net=bool(swb & NET),
        motion=bool(swb & MOTION),
        out_of_range=out_of_range,
        power_up=bool(swb & POWER_UP),
        print_request=bool(swc & PRINT_REQUEST),
        expanded=bool(swc & EXPANDED),
        increment=INCREMENTS[swa >> 3 & 3],
        tare=tare,
        checked=checked,
        confirmed=checked or repeated,
    )


def _value(field: bytes, frame: bytes, *, blank: bool) -> int:
    digits = field.lstrip(b" ")
    if digits.isdigit():
        return int(digits)
    if not digits and blank:
        return 0
    raise ProtocolError("not a number", frame)


def _exponent(exponent: int, digits: int, form: Format, frame: bytes) -> int:
    if exponent <= 0 or form.fixed_zero == "after":
        return exponent
    if form.fixed_zero == "refuse":
        raise ProtocolError("display with fixed zeros: set fixed_zero to after or inside", frame)
    if digits % 10**exponent:
        raise ProtocolError("fixed_zero is set to inside, but this value does not end in zero", frame)
    return 0
