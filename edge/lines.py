"""The lines of a lane: opened by their settings, each through the memory of what passed over it."""

from __future__ import annotations

from edge.drivers.contract import ScaleDriver
from edge.drivers.making import is_seven_bit_text
from edge.links.capture import Captured, Ring
from edge.links.devices import SerialSettings
from edge.links.opening import open_link
from edge.links.sevenbits import SevenBitLink
from edge.links.tcp import Doors
from edge.settings import Controller, Scale, Settings
from edge.taping import Tape
from kernel.captures import CaptureHead
from kernel.clock import Clock
from kernel.links import Link


class Lines:
    """One per lane, for its life: links come and go, what they remember stays."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._box = settings.box.name
        self._when = settings.scale.capture
        self._clock = clock
        self._doors = Doors()
        self._scales = {scale.name: Ring() for scale in settings.scale.indicators}
        self._controller = Ring()
        self.scales = tuple(self._tape(self._scales[one.name], one) for one in settings.scale.indicators)
        device = settings.controller
        self.all = (*self.scales, *((self._tape(self._controller, device),) if device is not None else ()))

    async def scale(self, scale: Scale, driver: ScaleDriver) -> Link:
        """LinkError says why not, and who holds the line."""
        link = await self._open(self._scales[scale.name], scale.url, scale.serial)
        mode = scale.serial.seven_bit
        if mode == "no" or not is_seven_bit_text(scale.driver):
            return link
        return SevenBitLink(link, always=mode == "yes", tell=driver.pulse.note)

    async def controller(self, controller: Controller) -> Link:
        return await self._open(self._controller, controller.url, controller.serial)

    def close(self) -> None:
        """No adapter can dial in any more."""
        self._doors.close()

    async def _open(self, ring: Ring, url: str, serial: SerialSettings) -> Link:
        link = await open_link(url, line=serial, holder=self._box, doors=self._doors)
        return Captured(link, ring=ring, clock=self._clock)

    def _tape(self, ring: Ring, device: Scale | Controller) -> Tape:
        driver, options = (device.driver, device.options) if isinstance(device, Scale) else ("", {})
        head = CaptureHead(
            box=self._box,
            device=device.name,
            driver=driver,
            options=options,
            url=device.url,
            line=device.serial.words,
            begin_ms=0,
        )
        return Tape(ring, head=head, when=self._when, clock=self._clock)
