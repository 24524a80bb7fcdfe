"""A device at settings that the search is not told is found, or nothing is claimed: never another one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from edge.detecting.asking import has_serial_line, is_harmless, questions
from edge.detecting.evidence import Row, forms, has_high_bit
from edge.detecting.lines import ORDER, Line
from edge.detecting.searching import Outcome, Search
from edge.drivers import indicators
from kernel.errors import LinkError
from kernel.links import Link
from simulators.clock import VirtualClock
from tests.edge.detecting.played import BY_NAME, ROWS, Played, asks, displays

pytestmark = [pytest.mark.broad, pytest.mark.timeout(60)]

SPEAKERS = sorted(row.name for row in ROWS if row.write and forms(row.options))
# Of some the only question would order something of others: ESC P prints.
ASKED = {row.name for row in ROWS if any(map(is_harmless, asks(row)))}
ANSWERERS = sorted(row.name for row in indicators() if row.serve and forms(row.options))


async def search(device: Played, *, window_ms: int = 3_000, settable: bool = True) -> Outcome:
    looking = Search(
        rows=ROWS,
        open_at=device.open_at,
        clock=device.clock,
        window_ms=window_ms,
        tell=lambda _line, _asked: None,
        settable=settable,
    )
    task = asyncio.create_task(looking.run())
    while not task.done():
        await device.clock.run_for(1)
    return await task


def lines_of(row: Row) -> set[Line]:
    """Usual for it, and some that are not."""
    usual = {Line.of(text) for text in row.lines}
    return {line for line in usual if line.bits == 7 or line.parity == "none"} | {
        Line.of("19200 8N1"),
        Line.of("600 8N1"),
        Line.of("38400 8N1"),
    }


def spoken() -> Iterator[Any]:
    """Every device at one of its lines, another for each; at all of them among the broad tests."""
    for place, name in enumerate(SPEAKERS):
        row = BY_NAME[name]
        lines = [line for line in sorted(lines_of(row), key=str) if line.bits == 8 or not has_high_bit(row)]
        for n, line in enumerate(lines):
            yield pytest.param(name, line, marks=[pytest.mark.broad] if n != place % len(lines) else [])


@pytest.mark.parametrize(("name", "line"), list(spoken()), ids=str)
async def test_a_device_that_speaks_is_found_at_its_own_settings(name: str, line: Line) -> None:
    device = Played(line, clock=VirtualClock(), frames=displays(BY_NAME[name], 40))
    outcome = await search(device)
    assert outcome.claim is not None, outcome.troubles
    assert name in outcome.claim.protocols
    assert {one.line for one in outcome.claim.candidates} == {line}
    assert device.written == [], "who speaks is not asked"


@pytest.mark.parametrize("name", ANSWERERS)
async def test_a_device_that_only_answers_is_asked_after_all_was_silent(name: str) -> None:
    serial = has_serial_line(BY_NAME[name])
    device = Played(Line.of("9600 8N1"), clock=VirtualClock(), row=BY_NAME[name])
    outcome = await search(device, window_ms=1_000, settable=serial)
    listened = [one for one in outcome.heard if one.asked is None]
    assert len({one.line.baud for one in listened}) == len(listened) == (5 if serial else 1)
    assert all(one.data == b"" for one in listened)
    assert all(is_harmless(data) for data in device.written)
    if name not in ASKED:
        assert outcome.claim is None
        return
    assert outcome.claim is not None, outcome.troubles
    assert name in outcome.claim.protocols
    assert all(one.asked is not None for one in outcome.claim.candidates)


async def test_a_silent_line_is_asked_everything_at_every_setting_and_then_said_to_be_silent() -> None:
    device = Played(Line.of("9600 8N1"), clock=VirtualClock())
    outcome = await search(device, window_ms=1_000)
    assert [trouble.word for trouble in outcome.troubles] == ["nothing"]
    assert device.written == [one.data for one in questions(ROWS)] * len(ORDER)


async def test_a_port_that_cannot_do_parity_is_asked_without_it() -> None:
    device = Played(Line.of("9600 8N1"), clock=VirtualClock(), parity=False)
    outcome = await search(device, window_ms=1_000)
    assert [trouble.word for trouble in outcome.troubles] == ["nothing"]
    assert {one.line for one in outcome.heard} == {line for line in ORDER if line == Line(line.baud)}


async def test_our_own_bytes_are_no_answer() -> None:
    device = Played(Line.of("9600 8N1"), clock=VirtualClock(), echo=True)
    outcome = await search(device, window_ms=1_000)
    assert outcome.claim is None
    assert {trouble.word for trouble in outcome.troubles} <= {"echo", "nothing"}
    assert bool(questions(ROWS)) == (outcome.troubles[0].word == "echo")


@pytest.mark.parametrize("name", ANSWERERS)
async def test_an_answer_behind_our_own_echo_is_understood(name: str) -> None:
    device = Played(Line.of("9600 8N1"), clock=VirtualClock(), row=BY_NAME[name], echo=True)
    outcome = await search(device, window_ms=1_000)
    assert outcome.claim is None or name in outcome.claim.protocols


async def test_an_adapter_with_settings_of_its_own_is_heard_once() -> None:
    device = Played(Line.of("9600 8N1"), clock=VirtualClock())
    outcome = await search(device, window_ms=1_000, settable=False)
    assert {str(one.line) for one in outcome.heard} == {"9600 8N1"}


@pytest.mark.parametrize("name", SPEAKERS)
async def test_who_prints_one_ticket_is_not_claimed(name: str) -> None:
    """Somebody presses PRINT once."""
    frames = [*displays(BY_NAME[name], 1), *[b""] * 500]
    device = Played(Line.of("9600 8N1"), clock=VirtualClock(), frames=frames)
    outcome = await search(device)
    assert outcome.claim is None
    assert outcome.troubles[0].word in ("print_only", "unknown_protocol", "nothing")


async def test_a_wire_that_goes_ends_the_search() -> None:
    async def gone(_line: Line) -> Link:
        raise LinkError("/dev/ttyUSB0 is not there: unplugged?")

    looking = Search(
        rows=ROWS, open_at=gone, clock=VirtualClock(), window_ms=1_000, tell=lambda _line, _asked: None
    )
    with pytest.raises(LinkError, match="unplugged"):
        await looking.run()
