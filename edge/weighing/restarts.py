"""Whether an empty display may hide a load: an indicator that starts anew under a light axle takes it for nothing 开机清零."""

from __future__ import annotations

from typing import Literal

from edge.weighing.values import WeightReading

# How a load went without being seen to leave: perhaps taken for nothing, or while nothing was shown.
Vanished = Literal["restarted", "unseen"]


class Restarts:
    """Feed it every reading; tell it when a vehicle came, when it had gone, and when the zero was seen at rest.

    What weighs a vehicle may have been zeroed with its first axles on, and only a departure and a zero after it show
    that it was not.
    """

    def __init__(self, *, max_gap_ms: int) -> None:
        self._max_gap_ms = max_gap_ms
        self._heard_ms: int | None = None
        self._unheard = False
        self._word = ""
        self._departure_awaited = False

    @property
    def says(self) -> tuple[str, ...]:
        """What the vehicle before leaves in doubt, where the next one will have no weight."""
        return ("restarted",) if self._word == "restarted" else ()

    @property
    def words(self) -> tuple[str, ...]:
        """What has to be said with the weighing of a vehicle that comes now."""
        word = self._word or ("restarted" if self._unheard else "")
        return (word,) if word else ()

    def feed(self, reading: WeightReading) -> bool:
        """Whether the indicator may have started anew since the last reading."""
        silent = self._heard_ms is not None and reading.mono_ms - self._heard_ms > self._max_gap_ms
        anew = silent or (reading.confirmed and "not_zeroed" in reading.words)
        self._unheard = self._unheard or anew
        if not reading.says_nothing:
            self._heard_ms = reading.mono_ms
        return anew

    def came(self) -> None:
        self._unheard = False

    def gone(self, vanished: Vanished | None) -> None:
        self._unheard = False
        self._departure_awaited = vanished is not None
        if vanished == "restarted":
            self._word = "restarted"
        elif vanished == "unseen":
            self._word = self._word or "zero_unseen"

    def zero_seen(self) -> None:
        self._unheard = False
        if not self._departure_awaited:
            self._word = ""
