r"""MT-SICS, the standard interface command set of Mettler-Toledo, pure.

    S S vvvvvvvvvv uu CR LF     stable; D instead of the second S: moving; value of 10 characters, net
    S I | S + | S -             not executable now, over range, under range
    T S .., TI S|D .., TA A ..  the tare, TA in a column of 8;  Z A, ZI S|D: zeroed;  ES ET EL: errors

It speaks only when asked: S (once stable), SI (now), SIR (now, repeating), SR (repeating on change).
Source: AT balances p.87, AL-IC p.72, JS p.30, MT-SICS reference manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Commands, Keys, Steady, column, printed, scaled, unit_of
from edge.drivers.readings import Display, Reading, Reply, described, described_reply
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

WEIGHT = rb"(?:(S|TI)\x20([SD])|(T)\x20(S))\x20" + column(10, signed=True)
TARE = rb"(TA)\x20(A)\x20{1,10}(-?[0-9]+(?:\.[0-9]{1,5})?)"
VALUE = rb"(?:" + WEIGHT + rb"|" + TARE + rb")\x20([A-Za-z%]{1,5})"
STATUS = rb"(S|SR|SIR|TI|TAC|TA|T|ZI|Z|@)\x20([ISDA+-])"
FRAME = re.compile(rb"(?:" + VALUE + rb"|" + STATUS + rb'|(E[STL])|(I4\x20A\x20"[^"\r\n]{0,24}"))\r\n')
LONGEST = 44
ERRORS = {b"ES": "syntax-error", b"ET": "transmission-error", b"EL": "logical-error"}
STATUSES = {b"I": "not-executable", b"+": "above-range", b"-": "below-range"}
DONE = {b"Z": "zero-done", b"ZI": "zero-done", b"T": "tare-done", b"TI": "tare-done", b"TAC": "tare-cleared"}
# What stands in the second place of a value, by command: whether it is stable.
STABLE: dict[tuple[bytes, bytes], bool | None] = {
    (b"S", b"S"): True, (b"S", b"D"): False, (b"T", b"S"): True,
    (b"TI", b"S"): True, (b"TI", b"D"): False, (b"TA", b"A"): None,
}  # fmt: skip
SERIAL = b'I4 A "0000000001"\r\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class SicsOptions(IndicatorOptions):
    """`ask` is the question for the weight: `SI` now, `S` once it is stable, `SIR` now and repeating.

    `tare`: the weight is net, and gross only where there is no tare.  `asked`: the tare is asked before every weight
    (TA), which is gross when that is zero.  `never`: nobody can tare this device.
    """

    ask: Literal["SI", "S", "SIR"] = "SI"
    tare: Literal["unknown", "asked", "never"] = "unknown"


class Reader:
    """Makes readings of lines, and remembers their shape, the weight before, and the tare."""

    def __init__(self, options: SicsOptions) -> None:
        self._lines = Steady()
        self._before = b""
        self._tare_asked = options.tare == "asked"
        self._no_tare = options.tare == "never"

    def item(self, found: re.Match[bytes], repeated: bool) -> Reading | Reply:
        raw = found[0]
        *value, told, status, error, serial = found.groups()
        value = [each for each in value if each]
        if value:
            return self._value(value, raw)
        if told == b"S" and status in (b"+", b"-"):
            return Reading(
                mantissa=None,
                kind=None,
                valid=False,
                over_range=status == b"+",
                under_range=status == b"-",
                confirmed=repeated,
                raw=raw,
            )
        if serial:
            return Reply(status="restarted", raw=raw)
        return Reply(status=ERRORS[error] if error else _status(told, status, raw), raw=raw)

    def _value(self, value: list[bytes], raw: bytes) -> Reading:
        command, mark, digits, word = value
        mantissa, exponent = scaled(digits)
        unit = unit_of(word)
        confirmed = False
        if command == b"S":
            confirmed = self._confirmed(raw, (unit, exponent))
        elif self._tare_asked:
            self._no_tare = mantissa == 0
        return Reading(
            mantissa=mantissa,
            exponent=exponent,
            unit=unit,
            kind="tare" if command != b"S" else "gross" if self._no_tare else "net",
            stable=STABLE[command, mark],
            confirmed=confirmed,
            raw=raw,
        )

    def _confirmed(self, raw: bytes, shape: object) -> bool:
        """Answers about the tare may come between two weights: those confirm each other all the same."""
        repeated, self._before = raw == self._before, raw
        return self._lines.has(shape) and repeated


def _status(told: bytes, status: bytes, raw: bytes) -> str:
    if status in STATUSES:
        return STATUSES[status]
    if told not in DONE:
        raise ProtocolError("unknown status", raw)
    return DONE[told]


def parser(options: SicsOptions) -> FrameParser[Reading | Reply]:
    return FrameParser(FRAME, longest=LONGEST, decode=Reader(options).item)


def describe(item: Reading | Reply) -> dict[str, object]:
    if isinstance(item, Reply):
        return described_reply(item)
    over = {"overload": True} if item.over_range else {}
    under = {"underload": True} if item.under_range else {}
    return described(item) | over | under


def write(shown: Display, _options: SicsOptions) -> bytes:
    """The answer to SI; ValueError when the value does not fit."""
    if shown.over_range or shown.under_range:
        return b"S +\r\n" if shown.over_range else b"S -\r\n"
    return _value(b"S S" if shown.stable else b"S D", shown)


def _value(head: bytes, shown: Display) -> bytes:
    return head + b" " + printed(shown, 10, signed=True) + b" " + shown.unit.encode() + b"\r\n"


def poll(options: SicsOptions) -> bytes:
    return (b"TA\r\n" if options.tare == "asked" else b"") + options.ask.encode() + b"\r\n"


class Device:
    """Plays the device that answers.  It has no clock: after SIR and SR it repeats whenever the display changes."""

    def __init__(self, options: SicsOptions) -> None:
        self._options = options
        self._commands = Commands(b"\r\n")
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

    def _weight(self, shown: Display) -> bytes:
        return write(self._keys.shows(shown), self._options)

    def _answer(self, command: bytes, shown: Display) -> bytes:
        if command in (b"S", b"SI", b"SIR", b"SR"):
            self._repeating = command in (b"SIR", b"SR")
            return self._weight(shown) if shown.stable or command != b"S" else b"S I\r\n"
        if command in (b"Z", b"ZI"):
            done = self._keys.zero(shown)
            return (b"Z A\r\n" if command == b"Z" else b"ZI S\r\n") if done else command + b" I\r\n"
        if command in (b"T", b"TI"):
            done = self._keys.tare(shown)
            return self._tare(command + b" S", shown) if done else command + b" I\r\n"
        if command == b"TAC":
            self._keys.clear_tare()
            return b"TAC A\r\n"
        return self._other(command, shown)

    def _other(self, command: bytes, shown: Display) -> bytes:
        if command == b"TA":
            return self._tare(b"TA A", shown)
        if command == b"@":
            self._repeating = False
            return SERIAL
        return b"ES\r\n"

    def _tare(self, head: bytes, shown: Display) -> bytes:
        return _value(head, replace(shown, mantissa=self._keys.shows(shown).tare))


INDICATOR = Indicator(
    name="mt-sics",
    title="Mettler-Toledo MT-SICS 梅特勒-托利多标准命令集",
    makers="Mettler-Toledo terminals and balances; many others that offer SICS",
    frame="a line, value of 10 characters",
    lines=("9600 8N1", "9600 7E1", "2400 7E1", "19200 8N1"),
    says=frozenset({"unit", "stable", "gross_net", "range"}),
    options=SicsOptions,
    example={"tare": "never"},
    parser=parser,
    describe=describe,
    write=write,
    poll=poll,
    serve=Device,
    orders={"zero": lambda _options: b"Z\r\n", "tare": lambda _options: b"T\r\n"},
    doubts=(Doubt(option="tare", why="the value is net, which is the gross only where there is no tare"),),
    source="AT balances p.87, AL-IC p.72, JS p.30, MT-SICS reference manual",
)
