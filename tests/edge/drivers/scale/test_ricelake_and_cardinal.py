"""The streams of Rice Lake and Cardinal: what each imitates of the other is documented in both manuals."""

from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display
from edge.drivers.rows import Indicator
from edge.drivers.scale.cardinal.protocol import INDICATOR as CARDINAL
from edge.drivers.scale.ricelake_stream.protocol import INDICATOR as RICELAKE
from kernel.errors import ProtocolError


def read(row: Indicator, data: bytes, **options: Any) -> list[Any]:
    items = row.parser(row.options(**options)).feed(data)
    return [item for item in items if not isinstance(item, ProtocolError)]


def sent(row: Indicator, shown: Display, **options: Any) -> bytes:
    assert row.write is not None
    return row.write(shown, row.options(**options))


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_a_stream_may_end_its_frames_with_or_without_line_feed(end: bytes) -> None:
    items = RICELAKE.parser(RICELAKE.options()).feed((b"\x02   18460KG " + end) * 3)
    assert [getattr(item, "mantissa", item) for item in items] == [18_460] * 3
    assert [getattr(item, "confirmed", item) for item in items] == [False, True, True]


@pytest.mark.parametrize(
    ("tons", "unit", "doubt"), [("unknown", "t", "tons"), ("metric", "t", ""), ("short", "tn", "")]
)
def test_what_tons_are_must_be_set(tons: str, unit: str, doubt: str) -> None:
    [reading] = read(RICELAKE, b"\x02   18.46TG \r", tons=tons)
    assert (reading.unit, reading.doubt) == (unit, doubt)


def test_a_blank_unit_must_be_set() -> None:
    frame = b"\x02   18460 G \r"
    assert [read(RICELAKE, frame)[0].doubt, read(RICELAKE, frame, unit="kg")[0].doubt] == ["unit", ""]


def test_over_and_under_range_share_a_letter_and_the_sign_tells() -> None:
    over, under = read(RICELAKE, b"\x02   99999KGO\r\x02-  99999KGO\r")
    assert [(item.valid, item.over_range, item.under_range) for item in (over, under)] == [
        (False, True, False),
        (False, False, True),
    ]


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (Display(mantissa=0, at_zero=True), b"Z"),
        (Display(mantissa=0, power_up=True), b"I"),
        (Display(mantissa=0, stable=False), b"M"),
        (Display(mantissa=0, over_range=True), b"O"),
        (Display(mantissa=0), b" "),
    ],
)
def test_the_status_is_written_as_it_is_read(shown: Display, status: bytes) -> None:
    assert sent(RICELAKE, shown) == b"\x02       0KG" + status + b"\r\n"


def test_a_unit_without_a_letter_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="no letter"):
        sent(RICELAKE, Display(mantissa=1, unit="pcs"))


# From the description in Rice Lake 482-AG p.33 and 682 p.110: polarity, six digits with zeros before them and the
# point, status m or o, unit of two, g or n.
@pytest.mark.parametrize(
    ("frame", "expect"),
    [
        (b"\r+018460.  kg g  \x03", ("18460", "kg", "gross", True, True)),
        (b"\r+0184.60m t  g  \x03", ("184.60", "t", "gross", False, True)),
        (b"\r-000020.  kg n  \x03", ("-20", "kg", "net", True, True)),
        (b"\r+060000.o lb g  \x03", ("60000", "lb", "gross", None, False)),
        (b"\r+018460  kg g  \x03", ("18460", "kg", "gross", True, True)),
        (b"\r 018460  kg g  \x03", ("18460", "kg", "gross", True, True)),
        (b"\r+000000.e kg G  \x03", ("0", "kg", "gross", None, False)),
    ],
)
def test_documented_cardinal_frames(frame: bytes, expect: tuple[object, ...]) -> None:
    [item] = read(CARDINAL, frame)
    told = CARDINAL.describe(item)
    assert tuple(told[key] for key in ("weight", "unit", "kind", "stable", "valid")) == expect


@pytest.mark.parametrize(
    "frame",
    [
        b"\r+01846.  kg g  \x03",
        b"\r+0018460.  kg g  \x03",
        b"\r+01.84.60  kg g  \x03",
        b"\r+ 18460.  kg g  \x03",
        b"\r+018460.  kq g  \x03",
        b"\r+018460.x kg g  \x03",
        b"\n+018460.  kg g  \x03",
        b"\r+018460.  kg g \x03",
    ],
)
def test_cardinal_columns_are_strict(frame: bytes) -> None:
    assert read(CARDINAL, frame) == []


def test_a_point_may_be_required_or_excluded_and_its_loss_is_never_confirmed() -> None:
    pointed, plain = b"\r+0184.60  t  g  \x03", b"\r+018460  t  g  \x03"
    assert [len(read(CARDINAL, frame, point="always")) for frame in (pointed, plain)] == [1, 0]
    assert [len(read(CARDINAL, frame, point="never")) for frame in (pointed, plain)] == [0, 1]
    said = read(CARDINAL, pointed * 2 + plain * 3 + pointed * 2)
    assert [item.exponent for item in said if item.confirmed] == [-2, -2]


def test_cardinal_writes_six_digits_and_refuses_more() -> None:
    assert sent(CARDINAL, Display(mantissa=-20, net=True)) == b"\r-000020.  kg n  \x03"
    assert sent(CARDINAL, Display(mantissa=1_846, exponent=-2, unit="t")) == b"\r+0018.46  t  g  \x03"
    assert sent(CARDINAL, Display(mantissa=18_460), point="never") == b"\r+018460  kg g  \x03"
    with pytest.raises(ValueError, match="six digits"):
        sent(CARDINAL, Display(mantissa=1_000_000))
