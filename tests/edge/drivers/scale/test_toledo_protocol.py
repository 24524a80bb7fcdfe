from __future__ import annotations

import itertools
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.scale.toledo_continuous.protocol import Format, Parser, Reading
from kernel.errors import ProtocolError

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
FRAMES = [frame for frame in VECTORS["frames"] if frame["protocol"] == "toledo-continuous"]
STREAMS = [stream for stream in VECTORS["streams"] if stream["protocol"] == "toledo-continuous"]
GOOD = [frame for frame in FRAMES if "reject" not in frame["expect"]]
BAD = [frame for frame in FRAMES if "reject" in frame["expect"]]

readings = st.builds(
    Reading,
    mantissa=st.integers(-999_999, 999_999),
    exponent=st.integers(-5, 2),
    unit=st.sampled_from(["kg", "lb", "g"]),
    net=st.booleans(),
    motion=st.booleans(),
    out_of_range=st.booleans(),
    power_up=st.booleans(),
    print_request=st.booleans(),
    expanded=st.booleans(),
    increment=st.sampled_from([None, 1, 2, 5]),
    tare=st.integers(0, 999_999),
    checked=st.just(True),
    confirmed=st.just(True),
).map(lambda reading: replace(reading, negative=reading.mantissa < 0))
PLAIN = Format(checksum="no", fixed_zero="after")
CHECKED = Format(checksum="yes", fixed_zero="after")


def form_of(frame: dict[str, Any]) -> Format:
    checksum = "no" if frame["expect"].get("checksum") == "none" else "yes"
    return Format(
        checksum=checksum,  # type: ignore[arg-type]
        tare=frame["options"].get("variant") != "short",
        fixed_zero="after",
    )


def only_readings(items: list[Reading | ProtocolError]) -> list[Reading]:
    return [item for item in items if isinstance(item, Reading)]


def fed_in_pieces(parser: Parser, data: bytes, cuts: list[int]) -> list[Reading | ProtocolError]:
    ends = [0, *sorted(cuts), len(data)]
    out: list[Reading | ProtocolError] = []
    for start, end in itertools.pairwise(ends):
        out += parser.feed(data[start:end])
    return out


def scaled(value: int, reading: Reading) -> Decimal:
    return Decimal(value).scaleb(reading.exponent)


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["id"]))
def test_every_vector_reads_as_published(frame: dict[str, Any]) -> None:
    [reading] = only_readings(Parser(form_of(frame)).feed(bytes.fromhex(frame["hex"])))
    expect = frame["expect"]
    assert scaled(reading.mantissa, reading) == Decimal(expect["weight"])
    assert (reading.tare is None) == (expect["tare"] is None)
    if reading.tare is not None:
        assert scaled(reading.tare, reading) == Decimal(expect["tare"])
    assert reading.increment is not None
    assert scaled(reading.increment, reading) == Decimal(expect["increment"])
    assert reading.unit == expect["unit"]
    assert reading.net == (expect["kind"] == "net")
    assert reading.motion == (not expect["stable"])
    assert reading.out_of_range == expect["out_of_range"]
    assert reading.power_up == expect["power_up"]
    assert reading.print_request == expect["print_request"]
    assert reading.checked == (expect["checksum"] == "ok")


@pytest.mark.parametrize("frame", BAD, ids=lambda frame: str(frame["id"]))
def test_every_damaged_vector_is_refused(frame: dict[str, Any]) -> None:
    items = Parser(form_of(frame)).feed(bytes.fromhex(frame["hex"]) + b"\x00" * 20)
    assert items
    assert not only_readings(items)


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["id"]))
def test_every_vector_reads_the_same_whole_glued_and_byte_by_byte(frame: dict[str, Any]) -> None:
    data = bytes.fromhex(frame["hex"])
    [once] = Parser(form_of(frame)).feed(data)
    assert only_readings(fed_in_pieces(Parser(form_of(frame)), data, list(range(len(data))))) == [once]
    first, *more = only_readings(Parser(form_of(frame)).feed(data * 3))
    assert first == once
    assert len(more) == 2
    assert all(item.mantissa == once.mantissa and item.confirmed for item in more)


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["id"]))
def test_seventeen_or_eighteen_bytes_is_found_from_the_stream_alone(frame: dict[str, Any]) -> None:
    known = form_of(frame)
    parser = Parser(Format(tare=known.tare, fixed_zero="after"))
    items = parser.feed(bytes.fromhex(frame["hex"]) * 10)
    assert parser.checksum == (known.checksum == "yes")
    assert len(only_readings(items)) == 10


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: str(stream["name"]))
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_noisy_streams_give_every_intact_frame_and_nothing_else(stream: dict[str, Any], step: int) -> None:
    data = bytes.fromhex(stream["hex"])
    items = fed_in_pieces(Parser(CHECKED), data, list(range(0, len(data), step)))
    assert [str(item.mantissa) for item in only_readings(items)] == stream["expect_weights"]


