"""Run as a program, to be killed: records a file as if it were a camera and prints how many packets were written.

usage: python -m tests.support.recording_process VIDEO FOLDER PASSAGE
"""

from __future__ import annotations

import asyncio
import sys

from edge.cameras.settings import CameraSettings, RecorderSettings, VisionSettings
from edge.cameras.vision import Vision
from journal.clock import SystemClock


async def record(video: str, folder: str, passage: str) -> None:
    clock = SystemClock()
    camera = CameraSettings(name="front", url=video, role="front")
    settings = VisionSettings(cameras=(camera,), recorder=RecorderSettings(folder=folder, post_ms=500))
    vision = Vision(settings, clock=clock, station="s01", lane="1")
    await vision.start()
    await vision.lock(passage, clock.now_ms())
    while True:
        recorder = next(part for part in vision.health() if part.kind == "recorder")
        sys.stdout.write(f"{recorder.good}\n")
        sys.stdout.flush()
        await clock.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:]))
