r"""Lines of text that the user describes by a pattern, pure.

The pattern is written in the language of `grammar`, so that no line can make it slow, and describes the whole line: a
number in the middle of a longer line is none.  What it finds has its meaning by the names of its groups:

    weight               the number, with its sign if that stands in it; required
    sign, unit           + or -; kg, t, g, lb and other known words
    stable moving        there while the display stands still, or moves
    gross net tare       what is displayed
    overload underload   out of range; invalid  no weight for another reason

For example  (?:(?P<stable>ST)|(?P<moving>US)),(?P<sign>[+-])(?P<weight>[0-9]{6})(?P<unit>kg|t\x20)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.printed import Steady, unit_of
from edge.drivers.readings import Display, Kind, Reading, decimal_text, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions, check_times
from edge.drivers.scale.text.grammar import DIGITS, Bytes, Group, bits_of, every, expression, longest, parsed
from kernel.errors import ConfigError, ProtocolError
from kernel.settings import must, refuse

MEANINGS = (
    "weight", "sign", "unit", "stable", "moving", "gross", "net", "tare", "overload", "underload", "invalid",
)  # fmt: skip
KINDS: tuple[Kind, ...] = ("gross", "net", "tare")
WEIGHT_BYTES = DIGITS | bits_of(b" .,+-")
NUMBER = {
    ".": re.compile(rb"([+-]?)\x20*([0-9]+)(?:\.([0-9]{1,5}))?"),
    ",": re.compile(rb"([+-]?)\x20*([0-9]+)(?:,([0-9]{1,5}))?"),
}
FIELD = re.compile(r"\{(sign|weight)(?::(0?)([0-9]{1,2}))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions(IndicatorOptions):
    """`pattern` describes a line up to its `terminator`; see docs/scales.md for its language and its group names.
    `decimal` is the sign before the decimals.  `example` is a line for those who play the device: `{sign}` stands for
    + or -, `{weight}` for the number, `{weight:7}` in seven columns, `{weight:07}` with zeros.
    """

    pattern: str
    terminator: str = "\r\n"
    decimal: Literal[".", ","] = "."
    example: str = ""

    def __post_init__(self) -> None:
        check_times(self)
        end = self.terminator
        good = end.isascii() and 1 <= len(end) <= 4 and len(set(end)) == len(end)
        refuse(must(good, "terminator", f"must be one to four different ASCII characters, is {end!r}"))
        whole = parsed(self.pattern, terminator=self.end)
        refuse(*(must(good, "pattern", problem) for good, problem in _meant(whole)))
        if self.example:
            _check_example(self)

    @property
    def end(self) -> bytes:
        return self.terminator.encode()


def _meant(whole: Group) -> list[tuple[bool, str]]:
    groups = [node for node in every(whole) if isinstance(node, Group) and node.name]
    names = [str(node.name) for node in groups]
    strange = sorted(set(names) - set(MEANINGS))
    weighed = [node for group in groups if group.name == "weight" for node in every(group)]
    bits = 0
    for node in weighed:
        bits |= node.bits if isinstance(node, Bytes) else 0
    return [
        (not strange, f"unknown groups {', '.join(strange)}; known here: {', '.join(MEANINGS)}"),
        (len(names) == len(set(names)), "a group is named twice"),
        ("weight" in names, "has no group (?P<weight>..)"),
        (not bits & ~WEIGHT_BYTES, "the weight may hold digits, blanks, signs and one point or comma only"),
    ]


def _check_example(options: TextOptions) -> None:
    try:
        line = write(Display(mantissa=0), options)
    except ValueError as error:
        raise ConfigError.one("example", str(error)) from error
    if not any(isinstance(item, Reading) for item in parser(options).feed(line)):
        raise ConfigError.one("example", "the pattern does not read it")


def parser(options: TextOptions) -> FrameParser[Reading]:
    whole = parsed(options.pattern, terminator=options.end)
    return FrameParser(
        re.compile(_beginning(options.end) + expression(whole) + re.escape(options.end)),
        longest=longest(whole) + len(options.end),
        decode=_decoder(options, frozenset(_names(whole))),
        between=options.end + b"\r\n",
    )


def _beginning(end: bytes) -> bytes:
    """A line begins the stream, or follows the terminator, or what can only be noise or a control character."""
    inside = bytes(byte for byte in range(0x20, 0x7F) if byte != end[-1])
    return b"(?<![" + re.escape(inside) + b"])"


def _names(whole: Group) -> list[str]:
    return [node.name for node in every(whole) if isinstance(node, Group) and node.name]


def _decoder(options: TextOptions, names: frozenset[str]) -> Callable[[re.Match[bytes], bool], Reading]:
    lines = Steady()
    number = NUMBER[options.decimal]
    tells_motion = bool(names & {"stable", "moving"})

    def reading(found: re.Match[bytes], repeated: bool) -> Reading:
        raw, said = found[0], found.groupdict()
        over, under = said.get("overload") is not None, said.get("underload") is not None
        valid = not over and not under and said.get("invalid") is None
        mantissa, exponent = _number(said, number, required=valid, raw=raw)
        unit = unit_of(said.get("unit") or b"")
        return Reading(
            mantissa=mantissa,
            exponent=exponent,
            unit=unit,
            kind=next((kind for kind in KINDS if said.get(kind) is not None), "displayed"),
            stable=_stands(said, names) if tells_motion and valid else None,
            valid=valid,
            over_range=over,
            under_range=under,
            confirmed=lines.has((len(raw), exponent, unit)) and repeated,
            raw=raw,
        )

    return reading


def _stands(said: dict[str, bytes | None], names: frozenset[str]) -> bool:
    return said.get("moving") is None and ("stable" not in names or said["stable"] is not None)


def _number(
    said: dict[str, bytes | None], number: re.Pattern[bytes], *, required: bool, raw: bytes
) -> tuple[int | None, int]:
    found = number.fullmatch((said["weight"] or b"").strip(b" "))
    if found is None:
        if required:
            raise ProtocolError("not a number", raw)
        return None, 0
    sign, whole, places = found.groups(b"")
    value = int(whole + places)
    negative = b"-" in (sign, (said.get("sign") or b"").strip())
    return (-value if negative else value), -len(places)


def write(shown: Display, options: TextOptions) -> bytes:
    """The example line with what is displayed; ValueError when there is none, or the value does not fit it."""
    if not FIELD.search(options.example):
        raise ValueError("there is no example line with {weight} to write")
    number = decimal_text(abs(shown.mantissa), shown.exponent).replace(".", options.decimal)
    sign = "-" if shown.mantissa < 0 else "+"
    if "{sign" not in options.example and shown.mantissa < 0:
        number = "-" + number

    def field(found: re.Match[str]) -> str:
        text = sign if found[1] == "sign" else number
        return text.rjust(int(found[3] or 0), found[2] or " ")

    return FIELD.sub(field, options.example).encode("latin-1", "replace") + options.end


INDICATOR = Indicator(
    name="text",
    title="Lines of text by a pattern of your own 自定义文本格式",
    makers="Any device that prints its display as a line of text",
    frame="a line of at most 128 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "9600 7E1"),
    says=frozenset(),
    options=TextOptions,
    example={"pattern": "=(?P<sign>[+-])(?P<weight>[0-9]{6})", "example": "={sign}{weight:06}"},
    parser=parser,
    describe=described,
    write=write,
    doubts=(
        Doubt(option="pattern", why="the device's papers, or a look at its lines, must say"),
        Doubt(option="unit", why="lines need not hold it"),
        Doubt(option="displayed", why="lines need not say gross or net"),
    ),
    source="the user's own description",
)
