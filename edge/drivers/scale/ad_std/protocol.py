r"""A&D standard format, pure.

    [@aa] HH,KK,sddddddd uu CR LF     HH ST stable, US moving, OL or LO out of range, HD held; KK GS gross, NT net, TR tare

Sign and seven characters hold the number, zeros before it; they are blank out of range.  The decimal sign may be a
comma, the unit may have three characters, and answers of a device with an address carry it.
Source: AD-4402 p.80, AD-4406 p.45-47, AD-4406A p.45, AD-4410 p.56, AD-4329A p.46.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Commands, Keys, printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, Reply, described, described_reply
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions, check_times
from kernel.errors import ProtocolError
from kernel.settings import must, refuse

KINDS: dict[bytes, Kind] = {b"GS": "gross", b"NT": "net", b"TR": "tare"}
STATUSES = {
    b"MZ": "zero-done", b"MT": "tare-done", b"CT": "tare-cleared", b"I": "not-executable", b"?": "unrecognized-command",
}  # fmt: skip
ASKED: dict[bytes, Kind] = {b"RW": "displayed", b"RG": "gross", b"RN": "net", b"RT": "tare"}
REPLY = rb"(?<![\x20-\x7e])%b(MZ|MT|CT|I|\?)\r\n"
SIZE = 18
MAX_PLACES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AdOptions(IndicatorOptions):
    """`ask`: nothing is asked of a device that sends unasked (`none`), else the display (`RW`), gross (`RG`) or net
    (`RN`).  `address` is the device's where several share a line, 1 to 99.  `unit_chars` is how wide the unit is
    printed (CF07 of the indicator).
    """

    ask: Literal["none", "RW", "RG", "RN"] = "none"
    address: int | None = None
    unit_chars: Literal[2, 3] = 2

    def __post_init__(self) -> None:
        check_times(self)
        good = self.address is None or 1 <= self.address <= 99
        refuse(must(good, "address", f"must be 1 to 99, is {self.address}"))

    @property
    def called(self) -> bytes:
        return b"" if self.address is None else b"@%02d" % self.address


def parser(options: AdOptions) -> FrameParser[Reading | Reply]:
    frame = (
        rb"%b(ST|US|OL|LO|HD),(GS|NT|TR),([+-])"
        rb"(?:(?=[.,0-9]{7}[^.,0-9])([0-9]+(?:[.,][0-9]{1,%d})?)|[\x20.,]{7})([\x20%%A-Za-z]{%d})\r\n"
    ) % (options.called, MAX_PLACES, options.unit_chars)
    return FrameParser(
        re.compile(frame + b"|" + REPLY % options.called),
        longest=len(options.called) + SIZE - 2 + options.unit_chars,
        decode=_item,
    )


def _item(found: re.Match[bytes], repeated: bool) -> Reading | Reply:
    raw = found[0]
    head, kind, sign, digits, unit, answer = found.groups()
    if answer:
        return Reply(status=STATUSES[answer], raw=raw)
    out_of_range = head in (b"OL", b"LO")
    if digits is None and not out_of_range:
        raise ProtocolError("no number", raw)
    mantissa, exponent = (None, 0) if digits is None else scaled(sign + digits.replace(b",", b"."))
    return Reading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit_of(unit),
        kind=KINDS[kind],
        stable={b"ST": True, b"US": False}.get(head),
        valid=head in (b"ST", b"US"),
        over_range=out_of_range and sign == b"+",
        under_range=out_of_range and sign == b"-",
        confirmed=repeated,
        words=("display_held",) if head == b"HD" else (),
        raw=raw,
    )


def describe(item: Reading | Reply) -> dict[str, object]:
    if isinstance(item, Reply):
        return described_reply(item)
    return described(item) | ({"overload": True} if item.over_range or item.under_range else {})


def write(shown: Display, options: AdOptions) -> bytes:
    return _written(shown, b"NT" if shown.net else b"GS", options)


def _written(shown: Display, kind: bytes, options: AdOptions) -> bytes:
    """ValueError when the value does not fit the frame."""
    if not -MAX_PLACES <= shown.exponent <= 0:
        raise ValueError(f"exponent {shown.exponent} has no place in the frame")
    out_of_range = shown.over_range or shown.under_range
    head = b"OL" if out_of_range else b"ST" if shown.stable else b"US"
    sign = b"-" if shown.mantissa < 0 or shown.under_range else b"+"
    digits = b" " * 7 if out_of_range else printed(shown, 7, fill=b"0")
    unit = shown.unit.encode().ljust(options.unit_chars)
    return options.called + head + b"," + kind + b"," + sign + digits + unit + b"\r\n"


def poll(options: AdOptions) -> bytes:
    return b"" if options.ask == "none" else _command(options.ask.encode(), options)


def _command(name: bytes, options: AdOptions) -> bytes:
    return options.called + name + b"\r\n"


class Device:
    """Plays the indicator that answers commands."""

    def __init__(self, options: AdOptions) -> None:
        self._options = options
        self._commands = Commands(b"\r\n")
        self._keys = Keys()

    def feed(self, data: bytes, shown: Display) -> bytes:
        mine = self._options.called
        called = [each[len(mine) :] for each in self._commands.feed(data) if each.startswith(mine)]
        return b"".join(self._answer(command, shown) for command in called)

    def _answer(self, command: bytes, shown: Display) -> bytes:
        if command in ASKED:
            return self._weight(ASKED[command], self._keys.shows(shown))
        if command == b"CT":
            self._keys.clear_tare()
            done = True
        elif command == b"MZ":
            done = self._keys.zero(shown)
        elif command == b"MT":
            done = self._keys.tare(shown)
        else:
            return _command(b"?", self._options)
        return _command(command if done else b"I", self._options)

    def _weight(self, asked: Kind, shown: Display) -> bytes:
        if asked == "tare":
            return _written(replace(shown, mantissa=shown.tare, stable=True), b"TR", self._options)
        if asked == "gross" and shown.net:
            shown = replace(shown, mantissa=shown.mantissa + shown.tare, net=False)
        return _written(shown, b"NT" if shown.net or asked == "net" else b"GS", self._options)


INDICATOR = Indicator(
    name="ad-std",
    title="A&D standard format, 18 bytes",
    makers="A&D AD-4402, AD-4404, AD-4406, AD-4410, AD-4329 and others",
    frame="18 bytes; 19 with a unit of three characters; 3 more with an address",
    lines=("2400 7E1", "9600 8N1", "9600 7E1", "4800 7E1"),
    says=frozenset({"unit", "stable", "gross_net", "range"}),
    options=AdOptions,
    parser=parser,
    describe=describe,
    write=write,
    poll=poll,
    serve=Device,
    orders={
        "zero": lambda options: _command(b"MZ", options),
        "tare": lambda options: _command(b"MT", options),
    },
    doubts=(Doubt(option="unit_chars", why="the unit is printed in two characters, or in three (CF07)"),),
    kin=frozenset({"ad-like"}),
    source="AD-4402 p.80, AD-4406 p.45-47, AD-4406A p.45, AD-4410 p.56, AD-4329A p.46",
)
