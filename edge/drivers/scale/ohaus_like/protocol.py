r"""The printed line of Ohaus indicators and their like, pure.

    wwwwwwww SP uuuuu s k CR LF     weight at the right edge, sign before it; unit of five characters, left
    s ? moving, blank stable;  k G gross, N or NET net, T tare, blank where it is not printed

Nothing marks the beginning of a line: only its columns do, and models differ in their number.  So that the last columns
of a wider number are not taken for all of it, without its sign, nothing of a number may stand before them.
Source: a captured line; Ohaus Defender 3000 p.35 (9 and 3 columns), Defender 5000 p.51.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.drivers.framing import FrameParser
from edge.drivers.printed import printed, scaled, unit_of
from edge.drivers.readings import Display, Kind, Reading, described
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions, check_times
from kernel.errors import ProtocolError
from kernel.settings import must, refuse

KINDS: dict[bytes, Kind] = {
    b"G": "gross", b"N": "net", b"NET": "net", b"T": "tare", b"PT": "tare", b"": "displayed",
}  # fmt: skip
UNIT_CHARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OhausOptions(IndicatorOptions):
    """`weight_chars` is the width of the number with its sign, 6 to 12; `legend_chars` that of G or NET, 1 to 3."""

    weight_chars: int = 8
    legend_chars: int = 1

    def __post_init__(self) -> None:
        check_times(self)
        refuse(
            must(6 <= self.weight_chars <= 12, "weight_chars", f"must be 6 to 12, is {self.weight_chars}"),
            must(1 <= self.legend_chars <= 3, "legend_chars", f"must be 1 to 3, is {self.legend_chars}"),
        )

    @property
    def size(self) -> int:
        return self.weight_chars + 1 + UNIT_CHARS + 1 + self.legend_chars + 2


def parser(options: OhausOptions) -> FrameParser[Reading]:
    frame = (
        rb"(?<![\x20.0-9+-])(?=[\x20.0-9-]{%d}[0-9]\x20)\x20*(-?)\x20*([0-9]+(?:\.[0-9]{1,5})?)\x20"
        rb"([A-Za-z%%][\x20A-Za-z]{%d})([\x20?])([\x20A-Z]{%d})\r\n"
    ) % (options.weight_chars - 1, UNIT_CHARS - 1, options.legend_chars)
    return FrameParser(re.compile(frame), longest=options.size, decode=_reading)


def _reading(found: re.Match[bytes], repeated: bool) -> Reading:
    raw = found[0]
    sign, digits, unit, motion, legend = found.groups()
    if legend.strip() not in KINDS:
        raise ProtocolError("unknown legend", raw)
    mantissa, exponent = scaled(sign + digits)
    return Reading(
        mantissa=mantissa,
        exponent=exponent,
        unit=unit_of(unit),
        kind=KINDS[legend.strip()],
        stable=motion == b" ",
        confirmed=repeated,
        raw=raw,
    )


def write(shown: Display, options: OhausOptions) -> bytes:
    """ValueError when the value does not fit, or is out of the range: such a device then prints nothing."""
    if shown.over_range or shown.under_range:
        raise ValueError("out of its range the device prints no line")
    number = printed(shown, options.weight_chars, signed=True)
    legend = b"G" if not shown.net else b"NET" if options.legend_chars == 3 else b"N"
    motion = b" " if shown.stable else b"?"
    unit = shown.unit.encode().ljust(UNIT_CHARS)
    return number + b" " + unit + motion + legend.ljust(options.legend_chars) + b"\r\n"


INDICATOR = Indicator(
    name="ohaus-like",
    title="Printed line of Ohaus indicators and their like",
    makers="Ohaus Defender 3000, 5000; SPUN and others",
    frame="18 bytes; 21 from a Defender 3000",
    lines=("9600 8N1", "2400 7E1", "9600 7E1"),
    says=frozenset({"unit", "stable", "gross_net"}),
    options=OhausOptions,
    parser=parser,
    describe=described,
    write=write,
    doubts=(
        Doubt(option="weight_chars", why="models print the number 8 to 11 wide"),
        Doubt(option="legend_chars", why="models print G, or NET in three columns"),
    ),
    source="captured line of a SPUN scale; Ohaus Defender 3000 p.35, Defender 5000 p.51",
)
