"""Pictures out of a clip, for a passage that a restart interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cameras.pictures import from_clip
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
