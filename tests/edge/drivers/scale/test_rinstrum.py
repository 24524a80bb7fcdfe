"""The two automatic outputs of Rinstrum."""

from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display
from edge.drivers.rows import Indicator, IndicatorOptions
from edge.drivers.scale.rinstrum_fmt1.protocol import INDICATOR as FMT1
from edge.drivers.scale.rinstrum_fmt2.protocol import INDICATOR as FMT2
from kernel.errors import ProtocolError

OPTIONS = IndicatorOptions()


def read(row: Indicator, data: bytes) -> list[Any]:
    return [item for item in row.parser(OPTIONS).feed(data) if not isinstance(item, ProtocolError)]


def sent(row: Indicator, **shown: Any) -> bytes:
    assert row.write is not None
    return row.write(Display(**shown), OPTIONS)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x02   1846G\x03",
        b"\x02    18460G\x03",
        b"\x02+  18460G\x03",
        b"\x02   18 60G\x03",
        b"\x02   1846.G\x03",
        b"\x02   18460X\x03",
        b"\x02   18460G\r\n",
    ],
)
def test_columns_of_the_first_are_strict(frame: bytes) -> None:
    assert read(FMT1, frame) == []


def test_out_of_range_and_error_are_no_weights() -> None:
    over, under, error = read(FMT1, b"\x02   60000O\x03\x02-     40U\x03\x02       0E\x03")
    assert [item.valid for item in (over, under, error)] == [False] * 3
    assert (over.over_range, under.under_range, error.error) == (True, True, True)
    assert FMT1.describe(under)["underload"] is True


def test_motion_hides_gross_and_net() -> None:
    assert sent(FMT1, mantissa=18_460, net=True) == b"\x02   18460N\x03"
    assert sent(FMT1, mantissa=18_460, net=True, stable=False) == b"\x02   18460M\x03"
    [moving] = read(FMT1, b"\x02   18460M\x03")
    assert (moving.kind, moving.stable) == ("unknown", False)


def test_line_ends_after_the_frame_are_no_noise() -> None:
    items = FMT1.parser(OPTIONS).feed(b"\x02   18460G\x03\r\n" * 3)
    assert [item.mantissa for item in items if not isinstance(item, ProtocolError)] == [18_460] * 3
    assert len(items) == 3


@pytest.mark.parametrize(
    "frame",
    [
        b"\x02   18460G  -kg \x03",  # units stand at the right
        b"\x02   18460G  - kg\r",
        b"\x02   18460G  - kq\x03",
        b"\x02   18460G  3 kg\x03",
        b"\x02   18460M  - kg\x03",
        b"\x02   1846G  - kg\x03",
    ],
)
def test_columns_of_the_second_are_strict(frame: bytes) -> None:
    assert read(FMT2, frame) == []


def test_the_unit_is_blank_in_motion_and_status_says_the_rest() -> None:
    frame = sent(FMT2, mantissa=18_460, stable=False)
    assert frame == b"\x02   18460GM -   \x03"
    moving, error, over, second = read(
        FMT2, frame + b"\x02       0E  -   \x03\x02   60000O  - kg\x03\x02   18460N Z2 kg\x03"
    )
    assert (moving.unit, moving.stable, moving.valid) == (None, False, True)
    assert (FMT2.describe(error)["error"], error.valid, error.stable) == ("scale", False, None)
    assert FMT2.describe(over)["overload"] is True
    assert (second.kind, second.at_zero, second.unit) == ("net", True, "kg")


@pytest.mark.parametrize("row", [FMT1, FMT2], ids=lambda row: row.name)
@pytest.mark.parametrize("flag", ["over_range", "under_range"])
def test_what_is_written_out_of_range_is_read_so(row: Indicator, flag: str) -> None:
    [item] = read(row, sent(row, mantissa=-60, **{flag: True}))
    assert (item.valid, item.over_range, item.under_range) == (
        False,
        flag == "over_range",
        flag == "under_range",
    )
    assert row.describe(item).get("underload", False) == (flag == "under_range")
