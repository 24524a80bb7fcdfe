from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.readings import Display
from edge.drivers.scale.toledo_continuous.protocol import (
    INDICATOR,
    Parser,
    ToledoOptions,
    ToledoReading,
    sends_checksum,
    write,
)
from kernel.errors import ProtocolError
from kernel.settings import read

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
GOOD = [
    frame
    for frame in VECTORS["frames"]
    if frame["protocol"] == "toledo-continuous" and "reject" not in frame["expect"]
]
PLAIN = ToledoOptions(checksum=False, fixed_zero="after")
CHECKED = ToledoOptions(checksum=True, fixed_zero="after")

displays = st.builds(
    Display,
    mantissa=st.integers(-999_999, 999_999),
    exponent=st.integers(-5, 2),
    unit=st.sampled_from(["kg", "lb", "g"]),
    net=st.booleans(),
    stable=st.booleans(),
    over_range=st.booleans(),
    power_up=st.booleans(),
    increment=st.sampled_from([1, 2, 5]),
    tare=st.integers(0, 999_999),
)


def only_readings(items: Sequence[ToledoReading | ProtocolError]) -> list[ToledoReading]:
    return [item for item in items if isinstance(item, ToledoReading)]


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["id"]))
def test_seventeen_or_eighteen_bytes_is_found_from_the_stream_alone(frame: dict[str, Any]) -> None:
    options, data = read(ToledoOptions, frame["options"]), bytes.fromhex(frame["hex"])
    parser = Parser(options)
    items = only_readings(parser.feed(data * 10))
    assert len(items) == 10
    assert {item.checked for item in items} == {frame["expect"]["checksum"] == "ok"}


def test_nothing_is_said_before_eight_frames_have_decided() -> None:
    frame, parser = write(Display(mantissa=18_460), ToledoOptions()), Parser(ToledoOptions())
    assert parser.feed(frame * 8) == []
    assert len(parser.feed(frame)) == 9


def test_a_sum_that_happens_to_fit_does_not_make_a_checksum() -> None:
    # 17 bytes whose sum with the next STX is a multiple of 128, repeated by a display that stands still.
    still = next(
        frame for kg in range(100_000) if (sum(frame := write(Display(mantissa=kg), PLAIN)) + 2) & 0x7F == 0
    )
    items = only_readings(Parser(ToledoOptions()).feed(still * 12))
    assert len(items) == 12
    assert not any(item.checked for item in items)


def test_a_checksum_that_looks_like_the_next_start_is_understood() -> None:
    frame = next(
        frame for kg in range(100_000) if (frame := write(Display(mantissa=kg), CHECKED)).endswith(b"\x02")
    )
    items = only_readings(Parser(ToledoOptions()).feed(frame * 12))
    assert len(items) == 12
    assert all(item.checked for item in items)


@pytest.mark.parametrize("step", [1, 7, 1_000, 100_000])
def test_a_noisy_start_does_not_decide_for_good(step: int) -> None:
    frame = write(Display(mantissa=18_460), CHECKED)
    bad = frame[:-1] + bytes([frame[-1] ^ 0x55])
    stream, parser = (bad * 3 + frame) * 4 + frame * 200, Parser(ToledoOptions())
    items = only_readings(
        [x for at in range(0, len(stream), step) for x in parser.feed(stream[at : at + step])]
    )
    assert not items[0].checked
    assert [item.checked for item in items[-140:]] == [True] * 140
    assert len(items) in (215, 216)


def test_without_a_checksum_no_sum_that_fits_makes_one_later() -> None:
    still = next(
        frame for kg in range(100_000) if (sum(frame := write(Display(mantissa=kg), PLAIN)) + 2) & 0x7F == 0
    )
    items = only_readings(Parser(ToledoOptions()).feed((still * 40 + still[:9]) * 20))
    assert len(items) == 800
    assert not any(item.checked for item in items)


@pytest.mark.parametrize(
    ("sent", "decided"),
    [("18 bytes", True), ("18 damaged", True), ("17 bytes", False), ("no frame", True)],
)
def test_a_stream_that_ends_early_is_decided_by_what_came(sent: str, decided: bool) -> None:
    whole = write(Display(mantissa=18_460), CHECKED)
    data = {
        "18 bytes": whole,
        "18 damaged": whole[:-1] + bytes([whole[-1] ^ 1]),
        "17 bytes": whole[:-1],
        "no frame": b"\x02 100 kg \r\n",
    }[sent]
    assert sends_checksum(data, 17) is None
    assert sends_checksum(data, 17, ended=True) is decided


def test_without_a_checksum_a_reading_is_confirmed_by_its_repetition() -> None:
    one, other = (write(Display(mantissa=kg), PLAIN) for kg in (18_520, 28_520))
    got = only_readings(Parser(PLAIN).feed(one + one + other + one + one))
    assert [(item.mantissa, item.confirmed) for item in got] == [
        (18_520, False),
        (18_520, True),
        (28_520, False),
        (18_520, False),
        (18_520, True),
    ]


@pytest.mark.parametrize(
    ("how", "weight", "doubt"), [("after", 2_000, ""), ("inside", 200, ""), ("refuse", 2_000, "fixed_zero")]
)
def test_fixed_zeros_are_weighed_only_as_set(how: str, weight: int, doubt: str) -> None:
    frame = write(Display(mantissa=200, exponent=1), CHECKED)
    [item] = only_readings(Parser(read(ToledoOptions, {"checksum": True, "fixed_zero": how})).feed(frame))
    assert (item.mantissa or 0) * 10**item.exponent == weight
    assert item.doubt == doubt
    assert INDICATOR.describe(item)["alt_weight"] == ("200" if doubt else None)


