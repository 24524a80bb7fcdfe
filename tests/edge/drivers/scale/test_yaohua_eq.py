from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.readings import Display, Reading
from edge.drivers.rows import Indicator
from edge.drivers.scale.yaohua_eq_fwd.protocol import INDICATOR as FORWARD
from edge.drivers.scale.yaohua_eq_rev.protocol import INDICATOR as REVERSED
from kernel.errors import ConfigError
from kernel.settings import read

BOTH = pytest.mark.parametrize("row", [FORWARD, REVERSED], ids=lambda row: row.name)


def shown(row: Indicator, data: bytes) -> list[Reading]:
    parser = row.parser(row.options())
    return [item for item in [*parser.feed(data), *parser.finish()] if isinstance(item, Reading)]


def value(reading: Reading) -> Decimal:
    return Decimal(reading.mantissa or 0).scaleb(reading.exponent)


def test_the_same_bytes_are_another_weight_from_the_other_end() -> None:
    assert [value(each) for each in shown(FORWARD, b"=000.3000")] == [Decimal("0.3")]
    assert [value(each) for each in shown(REVERSED, b"=000.3000")] == [Decimal(3)]
    assert FORWARD.kin == {REVERSED.name}


@BOTH
@given(st.integers(-999_999, 999_999), st.integers(-4, 0))
def test_every_value_survives_the_wire(row: Indicator, mantissa: int, exponent: int) -> None:
    assert row.write is not None
    [got] = shown(row, row.write(Display(mantissa=mantissa, exponent=exponent), row.options()))
    assert (got.mantissa, got.exponent) == (mantissa, exponent)


@BOTH
def test_a_longer_frame_of_another_make_is_never_confirmed(row: Indicator) -> None:
    assert row.write is not None
    frame = row.write(Display(mantissa=18_460), row.options())
    assert [each.confirmed for each in shown(row, frame * 3)] == [False, True, True]
    for tail in (b"0", b"00 kg", b"\x00", b"=0.123456", b"=654321.0"):
        assert not any(each.confirmed for each in shown(row, (frame + tail) * 5))


@BOTH
def test_a_lost_byte_costs_its_frame_and_no_other(row: Indicator) -> None:
    assert row.write is not None
    frames = [row.write(Display(mantissa=kg), row.options()) for kg in (18_460, 18_480, 18_500)]
    for lost in range(9):
        stream = frames[0] + frames[1][:lost] + frames[1][lost + 1 :] + frames[2]
        assert [value(each) for each in shown(row, stream)] == [18_460, 18_500]


@pytest.mark.parametrize(
    ("row", "frame"),
    [
        (FORWARD, b"=0.123456"),
        (FORWARD, b"=01.23.45"),
        (FORWARD, b"=+0001846"),
        (FORWARD, b"=........"),
        (REVERSED, b"=654321.0"),
        (REVERSED, b"=00001-00"),
        (REVERSED, b"=02000001"),
    ],
)
def test_what_is_no_number_is_refused(row: Indicator, frame: bytes) -> None:
    assert shown(row, frame) == []


@BOTH
def test_the_form_is_named_and_cannot_be_another(row: Indicator) -> None:
    with pytest.raises(ConfigError, match="format"):
        read(row.options, {"format": "eq"})
    assert "format" in {doubt.option for doubt in row.doubts}


@BOTH
@pytest.mark.parametrize("display", [Display(mantissa=10_000_000), Display(mantissa=1, exponent=-5)])
def test_a_value_that_does_not_fit_is_refused(row: Indicator, display: Display) -> None:
    assert row.write is not None
    with pytest.raises(ValueError, match="does not fit"):
        row.write(display, row.options())
