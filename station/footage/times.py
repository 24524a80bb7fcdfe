"""True time of footage at this station: what is known of each recorder's clock, held against a file's own time."""

from __future__ import annotations

from dataclasses import replace

from kernel.footage.bodies import ClockAnchored, FootageImported
from kernel.footage.clocks import ClockModel, TrueTime, clock_model
from station.footage.index import FootageIndex, Said


class Times:
    """One recorder's clock as it is known now.  It does not change: make another when more was said."""

    def __init__(self, model: ClockModel) -> None:
        self._model = model

    @classmethod
    def of(cls, index: FootageIndex, recorder: str) -> Times:
        """Blocking."""
        return cls(clock_model(one.body.anchor for one in index.of(ClockAnchored, recorder=recorder)))

    def start(self, file: Said[FootageImported]) -> TrueTime | None:
        """Of the first frame; None: it has no own time, or nothing is known of the clock."""
        own_ms = file.body.own_start_ms
        found = self._model.true_of(own_ms, before_ms=file.at_ms) if own_ms is not None else None
        return found and replace(found, err_ms=found.err_ms + file.body.start_err_ms)
