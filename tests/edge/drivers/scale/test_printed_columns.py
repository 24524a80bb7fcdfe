from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.framing import FrameParser
from edge.drivers.printed import COMMAND_LIMIT, Commands, Keys, Steady, column, printed, scaled, unit_of
from edge.drivers.readings import Display
from kernel.errors import ProtocolError

SEVEN = re.compile(rb"<" + column(7) + rb">")
SIGNED = re.compile(rb"<" + column(7, signed=True) + rb">")


@pytest.mark.parametrize("text", [b"      0", b"  18460", b"0018460", b"  12.34", b"   0.02"])
def test_a_column_holds_a_number_at_its_right_edge(text: bytes) -> None:
    found = SEVEN.fullmatch(b"<" + text + b">")
    assert found is not None
    assert found[1] == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        b"  1846",
        b"   18460",
        b"18460  ",
        b"  18 60",
        b"  1.2.3",
        b"  1846.",
        b"   .460",
        b"       ",
        b"  -1846",
    ],
)
def test_a_column_that_lost_a_byte_or_holds_another_is_none(text: bytes) -> None:
    assert SEVEN.fullmatch(b"<" + text + b">") is None


def test_a_sign_stands_immediately_before_the_number() -> None:
    assert SIGNED.fullmatch(b"<    -20>") is not None
    assert SIGNED.fullmatch(b"<-    20>") is None
    assert SIGNED.fullmatch(b"<   2-20>") is None


@given(mantissa=st.integers(0, 99_999), places=st.integers(0, 3))
def test_what_is_printed_is_read_back(mantissa: int, places: int) -> None:
    text = printed(Display(mantissa=mantissa, exponent=-places), 7)
    found = SEVEN.fullmatch(b"<" + text + b">")
    assert found is not None
    assert scaled(found[1]) == (mantissa, -places)


def test_what_does_not_fit_is_not_printed() -> None:
    with pytest.raises(ValueError, match="does not fit 7"):
        printed(Display(mantissa=12_345_678), 7)


def test_units_are_known_words_or_blank() -> None:
    assert [unit_of(word) for word in (b"kg", b"KG ", b" t", b"lbs", b"  ")] == ["kg", "kg", "t", "lb", None]
    with pytest.raises(ProtocolError, match="unknown unit"):
        unit_of(b"kh")


def test_another_shape_must_come_four_times_in_a_row() -> None:
    lines = Steady()
    assert [lines.has(each) for each in "aab" "ab" "bb" "bb" "a"] == [
        True, True, False, True, False, False, False, True, True, False,
    ]  # fmt: skip


def test_the_first_shape_is_believed_and_others_do_not_add_up() -> None:
    lines = Steady()
    assert [lines.has(each) for each in "abcbcbc"] == [True, *[False] * 6]


def test_keys_zero_and_tare_what_stands_still() -> None:
    keys, still, moving = Keys(), Display(mantissa=40), Display(mantissa=99, stable=False)
    assert not keys.zero(moving)
    assert keys.zero(still)
    assert keys.shows(still) == Display(mantissa=0, at_zero=True)
    assert keys.tare(Display(mantissa=340))
    assert keys.shows(Display(mantissa=1_340)) == Display(mantissa=1_000, net=True, tare=300)
    keys.clear_tare()
    assert keys.shows(Display(mantissa=1_340)) == Display(mantissa=1_300)


def test_commands_come_whole_and_babble_takes_no_memory() -> None:
    commands = Commands(b"\r\n")
    assert commands.feed(b"S") == []
    assert commands.feed(b"I\r") == [b"SI"]
    assert commands.feed(b"\nZ\r\n\r\n") == [b"Z"]
    commands.feed(b"x" * 10_000)
    assert len(commands.feed(b"\r")[0]) <= COMMAND_LIMIT


def test_bytes_that_may_stand_between_frames_are_no_error() -> None:
    frames = FrameParser(re.compile(b"<.>"), longest=3, decode=lambda found, _: found[0], between=b"\r\n")
    assert frames.feed(b"<a>\r\n<b>\n") == [b"<a>", b"<b>"]
    assert frames.finish() == []
    assert [type(item) for item in frames.feed(b"<c>\r?\n<d>")] == [bytes, ProtocolError, bytes]
