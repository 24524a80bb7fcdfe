"""What indicators that print their display as text have in common: number columns, units, shapes of lines, keys."""

from __future__ import annotations

import re
from dataclasses import replace

from edge.drivers.readings import Display, decimal_text
from kernel.errors import ProtocolError

UNITS = {
    b"kg": "kg", b"t": "t", b"g": "g", b"lb": "lb", b"lbs": "lb", b"oz": "oz", b"tn": "tn", b"ton": "tn",
    b"pcs": "pcs", b"%": "%",
}  # fmt: skip
PROOFS = 4  # a line of another shape is believed after so many in a row
COMMAND_LIMIT = 32  # bytes of one command that a played device keeps


def column(width: int, *, signed: bool = False) -> bytes:
    """The pattern of a number at the right edge of `width` characters, blanks before it; its group is the number.

    A lost or additional byte moves the edge, so that it cannot make another number of it.
    """
    sign = b"-" if signed else b""
    edge = rb"(?=[\x20.0-9%b]{%d}[0-9](?![.0-9]))" % (sign, width - 1)
    return edge + rb"\x20*(%b[0-9]+(?:\.[0-9]{1,5})?)" % (sign + b"?" if signed else b"")


def scaled(text: bytes) -> tuple[int, int]:
    """(mantissa, exponent) of what `column` found."""
    whole, _, places = text.partition(b".")
    return int(whole + places), -len(places)


def unit_of(text: bytes) -> str | None:
    """None where nothing is printed; ProtocolError for a word that is no unit we know."""
    word = text.strip()
    unit = UNITS.get(word) or UNITS.get(word.lower())
    if unit is None and word:
        raise ProtocolError("unknown unit", text)
    return unit


def printed(shown: Display, width: int, *, fill: bytes = b" ", signed: bool = False) -> bytes:
    """The displayed number at the right edge of `width` characters; ValueError when it does not fit."""
    mantissa = shown.mantissa if signed else abs(shown.mantissa)
    text = decimal_text(mantissa, shown.exponent).encode().rjust(width, fill)
    if len(text) > width:
        raise ValueError(f"{shown.mantissa}e{shown.exponent} does not fit {width} characters")
    return text


class Steady:
    """Tells whether a line has the shape of those before it.

    Where lines have no fixed length a lost byte makes 1846 of 18460 and g of kg, and twice the same loss is not rare
    enough to be ruled out by repetition: so another shape must come several times in a row.
    """

    def __init__(self) -> None:
        self._shape: object = None
        self._other: object = None
        self._times = 0

    def has(self, shape: object) -> bool:
        if self._shape is None or shape == self._shape:
            self._shape, self._times = shape, 0
            return True
        self._times = self._times + 1 if shape == self._other else 1
        self._other = shape
        if self._times < PROOFS:
            return False
        self._shape, self._times = shape, 0
        return True


class Keys:
    """The zero and tare keys 置零、去皮 of a device that is played: what it shows after they were pressed."""

    def __init__(self) -> None:
        self._zero = 0
        self._tare = 0

    def shows(self, shown: Display) -> Display:
        gross = shown.mantissa - self._zero
        return replace(
            shown,
            mantissa=gross - self._tare,
            net=shown.net or self._tare != 0,
            tare=shown.tare + self._tare,
            at_zero=shown.at_zero or gross == 0,
        )

    def zero(self, shown: Display) -> bool:
        """False where a device refuses: it cannot zero a display that moves."""
        if shown.stable:
            self._zero, self._tare = shown.mantissa, 0
        return shown.stable

    def tare(self, shown: Display) -> bool:
        if shown.stable:
            self._tare = shown.mantissa - self._zero
        return shown.stable

    def clear_tare(self) -> None:
        self._tare = 0


class Commands:
    """Whole commands out of what the host sends, each ended by one of `ends`."""

    def __init__(self, ends: bytes) -> None:
        self._ends = re.compile(b"[" + re.escape(ends) + b"]")
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, rest = self._ends.split(self._rest + data)
        self._rest = rest[-COMMAND_LIMIT:]
        return [command for command in map(bytes.strip, whole) if command]
