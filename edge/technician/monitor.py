"""The verb `scale monitor`: what a scale says, rewritten in place in a terminal, a line a second elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

from edge.drivers.indicator import question_of
from edge.drivers.listening import listen
from edge.drivers.making import is_seven_bit_text
from edge.drivers.pulse import Pulse
from edge.drivers.rows import Indicator
from edge.links.sevenbits import SevenBitLink
from edge.supervise import supervise
from edge.technician.display import Monitor, Tapped
from edge.technician.target import Target, add_target, check_seconds, target_of
from edge.words import Language
from journal.console import Console, Verbs, write
from kernel.clock import Clock
from kernel.errors import ProtocolError
from kernel.links import Link

_NEVER_MS = 1 << 40
_UP, _CLEAR = "\x1b[{}A", "\x1b[2K"


def add(verbs: Verbs) -> None:
    monitor = verbs.add_parser("monitor", help="show what a scale says, until Ctrl-C")
    add_target(monitor)
    monitor.add_argument("--seconds", type=float, metavar="S", help="end by itself")
    monitor.set_defaults(run=_monitor)


def _monitor(given: argparse.Namespace, console: Console) -> int:
    logging.getLogger().addHandler(logging.NullHandler())  # every state is on the screen
    check_seconds(given.seconds, least=0)
    target = target_of(given)
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(target, console.clock, given.seconds, given.lang))
    return 0


class Watched:
    """edge.supervise.Supervised: hands on everything that the parser makes of the wire."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._tap: Tapped | None = None
        self.pulse = Pulse(device=target.url, kind="scale", silent_ms=target.options.silent_ms, clock=clock)

    @property
    def raw(self) -> bytes:
        return self._tap.last if self._tap is not None else b""

    async def readings(self, link: Link) -> AsyncIterator[object]:
        row, options = self._target.row, self._target.options
        self._tap = Tapped(link)
        mode = self._target.line.seven_bit
        masked = mode != "no" and is_seven_bit_text(row.name)
        wire = SevenBitLink(self._tap, always=mode == "yes", tell=self.pulse.note) if masked else self._tap
        parser, question = row.parser(options), None
        if isinstance(row, Indicator):
            question = question_of(row, options, parser, clock=self._clock)
        heard = listen(wire, parser, pulse=self.pulse, reopen_ms=_NEVER_MS, question=question)
        async for item in heard:
            if isinstance(item, ProtocolError):
                self.pulse.skip(item.problem)
            elif item is not None:
                self.pulse.beat()
            if item is not None:
                yield item


async def _watch(target: Target, clock: Clock, seconds: float | None, language: Language) -> None:
    title = f"{target.row.title}  {target.url}"
    monitor = Monitor(title=title, describe=target.row.describe, unit=target.options.unit, language=language)
    watched = Watched(target, clock)

    def take(item: object) -> None:
        monitor.take(item, mono_ms=clock.mono_ms())

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(
            supervise(watched, open_link=target.open, take=take, clock=clock), name="scale"
        )
        end_ms = None if seconds is None else clock.mono_ms() + round(seconds * 1000)
        while end_ms is None or clock.mono_ms() < end_ms:
            await clock.sleep(0.2 if sys.stdout.isatty() else 1)
            _draw(monitor, watched, clock)
        reading.cancel()


def _draw(monitor: Monitor, watched: Watched, clock: Clock) -> None:
    health = watched.pulse.snapshot()
    state = f"{health.state} {health.detail}".strip()
    now, raw = clock.mono_ms(), watched.raw
    if not sys.stdout.isatty():
        write(monitor.line(mono_ms=now, raw=raw, state=state))
        return
    lines = monitor.lines(mono_ms=now, raw=raw, state=state)
    drawn = "".join(f"{_CLEAR}{line}\n" for line in lines)
    sys.stdout.write(drawn + _UP.format(len(lines)))
    sys.stdout.flush()
