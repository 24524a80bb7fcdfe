from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.readings import Display, Reading
from edge.drivers.rows import Indicator
from edge.drivers.scale.yaohua_a12_text.protocol import INDICATOR as TEXT
from edge.drivers.scale.yaohua_a12e.protocol import INDICATOR as CHECKED
from kernel.errors import ProtocolError

BOTH = pytest.mark.parametrize("row", [TEXT, CHECKED], ids=lambda row: row.name)


def written(row: Indicator, shown: Display) -> bytes:
    assert row.write is not None
    return row.write(shown, row.options())


def read(row: Indicator, data: bytes) -> list[Reading]:
    return [item for item in row.parser(row.options()).feed(data) if isinstance(item, Reading)]


def test_it_writes_the_lines_of_the_manual() -> None:
    assert written(TEXT, Display(mantissa=-1, exponent=-1, net=True)) == b"wn-0000.1kg\r\n"
    assert written(TEXT, Display(mantissa=0, exponent=-3, unit="lb")) == b"ww000.000lb\r\n"
    assert written(CHECKED, Display(mantissa=4_139, exponent=-3)) == b"WG004.139kg3D\r\n"
    assert written(CHECKED, Display(mantissa=0, over_range=True)) == b" " * 9 + b"OL23\r\n"


@BOTH
@given(st.integers(-99_999, 999_999), st.integers(-4, 0), st.booleans(), st.sampled_from(["kg", "lb"]))
def test_every_value_survives_the_wire(
    row: Indicator, mantissa: int, exponent: int, net: bool, unit: str
) -> None:
    [got] = read(row, written(row, Display(mantissa=mantissa, exponent=exponent, net=net, unit=unit)))
    assert (got.mantissa, got.exponent, got.unit) == (mantissa, exponent, unit)
    assert got.kind == ("net" if net else "gross")


@pytest.mark.parametrize("over", [True, False])
def test_out_of_range_is_no_weight_and_says_which_way(over: bool) -> None:
    frame = written(CHECKED, Display(mantissa=0, over_range=over, under_range=not over))
    [got] = read(CHECKED, frame)
    assert (got.mantissa, got.valid, got.over_range, got.under_range) == (None, False, over, not over)
    assert CHECKED.describe(got)["underload"] is not over


def test_check_digits_that_do_not_fit_are_told() -> None:
    [error, *_] = CHECKED.parser(CHECKED.options()).feed(b"WG004.139kg3E\r\n")
    assert isinstance(error, ProtocolError)
    assert error.problem == "wrong checksum"


def test_gross_net_and_tare_that_take_turns_confirm_each_their_own() -> None:
    turn = b"ww018460 kg\r\nwn011460 kg\r\nwt007000 kg\r\n"
    got = read(TEXT, turn * 2 + b"ww018480 kg\r\n")
    assert [each.kind for each in got[:3]] == ["gross", "net", "tare"]
    assert [each.confirmed for each in got] == [False] * 3 + [True] * 3 + [False]


def test_a_line_long_ago_confirms_nothing() -> None:
    gross, net = b"ww018460 kg\r\n", b"wn011460 kg\r\n"
    got = read(TEXT, gross + net * 2 + gross + net * 3 + gross * 2)
    assert [each.confirmed for each in got if each.kind == "gross"] == [False, True, False, True]


@BOTH
@pytest.mark.parametrize(
    "display",
    [
        Display(mantissa=1_000_000),
        Display(mantissa=-100_000),
        Display(mantissa=1, exponent=-5),
        Display(mantissa=1, unit="t"),
    ],
)
def test_a_display_that_does_not_fit_is_refused(row: Indicator, display: Display) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        written(row, display)
