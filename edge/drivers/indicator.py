"""An indicator of a static platform, whatever its protocol: it shows its display unasked, or when asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from edge.drivers.listening import Question, listen
from edge.drivers.pulse import Pulse
from edge.drivers.readings import AskingParser, FedParser, Reading, Reply
from edge.drivers.rows import Indicator, IndicatorOptions
from edge.weighing.values import ScaleEvent, WeightReading, whole_kg
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from kernel.links import Link


def question_of(
    row: Indicator, options: IndicatorOptions, parser: FedParser[Any], *, clock: Clock
) -> Question | None:
    """What the device is asked again and again; None where it speaks unasked.  ConfigError as the row's poll."""
    data = row.poll(options) if row.poll else b""
    ask = parser.ask if isinstance(parser, AskingParser) else None
    return Question(data=data, ask=ask, every_ms=options.poll_ms, clock=clock) if data else None


class IndicatorDriver:
    """edge.drivers.contract.ScaleDriver for every row of indicators."""

    method: Literal["static_platform", "moving_axles"] = "static_platform"

    def __init__(self, row: Indicator, options: IndicatorOptions, *, device: str, clock: Clock) -> None:
        """ConfigError: the protocol leaves something open that only a setting can say."""
        # It fails here, and not when the line is open.
        question_of(row, options, row.parser(options), clock=clock)
        if "unit" not in row.says and options.unit is None:
            raise ConfigError.one("unit", f"is required: {row.name} does not send the unit of its display")
        self._row = row
        self._options = options
        self._clock = clock
        self.pulse = Pulse(device=device, kind="scale", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        options, row = self._options, self._row
        parser = row.parser(options)
        question = question_of(row, options, parser, clock=self._clock)
        async for item in listen(
            link, parser, pulse=self.pulse, reopen_ms=options.reopen_ms, question=question
        ):
            if isinstance(item, ProtocolError):
                self.pulse.skip(item.problem)
            elif isinstance(item, Reading):
                try:
                    reading = self._weight(item)
                except ProtocolError as error:
                    self.pulse.skip(error.problem)
                    continue
                self.pulse.beat()
                if reading is not None:
                    yield reading
            elif isinstance(item, Reply) and item.problem:
                self.pulse.skip(item.problem)
            elif item is not None:
                self.pulse.beat()  # it speaks the protocol, but says no weight

    async def release(self, key: str) -> None:
        """The display keeps no records."""

    def _weight(self, shown: Reading) -> WeightReading | None:
        """None for a tare; ProtocolError for what a wrong setting would make a weight of."""
        if shown.kind == "tare":
            return None
        if shown.doubt:
            raise ProtocolError(f"set the option {shown.doubt}: this display can be read in two ways")
        kg, words = self._kg(shown)
        if shown.under_range:
            words += ("under_range",)
        return WeightReading(
            kg=kg if shown.valid and not shown.over_range and not shown.under_range else None,
            stable=shown.stable,
            confirmed=shown.confirmed or not self._options.confirm,
            over_range=shown.over_range,
            net=self._is_net(shown),
            words=words + shown.words + self._open_words(shown),
            raw=shown.raw,
            at_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
        )

    def _kg(self, shown: Reading) -> tuple[int | None, tuple[str, ...]]:
        unit, declared = shown.unit, self._options.unit
        if unit is not None and declared is not None and unit != declared:
            raise ProtocolError(f"the display shows {unit}, but unit is set to {declared}")
        unit = unit or declared
        if shown.mantissa is None or unit is None:
            return None, ()
        return whole_kg(shown.mantissa, shown.exponent, unit, allow_lb=self._options.allow_lb)

    def _is_net(self, shown: Reading) -> bool:
        return self._options.displayed == "net" if self._leaves_open(shown) else shown.kind == "net"

    def _open_words(self, shown: Reading) -> tuple[str, ...]:
        unsaid = shown.kind == "unknown" or (
            self._leaves_open(shown) and self._options.displayed == "unknown"
        )
        return ("gross_or_net_unknown",) if unsaid else ()

    def _leaves_open(self, shown: Reading) -> bool:
        """A protocol that calls every weight net does not say whether there is a tare."""
        return shown.kind == "displayed" or (shown.kind == "net" and "gross_net" not in self._row.says)