def test_a_value_that_cannot_contain_its_fixed_zero_shows_the_wrong_setting() -> None:
    frame = write(Display(mantissa=4_096, exponent=1), CHECKED)
    [item, *_] = Parser(ToledoOptions(checksum=True, fixed_zero="inside")).feed(frame)
    assert isinstance(item, ProtocolError)
    assert "does not end in zero" in item.problem


def test_a_blank_display_is_read_only_when_out_of_range() -> None:
    blank = b"\x02" + bytes([0x22, 0x34, 0x20]) + b" " * 12 + b"\r"
    [over] = only_readings(Parser(PLAIN).feed(blank))
    assert over.over_range
    assert not over.valid
    assert only_readings(Parser(PLAIN).feed(blank.replace(b"\x34", b"\x30"))) == []


def test_both_kinds_of_padding_are_read() -> None:
    spaces = write(Display(mantissa=1_340, tare=120), PLAIN)
    zeros = spaces.replace(b" ", b"0").replace(spaces[1:4].replace(b" ", b"0"), spaces[1:4])
    readings = only_readings(Parser(PLAIN).feed(spaces + zeros))
    assert [(item.mantissa, item.tare) for item in readings] == [(1_340, 120)] * 2


@settings(max_examples=60)
@given(displays, st.sampled_from(["after", "inside"]), st.booleans())
def test_every_flag_survives_the_wire(shown: Display, fixed_zero: str, checksum: bool) -> None:
    options = read(ToledoOptions, {"checksum": checksum, "fixed_zero": fixed_zero})
    zeros = 10 ** max(shown.exponent, 0) if fixed_zero == "inside" else 1
    if max(abs(shown.mantissa), shown.tare) * zeros > 999_999:
        with pytest.raises(ValueError, match="six digits"):
            write(shown, options)
        return
    [item] = only_readings(Parser(options).feed(write(shown, options)))
    assert (item.mantissa, item.exponent, item.unit) == (shown.mantissa, shown.exponent, shown.unit)
    assert (item.kind, item.stable) == ("net" if shown.net else "gross", shown.stable)
    assert item.over_range == (shown.over_range and shown.mantissa >= 0)
    assert item.under_range == (shown.over_range and shown.mantissa < 0)
    assert item.valid == (not shown.over_range and not shown.power_up)
    assert (item.increment, item.tare, item.power_up) == (shown.increment, shown.tare, shown.power_up)
    assert Decimal(str(INDICATOR.describe(item)["tare"])) == Decimal(shown.tare).scaleb(shown.exponent)


@settings(max_examples=50)
@given(st.binary(max_size=300), displays.filter(lambda shown: not shown.over_range), st.booleans())
def test_noise_never_eats_the_next_frame(noise: bytes, shown: Display, checksum: bool) -> None:
    options = ToledoOptions(checksum=checksum, fixed_zero="after")
    parser = Parser(options)
    parser.feed(noise)
    got = only_readings(parser.feed(write(shown, options)))
    assert [item.mantissa for item in got][-1:] == [shown.mantissa]


@given(displays, st.integers(0, 17), st.integers(0, 6))
def test_a_flipped_bit_is_dropped_not_believed(shown: Display, at: int, bit: int) -> None:
    frame = bytearray(write(shown, CHECKED))
    frame[at] ^= 1 << bit
    assert not only_readings(Parser(CHECKED).feed(bytes(frame)))


@settings(max_examples=40)
@given(st.binary(max_size=60), st.integers(0, 30), st.booleans(), st.data())
def test_the_decision_is_the_same_for_every_split(
    noise: bytes, times: int, checksum: bool, data: st.DataObject
) -> None:
    # Frames often too few or too far apart to decide before more noise than is kept has passed.
    frames = [write(Display(mantissa=kg), ToledoOptions(checksum=checksum)) for kg in range(0, 240, 20)]
    stream = noise * times + b"".join(frame + noise[:kg] for kg, frame in enumerate(frames))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    parser, split = Parser(ToledoOptions()), Parser(ToledoOptions())
    whole = [*parser.feed(stream), *parser.finish()]
    pieces = [
        item
        for start, end in itertools.pairwise((0, *sorted(cuts), len(stream)))
        for item in split.feed(stream[start:end])
    ]
    assert only_readings([*pieces, *split.finish()]) == only_readings(whole)


@settings(max_examples=30)
@given(st.binary(max_size=200), st.lists(st.integers(1, 900), max_size=6))
def test_the_undecided_parser_is_bounded_and_says_that_it_finds_nothing(
    noise: bytes, steps: list[int]
) -> None:
    stream = noise.replace(b"\r", b"") * 40
    parser, at, errors = Parser(ToledoOptions()), 0, 0
    for step in [*steps, len(stream)]:
        errors += len(parser.feed(stream[at : at + step]))
        at += step
        assert len(parser._head) <= 1_024
    assert errors == max(0, (len(stream) - 512) // 512) or parser._frames is not None


def test_values_that_no_frame_can_carry_are_refused_by_the_writer() -> None:
    for shown, why in (
        (Display(mantissa=1_000_000), "six digits"),
        (Display(mantissa=1, exponent=3), "exponent"),
        (Display(mantissa=1, unit="t"), "unit"),
    ):
        with pytest.raises(ValueError, match=why):
            write(shown, CHECKED)
