"""A device on a line of which the search is told nothing: what its port hears comes through simulated UARTs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.detecting.evidence import Row, forms
from edge.detecting.lines import Line
from edge.detecting.uart import sampled, wave
from edge.drivers import indicators, weighers
from edge.drivers.readings import Display, Passed
from edge.drivers.rows import Indicator
from kernel.errors import LinkError
from kernel.links import Link
from kernel.settings import read
from simulators.clock import VirtualClock

ROWS: tuple[Row, ...] = (*indicators(), *weighers())
BY_NAME = {row.name: row for row in ROWS}
# Options without which a row cannot be played; detection does not know them.
NEEDED: dict[str, dict[str, object]] = {row.name: dict(row.example) for row in indicators()}
PERIOD_MS = 100
LOADS = (0, 0, 20, 3_460, 9_980, 17_640, 24_020, 33_120, 44_120, 44_120, 44_100, 44_120, 44_120)


def options_of(row: Row) -> Any:
    return read(row.options, NEEDED.get(row.name, {}))


def shown(n: int) -> Display:
    """A truck drives on and stands."""
    return Display(mantissa=LOADS[n % len(LOADS)], stable=n % len(LOADS) > 7)


def passed(n: int) -> Passed:
    """A truck of three axles drives over a weigher."""
    axles = tuple(10 * (500 + 37 * n + 200 * axle) for axle in range(3))
    return Passed(
        seq=n % 256,
        axle_kg=axles,
        axles_of=(1, 2),
        dual=(False, True),
        spacing_mm=(3_600, 1_350),
        axle_speed_dkmh=(90, 90, 90),
        speed_dkmh=90,
        at_ms=1_790_000_000_000 + 1_000 * n,
    )


def displays(row: Row, count: int) -> list[bytes]:
    if not isinstance(row, Indicator):
        return [row.write(passed(n), options_of(row)) for n in range(count)]
    assert row.write is not None
    return [row.write(shown(n), options_of(row)) for n in range(count)]


def asks(row: Row) -> list[bytes]:
    """Its questions, in every form of its options."""
    if not isinstance(row, Indicator):
        return []
    needed = NEEDED.get(row.name, {})
    options = [read(row.options, {**needed, **form.told}) for form in forms(row.options)]
    return [data for one in options if row.poll and (data := row.poll(one))]


def through(data: bytes, *, sent: Line, heard: Line) -> bytes:
    return sampled(wave([(data, 0)], sent), heard)


class Played:
    """The device's end.  `frames` are sent one after the other unasked; `row` with `serve` answers.

    Without `parity` the port cannot be opened with it.
    """

    def __init__(
        self,
        line: Line,
        *,
        clock: VirtualClock,
        frames: Sequence[bytes] = (),
        row: Row | None = None,
        echo: bool = False,
        period_ms: int = PERIOD_MS,
        parity: bool = True,
    ) -> None:
        self.line = line
        self.clock = clock
        self.frames = frames
        self.server = row.serve(options_of(row)) if isinstance(row, Indicator) and row.serve else None
        self.echo = echo
        self.period_ms = period_ms
        self.parity = parity
        self.written: list[bytes] = []
        self.sent = 0

    async def open_at(self, line: Line) -> Link:
        if not self.parity and line != Line(line.baud):
            raise LinkError("Invalid argument")
        return _Port(self, line)


class _Port:
    def __init__(self, device: Played, line: Line) -> None:
        self._device = device
        self._line = line
        self._answer = b""

    async def read(self) -> bytes:
        device = self._device
        if self._answer:
            answer, self._answer = self._answer, b""
            return answer
        await device.clock.sleep(device.period_ms / 1000)
        if not device.frames:
            return b""
        device.sent += 1
        frame = device.frames[device.sent % len(device.frames)]
        return through(frame, sent=device.line, heard=self._line)

    async def write(self, data: bytes) -> None:
        device = self._device
        device.written.append(data)
        if device.echo:
            self._answer += data
        if device.server is not None:
            arrived = through(data, sent=self._line, heard=device.line)
            said = device.server.feed(arrived, shown(len(device.written)))
            self._answer += through(said, sent=device.line, heard=self._line)

    async def close(self) -> None:
        return None
