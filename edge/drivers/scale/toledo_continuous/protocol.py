r"""Toledo continuous output, pure: the indicator's bytes in, the displayed values out.

    STX SWA SWB SWC wwwwww tttttt CR [CHK]      w displayed weight, t tare, digits only, leading '0' or ' '

SWA holds the place of the point and the increment, SWB net, sign, range, motion, unit and power-up, SWC grams, print
and expanded display.  CHK makes the sum of all 18 bytes a multiple of 128.  The short variant has no tare.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, decimal_text, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions
from kernel.errors import ProtocolError

STX, CR = 0x02, 0x0D
NET, NEGATIVE, OUT_OF_RANGE, MOTION, KILOGRAMS, POWER_UP = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40
GRAMS, PRINT_REQUEST, EXPANDED = 0x01, 0x08, 0x10
INCREMENTS: tuple[int | None, ...] = (None, 1, 2, 5)

_BODY = {"standard": 17, "short": 11}  # without the checksum
_VOTES = 8  # frames looked at before deciding whether a checksum is sent
_UNDECIDED_LIMIT = 1024
_EVEN = bytes(value.bit_count() & 1 for value in range(256))
_LOW_SEVEN = bytes(value & 0x7F for value in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToledoOptions(IndicatorOptions):
    """What the indicator is set to.

    `checksum` is whether frames end in one; unset, it is decided over 8 frames and nothing is reported before that.
    `variant` short has no tare: 11 or 12 bytes.  `fixed_zero` concerns displays whose last places are painted zeros
    (codes 000 and 001), where the manuals contradict each other: the zeros come "after" the six digits, or are
    "inside" them; "refuse" makes no weight of such a display.  `power_up_invalid` false ignores the power-up bit: some
    indicators leave it set for ever.
    """

    checksum: bool | None = None
    variant: Literal["standard", "short"] = "standard"
    fixed_zero: Literal["after", "inside", "refuse"] = "refuse"
    power_up_invalid: bool = True


class ToledoReading(Reading, frozen=True, kw_only=True):
    """A display and what only this protocol says of it; `tare` and `increment` have the exponent of the weight."""

    digits: int = 0  # as sent, without sign and before any fixed zero
    increment: int | None = 1  # of the last place: 1, 2 or 5
    tare: int | None = None  # None in the short variant
    power_up: bool = False
    print_request: bool = False
    expanded: bool = False


class Parser:
    """Decides first whether frames carry a checksum, unless told; then reads them.

    A noisy line can hide the checksums of the first frames, so that without any it is looked for ever again.
    """

    def __init__(self, options: ToledoOptions) -> None:
        self._options = options
        self._body = _BODY[options.variant]
        self._head = b""
        self._last = b""  # of the whole stream, as long as no checksum was found
        self._seen = 0
        self._sure = options.checksum is not None
        self._frames = None if options.checksum is None else self._reader(options.checksum)

    def feed(self, data: bytes) -> list[ToledoReading | ProtocolError]:
        out: list[ToledoReading | ProtocolError] = []
        while data and not self._sure:
            # Looked at where the same bytes end for every split.
            room = _UNDECIDED_LIMIT - self._seen % _UNDECIDED_LIMIT
            part, data = data[:room], data[room:]
            self._seen += len(part)
            self._last = (self._last + part)[-_UNDECIDED_LIMIT:]
            out += self._read(part)
            if self._frames is not None and len(part) == room and keeps_passing(self._last, self._body):
                out += self._frames.finish()
                self._frames, self._sure = self._reader(True), True
        return out + self._read(data)

    def _read(self, data: bytes) -> list[ToledoReading | ProtocolError]:
        out: list[ToledoReading | ProtocolError] = []
        while self._frames is None and data:
            room = _UNDECIDED_LIMIT - len(self._head)
            self._head, data = self._head + data[:room], data[room:]
            out += self._decide(sends_checksum(self._head, self._body))
        return out + self._frames.feed(data) if self._frames else out

    def finish(self) -> list[ToledoReading | ProtocolError]:
        out: list[ToledoReading | ProtocolError] = []
        if self._frames is None:
            out += self._decide(sends_checksum(self._head, self._body, ended=True))
        return out + self._frames.finish() if self._frames else out

    def _decide(self, checksum: bool | None) -> list[ToledoReading | ProtocolError]:
        if checksum is not None:
            self._frames, self._sure = self._reader(checksum), checksum
            head, self._head = self._head, b""
            return self._frames.feed(head)
        if len(self._head) < _UNDECIDED_LIMIT:
            return []
        self._head = self._head[_UNDECIDED_LIMIT // 2 :]
        return [ProtocolError("no frames found: check baud rate, parity and the indicator's output mode")]

    def _reader(self, checksum: bool) -> FrameParser[ToledoReading]:
        size = self._body + checksum
        # STX ... CR, also with the parity bit of a 7-bit line.
        pattern = rb"[\x02\x82].{%d}[\x0d\x8d]%s" % (self._body - 2, b"." * checksum)
        decode = partial(_reading, self._options, checksum)
        return FrameParser(re.compile(pattern, re.DOTALL), longest=size, decode=decode)


def sends_checksum(data: bytes, body: int, *, ended: bool = False) -> bool | None:
    """Decide over several frames: one frame without a checksum passes the test one time in 128.

    None: too few frames yet.  Once the stream has `ended`, those that came decide.
    """
    frame = _frame_starts(body)
    checked = plain = 0
    for frames, found in enumerate(frame.finditer(data), 1):
        at, end = found.start(), found.start() + body
        if at + 2 * body > len(data) and not ended:
            return None
        checked += len(data) > end and sum(data[at : end + 1]) & 0x7F == 0
        # A display that stands still repeats its sum: then only what follows the CR tells.
        plain += len(data) == end or frame.match(data, end) is not None
        if frames == _VOTES:
            return checked > plain and 2 * checked > frames
    return checked >= plain if ended else None


def keeps_passing(data: bytes, body: int) -> bool:
    """Whether as many frames as decide end in a checksum, and none is followed at once by another frame."""
    frame = _frame_starts(body)
    ends = [found.start() + body for found in frame.finditer(data)]
    checked = sum(end < len(data) and not sum(data[end - body : end + 1]) & 0x7F for end in ends)
    return checked >= _VOTES and not any(frame.match(data, end) for end in ends)


@cache
def _frame_starts(body: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?=[\x02\x82].{%d}[\x0d\x8d])" % (body - 2), re.DOTALL)


def _reading(options: ToledoOptions, checked: bool, found: re.Match[bytes], repeated: bool) -> ToledoReading:
    raw = found[0]
    if checked and sum(raw) & 0x7F:
        raise ProtocolError("wrong checksum", raw)
    frame = _seven_bits(raw[:-1] if checked else raw)
    swa, swb, swc = frame[1:4]
    if min(swa, swb, swc) < 0x20:
        raise ProtocolError("control character in a status word", raw)
    out_of_range, negative = bool(swb & OUT_OF_RANGE), bool(swb & NEGATIVE)
    digits = _digits(frame[4:10], raw, blank=out_of_range)
    exponent = 2 - (swa & 7)
    inside = exponent > 0 and options.fixed_zero == "inside"
    value = _without_zeros(digits, exponent, raw) if inside else digits
    power_up = bool(swb & POWER_UP)
    zeroed = not (power_up and options.power_up_invalid)
    return ToledoReading(
        mantissa=-value if negative else value,
        exponent=exponent,
        unit=("g" if swc & GRAMS else "kg") if swb & KILOGRAMS else "lb",
        kind="net" if swb & NET else "gross",
        stable=not swb & MOTION,
        valid=zeroed and not out_of_range,
        over_range=out_of_range and not negative,
        under_range=out_of_range and negative,
        checked=checked,
        confirmed=checked or repeated,
        doubt="fixed_zero" if exponent > 0 and options.fixed_zero == "refuse" else "",
        words=() if zeroed else ("not_zeroed",),
        raw=raw,
        digits=digits,
        increment=INCREMENTS[swa >> 3 & 3],
        tare=_tare(frame, raw, inside, exponent),
        power_up=power_up,
        print_request=bool(swc & PRINT_REQUEST),
        expanded=bool(swc & EXPANDED),
    )


def _seven_bits(frame: bytes) -> bytes:
    """A 7E1 or 7O1 line opened as 8N1 shows its parity in the high bit: all the same, or it is noise."""
    if frame.isascii():
        return frame
    if len(set(frame.translate(_EVEN))) > 1:
        raise ProtocolError("bytes of mixed parity", frame)
    return frame.translate(_LOW_SEVEN)


def _digits(field: bytes, raw: bytes, *, blank: bool) -> int:
    digits = field.lstrip(b" ")
    if digits.isdigit():
        return int(digits)
    if not digits and blank:
        return 0
    raise ProtocolError("not a number", raw)


def _tare(frame: bytes, raw: bytes, inside: bool, exponent: int) -> int | None:
    if len(frame) == _BODY["short"]:
        return None
    tare = _digits(frame[10:16], raw, blank=True)
    return _without_zeros(tare, exponent, raw) if inside else tare


def _without_zeros(digits: int, zeros: int, raw: bytes) -> int:
    scale: int = 10**zeros
    value, rest = divmod(digits, scale)
    if rest:
        raise ProtocolError("fixed_zero is set to inside, but this value does not end in zero", raw)
    return value


def describe(item: ToledoReading) -> dict[str, object]:
    scaled = partial(decimal_text, exponent=item.exponent)
    return {
        **described(item),
        "tare": None if item.tare is None else scaled(item.tare),
        "increment": None if item.increment is None else scaled(item.increment),
        "digits": item.digits,
        "exponent": item.exponent,
        "alt_weight": decimal_text(item.digits, 0) if item.doubt else None,
        "out_of_range": item.over_range or item.under_range,
        "power_up": item.power_up,
        "print_request": item.print_request,
        "expanded": item.expanded,
    }


def write(shown: Display, options: ToledoOptions) -> bytes:
    """The frame with a checksum unless the options say there is none; ValueError when the display does not fit it."""
    if not -5 <= shown.exponent <= 2:
        raise ValueError(f"exponent {shown.exponent} has no code")
    if shown.unit not in ("kg", "g", "lb"):
        raise ValueError(f"unit {shown.unit} has no code")
    zeros = 10**shown.exponent if shown.exponent > 0 and options.fixed_zero == "inside" else 1
    body = bytes([STX, *_status_words(shown)]) + _six(abs(shown.mantissa) * zeros)
    if options.variant == "standard":
        body += _six(shown.tare * zeros)
    body += bytes([CR])
    return body if options.checksum is False else body + bytes([-sum(body) & 0x7F])


def _status_words(shown: Display) -> tuple[int, int, int]:
    swb = (
        NET * shown.net
        | NEGATIVE * (shown.under_range or shown.mantissa < 0)
        | OUT_OF_RANGE * (shown.over_range or shown.under_range)
        | MOTION * (not shown.stable)
        | KILOGRAMS * (shown.unit != "lb")
        | POWER_UP * shown.power_up
    )
    swa = INCREMENTS.index(shown.increment) << 3 | 2 - shown.exponent
    return 0x20 | swa, 0x20 | swb, 0x20 | GRAMS * (shown.unit == "g")


def _six(value: int) -> bytes:
    if not 0 <= value <= 999_999:
        raise ValueError(f"{value} does not fit six digits")
    return b"%6d" % value


INDICATOR = Indicator(
    name="toledo-continuous",
    title="Toledo continuous, 17 or 18 bytes 托利多连续输出",
    makers="Mettler-Toledo, KERN, Fairbanks, Cardinal, Liden, Vector and other makes with a Toledo output",
    frame="17 bytes, 18 with a checksum; short: 11 or 12",
    lines=("9600 8N1", "9600 7E1", "4800 8N1", "4800 7E1", "19200 8N1"),
    says=frozenset({"checksum", "unit", "stable", "gross_net", "range", "tare"}),
    options=ToledoOptions,
    parser=Parser,
    describe=describe,
    write=write,
    orders={"zero": lambda _options: b"Z", "tare": lambda _options: b"T"},
    doubts=(
        Doubt(option="fixed_zero", why="manuals disagree whether painted zeros are among the six digits"),
        Doubt(option="power_up_invalid", why="some indicators never clear the power-up bit"),
    ),
    source=(
        "Mettler-Toledo Wildcat p.40-41, ICS425/IND445 p.50; KERN FTC p.42; Fairbanks FB3000 p.55, FB2550 p.177; "
        "Rockwell 57C428 p.37; Cardinal 225 p.126; Liden LUW2001 p.16; Vector VI-200 p.21; ten captured frames"
    ),
)
