"""A wrong speed is told from what the port sees, both ways, and never where there is none."""

from __future__ import annotations

import itertools
import random

import pytest

from edge.detecting.evidence import forms
from edge.detecting.lines import SPEEDS, Line
from edge.detecting.speeds import samples_of, speeds_behind
from edge.detecting.uart import sampled, wave
from edge.drivers import indicators
from tests.edge.detecting.played import BY_NAME, ROWS, displays

pytestmark = [pytest.mark.broad, pytest.mark.timeout(60)]

SAMPLES = samples_of(ROWS)
SPEAKERS = sorted(row.name for row in indicators() if row.write and forms(row.options))
USUAL = (1200, 2400, 4800, 9600, 19_200)


def seen(name: str, *, sent: str, port_baud: int, idle_ms: int) -> bytes:
    levels = wave([(frame, idle_ms) for frame in displays(BY_NAME[name], 26)], Line.of(sent))
    return sampled(levels, Line(port_baud))


@pytest.mark.parametrize("name", SPEAKERS)
@pytest.mark.parametrize("idle_ms", [0, 45])
def test_the_neighbouring_speeds_are_told_both_ways(name: str, idle_ms: int) -> None:
    for sent, port in itertools.product((2400, 9600), USUAL):
        if sent == port or not 1 / 4 <= sent / port <= 4:
            continue
        data = seen(name, sent=f"{sent} 8N1", port_baud=port, idle_ms=idle_ms)
        assert speeds_behind(data, port, SAMPLES)[:1] in ((sent,), ()), (sent, port)


@pytest.mark.parametrize("sent", [600, 1200, 2400, 4800])
def test_a_slower_device_is_always_told(sent: int) -> None:
    data = seen("yaohua-cont12", sent=f"{sent} 8N1", port_baud=9600, idle_ms=45)
    assert speeds_behind(data, 9600, SAMPLES)[0] == sent


@pytest.mark.parametrize("port", [2400, 4800])
def test_a_faster_device_is_always_told(port: int) -> None:
    data = seen("yaohua-cont12", sent="9600 8N1", port_baud=port, idle_ms=45)
    assert speeds_behind(data, port, SAMPLES)[0] == 9600


@pytest.mark.parametrize("name", SPEAKERS)
def test_the_right_speed_is_never_called_wrong(name: str) -> None:
    for form, baud in itertools.product(("8N1", "7E1", "7O1"), USUAL):
        data = seen(name, sent=f"{baud} {form}", port_baud=baud, idle_ms=45)
        assert speeds_behind(data, baud, SAMPLES) == (), (form, baud)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("port", USUAL)
def test_noise_and_text_of_others_are_no_wrong_speed(seed: int, port: int) -> None:
    dice = random.Random(seed)
    assert speeds_behind(dice.randbytes(400), port, SAMPLES) == ()
    letters = bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz .:\r\n", k=400))
    assert speeds_behind(letters, port, SAMPLES) == ()


def test_a_few_bytes_say_nothing() -> None:
    assert speeds_behind(b"\x78" * 39, 9600, SAMPLES) == ()
    assert speeds_behind(b"\x78\x80\xf8\x00" * 10, 9600, SAMPLES) == (2400,)


def test_a_mismatch_beyond_all_alphabets_is_not_guessed() -> None:
    assert set(speeds_behind(bytes(400), 115_200, SAMPLES)) <= set(SPEEDS)
