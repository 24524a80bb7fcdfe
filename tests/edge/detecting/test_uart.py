from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.detecting.lines import SPEEDS, Line
from edge.detecting.reading import Heard, eighth_bit, views
from edge.detecting.uart import TICKS, sampled, wave
from kernel.errors import ConfigError

FORMS = ("8N1", "7E1", "7O1", "8E1", "8N2")


@given(data=st.binary(max_size=40), baud=st.sampled_from(SPEEDS[3:]), form=st.sampled_from(FORMS))
def test_a_port_at_the_same_settings_hears_what_was_sent(data: bytes, baud: int, form: str) -> None:
    line = Line.of(f"{baud} {form}")
    sent = bytes(byte & (1 << line.bits) - 1 for byte in data)
    assert sampled(wave([(sent, 3), (sent, 0)], line), line) == sent * 2


@given(data=st.binary(min_size=1, max_size=60).map(lambda data: bytes(byte & 0x7F for byte in data)))
def test_seven_bits_and_parity_are_eight_bits_to_a_port_without_parity(data: bytes) -> None:
    for form, odd in (("7E1", 0), ("7O1", 1)):
        seen = sampled(wave([(data, 0)], Line.of(f"9600 {form}")), Line(9600))
        assert bytes(byte & 0x7F for byte in seen) == data
        assert all(byte.bit_count() % 2 == odd for byte in seen)


def test_a_port_four_times_too_fast_sees_runs_of_four_equal_bits() -> None:
    seen = sampled(wave([(b"+0156019", 50)], Line(2400)), Line(9600))
    assert set(seen) <= {0x00, 0x78, 0x80, 0xF8}


def test_a_port_at_half_the_speed_sees_stop_bits_as_data() -> None:
    seen = sampled(wave([(b"+01560190123456789", 0)], Line(9600)), Line(4800))
    assert all(byte & 0x08 for byte in seen)


def test_a_spark_shorter_than_half_a_bit_starts_nothing() -> None:
    bit = TICKS // 9600
    assert sampled(b"\x01" * 100 + b"\x00" * (bit // 2 - 1) + b"\x01" * 1_000, Line(9600)) == b""


def test_a_line_held_low_is_one_byte_and_no_endless_loop() -> None:
    assert sampled(b"\x01" * 10 + b"\x00" * 10_000, Line(9600)) == b"\x00"


def test_every_speed_has_whole_ticks() -> None:
    assert [baud for baud in SPEEDS if TICKS % (2 * baud)] == []


@pytest.mark.parametrize("text", ["9600 8N1", "2400 7E1", "1200 7O1", "19200 8N2"])
def test_settings_are_read_and_written_as_technicians_do(text: str) -> None:
    assert str(Line.of(text)) == text


def test_speed_alone_means_8n1() -> None:
    assert Line.of("4800") == Line.of("4800 8N1")


@pytest.mark.parametrize("text", ["", "9601 8N1", "9600 9N1", "9600-8N1", "8N1 9600", "9600 8N1 x"])
def test_other_settings_are_refused_with_words(text: str) -> None:
    with pytest.raises(ConfigError, match="must be such as 9600 8N1"):
        Line.of(text)


ASCII = b"ST,GS,+0012340kg\r\n" * 4


@pytest.mark.parametrize(("form", "meant"), [("7E1", "even"), ("7O1", "odd"), ("7N2", "mark")])
def test_what_the_eighth_bits_are_is_told_from_the_bytes(form: str, meant: str) -> None:
    seen = sampled(wave([(ASCII, 0)], Line.of(f"9600 {form}")), Line(9600))
    assert eighth_bit(seen) == meant
    first, second = views(Heard(line=Line(9600), chunks=((0, seen),), window_ms=1_000))
    assert (first.line, first.data, first.masked) == (Line.of(f"9600 {form}"), ASCII, True)
    assert (second.line, second.data) == (Line(9600), seen)


@given(data=st.binary(max_size=200))
def test_plain_text_and_what_is_too_short_have_no_eighth_bit(data: bytes) -> None:
    assert eighth_bit(bytes(byte & 0x7F for byte in data)) is None
    assert eighth_bit(data[:19]) is None


def test_binary_frames_have_no_parity() -> None:
    assert eighth_bit(bytes(range(256))) is None
