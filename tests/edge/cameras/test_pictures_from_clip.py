"""Pictures out of a clip, for a passage that a restart interrupted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge.cameras.pictures import from_clip
from edge.cameras.settings import CameraSettings, VisionSettings
from edge.cameras.vision import Vision
from kernel.errors import LinkError
from tests.support import videos


def test_the_frames_nearest_to_the_moments(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    videos.make_video(clip)
    found = from_clip(clip, start_ms=1_000_000, wanted=[1_000_500, 1_001_000])
    assert [
        abs(frame.at_ms - moment) < 100 for frame, moment in zip(found, (1_000_500, 1_001_000), strict=True)
    ]
    assert all(frame.jpeg[:2] == b"\xff\xd8" and "from_clip" in frame.flags for frame in found)


def test_a_broken_clip_is_said(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video at all")
    with pytest.raises(LinkError, match=r"clip\.mp4"):
        from_clip(clip, start_ms=0, wanted=[0])


def test_a_clip_whose_pictures_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    clip = videos.huge_pictures(tmp_path / "clip.avi")
    with pytest.raises(LinkError, match=r"clip\.avi"):
        from_clip(clip, start_ms=0, wanted=[0])


class Asked(videos.StillClock):
    """Knows in which threads somebody asked how late it is."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def mono_ms(self) -> int:
        self.threads.add(threading.current_thread().name)
        return super().mono_ms()


async def test_the_time_of_a_clip_begins_in_the_thread_that_decodes_it(tmp_path: Path) -> None:
    clip, clock = videos.make_video(tmp_path / "clip.mp4"), Asked()
    camera = CameraSettings(name="front", url="rtsp://x", role="front")
    vision = Vision(VisionSettings(cameras=(camera,)), clock=clock, station="s", lane="l")
    clock.threads.clear()
    shots = await vision.look_back("front", clip, start_ms=1_000_000, at_ms=1_001_000)
    await vision.stop()
    assert shots.frames
    assert clock.threads == {"pictures_0"}
