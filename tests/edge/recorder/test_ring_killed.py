"""kill -9 again and again, in the middle of segments: every packet that was read is there, and pending clips are cut."""

import subprocess
import sys
from pathlib import Path

import av
import pytest

from edge.cameras.settings import RecorderSettings
from edge.recorder.ring import Ring
from journal.clock import SystemClock
from tests.support.videos import make_video

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]


async def test_a_recorder_that_is_killed_again_and_again_loses_nothing_that_it_read(tmp_path: Path) -> None:
    video = make_video(tmp_path / "lane.mp4", seconds=15, fps=25, gop=50)
    kept = 0
    for round_, packets in enumerate((1, 2, 19, 35, 52, 64)):
        kept += killed_after(packets, video, tmp_path / "ring", passage=f"p{round_}")
    ring = Ring(RecorderSettings(folder=str(tmp_path / "ring"), min_free_mb=1), clock=SystemClock())
    await ring.start()
    segments = await ring.segments("front", from_ms=0, to_ms=10**15)
    assert sum(decoded(segment.path) for segment in segments) >= kept
    assert all(segment.sha256 and segment.gops for segment in segments)
    assert await ring.reconcile() == ([], [])
    locks = await ring.pending()
    assert [lock.passage for lock in locks] == [f"p{round_}" for round_ in range(6)]
    clip = await ring.clip(locks[3], tags={})
    assert clip.frames == decoded(clip.path) > 0
    await ring.stop()


def killed_after(packets: int, video: Path, folder: Path, *, passage: str) -> int:
    """Packets that the process had reported when it was killed."""
    command = [sys.executable, "-m", "tests.support.recording_process", str(video), str(folder), passage]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = next((int(line) for line in process.stdout if int(line) >= packets), 0)
        process.kill()
    assert said, "the recording process ended by itself"
    return said


def decoded(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))
