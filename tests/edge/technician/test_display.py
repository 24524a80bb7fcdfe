"""What the monitor shows of what a parser made of the wire."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from edge.drivers import load_driver
from edge.drivers.readings import Reading, Reply, described, described_reply
from edge.links import SerialSettings
from edge.technician.display import Monitor, Tapped
from edge.technician.monitor import Watched
from edge.technician.target import Target
from kernel.errors import LinkError, ProtocolError
from simulators.clock import VirtualClock
from simulators.links import ScriptedLink


def monitor(*, unit: str | None = None) -> Monitor:
    return Monitor(
        title="an indicator",
        describe=lambda item: described_reply(item) if isinstance(item, Reply) else described(item),
        unit=unit,
        language="en",
    )


def shown(screen: Monitor, *, mono_ms: int = 1_000) -> str:
    return screen.line(mono_ms=mono_ms, raw=b"\x02\x41", state="up")


def test_before_anything_came() -> None:
    assert shown(monitor()) == "---    up  ---/s  good 0  errors 0  raw 02 41"


def test_a_display_with_its_flags_rate_and_bytes() -> None:
    screen = monitor()
    for at in range(0, 2_001, 100):
        screen.take(Reading(mantissa=12_340, exponent=-3, unit="kg", kind="gross", stable=True), mono_ms=at)
    assert shown(screen, mono_ms=2_000) == (
        "12.340 kg  gross, stable, no checksum  up  10.0/s  good 21  errors 0  raw 02 41"
    )


def test_two_seconds_must_pass_before_there_is_a_rate() -> None:
    screen = monitor()
    for at in (500, 501, 502):
        screen.take(Reading(mantissa=5), mono_ms=at)
    assert "  ---/s" in shown(screen, mono_ms=2_499)
    assert "  1.0/s" in shown(screen, mono_ms=2_500)


def test_a_rate_counts_the_silence_before_it() -> None:
    screen = monitor()
    for at in (0, 60_000, 60_010):
        screen.take(Reading(mantissa=5), mono_ms=at)
    assert "  0.4/s" in shown(screen, mono_ms=60_020)


def test_the_fastest_line_is_counted_whole() -> None:
    screen = monitor()
    for at in range(12_001):
        screen.take(Reading(mantissa=5), mono_ms=at)
    assert "  1000.0/s" in shown(screen, mono_ms=12_000)


def test_a_unit_that_is_set_and_not_sent_is_shown_as_set() -> None:
    screen = monitor(unit="t")
    screen.take(Reading(mantissa=12_340, exponent=-3), mono_ms=0)
    assert shown(screen).startswith("12.340 t (as set)  ")
    assert screen.one(Reading(mantissa=7, unit="kg", stable=True, kind="gross")) == (
        "7 kg  gross, stable, no checksum"
    )
    assert screen.one(Reply(status="not-executable")) == "status=not-executable"


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(mantissa=5), "5 (unit not sent)  gross or net, stability not sent"),
        (Reading(mantissa=5, unit="kg", stable=False, checked=True), "in motion, checksum right"),
        (Reading(mantissa=None, valid=False, over_range=True), "------  "),
        (Reading(mantissa=None, valid=False, over_range=True), "over range, no weight"),
        (Reading(mantissa=-5, under_range=True), "under range"),
        (Reading(mantissa=5, doubt="fixed_zero"), "set fixed_zero"),
        (
            Reading(mantissa=5, kind=None, words=("not_zeroed",)),
            "gross or net unknown, stability not sent, not_zeroed",
        ),
    ],
)
def test_what_a_display_does_not_say_is_said_to_be_missing(reading: Reading, words: str) -> None:
    screen = monitor()
    screen.take(reading, mono_ms=900)
    assert words in shown(screen)


def test_an_old_display_is_said_to_be_old() -> None:
    screen = monitor()
    screen.take(Reading(mantissa=5, unit="kg"), mono_ms=0)
    assert shown(screen, mono_ms=7_900).startswith("5 kg (7 s ago)  ")
    assert "  0.0/s" in shown(screen, mono_ms=7_900)


def test_errors_are_counted_and_the_last_one_is_shown() -> None:
    screen = monitor()
    screen.take(ProtocolError("wrong checksum", b"\x02\x03"), mono_ms=0)
    screen.take(Reply(status="not-executable"), mono_ms=10)
    lines = screen.lines(mono_ms=20, raw=b"", state="noisy: many damaged frames")
    assert lines[0] == "an indicator"
    assert lines[1] == "  status=not-executable"
    assert lines[3] == "  noisy: many damaged frames  ---/s  good 1  errors 1"
    assert lines[-1] == "  wrong checksum: 02 03"


def test_it_speaks_chinese_first() -> None:
    screen = Monitor(title="", describe=described)
    screen.take(Reading(mantissa=5, stable=True), mono_ms=0)
    assert "稳定" in screen.lines(mono_ms=0, raw=b"", state="up")[2]


async def test_the_tap_keeps_the_last_bytes_and_hands_on_all() -> None:
    clock = VirtualClock()
    tapped = Tapped(ScriptedLink([b"a" * 40, b"", b"bc"], clock=clock, every_ms=0))
    moving = [await run(tapped, clock) for _ in range(3)]
    assert moving == [b"a" * 40, b"", b"bc"]
    assert tapped.last == b"a" * 30 + b"bc"


async def run(tapped: Tapped, clock: VirtualClock) -> bytes:
    reading = asyncio.create_task(tapped.read())
    await clock.run_for(0.01)
    return await reading


async def test_a_line_with_parity_that_was_opened_without_is_watched_all_the_same() -> None:
    clock = VirtualClock()
    row = load_driver("yaohua-cont12")
    frame = bytes(byte | (byte.bit_count() & 1) << 7 for byte in b"\x02+001560019\x03")
    target = Target(url="/dev/ttyS0", row=row, options=row.options(), line=SerialSettings())
    watched = Watched(target, clock)
    seen: list[object] = []

    async def watch() -> None:
        with contextlib.suppress(LinkError):
            async for item in watched.readings(ScriptedLink([frame] * 30, clock=clock)):
                seen.append(item)  # noqa: PERF401 - what came before the end must be seen

    watching = asyncio.create_task(watch())
    await clock.run_for(10)
    await watching
    assert len([item for item in seen if isinstance(item, Reading) and item.mantissa == 1_560]) >= 20
    assert watched.raw.endswith(frame)
