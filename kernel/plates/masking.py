"""Plates in a line of text that outlives them, such as a log: only the authority stays, 鲁C*****."""

from __future__ import annotations

import re

from kernel.plates.classes import DOTS, PROVINCES

_P, _TAIL = f"[{PROVINCES}]", "[挂学警港澳试超领使]"
_D = "[0-9\uff10-\uff19]"  # and of full width, as an input method writes them
_X = "[A-Za-z0-9\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
_GAP = f"[{re.escape(DOTS)}\\s_+\\-\u2010-\u2015\u2212\uff0d]{{0,3}}"
# Apart from its province a plate has a digit: 新 before a word in letters is no province.
_MAINLAND = f"{_P}(?:{_X}|{_GAP}(?={_X}{_GAP}{_X}{{0,5}}{_D}){_X})"
# Anything in the shape of a plate, of the grammar or not: a misread plate is somebody's, too.
_SHAPES = re.compile(
    f"(?P<mainland>{_MAINLAND}){_GAP}{_X}{{4,6}}{_TAIL}?(?:应急)?"
    f"|(?P<consulate>{_P}){_GAP}{_X}{{5}}领"
    f"|(?P<police>[Ww\uff37\uff57][Jj\uff2a\uff4a]{_GAP}{_P}?){_GAP}{_D}{{4}}{_X}"
    f"|(?P<embassy>使){_GAP}{_D}{{3}}{_GAP}{_D}{{3}}|(?<!{_D}){_D}{{6}}(?P<after>使)"
)


def masked(text: str) -> str:
    """The text with every plate in it hidden.  A plate without its province looks like any other word and stays."""
    return _SHAPES.sub(lambda found: f"{found.group(found.lastgroup or 0)}*****", text)
