"""What four recorded cameras cost a lane's process, a clip its CPU, and the checks of a picture their time."""

from __future__ import annotations

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
from edge.cameras.filters import Grey
from edge.cameras.looking import REMEMBERED, SelfCheck, sized, view_of
from edge.cameras.memory import Held
from edge.cameras.pictures import Frame
from edge.cameras.settings import CheckSettings
from simulators.cameras.camera import Camera
from tests.support.videos import replayed

SECONDS, FULL_SECONDS = 30, 120
NOW_MS = 1_790_000_000_000
LOOKS = 50
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
        command = [sys.executable, "-m", "tests.support.four_cameras", *arguments]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        told = json.loads(said.splitlines()[-1])
        rows += [
            _row(f"4 cameras {told['stream']}, {words}", told["core_percent"], "% core"),
            _row("memory of that process", told["rss_mb"], "MB"),
            _row("clip of 12 s of 1080p: CPU in the middle", told["clip_cpu_ms"], "ms"),
        ]
    return rows


def _looked(video: Path) -> list[Row]:
    with replayed(video) as (session, packets):
        keys = [Held(session=session, packet=packet) for packet in packets if packet.key]
    decoded = time.process_time()
    for key in keys:
        view_of(key)
    decode_ms = (time.process_time() - decoded) * 1000 / len(keys)
    lane = np.asarray(cv2.cvtColor(_lane_camera().picture(NOW_MS), cv2.COLOR_BGR2GRAY), np.uint8)
    view = sized(lane)
    return [
        _row("a look: decoding a key frame 1080p", decode_ms, "ms"),
        _row("a look: covered, blurred, dirty, moved", _look_ms(view, view), "ms"),
        _row("a look at a scene that is not known again", _look_ms(view, np.rot90(view, 2)), "ms"),
    ]


def _look_ms(reference: Grey, view: Grey) -> float:
    check = SelfCheck(reference)
    for _ in range(REMEMBERED):
        check.look(view)
    begun = time.process_time()
    for _ in range(LOOKS):
        check.look(view)
    return (time.process_time() - begun) * 1000 / LOOKS


def _lane_camera() -> Camera:
    return Camera("lane1-front", lane="lane1", role="front", site="S01")


def _checked() -> Row:
    camera = _lane_camera()
    frames = [
        Frame(at_ms=NOW_MS + n, jpeg=camera.jpeg(NOW_MS + n), width=1280, height=720) for n in range(10)
    ]
    checked(frames, None, CheckSettings())
    begun = time.process_time()
    checked(frames, None, CheckSettings())
    return _row("checks of a picture 720p", (time.process_time() - begun) * 1000 / len(frames), "ms")


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "ratio": None, "baseline": None}