def test_a_sum_that_happens_to_fit_does_not_make_a_checksum() -> None:
    # 17 bytes whose sum with the next STX is a multiple of 128, repeated by a display that stands still.
    still = next(
        frame
        for kg in range(100_000)
        if (sum(frame := Reading(mantissa=kg).to_bytes(checksum=False)) + 2) & 0x7F == 0
    )
    parser = Parser(Format())
    assert len(only_readings(parser.feed(still * 12))) == 12
    assert parser.checksum is False


def test_a_checksum_that_looks_like_the_next_start_is_understood() -> None:
    frame = next(
        frame
        for kg in range(100_000)
        if (frame := Reading(mantissa=kg).to_bytes(checksum=True)).endswith(b"\x02")
    )
    parser = Parser(Format())
    assert len(only_readings(parser.feed(frame * 12))) == 12
    assert parser.checksum is True


def test_without_a_checksum_a_reading_is_confirmed_by_its_repetition() -> None:
    parser = Parser(PLAIN)
    one, other = (Reading(mantissa=kg).to_bytes(checksum=False) for kg in (18_520, 28_520))
    got = only_readings(parser.feed(one + one + other + one + one))
    assert [(item.mantissa, item.confirmed) for item in got] == [
        (18_520, False),
        (18_520, True),
        (28_520, False),
        (18_520, False),
        (18_520, True),
    ]


def test_fixed_zeros_are_read_only_as_set() -> None:
    frame = Reading(mantissa=200, exponent=1).to_bytes(checksum=True)
    after, inside, refused = (
        Parser(Format(checksum="yes", fixed_zero=how)).feed(frame)[0] for how in ("after", "inside", "refuse")
    )
    assert isinstance(after, Reading)
    assert (after.mantissa, after.exponent) == (200, 1)
    assert isinstance(inside, Reading)
    assert (inside.mantissa, inside.exponent) == (200, 0)
    assert isinstance(refused, ProtocolError)


def test_a_value_that_cannot_contain_its_fixed_zero_shows_the_wrong_setting() -> None:
    [item] = Parser(Format(checksum="yes", fixed_zero="inside")).feed(
        Reading(mantissa=4_096, exponent=1).to_bytes(checksum=True)
    )
    assert isinstance(item, ProtocolError)
    assert "does not end in zero" in item.problem


def test_a_blank_display_is_read_only_when_out_of_range() -> None:
    blank = b"\x02" + bytes([0x22, 0x34, 0x20]) + b" " * 12 + b"\r"
    [over] = Parser(PLAIN).feed(blank)
    assert isinstance(over, Reading)
    assert over.out_of_range
    [empty] = Parser(PLAIN).feed(blank.replace(b"\x34", b"\x30"))
    assert isinstance(empty, ProtocolError)


@settings(max_examples=50)
@given(readings, st.sampled_from([b" ", b"0"]))
def test_round_trip(reading: Reading, padding: bytes) -> None:
    assert Parser(CHECKED).feed(reading.to_bytes(checksum=True, padding=padding)) == [reading]


@settings(max_examples=50)
@given(
    st.lists(st.one_of(readings.map(lambda r: r.to_bytes(checksum=True)), st.binary(max_size=25))), st.data()
)
def test_any_split_gives_the_same_items(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    whole, split = Parser(CHECKED).feed(stream), fed_in_pieces(Parser(CHECKED), stream, cuts)
    assert only_readings(split) == only_readings(whole)
    assert [type(item) for item in split] == [type(item) for item in whole]


@settings(max_examples=50)
@given(st.binary(max_size=300), readings, st.sampled_from(["yes", "no"]))
def test_noise_never_raises_and_never_eats_the_next_frame(
    noise: bytes, reading: Reading, checksum: str
) -> None:
    parser = Parser(Format(checksum=checksum, fixed_zero="after"))  # type: ignore[arg-type]
    parser.feed(noise)
    got = parser.feed(reading.to_bytes(checksum=checksum == "yes"))
    assert [item.mantissa for item in only_readings(got)][-1:] == [reading.mantissa]


@given(readings, st.integers(0, 17), st.integers(0, 6))
def test_a_flipped_bit_is_dropped_not_believed(reading: Reading, at: int, bit: int) -> None:
    frame = bytearray(reading.to_bytes(checksum=True))
    frame[at] ^= 1 << bit
    assert not only_readings(Parser(CHECKED).feed(bytes(frame)))


@settings(max_examples=50)
@given(st.binary(max_size=4_000))
def test_no_bytes_make_the_undecided_parser_raise_or_grow(noise: bytes) -> None:
    parser = Parser(Format())
    for at in range(0, len(noise), 100):
        parser.feed(noise[at : at + 100])
    assert len(parser._buffer) <= 1_024


def test_values_that_no_frame_can_carry_are_refused_by_the_writer() -> None:
    with pytest.raises(ValueError, match="six digits"):
        Reading(mantissa=1_000_000).to_bytes(checksum=True)
    with pytest.raises(ValueError, match="exponent"):
        Reading(mantissa=1, exponent=3).to_bytes(checksum=True)
