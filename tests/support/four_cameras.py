"""Run as a program that loads nothing but what a lane does: records four cameras and prints what that and a clip cost.

usage: python -m tests.support.four_cameras VIDEO FOLDER SECONDS WORDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from edge.cameras.settings import CameraSettings, RecorderSettings, VisionSettings
from edge.cameras.vision import Vision
from edge.heap import keep_small
from edge.recorder.cutting import cut
from edge.recorder.index import Index
from journal.clock import SystemClock

WARM_S = 14  # a clip of 12 s needs so much
CLIPS = 8


async def record(video: str, folder: Path, seconds: int, *, looked_at: bool) -> dict[str, Any]:
    clock = SystemClock()
    cameras = tuple(
        CameraSettings(name=f"c{number}", url=video, role="front", plate=False) for number in range(4)
    )
    vision = Vision(
        VisionSettings(
            cameras=cameras, recorder=RecorderSettings(folder=str(folder / "ring"), min_free_mb=1)
        ),
        clock=clock,
        station="s",
        lane="l",
        home=folder if looked_at else None,
    )
    await vision.start()
    await clock.sleep(WARM_S)
    begun, cpu = time.perf_counter(), time.process_time()
    await clock.sleep(seconds)
    percent = 100 * (time.process_time() - cpu) / (time.perf_counter() - begun)
    rss_mb, facts, health, now_ms = _rss_mb(), vision.stream("c0"), vision.health(), clock.now_ms()
    await vision.stop()
    if facts is None or any(part.state not in ("up", "poor") for part in health):
        raise RuntimeError(f"a camera was not recorded: {health}")
    return {
        "stream": f"{facts.width}x{facts.height} at {(facts.fps_milli or 0) // 1000}, {facts.kbit_s} kbit/s",
        "core_percent": percent,
        "rss_mb": rss_mb,
        "clip_cpu_ms": _clip_cpu_ms(folder, now_ms),
    }


def _clip_cpu_ms(folder: Path, now_ms: int) -> float:
    """In the middle of some, each out of two or three segments."""
    index, spent = Index(folder / "ring" / "ring.db"), []
    for number in range(CLIPS):
        at_ms = now_ms - 8_000 - 500 * number
        segments = index.segments("c0", from_ms=at_ms - 5_000, to_ms=at_ms + 7_000)
        cpu = time.process_time()
        cut(
            segments,
            at_ms=at_ms,
            from_ms=at_ms - 5_000,
            to_ms=at_ms + 7_000,
            to=folder / "clip.mp4",
            tags={},
        )
        spent.append((time.process_time() - cpu) * 1000)
    index.close()
    return sorted(spent)[CLIPS // 2]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1_000_000


if __name__ == "__main__":
    keep_small()
    _video, _folder, _seconds, _words = sys.argv[1:]
    Path(_folder).mkdir(exist_ok=True)
    _told = asyncio.run(record(_video, Path(_folder), int(_seconds), looked_at="looked" in _words))
    sys.stdout.write(json.dumps(_told) + "\n")
