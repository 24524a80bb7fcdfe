"""The indicator of a static platform 称重显示器, whatever its protocol: it speaks unasked, or when it is asked."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, cast

from edge.drivers import load_driver, named
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator, Server, Weigher
from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.settings import read
from simulators.platform import RIGID, Scale, ScaleSettings
from simulators.ptys import DevicePort

log = logging.getLogger(__name__)

_LISTEN_MS = 20


def lane_options(row: Indicator) -> dict[str, object]:
    """The options of a lane whose scale is a simulated platform that shows gross kilograms."""
    unit = {} if "unit" in row.says else {"unit": "kg"}
    return {"displayed": "gross"} | unit | dict(row.example)


def told_options(row: Indicator | Weigher, options: object) -> Any:
    """A row's options from their raw table, with what the files say that they name; ConfigError."""
    told = read(row.options, options)
    return named(row.completed)(told) if isinstance(row, Indicator) and row.completed else told


def answering(row: Indicator, options: Any) -> Server | None:
    """The device's side of a row that is asked for its weight; None where these options let it speak unasked."""
    asked = row.poll is not None and row.poll(options) != b""
    return row.serve(options) if row.serve is not None and asked else None


def orders(row: Indicator, options: Any) -> Iterator[tuple[bytes, str]]:
    """The bytes of every order that a device with these options obeys, and the order's name."""
    for name, order in row.orders.items():
        with contextlib.suppress(RefusedError):
            yield order(options), name


class IndicatorSim:
    """Plays `row` over `port` until it is cancelled.

    `load_kg` gives the weight on the platform at a wall time; `seen` is told every display that was sent, so that the
    world knows what the wire said.  A device that answers is played so, unless `unasked` makes it stream.  What the
    protocol cannot express is not sent.
    """

    def __init__(
        self,
        port: DevicePort,
        *,
        load_kg: Callable[[int], float],
        seen: Callable[[int, Display], None],
        clock: Clock,
        row: Indicator | None = None,
        options: Any = None,
        settings: ScaleSettings = RIGID,
        unasked: bool = False,
    ) -> None:
        self._port = port
        self._load_kg = load_kg
        self._seen = seen
        self._clock = clock
        self._row = row or cast(Indicator, load_driver("toledo-continuous"))
        self._options = read(self._row.options, {}) if options is None else options
        self._server = None if unasked else answering(self._row, self._options)
        self._orders = dict(orders(self._row, self._options))
        self.scale = Scale(settings)
        self.muted = False

    async def run(self) -> None:
        """Serve the wire until cancelled."""
        due = self._clock.mono_ms()
        shown: Display | None = None
        tick_ms = _LISTEN_MS if self._server else self.scale.settings.period_ms
        while True:
            if self._clock.mono_ms() >= due:
                shown = self.scale.shows(self._clock.now_ms(), self._load_kg(self._clock.now_ms()))
                due = max(due + self.scale.settings.period_ms, self._clock.mono_ms())
                await self._say(shown)
            await self._listen(shown)
            wait_ms = min(due - self._clock.mono_ms(), tick_ms)
            await self._clock.sleep(max(wait_ms, 0) / 1000)

    async def _say(self, shown: Display | None) -> None:
        if self._server is None and shown is not None:
            await self._send(shown, self._frame)

    async def _listen(self, shown: Display | None) -> None:
        data = self._port.receive()
        self._obey(data)
        if self._server is not None and shown is not None:
            server = self._server
            await self._send(shown, lambda now: server.feed(data, now))

    async def _send(self, shown: Display, speak: Callable[[Display], bytes]) -> None:
        if self.muted:
            return
        try:
            data = speak(shown)
        except ValueError as error:
            log.debug("display not sent", extra={"row": self._row.name, "reason": str(error)})
            return
        if data:
            now = self._clock.now_ms()
            await self._port.send(data)
            self._seen(now, shown)

    def _frame(self, shown: Display) -> bytes:
        return b"" if self._row.write is None else self._row.write(shown, self._options)

    def _obey(self, data: bytes) -> None:
        for order, name in self._orders.items():
            if data and order in data:
                done = self.scale.obey(name)
                log.info("ordered", extra={"order": name, "done": done})
