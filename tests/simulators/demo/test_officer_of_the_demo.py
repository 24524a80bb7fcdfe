"""What the officer filmed is counted as imported and timed only where the station says so, once and within its error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulators.demo.officer import count
from simulators.recorders.recorder import Made

AT = 1_780_279_200_000
MADE = Made(path=Path("a.mp4"), start_ms=AT + 400, duration_ms=9_000, sha256="aa")


def told(**changed: Any) -> dict[str, Any]:
    usual = {
        "digest": "aa",
        "status": "imported",
        "start_true": "2026-06-01T10:00:00.000+08:00",
        "error_ms": 600,
    }
    return usual | changed


@pytest.mark.parametrize(
    ("files", "imported", "timed"),
    [
        ([told()], 1, 1),
        ([told(error_ms=300)], 1, 0),
        ([told(start_true=None)], 1, 0),
        ([told(status="damaged")], 0, 1),
        ([told(), told()], 0, 0),
        ([told(digest="bb")], 0, 0),
        ([], 0, 0),
    ],
)
def test_only_what_is_there_whole_and_once_counts(
    files: list[dict[str, Any]], imported: int, timed: int
) -> None:
    assert count([MADE], files) == {
        "footage_filmed": 1,
        "footage_imported": imported,
        "footage_timed": timed,
    }
