"""A truck-scale indicator that sends its display unasked, several times a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from edge.drivers.listening import listen
from edge.drivers.pulse import Pulse
from edge.drivers.scale.toledo_continuous.protocol import Format, Parser, Reading
from edge.weighing.values import ScaleEvent, WeightReading, whole_kg
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from kernel.links import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ToledoOptions:
    """What the indicator is set to.

    `power_up_invalid` false ignores the power-up bit: some indicators leave it set for ever.
    """

    checksum: Literal["yes", "no", "auto"] = "auto"
    tare: bool = True
    fixed_zero: Literal["after", "inside", "refuse"] = "refuse"
    allow_lb: bool = False
    power_up_invalid: bool = True
    silent_ms: int = 2_000
    reopen_ms: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.silent_ms <= self.reopen_ms:
            raise ConfigError.one("silent_ms", f"must be from 1 to reopen_ms ({self.reopen_ms})")


class ToledoContinuous:
    """edge.drivers.contract.ScaleDriver for Toledo continuous output."""

    Options: ClassVar = ToledoOptions
    method: Literal["static_platform", "moving_axles"] = "static_platform"

    def __init__(self, options: ToledoOptions, *, device: str, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self.pulse = Pulse(device=device, kind="scale", silent_ms=options.silent_ms, clock=clock)

    async def readings(self, link: Link) -> AsyncIterator[ScaleEvent]:
        options = self._options
        form = Format(checksum=options.checksum, tare=options.tare, fixed_zero=options.fixed_zero)
        async for item in listen(link, Parser(form), pulse=self.pulse, reopen_ms=options.reopen_ms):
            if isinstance(item, ProtocolError):
                self.pulse.skip(item.problem)
            elif item is not None:
                try:
                    reading = self._weight(item)
                except ProtocolError as error:
                    self.pulse.skip(error.problem)
                    continue
                self.pulse.beat()
                yield reading

    async def release(self, key: str) -> None:
        """The display keeps no records."""

    def _weight(self, shown: Reading) -> WeightReading:
        kg, words = whole_kg(shown.mantissa, shown.exponent, shown.unit, allow_lb=self._options.allow_lb)
        zeroed = not (shown.power_up and self._options.power_up_invalid)
        if not zeroed:
            words += ("not_zeroed",)
        if shown.out_of_range and shown.negative:
            words += ("under_range",)
        return WeightReading(
            kg=kg if zeroed and not shown.out_of_range else None,
            stable=not shown.motion,
            confirmed=shown.confirmed,
            over_range=shown.out_of_range and not shown.negative,
            net=shown.net,
            words=words,
            at_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
        )
