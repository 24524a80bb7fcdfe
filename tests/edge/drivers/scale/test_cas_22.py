from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.readings import Display
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.cas_22.protocol import INDICATOR, CasReading, describe, write

OPTIONS = IndicatorOptions()
CALM = bytes.fromhex("53542c47532c31c42c3030303031332e35206b670d0a")


def read(data: bytes) -> list[CasReading]:
    return [item for item in INDICATOR.parser(OPTIONS).feed(data) if isinstance(item, CasReading)]


def test_it_writes_the_frame_of_the_manual() -> None:
    assert write(Display(mantissa=135, exponent=-1), OPTIONS) == CALM


def test_a_line_of_seven_bits_is_not_read() -> None:
    assert INDICATOR.high_bit
    assert read(bytes(byte & 0x7F for byte in CALM)) == []


def test_it_is_stable_only_when_head_and_lamp_both_say_so() -> None:
    for frame in (CALM.replace(b"ST", b"US"), CALM.replace(b"\xc4", b"\x84")):
        [got] = read(frame)
        assert got.stable is False


def test_a_held_display_is_no_weight() -> None:
    [got] = read(CALM.replace(b"\xc4", b"\xd4"))
    assert (got.valid, got.words) == (False, ("display_held",))
    assert describe(got)["hold"] is True


def test_an_overloaded_display_has_no_number_whatever_it_shows() -> None:
    [over] = read(write(Display(mantissa=120_000, over_range=True, stable=False), OPTIONS))
    [blank] = read(b"OL,GS,1\x84," + b" " * 8 + b" kg\r\n")
    assert (over.mantissa, over.valid, over.over_range) == (None, False, True)
    assert (blank.mantissa, blank.over_range) == (None, True)


@pytest.mark.parametrize("value", [b"        ", b"  1 2   ", b"1.2.3   ", b"--000001", b"00001a46"], ids=repr)
def test_what_is_no_number_is_refused(value: bytes) -> None:
    assert read(b"ST,GS,1\xc4," + value + b" kg\r\n") == []


@pytest.mark.parametrize(("unit", "name"), [(b"kg", "kg"), (b" t", "t"), (b"t ", "t"), (b" g", "g")])
def test_its_units(unit: bytes, name: str) -> None:
    [got] = read(CALM.replace(b"kg", unit))
    assert got.unit == name
    assert read(CALM.replace(b"kg", b"pc")) == []


@given(st.integers(-999_999, 9_999_999), st.integers(-4, 0), st.booleans(), st.booleans(), st.booleans())
def test_every_display_survives_the_wire(
    mantissa: int, exponent: int, net: bool, stable: bool, at_zero: bool
) -> None:
    display = Display(mantissa=mantissa, exponent=exponent, net=net, stable=stable, at_zero=at_zero)
    [got] = read(write(display, OPTIONS))
    assert (got.mantissa, got.exponent, got.stable, got.zero) == (mantissa, exponent, stable, at_zero)
    assert (got.kind, got.device_id) == ("net" if net else "gross", 0x31)


@pytest.mark.parametrize(
    "display",
    [Display(mantissa=100_000_000), Display(mantissa=1, exponent=-5), Display(mantissa=1, unit="oz")],
)
def test_a_display_that_does_not_fit_is_refused(display: Display) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write(display, OPTIONS)
