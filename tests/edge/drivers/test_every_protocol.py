"""What every row of indicators must do, by its vectors and by what it writes itself."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers import indicators
from edge.drivers.readings import Display, Reading
from edge.drivers.rows import Indicator
from kernel.errors import ProtocolError
from kernel.settings import read
from tests.bench.scale_bench import spoiled

VECTORS = json.loads((Path(__file__).parent / "scale" / "vectors.json").read_text())
ROWS = {row.name: row for row in indicators()}
FRAMES = [frame for frame in VECTORS["frames"] if frame["protocol"] in ROWS]
GOOD = [frame for frame in FRAMES if "reject" not in frame["expect"]]
BAD = [frame for frame in FRAMES if "reject" in frame["expect"]]
STREAMS = [stream for stream in VECTORS["streams"] if stream["protocol"] in ROWS]
WRITERS = sorted(row.name for row in ROWS.values() if row.write)
# Options that decide what a row writes, beside its defaults.
FORMS: dict[str, tuple[dict[str, object], ...]] = {
    "toledo-continuous": ({}, {"checksum": True}, {"checksum": False}, {"variant": "short"}),
    "ad-std": ({}, {"address": 7, "unit_chars": 3}),
    "cardinal": ({}, {"point": "never"}),
    "ohaus-like": ({}, {"weight_chars": 9, "legend_chars": 3}),
    "sartorius-sbi": ({}, {"chars": 22}),
    "text": (
        {"pattern": "=(?P<sign>[+-])(?P<weight>[0-9]{6})", "example": "={sign}{weight:06}"},
        {"pattern": " {0,6}(?P<weight>-?[0-9]{1,7})", "example": "{weight:7}", "terminator": "\r"},
    ),
}
# A digit left of the end of the line before would belong to the number: where that end is gone, so is the line.
LED = {"ohaus-like", "text"}
WRITTEN = [(name, form) for name in WRITERS for form in FORMS.get(name, ({},))]


def fed(row: Indicator, options: object, data: bytes, cuts: Sequence[int] = ()) -> list[Any]:
    parser = row.parser(read(row.options, options))
    items: list[Any] = []
    for start, end in itertools.pairwise((0, *sorted(cuts), len(data))):
        items += parser.feed(data[start:end])
    return items + list(parser.finish())


def told(row: Indicator, items: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(row.describe(item)) for item in items if not isinstance(item, ProtocolError)]


def agrees(got: dict[str, Any], expect: dict[str, Any]) -> bool:
    return all(same(got.get(key, "absent"), value) for key, value in expect.items())


def same(got: object, expected: object) -> bool:
    """Weights compare as decimals: 20.0 is 20.00."""
    if isinstance(got, str) and isinstance(expected, str) and got != expected:
        try:
            return Decimal(got) == Decimal(expected)
        except ArithmeticError:
            return False
    return type(got) is type(expected) and got == expected


def first_form(row: Indicator) -> dict[str, object]:
    return FORMS.get(row.name, ({},))[0]


def by_id(frame: dict[str, Any]) -> str:
    return str(frame["id"])


@pytest.mark.parametrize("frame", GOOD, ids=by_id)
def test_every_vector_reads_as_published(frame: dict[str, Any]) -> None:
    row = ROWS[frame["protocol"]]
    [got] = told(row, fed(row, frame["options"], bytes.fromhex(frame["hex"])))
    assert agrees(got, frame["expect"]), (got, frame["expect"])


@pytest.mark.parametrize("frame", GOOD, ids=by_id)
def test_every_vector_reads_the_same_byte_by_byte_and_glued(frame: dict[str, Any]) -> None:
    row, data = ROWS[frame["protocol"]], bytes.fromhex(frame["hex"])
    once = told(row, fed(row, frame["options"], data))
    assert told(row, fed(row, frame["options"], data, range(1, len(data)))) == once
    assert told(row, fed(row, frame["options"], data * 3)) == once * 3


@pytest.mark.parametrize("frame", BAD, ids=by_id)
def test_every_damaged_vector_is_refused_and_said(frame: dict[str, Any]) -> None:
    row = ROWS[frame["protocol"]]
    items = fed(row, frame["options"], bytes.fromhex(frame["hex"]))
    assert items
    assert told(row, items) == []


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: str(stream["name"]))
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_noisy_streams_give_every_intact_frame_and_nothing_else(stream: dict[str, Any], step: int) -> None:
    row, data = ROWS[stream["protocol"]], bytes.fromhex(stream["hex"])
    got = told(row, fed(row, stream["options"], data, range(step, len(data), step)))
    assert [Decimal(each["weight"]) for each in got] == [Decimal(each) for each in stream["expect_weights"]]


def vouched(row: Indicator, form: dict[str, object]) -> bool:
    """Whether what the row writes in this form carries a checksum."""
    return "checksum" in row.says and form.get("checksum") is not False


def written(row: Indicator, form: object, kg: int, *, stable: bool = True) -> bytes:
    assert row.write is not None
    return row.write(Display(mantissa=kg, stable=stable), read(row.options, form))


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@given(kg=st.integers(-9_999, 99_999), stable=st.booleans())
def test_what_a_row_writes_it_reads_back(name: str, form: dict[str, object], kg: int, stable: bool) -> None:
    row = ROWS[name]
    [reading] = fed(row, form, written(row, form, kg, stable=stable))
    assert isinstance(reading, Reading)
    assert reading.valid
    assert (reading.mantissa or 0) * Decimal(10) ** reading.exponent == kg
    assert reading.unit in ("kg", None)
    assert reading.stable in (stable, None)
    assert reading.checked == vouched(row, form)


@pytest.mark.parametrize(("name", "form"), WRITTEN)
def test_a_row_says_always_what_it_promises(name: str, form: object) -> None:
    row = ROWS[name]
    readings = [fed(row, form, written(row, form, 18_460, stable=stable))[0] for stable in (True, False)]
    assert all(reading.unit is not None for reading in readings) == ("unit" in row.says)
    assert all(reading.stable is not None for reading in readings) == ("stable" in row.says)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@given(
    before=st.binary(max_size=40),
    values=st.lists(st.integers(-9_999, 99_999), min_size=1, max_size=4),
    data=st.data(),
)
@settings(max_examples=40)
def test_any_split_gives_the_same_readings(
    name: str, form: object, before: bytes, values: list[int], data: st.DataObject
) -> None:
    row = ROWS[name]
    stream = before + b"".join(written(row, form, kg) for kg in values)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert told(row, fed(row, form, stream, cuts)) == told(row, fed(row, form, stream))


@pytest.mark.parametrize(("name", "form"), WRITTEN)
def test_a_repeated_frame_confirms_and_a_checksum_needs_no_repeating(
    name: str, form: dict[str, object]
) -> None:
    row = ROWS[name]
    once, again, other = fed(row, form, written(row, form, 18_460) * 2 + written(row, form, 18_480))
    assert again.confirmed
    assert once.confirmed == other.confirmed == vouched(row, form)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@pytest.mark.parametrize("seed", range(3))
def test_noise_between_frames_costs_none_of_them(name: str, form: object, seed: int) -> None:
    row, dice = ROWS[name], random.Random(seed)
    values = [dice.randrange(1, 99_999) for _ in range(30)]
    noise = bytes(byte for byte in range(0x80, 0xFE))
    stream = b"".join(
        bytes(dice.choices(noise, k=dice.randrange(3))) + written(row, form, kg) for kg in values
    )
    got = [int(Decimal(each["weight"])) for each in told(row, fed(row, form, stream))]
    assert got == values


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
def test_one_percent_of_noise_costs_no_intact_frame_and_confirms_no_false_one(
    name: str, form: object
) -> None:
    row = ROWS[name]
    values = [n // 8 * 7_919 % 99_991 for n in range(1_600)]
    frame = {kg: written(row, form, kg) for kg in set(values)}
    stream, intact = spoiled([(kg, frame[kg]) for kg in values], seed=11, led=name in LED)
    readings = [item for item in fed(row, form, stream) if isinstance(item, Reading) and item.valid]
    shown = Counter((item.mantissa or 0) * Decimal(10) ** item.exponent for item in readings)
    assert not Counter(map(Decimal, intact)) - shown
    confirmed = {(item.mantissa, item.exponent, item.unit) for item in readings if item.confirmed}
    assert len(confirmed) > 190
    assert confirmed <= {(kg, 0, unit) for kg in values for unit in ("kg", None)}


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted(ROWS))
@given(data=st.binary(max_size=600))
@settings(max_examples=60)
def test_no_bytes_crash_it(name: str, data: bytes) -> None:
    row = ROWS[name]
    for item in fed(row, first_form(row), data):
        if not isinstance(item, ProtocolError):
            row.describe(item)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@pytest.mark.parametrize("filler", [bytes([byte]) for byte in b" 0.,-A\x02"])
def test_frames_that_never_end_take_no_time(name: str, form: object, filler: bytes) -> None:
    row = ROWS[name]
    frame = written(row, form, 18_460)
    parser = row.parser(read(row.options, form))
    began = time.process_time()
    for cut in range(len(frame)):
        parser.feed((frame[:cut] + filler * 70 + b"\xff") * 3)
    assert time.process_time() - began < 1


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted(ROWS))
def test_endless_noise_takes_no_memory(name: str) -> None:
    row, dice = ROWS[name], random.Random(1)
    parser = row.parser(read(row.options, first_form(row)))
    kept = [value for value in vars(parser).values() if isinstance(value, bytes | bytearray)]
    for _ in range(200):
        parser.feed(dice.randbytes(997))
    kept = [value for value in vars(parser).values() if isinstance(value, bytes | bytearray)]
    assert sum(map(len, kept)) < 5_000


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_says_what_it_is(name: str) -> None:
    row = ROWS[name]
    assert row.write or row.serve, "a simulator must be able to play it"
    assert (row.poll is None) == (row.serve is None)
    assert row.source
    assert row.lines
    known = set(row.options.__dataclass_fields__)
    assert {doubt.option for doubt in row.doubts} <= known
    assert row.kin <= ROWS.keys()
    assert all(name in ROWS[other].kin for other in row.kin), "who cannot be told apart is so both ways"
