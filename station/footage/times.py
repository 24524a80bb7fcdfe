"""True time of footage at this station: what is known of each recorder's clock, held against a file's own time."""

from __future__ import annotations

from dataclasses import replace

from kernel.footage.bodies import ClockAnchored, FootageImported
from kernel.footage.clocks import TrueTime, clock_model
from station.footage.index import FootageIndex, Said


def true_start(index: FootageIndex, file: Said[FootageImported]) -> TrueTime | None:
    """Of the first frame of one file.  Blocking."""
    recorder, own_ms = file.body.recorder, file.body.own_start_ms
    if recorder is None or own_ms is None:
        return None
    anchors = [one.body.anchor for one in index.of(ClockAnchored, recorder=recorder)]
    found = clock_model(anchors).true_of(own_ms, before_ms=file.at_ms)
    return found and replace(found, err_ms=found.err_ms + file.body.start_err_ms)
