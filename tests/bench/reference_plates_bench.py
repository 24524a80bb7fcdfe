"""Our reader beside plain RapidOCR on the same pictures in one run, where a manifest of pictures is at hand.

`PLATES=manifest.json make bench`: the half that may be looked at.  The other half is `weighpost-edge plate bench --final`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from edge.cameras.settings import PlateSettings
from edge.plates.opening import opened
from edge.plates.reading import PictureReader
from edge.plates.scoring import Outcome, Scene, scenes, shares

MANIFEST = "PLATES"


def run() -> list[dict[str, Any]]:
    path = os.environ.get(MANIFEST)
    if path is None:
        print(f"reference pictures: not given ({MANIFEST}=manifest.json make bench)")
        return []
    chosen = [scene for scene in scenes(Path(path)) if not scene.unseen]
    return [*_rows("ours", *_ours(chosen)), *_rows("plain RapidOCR", *_rapid(chosen))]


def _ours(chosen: Sequence[Scene]) -> tuple[list[Outcome], int, int]:
    cv2.setNumThreads(1)
    begun = time.monotonic_ns()
    reader = PictureReader(PlateSettings())
    cold_ms = (time.monotonic_ns() - begun) // 1_000_000
    outcomes = [_outcome(reader, scene) for scene in chosen]
    return outcomes, cold_ms, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _outcome(reader: PictureReader, scene: Scene) -> Outcome:
    data = scene.file.read_bytes()
    begun = time.process_time_ns()
    found = [
        one.reading
        for one in reader.read(opened(data).picture)
        if one.reading.kind == "plate" and one.reading.sure
    ]
    return Outcome(
        scene=scene,
        texts=tuple(one.text for one in found),
        scores=tuple(one.score_permille for one in found),
        colour=found[0].colour if found else None,
        cpu_ms=(time.process_time_ns() - begun) // 1_000_000,
    )


def _rapid(chosen: Sequence[Scene]) -> tuple[list[Outcome], int, int]:
    command = [sys.executable, "-m", "tests.bench.rapid", *(str(scene.file) for scene in chosen)]
    begun = time.monotonic_ns()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = [json.loads(line) for line in process.stdout or () if line.startswith("{")]
    if process.returncode:
        raise RuntimeError("the peer has ended")
    wall_ms = (time.monotonic_ns() - begun) // 1_000_000
    outcomes = [
        Outcome(
            scene=scene,
            texts=tuple(text for text, _ in one["plates"]),
            scores=tuple(round(1000 * score) for _, score in one["plates"]),
            colour=None,
            cpu_ms=one["cpu_ms"],
        )
        for scene, one in zip(chosen, told, strict=True)
    ]
    return outcomes, wall_ms, max(one["rss_mb"] for one in told)


def _rows(who: str, outcomes: Sequence[Outcome], start_ms: int, rss_mb: int) -> list[dict[str, Any]]:
    cpu = sorted(one.cpu_ms for one in outcomes)
    told = [(share.name, share.good, f"of {share.n}") for share in shares(outcomes)]
    told += [
        ("CPU a picture, median", cpu[len(cpu) // 2], "ms"),
        ("CPU a picture, 95 %", cpu[len(cpu) * 95 // 100], "ms"),
        ("models loaded in" if who == "ours" else "whole run", start_ms, "ms"),
        ("largest memory", rss_mb, "MB"),
    ]
    return [{"name": f"{who}: {name}", "value": value, "unit": unit} for name, value, unit in told]
