"""Zero wrong claims: forms that a row may take, noisy lines, and strangers that are no scale at all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.detecting.claims import claim, kin_of
from edge.detecting.evidence import Form, forms
from edge.detecting.lines import Line
from edge.detecting.reading import Heard
from edge.drivers import indicators
from edge.drivers.readings import Display, Reading
from edge.drivers.rows import Indicator
from kernel.settings import read
from tests.edge.detecting.played import BY_NAME, LOADS, NEEDED, ROWS, displays

SPEAKERS = sorted(row.name for row in ROWS if row.write is not None and forms(row.options))
SAYS_VALUE = 44_120


def heard(data: bytes) -> Heard:
    return Heard(line=Line(9600), chunks=((0, data),), window_ms=3_000)


def written_forms() -> Iterator[Any]:
    for row in indicators():
        for form in forms(row.options) if row.write else ():
            yield pytest.param(row.name, form, id=f"{row.name} {dict(form.told)}")


@pytest.mark.parametrize(("name", "form"), list(written_forms()))
def test_every_form_of_a_row_is_that_row_and_reads_the_value_that_was_shown(name: str, form: Form) -> None:
    row = BY_NAME[name]
    assert isinstance(row, Indicator)
    assert row.write is not None
    options = read(row.options, {**NEEDED.get(name, {}), **form.told})
    data = b"".join(row.write(Display(mantissa=kg), options) for kg in (*LOADS * 2, SAYS_VALUE))
    found = claim(heard(data), ROWS)
    assert found is not None
    assert name in found.protocols
    [mine] = [one for one in found.candidates if one.row.name == name]
    doubts = {doubt.option for doubt in row.doubts}
    if doubts & form.told.keys():
        return  # said to be in doubt, so that a person looks
    parser = row.parser(read(row.options, {**NEEDED.get(name, {}), **mine.form}))
    last = [item for item in (*parser.feed(data), *parser.finish()) if isinstance(item, Reading)][-1]
    assert last.doubt or (last.mantissa or 0) * 10**last.exponent == SAYS_VALUE


@pytest.mark.parametrize("name", SPEAKERS)
@pytest.mark.parametrize("share", [0.01, 0.03, 0.2])
def test_noise_makes_no_other_protocol_of_it(name: str, share: float) -> None:
    clean = b"".join(displays(BY_NAME[name], 60))
    for seed in range(3):
        dice = random.Random(seed)
        hit = [dice.randrange(256) if dice.random() < share else byte for byte in clean]
        found = claim(heard(bytes(byte for byte in hit if dice.random() >= share / 2)), ROWS)
        assert found is None or name in found.protocols
        assert share > 0.01 or found is not None


STRANGERS = {
    "a receiver of satellites": b"".join(
        b"$GPGGA,0927%02d.00,3616.123,N,11750.456,E,1,08,1.0,35.%d,M,8.0,M,,*%02X\r\n" % (n, n % 10, 65 + n)
        for n in range(30)
    ),
    "a router that boots": b"U-Boot 2021.04 (Apr 2021)\r\nDRAM:  128 MiB\r\nNet:   eth0 at 10.0.0.1\r\n" * 9,
    "a card reader": b"".join(b"\x02%010d\x03" % (4_400_000_000 + 7 * n) for n in range(30)),
    "a clock": b"".join(b"2026-11-23 09:27:%02d\r\n" % n for n in range(40)),
    "a thermometer": b"".join(b"T=%+05.1f C\r\n" % (20 + n / 10) for n in range(40)),
    "a sign that is polled": b"\x02\x41\x30\x31\x03\x17" * 40,
    "one letter": b"U" * 400,
    "zeroes": bytes(400),
    "all ones": b"\xff" * 400,
    "empty lines": b"\r\n" * 200,
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_no_scale_is_claimed_to_be_none(stranger: str) -> None:
    found = claim(heard(STRANGERS[stranger]), ROWS)
    assert found is None, found.protocols


@given(data=st.binary(max_size=900))
@settings(max_examples=40, deadline=None)
def test_no_bytes_are_a_scale_by_accident(data: bytes) -> None:
    assert claim(heard(data), ROWS) is None


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("ad-std", {"ad-std", "ad-like"}),
        ("yaohua-eq-fwd", {"yaohua-eq-fwd", "yaohua-eq-rev"}),
        ("yaohua-eq-rev", {"yaohua-eq-fwd", "yaohua-eq-rev"}),
        ("yaohua-cont12", {"yaohua-cont12", "keli"}),
        ("keli", {"yaohua-cont12", "keli"}),
        ("toledo-continuous", {"toledo-continuous"}),
    ],
)
def test_who_cannot_be_told_apart_comes_as_a_set_and_nobody_else_in_it(name: str, alike: set[str]) -> None:
    found = claim(heard(b"".join(displays(BY_NAME[name], 40))), ROWS)
    assert found is not None
    assert found.protocols == alike


@pytest.mark.parametrize("name", sorted(row.name for row in indicators() if row.kin and row.write))
def test_whatever_is_in_a_set_is_kin_or_reads_the_same_bytes(name: str) -> None:
    found = claim(heard(b"".join(displays(BY_NAME[name], 40))), ROWS)
    assert found is not None
    assert name in found.protocols
    best = max(one.explained for one in found.candidates)
    strangers = [one for one in found.candidates if one.row.name not in kin_of(BY_NAME[name]) | {name}]
    assert all(50 * one.explained >= 49 * best for one in strangers)


def test_the_two_formats_of_yaohua_that_begin_with_equals_are_always_a_pair() -> None:
    for value in (3_000, -1_000, 0, 44_120):
        for name in ("yaohua-eq-fwd", "yaohua-eq-rev"):
            row = BY_NAME[name]
            assert isinstance(row, Indicator)
            assert row.write is not None
            data = row.write(Display(mantissa=value, exponent=-2), row.options()) * 20
            found = claim(heard(data), ROWS)
            assert found is not None
            assert found.protocols >= {"yaohua-eq-fwd", "yaohua-eq-rev"}
