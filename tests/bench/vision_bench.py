"""Plates read exactly against the same models used plainly, and what pictures, clips and the ring cost."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.cameras.memory import Memory
from edge.cameras.pictures import pick
from edge.cameras.settings import PlateSettings, RecorderSettings
from edge.plates import rectify
from edge.plates.decode import Alphabet
from edge.plates.locate import Finder, Image
from edge.plates.models import FINDER, RECOGNISER, model
from edge.plates.reading import PictureReader
from edge.plates.sessions import Floats, Model
from edge.recorder.ring import Ring
from kernel.plates import PROVINCES, classify, grammar, normalise
from simulators.scene.plates import Colour, draw_plate
from tests.support.videos import StillClock, make_video, replayed

WILD = Path(__file__).parents[3] / "shared" / "vectors" / "plates" / "manifest.json"  # measured, never copied
START_MS = 1_700_000_000_000
WILD_LIMIT = 8
EACH_KIND = 3
KINDS: tuple[tuple[str, Colour, bool, str], ...] = (
    ("S5", "yellow", False, "yellow"),
    ("S5", "yellow", True, "two rows"),
    ("S4挂", "yellow", True, "trailer"),
    ("S5", "blue", False, "blue"),
    ("DS1N4", "green", False, "green"),
    ("N5D", "yellow_green", False, "yellow-green"),
)
Row = dict[str, Any]
Read = Callable[[Image], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Shown:
    picture: Image
    text: str


def run() -> list[Row]:
    cv2.setNumThreads(1)
    reader, plain = PictureReader(PlateSettings()), PlainReader()
    rows = _plates("rendered plates", list(_rendered()), reader, plain)
    if WILD.exists():
        rows += _plates("gate photos", list(_wild()), reader, plain)
    return [*rows, *_footage()]


class PlainReader:
    """The models as they come: find lines, recognise, take what matches an expression."""

    def __init__(self) -> None:
        self._finder = Finder(Model(model(FINDER)), long_side_px=640)
        self._recogniser = Model(model(RECOGNISER))
        self._alphabet = Alphabet(grammar().alphabet, self._recogniser.characters())

    def read(self, picture: Image) -> list[str]:
        crops = [rectify.straight(picture, line.corners) for line in self._finder.lines(picture)]
        texts = [normalise(self._alphabet.free(self._recogniser.run(_batch(crop))[0])[0]) for crop in crops]
        return [text for text in texts if classify(text)]


def _plates(what: str, shown: Sequence[Shown], reader: PictureReader, plain: PlainReader) -> list[Row]:
    def ours(picture: Image) -> list[str]:
        return [found.reading.text for found in reader.read(picture) if found.reading.sure]

    exact, wrong, cpu_ms = _score(ours, shown)
    plain_exact, plain_wrong, plain_ms = _score(plain.read, shown)
    against = "same models, greedy"
    return [
        _row(f"{what}: exact of {len(shown)}, one frame", exact, "%", exact / max(plain_exact, 1), against),
        _row(f"{what}: legal but wrong", wrong, "%", None, f"{plain_wrong:.0f} % greedy"),
        _row(f"{what}: CPU a frame", cpu_ms, "ms", cpu_ms / plain_ms, against),
    ]


def _score(read: Read, shown: Sequence[Shown]) -> tuple[float, float, float]:
    """(% exact, % wrong, CPU ms a frame)."""
    begun = time.process_time()
    answers = [read(one.picture) for one in shown]
    cpu_ms = (time.process_time() - begun) * 1000 / len(shown)
    exact = sum(one.text in texts for one, texts in zip(shown, answers, strict=True))
    wrong = sum(bool(texts) and one.text not in texts for one, texts in zip(shown, answers, strict=True))
    return 100 * exact / len(shown), 100 * wrong / len(shown), cpu_ms


def _rendered() -> Iterator[Shown]:
    dice = random.Random(36)
    for serial, colour, two_rows, _ in KINDS:
        for seed in range(EACH_KIND):
            text = dice.choice(PROVINCES) + dice.choice("ABCDEFGH") + _serial(serial, dice)
            plate = draw_plate(text, colour=colour, two_rows=two_rows, seed=seed)
            yield Shown(_on_a_truck(plate, seed, dice), text)


def _serial(pattern: str, dice: random.Random) -> str:
    """S: digits with a letter now and then, N: digits; a number says how many."""
    text, last = "", ""
    for char in pattern:
        if char.isdigit():
            text += "".join(
                dice.choice("0123456789" + ("ABCDE" if last == "S" else "")) for _ in range(int(char))
            )
        elif char not in "SN":
            text += char
        last = char
    return text if classify("鲁C" + text) else _serial(pattern, dice)


def _on_a_truck(plate: Image, seed: int, dice: random.Random) -> Image:
    """720p, 35 px a plate's row and more, turned a little, blurred, noisy, under the camera's clock."""
    picture = np.full((720, 1280, 3), (112, 110, 108), np.uint8)
    cv2.rectangle(picture, (380, 80), (900, 660), (150, 60, 40), -1)
    scale = dice.uniform(0.25, 0.4)
    small = cv2.resize(plate, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x, y = dice.randint(500, 650), dice.randint(480, 560)
    picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    cv2.putText(picture, "2026-11-23 12:34:56", (30, 50), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    turn = cv2.getRotationMatrix2D((640, 540), dice.uniform(-4, 4), 1)
    turned = cv2.GaussianBlur(cv2.warpAffine(picture, turn, (1280, 720)), (0, 0), dice.uniform(0.3, 0.9))
    noise = np.random.default_rng(seed).normal(0, 4, turned.shape)
    return np.asarray(np.clip(turned * dice.uniform(0.7, 1.1) + noise, 0, 255), np.uint8)


def _wild() -> Iterator[Shown]:
    items = [item for item in json.loads(WILD.read_text())["items"] if item["kind"] == "scene"]
    for item in items[:: max(1, len(items) // WILD_LIMIT)][:WILD_LIMIT]:
        picture = cv2.imdecode(np.fromfile(WILD.parent / item["file"], np.uint8), cv2.IMREAD_COLOR)
        if picture is not None:
            yield Shown(picture, item["text"])


def _footage() -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="vision-bench-"))
    try:
        video = make_video(
            folder / "lane.ts", seconds=24, fps=12, gop=24, size=(1280, 720), container="mpegts"
        )
        return [*asyncio.run(_ring(folder, video)), _burst(video)]
    finally:
        shutil.rmtree(folder)


async def _ring(folder: Path, video: Path) -> list[Row]:
    settings = RecorderSettings(folder=str(folder / "ring"), min_free_mb=1)
    ring = Ring(settings, clock=StillClock(START_MS))
    await ring.start()
    with replayed(video, start_ms=START_MS) as (session, packets):
        lane = ring.lane("front")
        lane.begin(session)
        begun = time.process_time()
        for packet in packets:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            lane.packet(session, packet)
        recording_s = time.process_time() - begun
        first = session.at_ms(packets[0])
        lock = await ring.lock(
            "p", camera="front", at_ms=first + 8_000, from_ms=first + 7_000, to_ms=first + 19_000
        )
        begun = time.perf_counter()
        clip = await ring.clip(lock, tags={})
        cut_ms = (time.perf_counter() - begun) * 1000
        lane.end()
    await ring.stop()
    return [
        _row(
            "writing one 720p camera, 12 frames a second, to the ring",
            100 * recording_s / 24,
            "% core",
            None,
            None,
        ),
        _row(f"clip of {clip.frames} frames from three segments, one growing", cut_ms, "ms", None, None),
    ]


def _burst(video: Path) -> Row:
    memory = Memory(keep_ms=12_000)
    with replayed(video, start_ms=START_MS) as (session, packets):
        for packet in packets:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            memory.push(session, packet)
        newest = session.at_ms(packets[-1])
        wanted = [newest - 2_000 + step * 400 for step in range(5)]
        begun = time.process_time()
        frames = pick(memory.around(wanted[0], wanted[-1] + 200), wanted)
        return _row(
            f"burst of {len(frames)} pictures 720p: decode and encode",
            (time.process_time() - begun) * 1000,
            "ms",
            None,
            None,
        )


def _batch(crop: Image) -> Floats:
    batch = np.zeros((1, 3, crop.shape[0], max(320, crop.shape[1])), np.float32)
    batch[0, :, :, : crop.shape[1]] = (crop.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)
    return batch


def _row(name: str, value: float, unit: str, ratio: float | None, baseline: str | None) -> Row:
    return {"name": name, "value": value, "unit": unit, "ratio": ratio, "baseline": baseline}
