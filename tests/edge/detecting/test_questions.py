"""Nothing that is asked can zero, tare, print or clear anything, whatever the device takes it for."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

from edge.detecting.asking import FIRST, is_harmless, questions
from edge.detecting.evidence import forms
from edge.drivers import DRIVERS, indicators
from kernel.errors import RefusedError
from tests.edge.detecting.played import ROWS, asks


def test_no_question_holds_a_letter_that_orders() -> None:
    assert all(is_harmless(one.data) for one in questions(ROWS))
    assert not is_harmless(b"P")
    assert not is_harmless(b"\x02AT15\x03")
    assert is_harmless(b"SI\r\n")


def test_no_question_is_what_any_row_orders() -> None:
    assert not {one.data for one in questions(ROWS)} & set(orders())


def orders() -> Iterator[bytes]:
    """Of every row, in every form of its options that documents one."""
    for row in indicators():
        for form, order in itertools.product(forms(row.options), row.orders.values()):
            with contextlib.suppress(RefusedError):
                yield order(form.options)


def test_text_is_asked_before_what_is_binary_and_each_question_once() -> None:
    asked = questions(ROWS)
    places = [FIRST.index(one.protocol) for one in asked if one.protocol in FIRST]
    assert places == sorted(places)
    assert len({one.data for one in asked}) == len(asked)


def test_everybody_that_has_a_question_is_asked_or_else_asks_as_another_does() -> None:
    asked = questions(ROWS, serial=False)
    waiting = {row.name for row in indicators() if row.poll and forms(row.options)} - {
        one.protocol for one in asked
    }
    same = {one.data for one in asked}
    for row in (row for row in ROWS if row.name in waiting):
        assert not any(map(is_harmless, asks(row))) or set(asks(row)) & same
    assert all(one.protocol in DRIVERS for one in asked)


def test_what_has_no_serial_line_is_asked_only_behind_an_adapter() -> None:
    lines = {one.protocol for one in questions(ROWS)}
    assert lines == {one.protocol for one in questions(ROWS, serial=False) if one.protocol != "modbus-tcp"}
