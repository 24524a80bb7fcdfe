"""What four recorded cameras cost a lane's process, a clip its CPU, and the checks of a picture their time."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from edge.cameras.checking import checked
from edge.cameras.looking import SelfCheck, view_of
from edge.cameras.memory import Held
from edge.cameras.pictures import Frame
from edge.cameras.settings import CameraSettings, CheckSettings, RecorderSettings, VisionSettings
from edge.cameras.vision import Vision
from journal.clock import SystemClock
from simulators.cameras.camera import Camera
from tests.support.videos import replayed

CAMERAS = 4
SECONDS, FULL_SECONDS = 30, 120
WARM_S = 14  # a clip needs its pre-roll
CLIPS = 8
NOW_MS = 1_790_000_000_000
Row = dict[str, Any]


def run(*, full: bool = False) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="cameras-bench-"))
    try:
        video = full_hd(folder / "lane.ts")
        return [*_recorded(video, folder, FULL_SECONDS if full else SECONDS), *_looked(video), _checked()]
    finally:
        shutil.rmtree(folder)


def full_hd(path: Path) -> Path:
    """Twenty seconds of noise that moves: 1920 x 1080, 25 frames a second, two seconds a group, 4 Mbit/s."""
    rng = np.random.default_rng(1)
    grounds = [
        cv2.resize(rng.integers(40, 200, (68, 120, 3), np.uint8), (1920, 1080), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    with av.open(str(path), "w", format="mpegts") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 1920, 1080, "yuv420p", 50
        rate = {"b": "4000k", "maxrate": "4000k", "minrate": "4000k", "bufsize": "4000k"}
        params = "scenecut=0:threads=1:nal-hrd=cbr:force-cfr=1"
        stream.options = {"preset": "ultrafast", "bf": "0", "x264-params": params, **rate}
        stream.bit_rate = 4_000_000
        for number in range(500):
            share = abs(number % 100 - 50) / 50
            picture = cv2.addWeighted(grounds[0], share, grounds[1], 1 - share, 0)
            frame = av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _recorded(video: Path, folder: Path, seconds: int) -> list[Row]:
    """In a process of its own: nothing of the bench is counted."""
    rows = []
    for words in ("recorded", "recorded and looked at"):
        home = folder / words.replace(" ", "-")
        arguments = [str(video), str(home), str(seconds), words]
        command = [sys.executable, "-m", "tests.bench.cameras_bench", *arguments]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        told = json.loads(said.splitlines()[-1])
        rows += [
            _row(f"{CAMERAS} cameras {told['stream']}, {words}", told["core_percent"], "% core"),
            _row("memory of that process", told["rss_mb"], "MB"),
            _row("clip of 12 s of 1080p: CPU in the middle", told["clip_cpu_ms"], "ms"),
        ]
    return rows


async def record(video: str, folder: str, seconds: int, *, looked_at: bool) -> dict[str, Any]:
    clock = SystemClock()
    cameras = tuple(
        CameraSettings(name=f"c{number}", url=video, role="front", plate=False) for number in range(CAMERAS)
    )
    ring = RecorderSettings(folder=f"{folder}/ring", min_free_mb=1)
    vision = Vision(
        VisionSettings(cameras=cameras, recorder=ring),
        clock=clock,
        station="s",
        lane="l",
        home=Path(folder) if looked_at else None,
    )
    await vision.start()
    await clock.sleep(WARM_S)
    begun, cpu = time.perf_counter(), time.process_time()
    await clock.sleep(seconds)
    percent = 100 * (time.process_time() - cpu) / (time.perf_counter() - begun)
    rss_mb = _rss_mb()
    facts = vision.stream("c0")
    clips = [await _clip_cpu_ms(vision, clock, number) for number in range(CLIPS)]
    await vision.stop()
    if facts is None or any(part.state not in ("up", "poor") for part in vision.health()):
        raise RuntimeError(f"a camera was not recorded: {vision.health()}")
    stream = f"{facts.width}x{facts.height} at {(facts.fps_milli or 0) // 1000}, {facts.kbit_s} kbit/s"
    return {
        "stream": stream,
        "core_percent": percent,
        "rss_mb": rss_mb,
        "clip_cpu_ms": sorted(clips)[CLIPS // 2],
    }


async def _clip_cpu_ms(vision: Vision, clock: SystemClock, number: int) -> float:
    """Of a clip whose post-roll is there: what is measured is the cut, and what the cameras cost meanwhile."""
    locks = await vision.lock(f"p{number}", clock.now_ms() - 8_000)
    cpu = time.process_time()
    await vision.clip(locks[0], tags={})
    spent = (time.process_time() - cpu) * 1000
    for lock in locks:
        await vision.settle(lock)
    return spent


def _looked(video: Path) -> list[Row]:
    with replayed(video) as (session, packets):
        keys = [Held(session=session, packet=packet) for packet in packets if packet.key]
    decoded = time.process_time()
    views = [view for key in keys if (view := view_of(key)) is not None]
    decode_ms = (time.process_time() - decoded) * 1000 / len(keys)
    check = SelfCheck(views[0])
    begun = time.process_time()
    for view in views * 4:
        check.look(view)
    look_ms = (time.process_time() - begun) * 1000 / (4 * len(views))
    return [
        _row("a look: decoding a key frame 1080p", decode_ms, "ms"),
        _row("a look: covered, blurred, dirty, moved", look_ms, "ms"),
    ]


def _checked() -> Row:
    camera = Camera("lane1-front", lane="lane1", role="front", site="S01")
    frames = [
        Frame(at_ms=NOW_MS + n, jpeg=camera.jpeg(NOW_MS + n), width=1280, height=720) for n in range(10)
    ]
    checked(frames, None, CheckSettings())
    begun = time.process_time()
    checked(frames, None, CheckSettings())
    return _row("checks of a picture 720p", (time.process_time() - begun) * 1000 / len(frames), "ms")


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1_000_000


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "ratio": None, "baseline": None}


if __name__ == "__main__":
    _video, _folder, _seconds, _words = sys.argv[1:]
    print(json.dumps(asyncio.run(record(_video, _folder, int(_seconds), looked_at="looked" in _words))))
