"""What every row of weighers must do, by its vectors and by what it writes itself."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers import DRIVERS, indicators, weighers
from edge.drivers.making import settings_of
from edge.drivers.readings import Passed
from edge.drivers.rows import Weigher
from kernel.errors import ProtocolError
from kernel.settings import read

VECTORS = json.loads((Path(__file__).parent / "scale" / "vectors.json").read_text())
ROWS = {row.name: row for row in weighers()}
FRAMES = [frame for frame in VECTORS["frames"] if frame["protocol"] in ROWS]
GOOD = [frame for frame in FRAMES if "reject" not in frame["expect"]]
BAD = [frame for frame in FRAMES if "reject" in frame["expect"]]
STREAMS = [stream for stream in VECTORS["streams"] if stream["protocol"] in ROWS]
NAMES = sorted(ROWS)
FORMS: dict[str, tuple[dict[str, object], ...]] = {
    "wim-wj": ({}, {"cmd": "groups"}),
    "nmea-axle": ({}, {"unit": "kg"}),
    "wim-jz": ({"speed_unit": "kmh"}, {"speed_unit": "dkmh"}),
}
WRITTEN = [(name, form) for name in NAMES for form in FORMS.get(name, ({},))]


@st.composite
def vehicles(draw: st.DrawFn) -> Passed:
    axles_of = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    count = sum(axles_of)

    def each(least: int, most: int, size: int, step: int) -> tuple[int, ...]:
        numbers = st.integers(least, most).map(lambda value: value * step)
        return tuple(draw(st.lists(numbers, min_size=size, max_size=size)))

    return Passed(
        seq=draw(st.integers(0, 255)),
        axle_kg=each(1, 3_000, count, 10),
        axles_of=axles_of,
        dual=tuple(draw(st.lists(st.booleans(), min_size=len(axles_of), max_size=len(axles_of)))),
        spacing_mm=each(80, 1_500, count - 1, 10),
        axle_speed_dkmh=each(1, 120, count, 10),
        speed_dkmh=draw(st.integers(1, 120)) * 10,
        accel_mms2=draw(st.integers(-20, 20)) * 100,
        at_ms=draw(st.integers(1_577_836_800_000, 2_000_000_000_000)),
    )


TRUCK = Passed(
    seq=7,
    axle_kg=(6_540, 9_980, 9_870, 8_020, 8_100, 7_990),
    axles_of=(1, 2, 3),
    dual=(False, True, True),
    spacing_mm=(3_450, 1_360, 6_400, 1_310, 1_310),
    axle_speed_dkmh=(140, 140, 140, 130, 130, 130),
    speed_dkmh=140,
    at_ms=1_795_400_000_250,
)


def fed(row: Weigher, options: object, data: bytes, cuts: Sequence[int] = ()) -> list[Any]:
    parser = row.parser(read(row.options, options))
    items: list[Any] = []
    for start, end in itertools.pairwise((0, *sorted(cuts), len(data))):
        items += parser.feed(data[start:end])
    return items + list(parser.finish())


def told(row: Weigher, items: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(row.describe(item)) for item in items if not isinstance(item, ProtocolError)]


def written(row: Weigher, form: object, passed: Passed) -> bytes:
    return row.write(passed, read(row.options, form))


def by_id(frame: dict[str, Any]) -> str:
    return str(frame["id"])


def test_every_driver_is_a_row_of_one_kind_or_the_other() -> None:
    other = set(DRIVERS) - set(ROWS) - {row.name for row in indicators()}
    assert not other - {"toledo-continuous"}


@pytest.mark.parametrize("frame", GOOD, ids=by_id)
def test_every_vector_reads_as_published(frame: dict[str, Any]) -> None:
    row = ROWS[frame["protocol"]]
    [got] = told(row, fed(row, frame["options"], bytes.fromhex(frame["hex"])))
    assert {key: got.get(key, "absent") for key in frame["expect"]} == frame["expect"]
    assert {key: type(got[key]) for key in frame["expect"]} == {
        k: type(v) for k, v in frame["expect"].items()
    }


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
def test_noisy_streams_give_every_intact_record_and_nothing_else(stream: dict[str, Any], step: int) -> None:
    row, data = ROWS[stream["protocol"]], bytes.fromhex(stream["hex"])
    got = told(row, fed(row, stream["options"], data, range(step, len(data), step)))
    assert [Decimal(each["gross_kg"]) for each in got] == [Decimal(each) for each in stream["expect_weights"]]


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@given(passed=vehicles())
@settings(max_examples=40)
def test_what_a_row_writes_it_reads_back(name: str, form: dict[str, object], passed: Passed) -> None:
    row = ROWS[name]
    got = told(row, fed(row, form, written(row, form, passed)))
    if name == "nmea-axle":
        assert [each["record"] for each in got] == ["begin", *["axle"] * len(passed.axle_kg), "end"]
        if form:
            assert tuple(int(each["weight"]) for each in got[1:-1]) == passed.axle_kg
        return
    [record] = got
    assert (record["record"], record["seq"], record["axle_count"]) == (
        "vehicle",
        passed.seq,
        len(passed.axle_kg),
    )
    assert record["gross_kg"] == sum(passed.axle_kg)
    if "axle_kg" in record:
        assert record["axle_kg"] == list(passed.axle_kg)
    if "group_kg" in record:
        assert record["group_kg"] == list(passed.group_kg)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@given(parts=st.lists(st.one_of(vehicles(), st.binary(max_size=30)), min_size=1, max_size=4), data=st.data())
@settings(max_examples=40)
def test_any_split_gives_the_same_records(
    name: str, form: object, parts: list[Passed | bytes], data: st.DataObject
) -> None:
    row = ROWS[name]
    stream = b"".join(part if isinstance(part, bytes) else written(row, form, part) for part in parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert told(row, fed(row, form, stream, cuts)) == told(row, fed(row, form, stream))


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@given(passed=vehicles(), data=st.data())
@settings(max_examples=40)
def test_a_flipped_bit_is_dropped_not_believed(
    name: str, form: object, passed: Passed, data: st.DataObject
) -> None:
    row = ROWS[name]
    good = written(row, form, passed)
    spoiled = bytearray(good)
    spoiled[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    before, after = told(row, fed(row, form, good)), told(row, fed(row, form, bytes(spoiled)))
    assert len(after) < len(before)
    assert all(item in before for item in after)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "form"), WRITTEN)
@pytest.mark.parametrize("seed", range(3))
def test_noise_between_records_costs_none_of_them(name: str, form: object, seed: int) -> None:
    row, dice = ROWS[name], random.Random(seed)
    frame = written(row, form, TRUCK)
    once = told(row, fed(row, form, frame))
    stream = b"".join(dice.randbytes(dice.randrange(12)) + frame for _ in range(30))
    assert told(row, fed(row, form, stream + bytes(64))) == once * 30


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=600))
@settings(max_examples=60)
def test_no_bytes_crash_it(name: str, data: bytes) -> None:
    row = ROWS[name]
    for item in fed(row, {}, data):
        if not isinstance(item, ProtocolError):
            row.describe(item)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", NAMES)
def test_endless_noise_takes_no_memory_and_hides_no_record(name: str) -> None:
    row, dice = ROWS[name], random.Random(1)
    parser: Any = row.parser(read(row.options, {}))
    for _ in range(200):
        parser.feed(dice.randbytes(997))
    cutter = getattr(parser, "_cutter", parser)
    kept = [value for value in vars(cutter).values() if isinstance(value, bytes | bytearray | set)]
    assert kept
    assert sum(map(len, kept)) < 5_000
    frame = written(row, {}, TRUCK)
    items = [*parser.feed(frame), *parser.feed(bytes(1_100)), *parser.finish()]
    wanted = told(row, fed(row, {}, frame))
    assert [item for item in told(row, items) if item in wanted] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_it_is(name: str) -> None:
    row = ROWS[name]
    assert row.source
    assert row.lines
    known = set(settings_of(row).__dataclass_fields__)
    assert set(row.options.__dataclass_fields__) <= known
    assert {doubt.option for doubt in row.doubts} <= known
