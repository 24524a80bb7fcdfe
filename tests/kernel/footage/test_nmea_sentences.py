"""RMC sentences as recorders write them, cut anywhere, damaged, or not sentences at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.footage.nmea import LONGEST, Rmc, Sentences

# The example of the standard's descriptions: 23 March 1994, 12:35:19 UTC.
GOLDEN = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
AT = datetime(2026, 6, 1, 2, 0, 1, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def sealed(body: str) -> bytes:
    value = 0
    for byte in body.encode():
        value ^= byte
    return f"${body}*{value:02X}\r\n".encode()


def read(data: bytes) -> list[Rmc | ProtocolError]:
    return Sentences().feed(data)


def test_the_golden_sentence() -> None:
    at_ms = int(datetime(1994, 3, 23, 12, 35, 19, tzinfo=UTC).timestamp() * 1000)
    assert read(GOLDEN) == [Rmc(utc_ms=at_ms, step_ms=1_000)]


@pytest.mark.parametrize(
    ("body", "rmc"),
    [
        ("GNRMC,020001.00,A,3600.1,N,11800.1,E,0.1,,010626,,,A", Rmc(utc_ms=AT_MS, step_ms=10, talker="GN")),
        (
            "BDRMC,020001.250,A,3600.1,N,11800.1,E,0.1,,010626,,,D,V",
            Rmc(utc_ms=AT_MS + 250, step_ms=1, talker="BD"),
        ),
        ("GPRMC,020001.2509,A,3600.1,N,11800.1,E,0.1,,010626,,", Rmc(utc_ms=AT_MS + 250, step_ms=1)),
        ("GPRMC,020001,A,3600.1,N,11800.1,E,0.1,,010626,,", Rmc(utc_ms=AT_MS, step_ms=1_000)),
        ("GPRMC,020001.0,V,,,,,,,010626,,,N", Rmc(utc_ms=None)),
        ("GPRMC,,V,,,,,,,,,,N", Rmc(utc_ms=None)),
        ("GPRMC,020001,A,3600.1,N,11800.1,E,0.1,,010626,,,E", Rmc(utc_ms=None)),  # dead reckoning
        ("GPRMC,020001,A,3600.1,N,11800.1,E,0.1,,010626,,,S", Rmc(utc_ms=None)),  # simulated
    ],
)
def test_receivers_of_all_systems_and_steps(body: str, rmc: Rmc) -> None:
    assert read(sealed(body)) == [rmc]


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,250001,A,,,,,,,010626,,",
        "GPRMC,020061,A,,,,,,,010626,,",
        "GPRMC,020001,A,,,,,,,310226,,",
        "GPRMC,020001.,A,,,,,,,010626,,",
        "GPRMC,,A,,,,,,,,,",
        "GPRMC,020001,A",
        "GPRMC,-20001,A,,,,,,,010626,,",
    ],
)
def test_a_time_that_cannot_be_is_an_error_and_no_time(body: str) -> None:
    [found] = read(sealed(body))
    assert isinstance(found, ProtocolError)


def test_other_sentences_and_what_stands_around_are_passed_over() -> None:
    data = (
        b"\x00C[1780279201123]"
        + GOLDEN
        + sealed("GPGGA,020001,3600.1,N,11800.1,E,1,08,1.0,50,M,,M,,")
        + b"\xff"
    )
    assert len(read(data + GOLDEN)) == 2


@given(st.integers(1_577_836_800_000, 3_000_000_000_000), st.sampled_from([1_000, 100, 10, 1]))
def test_what_is_written_is_read(at_ms: int, step_ms: int) -> None:
    rmc = Rmc(utc_ms=at_ms - at_ms % step_ms, step_ms=step_ms)
    assert read(rmc.to_bytes()) == [rmc]
    assert read(Rmc(utc_ms=None).to_bytes()) == [Rmc(utc_ms=None)]


@given(st.lists(st.integers(0, 400), max_size=8), st.binary(max_size=60))
def test_any_split_gives_the_same_and_noise_eats_no_sentence(cuts: list[int], noise: bytes) -> None:
    data = GOLDEN + noise + b"\n" + GOLDEN + b"$" * 9 + GOLDEN
    whole = read(data)
    assert len([one for one in whole if isinstance(one, Rmc)]) >= 3
    parser, found, begun = Sentences(), [], 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        found += parser.feed(data[begun:cut])
        begun = cut
    assert [repr(one) for one in found] == [repr(one) for one in whole]


@given(st.integers(1, len(GOLDEN) - 6), st.integers(0, 7))
def test_a_flipped_bit_is_no_time(place: int, bit: int) -> None:
    data = bytearray(GOLDEN)
    data[place] ^= 1 << bit
    assert not any(isinstance(one, Rmc) for one in read(bytes(data)))


def test_a_line_without_an_end_takes_no_memory_and_the_next_sentence_is_read() -> None:
    parser = Sentences()
    for _ in range(1_000):
        assert parser.feed(b"$GPRMC," + b"1" * LONGEST * 4) == []
    assert len(parser._rest) <= LONGEST + 4
    assert len(parser.feed(GOLDEN)) == 1
