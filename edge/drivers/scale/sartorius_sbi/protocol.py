r"""Sartorius SBI output of 16 or 22 characters, pure.

    [iiiiii] s vvvvvvvvv SP uuu CR LF     i name of the value: N net, G# gross, T tare; s + - or blank
    [Stat  ]       H       CR LF          H over, L under range, C being adjusted; Err nnn: error

A unit is printed only while the display stands still.  A digit in brackets is not verified.
Source: Sartorius GC803S p.57, LE2202S p.51, EB p.62, CP p.56, Master series p.79; SBI commands: Cubis MSE p.71.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Keys, printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions

VALUE = (  # a blank in the place of the sign must not be one that follows a sign
    rb"((?<![+-])\x20|[+-])(?=[][\x20.0-9]{8}[]0-9]\x20)\x20*([0-9]+(?:\.[0-9]{1,5})?\.?)(?:\[([0-9])\])?\x20"
    rb"([A-Za-z%][A-Za-z\x20]{2}|\x20{3})\r\n"
)
STATUS = rb"(?=[\x20A-Za-z0-9]{14}\r\n)\x20*(?:(H|L|C)|(E(?:rr|RR)?\x20{0,2}[0-9]{1,3}))\x20*\r\n"
NAMES = rb"(N\x20{5}|[GT][\x201-9#]\x20{4})"
FRAMES = {
    16: re.compile(rb"()" + VALUE + rb"|" + STATUS),
    22: re.compile(NAMES + VALUE + rb"|Stat\x20\x20" + STATUS),
}
KINDS: dict[bytes, Kind] = {b"N": "net", b"G": "gross", b"T": "tare", b"": "displayed"}
NAME = {"net": b"N     ", "gross": b"G#    "}
COMMAND = re.compile(rb"\x1b([A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class SbiOptions(IndicatorOptions):
    """`chars` is the length of a line: 22 with the name of the value, 16 without.  `ask`: the device prints only when
    it is asked.
    """

    chars: Literal[16, 22] = 16
    ask: bool = False


class SbiReading(Reading, frozen=True, kw_only=True):
    """`error`: the code that the device shows instead of a weight."""

    error: str = ""


def parser(options: SbiOptions) -> FrameParser[SbiReading]:
    return FrameParser(FRAMES[options.chars], longest=options.chars, decode=_reading)


def _reading(found: re.Match[bytes], repeated: bool) -> SbiReading:
    raw = found[0]
    name, sign, digits, unverified, word, status, error = found.groups()
    if digits is None:
        return SbiReading(
            mantissa=None,
            kind=None,
            valid=False,
            over_range=status == b"H",
            under_range=status == b"L",
            error=(error or b"").decode(),
            confirmed=repeated,
            words=("being_adjusted",) if status == b"C" else (),
            raw=raw,
        )
    mantissa, exponent = scaled(sign.strip() + digits + (unverified or b""))
    unit = unit_of(word)
    return SbiReading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit,
        kind=KINDS[name[:1]],
        stable=unit is not None,
        confirmed=repeated,
        words=("unverified_digit",) if unverified else (),
        raw=raw,
    )


def describe(reading: SbiReading) -> dict[str, object]:
    told: dict[str, object] = described(reading)
    if reading.over_range:
        told["overload"] = True
    if reading.under_range:
        told["underload"] = True
    if reading.error:
        told["error"] = reading.error
    return told


def write(shown: Display, options: SbiOptions) -> bytes:
    """ValueError when the value does not fit the line."""
    named = options.chars == 22
    if shown.over_range or shown.under_range:
        status = b"H" if shown.over_range else b"L"
        return (b"Stat  " if named else b"") + b"      " + status + b"       \r\n"
    name = (NAME["net" if shown.net else "gross"]) if named else b""
    sign = b"-" if shown.mantissa < 0 else b"+"
    unit = shown.unit.encode() if shown.stable else b""
    return name + sign + printed(shown, 9) + b" " + unit.ljust(3) + b"\r\n"


def poll(options: SbiOptions) -> bytes:
    return _command(b"P") if options.ask else b""


def _command(letter: bytes) -> bytes:
    return b"\x1b" + letter + b"\r\n"


class Device:
    """Plays the device that prints when it is asked."""

    def __init__(self, options: SbiOptions) -> None:
        self._options = options
        self._keys = Keys()
        self._rest = b""

    def feed(self, data: bytes, shown: Display) -> bytes:
        data = self._rest + data
        self._rest = data[-1:] if data.endswith(b"\x1b") else b""
        return b"".join(self._answer(letter, shown) for letter in COMMAND.findall(data))

    def _answer(self, letter: bytes, shown: Display) -> bytes:
        if letter == b"P":
            return write(self._keys.shows(shown), self._options)
        if letter == b"V":
            self._keys.zero(shown)
        if letter in b"TU":
            self._keys.tare(shown)
        return b""


INDICATOR = Indicator(
    name="sartorius-sbi",
    title="Sartorius SBI, 16 or 22 characters",
    makers="Sartorius and Minebea Intec indicators and balances; Acculab",
    frame="16 or 22 bytes",
    lines=("1200 7O1", "9600 8N1", "9600 7O1", "4800 7O1"),
    says=frozenset({"stable", "range"}),
    options=SbiOptions,
    parser=parser,
    describe=describe,
    write=write,
    poll=poll,
    serve=Device,
    orders={"zero": lambda _options: _command(b"V"), "tare": lambda _options: _command(b"U")},
    doubts=(
        Doubt(option="unit", why="the line leaves it blank while the display moves"),
        Doubt(option="chars", why="lines of 16 characters do not say whether they show gross or net"),
        Doubt(option="displayed", why="lines of 16 characters do not say whether they show gross or net"),
    ),
    source="Sartorius GC803S p.57, LE2202S p.51, EB p.62, Master series p.79, Cubis MSE p.71",
)
