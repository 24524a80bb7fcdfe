from __future__ import annotations

from typing import Any

import pytest

from edge.drivers.readings import Display, Reading
from edge.drivers.scale.keli.protocol import INDICATOR, KeliOptions, parser, poll, serve
from edge.drivers.scale.yaohua_command.protocol import framed
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.settings import read

MANUAL = "XK3118K9-R p.9-10"
# In the form of the shared vectors, which have none of this make.
VECTORS: tuple[dict[str, Any], ...] = (
    {
        "hex": "022b303030303030303142 03",
        "options": {},
        "expect": {"weight": "0", "unit": None, "kind": "displayed", "stable": None, "checksum": "ok"},
        "source": MANUAL + ", the continuous frame",
    },
    {
        "hex": "022b30303230303030 3139 03",
        "options": {"mode": "continuous"},
        "expect": {"weight": "2000", "kind": "displayed", "checksum": "ok"},
        "source": MANUAL + ", the continuous frame",
    },
    {
        "hex": "0241422b3030302e303030 3036 03",
        "options": {"mode": "command"},
        "expect": {"weight": "0.000", "unit": None, "kind": "gross", "checksum": "ok", "address": 1},
        "source": MANUAL + ", command B: sign, six digits and one radix point",
    },
    {
        "hex": "0241432b30313530302e30 3033 03",
        "options": {"mode": "command"},
        "expect": {"weight": "1500.0", "kind": "tare", "address": 1},
        "source": MANUAL + ", command C: tare",
    },
    {
        "hex": "0241442d3030302e303230 3034 03",
        "options": {"mode": "command"},
        "expect": {"weight": "-0.020", "kind": "net"},
        "source": MANUAL + ", command D: net weight",
    },
    {
        "hex": "024148303903",
        "options": {"mode": "command"},
        "expect": {"status": "done"},
        "source": MANUAL + ", command H without data: six bytes",
    },
)
COMMAND = KeliOptions(mode="command")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["hex"]))
def test_the_documented_frames_read_as_documented(vector: dict[str, Any]) -> None:
    options = read(KeliOptions, vector["options"])
    [item] = parser(options).feed(bytes.fromhex(vector["hex"]))
    told = INDICATOR.describe(item)
    assert {key: told[key] for key in vector["expect"]} == vector["expect"]


def test_it_is_asked_only_where_it_answers() -> None:
    assert poll(KeliOptions()) == b""
    assert poll(COMMAND) == bytes.fromhex("024142303303")
    assert poll(KeliOptions(mode="command", address=3, command="D")) == framed(3, b"D")


def test_its_answers_carry_a_point_even_where_no_place_follows() -> None:
    sent = serve(COMMAND).feed(poll(COMMAND), Display(mantissa=18_460))
    assert sent == framed(1, b"B+018460.")
    [got] = parser(COMMAND).feed(sent)
    assert isinstance(got, Reading)
    assert (got.mantissa, got.exponent, got.kind) == (18_460, 0, "gross")


def test_it_zeroes_and_takes_the_tare_off_in_command_mode_only() -> None:
    assert INDICATOR.orders["zero"](COMMAND) == bytes.fromhex("024148303903")
    assert INDICATOR.orders["tare-off"](COMMAND) == bytes.fromhex("024149303803")
    for order in INDICATOR.orders.values():
        assert serve(COMMAND).feed(order(COMMAND), Display(mantissa=0)) == order(COMMAND)
        with pytest.raises(RefusedError, match="command mode"):
            order(KeliOptions())


def test_its_records_are_never_cleared() -> None:
    assert framed(1, b"G") not in [order(COMMAND) for order in INDICATOR.orders.values()]


def test_a_flipped_digit_is_dropped_in_both_modes() -> None:
    for options, frame in ((KeliOptions(), "022b303032303030303139 03"), (COMMAND, VECTORS[3]["hex"])):
        damaged = bytes.fromhex(frame).replace(b"0", b"1", 1)
        assert all(isinstance(item, ProtocolError) for item in parser(options).feed(damaged))


def test_an_impossible_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 26"):
        KeliOptions(address=30)
