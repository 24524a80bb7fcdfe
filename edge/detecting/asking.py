"""Questions for the weight 询问 that a silent device may be asked, because none of them orders anything of any device.

The questions are those of the rows, `poll`, and every one is checked before it is sent:

* Mettler-Toledo and those who copied it take single letters, without any frame: P prints, T tares, Z zeroes, C clears
  the tare.  A question that contains one of these bytes, in either case, is never sent, binary ones included.
* MT-SICS `SI` asks for the weight at once; to others it is a line that they do not know.
* SMA `LF W CR` asks for the weight; only a letter between LF and CR is a command there, and W is nobody's order.
* A&D `RW` reads the weight; its orders are MZ and MT.
* Yaohua's commands are the letter after the address: A shakes hands, B reads the gross mass.  C and D read tare and
  net, or net and tare; E to I tare, zero or clear records at some makers and are never asked.
* A Modbus read (functions 03 and 04) changes no register; where they are is not known yet, so any two are read.

Text is asked before binary: a text device ignores what it does not know up to the end of a line, and a binary one
needs its own address and checksum.  Nobody is asked who speaks unasked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge.detecting.evidence import Form, Row, forms
from edge.drivers.rows import Indicator
from kernel.errors import ConfigError

LETTERS_THAT_ORDER = b"PTZCptzc"
# Two registers from the first: every Modbus device answers, if only that it has none there.
ANY_REGISTERS = {
    "modbus-rtu": bytes.fromhex("010300000002c40b"),
    "modbus-tcp": bytes.fromhex("000100000006010300000002"),
}
FIRST = ("mt-sics", "sma", "ad-std", "ad-like", "yaohua-command", "keli", "modbus-rtu", "modbus-tcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`form`: the options with which the row asks, where it does not by default."""

    protocol: str
    data: bytes
    form: Mapping[str, object]


def questions(rows: Sequence[Row], *, serial: bool = True) -> tuple[Question, ...]:
    """In the order in which they are asked; the same bytes only once.  Behind an adapter there may be a network too."""
    asked = sorted(_possible(rows, serial), key=lambda one: (_place(one.protocol), one.protocol))
    return tuple({one.data: one for one in reversed(asked)}.values())[::-1]


def is_harmless(data: bytes) -> bool:
    return not set(data) & set(LETTERS_THAT_ORDER)


def _possible(rows: Sequence[Row], serial: bool) -> Iterator[Question]:
    for row in rows:
        if not isinstance(row, Indicator) or row.poll is None or (serial and not has_serial_line(row)):
            continue
        question = next((one for form in forms(row.options) if (one := _asks(row, form)).data), None)
        if question is not None and is_harmless(question.data):
            yield question


def _asks(row: Indicator, form: Form) -> Question:
    try:
        data = row.poll(form.options) if row.poll else b""
    except ConfigError:  # it must be told more before it can ask for the weight itself
        data = ANY_REGISTERS.get(row.name, b"")
    return Question(protocol=row.name, data=data, form=form.told)


def has_serial_line(row: Row) -> bool:
    return any(text[:1].isdigit() for text in row.lines)


def _place(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
