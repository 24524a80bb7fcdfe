"""kill -9 in the middle of a segment: what was read before is there, and the pending clip is cut."""

import subprocess
import sys
from pathlib import Path

import av
import pytest

from edge.cameras.settings import RecorderSettings
from edge.recorder.ring import Ring
from journal.clock import SystemClock
from tests.support.videos import make_video

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]


async def test_a_killed_recorder_loses_at_most_the_packet_the_muxer_held(tmp_path: Path) -> None:
    video = make_video(tmp_path / "lane.mp4", seconds=15, fps=25, gop=50)
    said = killed_after(35, video, tmp_path / "ring")
    ring = Ring(RecorderSettings(folder=str(tmp_path / "ring"), min_free_mb=1), clock=SystemClock())
    await ring.start()
    (segment,) = await ring.segments("front", from_ms=0, to_ms=10**15)
    (lock,) = await ring.pending()
    clip = await ring.clip(lock, tags={})
    assert decoded(segment.path) >= said - 1
    assert clip.frames == decoded(clip.path) > 0
    await ring.stop()


def killed_after(packets: int, video: Path, folder: Path) -> int:
    """Packets that the process had reported when it was killed."""
    command = [sys.executable, "-m", "tests.support.recording_process", str(video), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = next((int(line) for line in process.stdout if int(line) >= packets), 0)
        process.kill()
    assert said, "the recording process ended by itself"
    return said


def decoded(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))
