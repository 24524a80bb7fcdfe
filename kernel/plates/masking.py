"""Plates in a line of text that outlives them, such as a log: only the authority stays, 鲁C*****."""

from __future__ import annotations

import re

from kernel.plates.classes import DOTS, PROVINCES

_P, _TAIL = f"[{PROVINCES}]", "[挂学警港澳试超领使]"
_SERIAL = f"[{re.escape(DOTS)} ]?[A-Za-z0-9]{{4,6}}{_TAIL}?"
# Anything in the shape of a plate, of the grammar or not: a misread plate is somebody's, too.
_SHAPES = re.compile(
    f"(?P<mainland>{_P}[A-Za-z0-9]){_SERIAL}(?:应急)?"
    f"|(?P<consulate>{_P})[A-Z0-9]{{5}}领"
    f"|(?P<police>WJ{_P}?)[0-9]{{4}}[0-9A-Z]"
    r"|(?P<embassy>使)[0-9]{6}|(?<![0-9])[0-9]{6}(?P<after>使)"
)


def masked(text: str) -> str:
    """The text with every plate in it hidden.  A plate without its province looks like any other word and stays."""
    return _SHAPES.sub(lambda found: f"{found.group(found.lastgroup or 0)}*****", text)
