"""Settings of a serial line as technicians write them, 9600 8N1, and the order in which they are tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from kernel.errors import ConfigError

Parity = Literal["none", "even", "odd"]
_LETTERS: dict[str, Parity] = {"N": "none", "E": "even", "O": "odd"}
_FORM = re.compile(r"(\d{3,6})(?: +([78])([NEO])([12]))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """Speed in baud and the frame of a character."""

    baud: int
    bits: Literal[7, 8] = 8
    parity: Parity = "none"
    stop: Literal[1, 2] = 1

    @classmethod
    def of(cls, text: str) -> Line:
        """From "9600 7E1" or "9600", which is 8N1; ConfigError."""
        found = _FORM.fullmatch(text.strip())
        if found is None or int(found[1]) not in SPEEDS:
            speeds = ", ".join(map(str, SPEEDS))
            raise ConfigError.one("line", f"must be such as 9600 8N1, at {speeds} baud, is {text!r}")
        baud, bits, letter, stop = found.groups()
        return cls(int(baud), 7 if bits == "7" else 8, _LETTERS[letter or "N"], 2 if stop == "2" else 1)

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity[0].upper()}{self.stop}"


SPEEDS = (600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)

# The most usual first.  7E1 needs no listening of its own where 8N1 was heard at the same speed, see reading.views.
ORDER = tuple(
    Line.of(text)
    for text in (
        "9600 8N1",
        "9600 7E1",
        "4800 8N1",
        "2400 8N1",
        "1200 8N1",
        "19200 8N1",
        "2400 7E1",
        "9600 8E1",
    )
)
