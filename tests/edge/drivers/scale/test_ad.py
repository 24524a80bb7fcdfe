"""A&D's standard format, and what only looks like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.drivers.readings import Display, Reading, Reply
from edge.drivers.scale.ad_like.protocol import INDICATOR as LIKE
from edge.drivers.scale.ad_like.protocol import AdLikeOptions
from edge.drivers.scale.ad_std.protocol import INDICATOR as STD
from edge.drivers.scale.ad_std.protocol import AdOptions, Device, parser, poll, write
from kernel.errors import ConfigError, ProtocolError

STILL = Display(mantissa=18_460)


def std(data: bytes, **options: Any) -> list[Reading | Reply]:
    items = parser(AdOptions(**options)).feed(data)
    return [item for item in items if not isinstance(item, ProtocolError)]


def like(data: bytes, **options: Any) -> list[Any]:
    items = LIKE.parser(AdLikeOptions(**options)).feed(data)
    return [item for item in items if not isinstance(item, ProtocolError)]


@pytest.mark.parametrize(
    "line",
    [
        b"ST,GS,+ 018460kg\r\n",  # zeros fill the column, not blanks
        b"ST,GS,+001846kg\r\n",  # lost a digit
        b"ST,GS,+00184600kg\r\n",
        b"ST,GS,+01.84.0kg\r\n",
        b"ST,GS,+001846.kg\r\n",
        b"ST,GS, 0018460kg\r\n",  # the sign is always printed
        b"ST,GS,+       kg\r\n",  # blank, but in range
        b"ST,GS,+0018460kh\r\n",
        b"XT,GS,+0018460kg\r\n",
    ],
)
def test_columns_are_strict(line: bytes) -> None:
    assert std(line) == []


def test_a_decimal_comma_is_a_point_and_a_wide_unit_an_option() -> None:
    [comma] = std(b"ST,GS,+0012,34kg\r\n")
    [wide] = std(b"ST,GS,+0012.34kg \r\n", unit_chars=3)
    assert isinstance(comma, Reading)
    assert isinstance(wide, Reading)
    assert (comma.mantissa, comma.exponent) == (wide.mantissa, wide.exponent) == (1_234, -2)
    assert std(b"ST,GS,+0012.34kg \r\n") == []


@pytest.mark.parametrize(
    ("head", "sign", "over"), [(b"OL", b"+", True), (b"LO", b"+", True), (b"OL", b"-", False)]
)
def test_out_of_range_is_no_weight_whichever_head_says_so(head: bytes, sign: bytes, over: bool) -> None:
    [blank] = std(head + b",GS," + sign + b"       kg\r\n")
    [point] = std(head + b",GS," + sign + b"    .  kg\r\n")
    for item in (blank, point):
        assert isinstance(item, Reading)
        assert (item.valid, item.mantissa, item.over_range, item.under_range) == (False, None, over, not over)


def test_a_held_display_is_no_weight() -> None:
    [held] = std(b"HD,GS,+0018460kg\r\n")
    assert isinstance(held, Reading)
    assert (held.valid, held.stable, held.words) == (False, None, ("display_held",))


def test_it_speaks_unasked_unless_it_is_to_be_asked() -> None:
    assert poll(AdOptions()) == b""
    assert poll(AdOptions(ask="RW")) == b"RW\r\n"
    assert poll(AdOptions(ask="RG", address=3)) == b"@03RG\r\n"


def test_what_the_device_shows_out_of_range_is_blank_and_told() -> None:
    [over] = std(write(Display(mantissa=60_000, over_range=True), AdOptions()))
    [under] = std(write(Display(mantissa=-60, under_range=True), AdOptions()))
    assert [STD.describe(item).get("overload") for item in (over, under)] == [True, True]
    assert [getattr(item, "under_range", None) for item in (over, under)] == [False, True]
    assert STD.describe(Reply(status="zero-done")) == {"status": "zero-done"}


@pytest.mark.parametrize("shown", [Display(mantissa=1, exponent=1), Display(mantissa=1, exponent=-5)])
def test_decimals_that_the_frame_cannot_hold_are_not_written(shown: Display) -> None:
    with pytest.raises(ValueError, match="no place"):
        write(shown, AdOptions())


def test_an_address_belongs_to_every_answer() -> None:
    options = AdOptions(address=23)
    assert write(STILL, options) == b"@23ST,GS,+0018460kg\r\n"
    assert len(std(write(STILL, options), address=23)) == 1
    assert std(write(STILL, AdOptions(address=24)), address=23) == []


@pytest.mark.parametrize("address", [0, 100])
def test_an_address_that_cannot_be_sent_is_refused(address: int) -> None:
    with pytest.raises(ConfigError, match="address: must be 1 to 99"):
        AdOptions(address=address)


def test_the_device_answers_what_the_manual_says() -> None:
    device = Device(AdOptions())
    assert device.feed(b"R", STILL) == b""
    assert device.feed(b"W\r\n", STILL) == b"ST,GS,+0018460kg\r\n"
    assert device.feed(b"MT\r\nRW\r\nRT\r\nRG\r\nRN\r\n", STILL).split(b"\r\n") == [
        b"MT", b"ST,NT,+0000000kg", b"ST,TR,+0018460kg", b"ST,GS,+0018460kg", b"ST,NT,+0000000kg", b"",
    ]  # fmt: skip
    assert device.feed(b"CT\r\nRW\r\nRQ\r\n", STILL) == b"CT\r\nST,GS,+0018460kg\r\n?\r\n"
    assert device.feed(b"MZ\r\n", Display(mantissa=40, stable=False)) == b"I\r\n"


def test_its_answers_are_understood_and_broken_ends_are_no_answers() -> None:
    said = std(b"MZ\r\nMT\r\nI\r\n?\r\n")
    assert [item.status for item in said if isinstance(item, Reply)] == [
        "zero-done", "tare-done", "not-executable", "unrecognized-command",
    ]  # fmt: skip
    assert std(b"ST,GS,+0018460k?\r\n") == []
    assert STD.orders["zero"](AdOptions(address=9)) == b"@09MZ\r\n"


@pytest.mark.parametrize(
    ("line", "weight", "kind", "unit"),
    [
        (b"ST, GS, +0123456\r\n", (123_456, 0), "gross", None),  # Autoda
        (b"ST,NT -  123.4,kg\r\n", (-1_234, -1), "net", "kg"),  # Tiger TI-02
        (b"US,GS,+0012,34 kg\r\n", (1_234, -2), "gross", "kg"),  # a decimal comma
        (b"ST,G,+ 18.460 t\r\n", (18_460, -3), "gross", "t"),
        (b"ST,NT,    18460lbs\r\n", (18_460, 0), "net", "lb"),
        (b"ST,TR,+0000340kg\r\n", (340, 0), "tare", "kg"),
    ],
)
def test_look_alikes_are_read_by_fields(
    line: bytes, weight: tuple[int, int], kind: str, unit: str | None
) -> None:
    [reading] = like(line)
    assert (reading.mantissa, reading.exponent) == weight
    assert (reading.kind, reading.unit, reading.valid) == (kind, unit, True)


@pytest.mark.parametrize("head", [b"OL", b"LO"])
@pytest.mark.parametrize("rest", [b",GS,+       kg\r\n", b",GS       kg\r\n", b",GS, .   \r\n"])
def test_a_look_alike_out_of_range_is_no_weight(head: bytes, rest: bytes) -> None:
    [reading] = like(head + rest)
    assert (reading.valid, reading.mantissa, reading.over_range) == (False, None, True)
    assert LIKE.describe(reading)["overload"] is True


@pytest.mark.parametrize(
    "line", [b"ST,GS,+       kg\r\n", b"ST,GS,12.3.4kg\r\n", b"ST,GS,1 2kg\r\n", b"ST,XX,12kg\r\n"]
)
def test_what_is_no_number_is_no_weight(line: bytes) -> None:
    assert like(line) == []


def test_a_missing_unit_must_be_set() -> None:
    [open_], [told] = like(b"ST,GS,+0123456\r\n"), like(b"ST,GS,+0123456\r\n", unit="kg")
    assert (open_.doubt, told.doubt) == ("unit", "")


def test_the_same_byte_lost_twice_confirms_nothing() -> None:
    whole = b"ST,GS,   18460kg\r\n"
    short, grams = whole.replace(b"60", b"6"), whole.replace(b"kg", b"g")
    said = like(whole * 2 + short * 2 + whole * 2 + grams * 3 + whole * 2)
    assert [(each.mantissa, each.unit) for each in said if each.confirmed] == [(18_460, "kg")] * 3


def test_a_stream_of_the_standard_cannot_be_told_from_its_look_alikes() -> None:
    vectors = json.loads((Path(__file__).parent / "vectors.json").read_text())["frames"]
    standard = [bytes.fromhex(each["hex"]) for each in vectors if each["protocol"] == "ad-std"]
    assert all(len(like(frame)) == 1 for frame in standard)
    assert (STD.kin, LIKE.kin) == (frozenset({"ad-like"}), frozenset({"ad-std"}))


@pytest.mark.parametrize(
    ("digits", "decimal", "weight", "doubt"),
    [
        (b"12,345", None, (12_345, -3), "decimal"),
        (b"12,345", ",", (12_345, -3), ""),
        (b"12,345", ".", (12_345, 0), ""),
        (b"-12,345", ".", (-12_345, 0), ""),
        (b"12,34", None, (1_234, -2), ""),
        (b"12.345", None, (12_345, -3), ""),
        (b"12.345", ".", (12_345, -3), ""),
    ],
)
def test_a_comma_before_three_digits_is_what_the_option_says(
    digits: bytes, decimal: str | None, weight: tuple[int, int], doubt: str
) -> None:
    [reading] = like(b"ST,GS," + digits + b"kg\r\n", decimal=decimal)
    assert ((reading.mantissa, reading.exponent), reading.doubt) == (weight, doubt)


def test_a_comma_that_is_not_before_thousands_shows_the_wrong_setting() -> None:
    assert like(b"ST,GS,12,34kg\r\n", decimal=".") == []
