r"""SMA SCP-0499, the protocol of the Scale Manufacturers Association, pure.

    LF s r n m f xxxxxx.xxx uuu CR     LF begins the frame, CR ends it
    s  Z at zero, O over, U under range, E no zero, T no tare; then the value is ten dashes
    r range, n G gross, N net, T tare (g, n with high resolution), m M moving, f the maker's own

It answers to W weight, H high resolution, Z zero, T tare, M tare value, C clear tare, R repeat.
Source: SMA SCP-0499; PR5210 p.37-38, PR5211 p.49-56, BTEK T419S p.61, Cardinal 225 p.117.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Commands, Keys, column, printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, Reply, described, described_reply
from edge.drivers.rows import Indicator, IndicatorOptions

FRAME = re.compile(
    rb"\n(?:([\x20ZOUET])[1-9]([GNTgn])([\x20M])[\x20-\x7e](?:%b|-{10})([\x20A-Za-z%%]{3})|([?!]))\r"
    % column(10, signed=True)
)
SIZE = 20
KINDS: dict[bytes, Kind] = {b"G": "gross", b"g": "gross", b"N": "net", b"n": "net", b"T": "tare"}
STATUSES = {b"?": "unrecognized-command", b"!": "communication-error"}
ERRORS: dict[bytes, Literal["zero", "tare"]] = {b"E": "zero", b"T": "tare"}


class SmaReading(Reading, frozen=True, kw_only=True):
    """`error`: what the device could not do, so that it shows no weight."""

    at_zero: bool = False
    high_resolution: bool = False
    error: Literal["zero", "tare"] | None = None


def parser(_options: IndicatorOptions) -> FrameParser[SmaReading | Reply]:
    return FrameParser(FRAME, longest=SIZE, decode=_item)


def _item(found: re.Match[bytes], repeated: bool) -> SmaReading | Reply:
    raw = found[0]
    status, kind, motion, digits, unit, answer = found.groups()
    if answer:
        return Reply(status=STATUSES[answer], raw=raw)
    error = ERRORS.get(status)
    mantissa, exponent = (None, 0) if digits is None else scaled(digits)
    return SmaReading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit_of(unit),
        kind=KINDS[kind],
        stable=None if error else motion != b"M",
        valid=status in b" Z" and digits is not None,
        over_range=status == b"O",
        under_range=status == b"U",
        confirmed=repeated,
        at_zero=status == b"Z",
        high_resolution=kind.islower(),
        error=error,
        raw=raw,
    )


def describe(item: SmaReading | Reply) -> dict[str, object]:
    if isinstance(item, Reply):
        return described_reply(item)
    flags = {
        "zero": item.at_zero,
        "overload": item.over_range,
        "underload": item.under_range,
        "high_resolution": item.high_resolution,
    }
    return described(item) | flags | ({"error": item.error} if item.error else {})


def write(shown: Display, _options: IndicatorOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    return _frame(shown, b"N" if shown.net else b"G")


def _frame(shown: Display, kind: bytes, *, error: bytes = b"") -> bytes:
    status = b"O" if shown.over_range else b"U" if shown.under_range else b"Z" if shown.at_zero else b" "
    value = b"-" * 10 if error else printed(shown, 10, signed=True)
    motion = b" " if shown.stable else b"M"
    head = b"\n" + (error or status) + b"1" + kind + motion + b" "
    return head + value + shown.unit.encode().ljust(3) + b"\r"


def poll(_options: IndicatorOptions) -> bytes:
    return b"\nW\r"


class Device:
    """Plays the device that answers.  It has no clock: after R it repeats whenever the display changes."""

    def __init__(self, _options: IndicatorOptions) -> None:
        self._commands = Commands(b"\r")
        self._keys = Keys()
        self._repeating = False
        self._sent = b""

    def feed(self, data: bytes, shown: Display) -> bytes:
        answers = b"".join(self._answer(command, shown) for command in self._commands.feed(data))
        if not self._repeating:
            return answers
        now = self._weight(shown)
        changed, self._sent = now != self._sent, now
        return answers or (now if changed else b"")

    def _answer(self, command: bytes, shown: Display) -> bytes:
        self._repeating = command == b"R"
        if command in (b"W", b"H", b"R"):
            return self._weight(shown, high=command == b"H")
        if command == b"Z":
            return self._weight(shown, error=b"" if self._keys.zero(shown) else b"E")
        if command == b"T":
            return self._weight(shown, error=b"" if self._keys.tare(shown) else b"T")
        if command == b"C":
            self._keys.clear_tare()
            return self._weight(shown)
        if command == b"M":
            return _frame(replace(shown, mantissa=self._keys.shows(shown).tare, stable=True), b"T")
        return b"" if command == b"\x1b" else b"\n?\r"

    def _weight(self, shown: Display, *, high: bool = False, error: bytes = b"") -> bytes:
        shown = self._keys.shows(shown)
        kind = b"N" if shown.net else b"G"
        if not high:
            return _frame(shown, kind, error=error)
        finer = replace(shown, mantissa=10 * shown.mantissa, exponent=shown.exponent - 1)
        return _frame(finer, kind.lower())


INDICATOR = Indicator(
    name="sma",
    title="SMA SCP-0499",
    makers="Minebea/Sartorius PR5210, PR5220; BTEK T419S; Cardinal 225 and other American indicators",
    frame="20 bytes, LF first and CR last",
    lines=("9600 8N1", "9600 7E1", "19200 8N1", "4800 8N1"),
    says=frozenset({"unit", "stable", "gross_net", "zero", "range"}),
    options=IndicatorOptions,
    parser=parser,
    describe=describe,
    write=write,
    poll=poll,
    serve=Device,
    orders={"zero": lambda _options: b"\nZ\r", "tare": lambda _options: b"\nT\r"},
    source="SMA SCP-0499; PR5210 p.37-38, PR5211 p.49-56, BTEK T419S p.61, Cardinal 225 p.117",
)
