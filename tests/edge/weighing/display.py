"""What an indicator shows, said to the weighing of a platform."""

from __future__ import annotations

from dataclasses import replace

from edge.weighing.static import StaticSettings, StaticWeighing
from edge.weighing.values import Settled, Weighed, WeighingEvent, WeightReading

SETTINGS = StaticSettings()
START_MS = 1_790_000_000_000


class Display:
    """Says what an indicator would show, ten times a second; to begin with, a second of an empty scale at rest."""

    def __init__(self, settings: StaticSettings = SETTINGS, *, at_rest: int = 10) -> None:
        self.machine = StaticWeighing(settings)
        self.mono_ms = 4_000
        self.events: list[WeighingEvent] = []
        self.shows(0, times=at_rest)

    def shows(
        self, kg: int | None, *, stable: bool | None = True, times: int = 1, **fields: object
    ) -> Display:
        for _ in range(times):
            self.mono_ms += 100
            reading = WeightReading(kg=kg, stable=stable, at_ms=START_MS + self.mono_ms, mono_ms=self.mono_ms)
            self.events += self.machine.feed(replace(reading, **fields))  # type: ignore[arg-type]
        return self

    def rolls(self, *kgs: int) -> Display:
        for kg in kgs:
            self.shows(kg, stable=False)
        return self

    def loop(self, *states: bool, after_ms: int = 1_800) -> Display:
        """The loop before the platform changes, time after time; the display goes on as it is told."""
        for occupied in states:
            self.mono_ms += after_ms
            self.machine.loop(occupied=occupied, mono_ms=self.mono_ms)
        return self

    @property
    def settled(self) -> list[int]:
        return [event.gross_kg for event in self.events if isinstance(event, Settled)]

    @property
    def only(self) -> Weighed:
        """The one weighing there was."""
        [weighed] = self.weighed
        return weighed

    @property
    def weighed(self) -> list[Weighed]:
        return [event for event in self.events if isinstance(event, Weighed)]


def truck_of(kg: int, display: Display) -> Display:
    display.rolls(kg // 7, kg // 3, kg // 2, kg - 200, kg + 300, kg - 60).shows(kg, times=20)
    return display.rolls(kg - 700, kg // 2, kg // 5)
