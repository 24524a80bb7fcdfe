"""Yaohua XK3190 continuous output that begins with '=', low digit first 倒序, pure.

    '=' vvvvvvv '0'|'-'         v seven characters, the last digit first

Everything else is as in the high-first form, which uses the same characters.
Source: XK3190-A26 manual p.12-13, -DS1 p.8-9, -A9+ p.10 format 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, Reading, described
from edge.drivers.rows import Indicator, IndicatorOptions
from edge.drivers.scale.yaohua_eq_fwd.protocol import (
    DOUBTS,
    LINES,
    MAKERS,
    SIZE,
    SOURCE,
    equals_reading,
    equals_text,
)

_FRAME = re.compile(rb"=([0-9.]{7})([-0])")


@dataclass(frozen=True, slots=True, kw_only=True)
class EqRevOptions(IndicatorOptions):
    """`format` names the form again, as files of frames do; it cannot be another."""

    format: Literal["eq-rev"] = "eq-rev"


def parser(_options: EqRevOptions) -> FrameParser[Reading]:
    return FrameParser(_FRAME, longest=SIZE, decode=_reading, touching=True)


def _reading(found: re.Match[bytes], repeated: bool) -> Reading:
    return equals_reading(found[2], found[1][::-1], repeated, found[0])


def write(shown: Display, _options: EqRevOptions) -> bytes:
    """ValueError when the display does not fit the frame."""
    sign, text = equals_text(shown)
    return b"=" + text[::-1] + sign


INDICATOR = Indicator(
    name="yaohua-eq-rev",
    title="Yaohua XK3190 '=' low digit first 耀华等号倒序",
    makers=MAKERS,
    frame="9 bytes",
    lines=LINES,
    says=frozenset(),
    options=EqRevOptions,
    parser=parser,
    describe=described,
    write=write,
    doubts=DOUBTS,
    kin=frozenset({"yaohua-eq-fwd"}),
    source=SOURCE + " format 1",
)
