"""True time of footage at this station: what is known of each recorder's clock, held against a file's own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from kernel.footage.bodies import ClockAnchor, ClockAnchored, FootageImported, RecorderDocked
from kernel.footage.clocks import ClockModel, TrueTime, clock_model, drift_ms
from station.footage.index import FootageIndex, Said

NUMBER_TWICE: Literal["number_twice"] = (
    "number_twice"  # what a dock says of files whose recorder has the number of another
)
EMPTIED_MS = 4 * 3_600_000  # a docking so long before an import was another: it had emptied the recorder


class Times:
    """One recorder's clock as it is known now.  It does not change: make another when more was said."""

    def __init__(self, anchored: Sequence[ClockAnchored], docked: Sequence[RecorderDocked]) -> None:
        self.model: ClockModel = clock_model(one.anchor for one in anchored)
        # What was told against measurements does not time its own file either.
        self._filmed = [one for one in anchored if one.sha256 and one.anchor not in self.model.set_aside]
        self._docked = sorted(one.at_ms for one in docked if one.state == "open")

    @classmethod
    def of(cls, index: FootageIndex, recorder: str) -> Times:
        """Blocking."""
        anchored = [one.body for one in index.of(ClockAnchored, recorder=recorder)]
        docked = [one.body for one in index.of(RecorderDocked, recorder=recorder)]
        return cls(anchored, docked)

    def start(self, file: Said[FootageImported]) -> TrueTime | None:
        """Of the first frame; None: it has no own time, or nothing is known of the clock.

        Where two recorders have one number, what is known of it may be of the other's clock: only what the file itself
        shows counts.
        """
        own_ms = file.body.own_start_ms
        if own_ms is None:
            return None
        said = [] if NUMBER_TWICE in file.body.problems else self._of_clock(file, own_ms)
        said += [_shown(one.anchor, file.body) for one in self._filmed if one.sha256 == file.body.sha256]
        return min(said, key=lambda one: one.err_ms, default=None)

    def _of_clock(self, file: Said[FootageImported], own_ms: int) -> list[TrueTime]:
        emptied = [at_ms for at_ms in self._docked if at_ms < file.at_ms - EMPTIED_MS]
        found = self.model.true_of(own_ms, before_ms=file.at_ms, after_ms=emptied[-1] if emptied else None)
        return [replace(found, err_ms=found.err_ms + file.body.start_err_ms)] if found else []


def _shown(anchor: ClockAnchor, body: FootageImported) -> TrueTime:
    """By what the file itself shows: how well its name says when it began is in the anchor, and does not matter here."""
    into_ms = anchor.own_ms - (body.own_start_ms or 0)
    err_ms = max(anchor.err_ms - body.start_err_ms, 0) + drift_ms(into_ms)
    return TrueTime(true_ms=anchor.true_ms - into_ms, err_ms=err_ms, anchors=(anchor,))


def true_start(index: FootageIndex, file: Said[FootageImported]) -> TrueTime | None:
    """Of the first frame of one file.  Blocking."""
    recorder = file.body.recorder
    return Times.of(index, recorder).start(file) if recorder is not None else None
