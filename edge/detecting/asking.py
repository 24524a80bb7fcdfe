"""Questions for the weight 询问 that a silent device may be asked, because none of them orders anything of any device.

The questions are those of the rows, `poll`, and every one is checked before it is sent:

* Mettler-Toledo and those who copied it take single letters, without any frame: P prints, T tares, Z zeroes, C clears
  the tare.  A question that contains one of these bytes, in either case, is never sent, binary ones included.
* MT-SICS `SI` asks for the weight at once; to others it is a line that they do not know.
* SMA `LF W CR` asks for the weight; only a letter between LF and CR is a command there, and W is nobody's order.
* A&D `RW` reads the weight; its orders are MZ and MT.
* Yaohua's commands are the letter after the address: A shakes hands, B reads the gross mass.  C and D read tare and
  net, or net and tare; E to I tare, zero or clear records at some makers and are never asked.
* A Modbus read (functions 03 and 04) changes no register.

Text is asked before binary: a text device ignores what it does not know up to the end of a line, and a binary one
needs its own address and checksum.  Nobody is asked who speaks unasked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge.detecting.evidence import forms
from edge.drivers.rows import Indicator

LETTERS_THAT_ORDER = b"PTZCptzc"
FIRST = ("mt-sics", "sma", "ad-std", "ad-like", "yaohua-command", "keli", "modbus-rtu", "modbus-tcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`form`: the options with which the row asks, where it does not by default."""

    protocol: str
    data: bytes
    form: Mapping[str, object]


def questions(rows: Sequence[Indicator]) -> tuple[Question, ...]:
    """In the order in which they are asked; the same bytes only once."""
    asked = sorted(_possible(rows), key=lambda one: (_place(one.protocol), one.protocol))
    return tuple({one.data: one for one in reversed(asked)}.values())[::-1]


def is_harmless(data: bytes) -> bool:
    return not set(data) & set(LETTERS_THAT_ORDER)


def _possible(rows: Sequence[Indicator]) -> Iterator[Question]:
    for row in rows:
        found = (
            Question(protocol=row.name, data=row.poll(form.options) if row.poll else b"", form=form.told)
            for form in forms(row.options)
        )
        question = next((one for one in found if one.data), None)
        if question is not None and is_harmless(question.data):
            yield question


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
