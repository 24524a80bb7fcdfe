"""Two ends of a line that are set differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ConfigError
from simulators.uart import Line, heard, with_parity

LINES = ["9600 8N1", "1200 8N1", "9600 8E1", "19200 8O1", "9600 8N2"]


@pytest.mark.parametrize("text", LINES)
@given(data=st.binary(max_size=60))
def test_set_the_same_every_byte_is_heard(text: str, data: bytes) -> None:
    line = Line.parse(text)
    assert heard(data, sent=line, read=line) == data


@given(data=st.binary(max_size=60).map(lambda data: bytes(byte & 0x7F for byte in data)))
def test_seven_bits_with_parity_are_heard_as_eight(data: bytes) -> None:
    line = Line.parse("9600 7E1")
    got = heard(data, sent=line, read=Line())
    assert got == with_parity(data, line)
    assert bytes(byte & 0x7F for byte in got) == data
    assert all(byte.bit_count() % 2 == 0 for byte in got)


@pytest.mark.parametrize("baud", [1_200, 2_400, 4_800, 19_200, 38_400])
def test_at_another_speed_nothing_of_a_frame_is_left(baud: int) -> None:
    frame = b"\x02+00012340019\x03" * 20
    got = heard(frame, sent=Line(), read=Line(baud=baud))
    assert got
    assert b"\x02+0" not in got


@pytest.mark.parametrize(("baud", "share"), [(4_800, 0.5), (19_200, 1.0)])
def test_a_slower_host_hears_fewer_characters(baud: int, share: float) -> None:
    frame = b"\x02+00012340019\x03" * 20
    assert len(heard(frame, sent=Line(), read=Line(baud=baud))) <= share * 2 * len(frame)


@given(data=st.binary(max_size=200), baud=st.integers(300, 115_200))
def test_any_two_speeds_end(data: bytes, baud: int) -> None:
    assert len(heard(data, sent=Line(), read=Line(baud=baud))) <= 5 * len(data)


@pytest.mark.parametrize("text", ["9600", "9600 8N3", "9600 9N1", "fast 8N1", "", "9600 8n1"])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="line: must be such as"):
        Line.parse(text)
