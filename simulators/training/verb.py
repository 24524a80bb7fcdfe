"""`weighpost-sim train`: draws plates and trains our own models on them; needs what scripts/training installs."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from kernel.errors import ConfigError
from simulators.training.plan import Plan

STEPS = {"recogniser": 5_000, "detector": 2_600}  # of the weights in edge/plates/weights


def add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", choices=sorted(STEPS))
    parser.add_argument("--steps", type=int, help="of the training; more is better and slower")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="by default build/training/MODEL.onnx")
    parser.add_argument("--begin", type=Path, metavar="STATE", help="go on from the .pt of an earlier run")
    parser.add_argument(
        "--site", type=Path, metavar="FOLDER", help="confirmed plates of a site, with labels.jsonl"
    )
    parser.add_argument("--threads", type=int, default=1)


def run_train(given: argparse.Namespace) -> int:
    """ConfigError: what is missing."""
    steps = STEPS[given.model] if given.steps is None else given.steps
    if min(steps, given.threads) < 1:
        raise ConfigError.one("--steps, --threads", "must be at least 1")
    if find_spec("torch") is None or find_spec("onnx") is None:
        raise ConfigError.one(
            "torch",
            "is not installed here: run scripts/training, then build/training/venv/bin/python -m simulators.main train",
        )
    import cv2
    import torch

    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)
    out = given.out or Path("build/training") / f"{given.model}.onnx"
    out.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(steps=steps, seed=given.seed, out=out, begin=given.begin, site=given.site)
    if given.model == "recogniser":
        from simulators.training.recogniser import train as train_recogniser

        train_recogniser(plan, _say)
    else:
        from simulators.training.detector import train as train_detector

        train_detector(plan, _say)
    _say(f"written: {out}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
