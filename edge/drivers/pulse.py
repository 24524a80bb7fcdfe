"""How a device is: up, silent, noisy or down, told by what came over its wire."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Literal

from kernel.clock import Clock
from kernel.events import DeviceHealth

log = logging.getLogger(__name__)

State = Literal["starting", "up", "silent", "noisy", "down"]

# Of the last 32 frames: noisy from 8 bad ones on, up again at 2.
_WINDOW, _NOISY, _QUIET = 32, 8, 2


class Pulse:
    """Counts good and bad frames of one device and turns them into its state; tells `changed` of every change."""

    def __init__(self, *, device: str, kind: str, silent_ms: int, clock: Clock) -> None:
        self._device = device
        self._kind = kind
        self._silent_ms = silent_ms
        self._clock = clock
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._state: State = "starting"
        self._detail = ""
        self._problem = ""
        self._note = ""
        self._since_ms = clock.now_ms()
        self._good_mono = self._heard_mono = self._hearing_mono = clock.mono_ms()
        self.changed: Callable[[DeviceHealth], None] = lambda _health: None
        self.good = 0
        self.dropped = 0

    @property
    def device(self) -> str:
        return self._device

    @property
    def state(self) -> State:
        return self._state

    def snapshot(self) -> DeviceHealth:
        return DeviceHealth(
            name=self._device,
            kind=self._kind,
            state=self._state,
            since_ms=self._since_ms,
            detail="; ".join(filter(None, (self._detail, self._note))),
            good=self.good,
            dropped=self.dropped,
        )

    def opened(self) -> None:
        """The wire is there; whether the device speaks is still to be seen."""
        self._good_mono = self._heard_mono = self._hearing_mono = self._clock.mono_ms()
        self._recent.clear()

    def lost(self, reason: str) -> None:
        self._become("down", reason)

    def beat(self) -> None:
        """A valid frame came."""
        self.good += 1
        self._good_mono = self._clock.mono_ms()
        self._recent.append(True)
        bad = self._recent.count(False)
        if self._state != "noisy" or bad <= _QUIET:
            self._become("up", "")

    def skip(self, problem: str) -> None:
        """Something came that cannot be believed."""
        self.dropped += 1
        self._problem = problem
        self._recent.append(False)
        if self._state == "up" and self._recent.count(False) >= _NOISY:
            self._become("noisy", f"many damaged frames; the last: {problem}")

    def note(self, text: str) -> None:
        """What is odd about the wire though it is understood: part of every detail until something else is said."""
        if text == self._note:
            return
        self._note = text
        log.info("line is odd" if text else "line is as set", extra={"device": self._device, "detail": text})
        self.changed(self.snapshot())

    def tick(self, *, heard: bool) -> None:
        """Call after every read, with whether bytes came."""
        now = self._clock.mono_ms()
        if heard:
            if now - self._heard_mono >= self._silent_ms:
                self._hearing_mono = now  # it speaks again: time for a first whole frame
            self._heard_mono = now
        if now - self._good_mono < self._silent_ms:
            return
        if now - self._heard_mono >= self._silent_ms:
            self._become("silent", f"nothing for {self._silent_ms} ms")
        elif now - self._hearing_mono >= self._silent_ms:
            last = f"; the last: {self._problem}" if self._problem else ""
            hint = "bytes come but no valid frame: check baud rate, parity and output mode"
            self._become("noisy", hint + last)

    def without_frame_ms(self) -> int:
        return self._clock.mono_ms() - self._good_mono

    def _become(self, state: State, detail: str) -> None:
        if state == self._state:
            return
        level = logging.INFO if state == "up" else logging.WARNING
        log.log(
            level,
            "device state changed",
            extra={"device": self._device, "was": self._state, "state": state, "detail": detail},
        )
        self._state, self._detail, self._since_ms = state, detail, self._clock.now_ms()
        self.changed(self.snapshot())
