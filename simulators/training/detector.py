"""Trains the detector: where the middle of a plate's text is, its four corners from there, and whether it has two rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from simulators.training.exporting import export
from simulators.training.feeding import batches
from simulators.training.networks import detector
from simulators.training.plan import Plan
from simulators.training.scenes import SIDE, Laid, Scene, scenes

STRIDE = 8
CELLS = SIDE // STRIDE
ANSWERS = 10  # score, two rows, then x and y of four corners in strides from the cell's middle
HEART = 0.55  # of the text's size: cells in it answer for the plate
PEAK_RATE = 2e-3
WARM_UP = 200
Floats = npt.NDArray[np.float32]


def train(plan: Plan, say: Callable[[str], None]) -> None:
    """The state is written beside the model."""
    steps, seed = plan.steps, plan.seed
    torch.manual_seed(seed)
    model = detector(ANSWERS).to(memory_format=torch.channels_last)
    if plan.begin is not None:
        model.load_state_dict(torch.load(plan.begin, weights_only=True))
    else:
        nn.init.constant_(model[-1].bias[:1], -4.0)  # most cells show no plate
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=steps, pct_start=WARM_UP / max(steps, WARM_UP + 1)
    )
    random = np.random.default_rng(seed)
    recent: list[tuple[float, ...]] = []
    for step, batch in zip(
        range(1, steps + 1), batches(scenes, seed=seed, kept=12_000, fresh=12, again=20), strict=False
    ):
        recent.append(_step(model, optimiser, [_mirrored(scene, random) for scene in batch]))
        schedule.step()
        if step % 100 == 0:
            say(f"{step} of {steps}: score, corners, rows {np.mean(recent[-100:], axis=0).round(4)}")
        if step % 1000 == 0 or step == steps:
            save(model, plan.out)


def _step(model: Any, optimiser: Any, batch: Sequence[Scene]) -> tuple[float, ...]:
    pictures = (
        torch.from_numpy(np.stack([scene.picture for scene in batch])).permute(0, 3, 1, 2).float() / 127.5
        - 1.0
    )
    wanted = torch.from_numpy(np.stack([_wanted(scene.plates) for scene in batch]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answers = model(pictures.to(memory_format=torch.channels_last)).float()
    losses = _losses(answers, wanted)
    optimiser.zero_grad()
    (losses[0] + 0.5 * losses[1] + 0.3 * losses[2]).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimiser.step()
    return tuple(float(loss.detach()) for loss in losses)


def _losses(answers: Any, wanted: Any) -> tuple[Any, Any, Any]:
    """Focal for the score (weight 0: neither plate nor background), and corners and rows where a plate is."""
    score, heart, counts = answers[:, 0], wanted[:, 0], wanted[:, 1]
    each = nn.functional.binary_cross_entropy_with_logits(score, heart, reduction="none")
    off = (torch.sigmoid(score) - heart).abs()
    plates = heart.sum().clamp(min=1.0)
    focal = (each * off.pow(2) * counts).sum() / plates
    apart = nn.functional.smooth_l1_loss(answers[:, 2:], wanted[:, 3:], reduction="none").sum(1)
    rows = nn.functional.binary_cross_entropy_with_logits(answers[:, 1], wanted[:, 2], reduction="none")
    return focal, (apart * heart).sum() / plates, (rows * heart).sum() / plates


def _wanted(plates: Sequence[Laid]) -> Floats:
    """11 x CELLS x CELLS: is a heart, counts, two rows, corners."""
    wanted = np.zeros((3 + 8, CELLS, CELLS), np.float32)
    wanted[1] = 1.0
    for plate in plates:
        middle = plate.corners.mean(axis=0)
        edge = _filled(plate.corners)
        heart = _filled(middle + (plate.corners - middle) * HEART)
        row, column = (int(np.clip(middle[n] // STRIDE, 0, CELLS - 1)) for n in (1, 0))
        heart[row, column] = True
        wanted[1][edge & ~heart] = 0.0
        wanted[0][heart], wanted[1][heart], wanted[2][heart] = 1.0, 1.0, float(plate.two_rows)
        for n, (x, y) in enumerate(plate.corners):
            columns = np.arange(CELLS, dtype=np.float32)[None, :] + 0.5
            across = np.broadcast_to(x / STRIDE - columns, (CELLS, CELLS))
            down = np.broadcast_to(y / STRIDE - columns.T, (CELLS, CELLS))
            wanted[3 + 2 * n][heart], wanted[4 + 2 * n][heart] = across[heart], down[heart]
    return wanted


def _filled(corners: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Cells whose middles lie in the quad, by pixels."""
    page = np.zeros((CELLS, CELLS), np.uint8)
    cv2.fillConvexPoly(page, (corners / STRIDE - 0.5).round().astype(np.int32), 1)
    return page.astype(bool)


def _mirrored(scene: Scene, random: np.random.Generator) -> Scene:
    """Left and right changed now and then: mirrored writing is no plate less, its corners are where they are."""
    if random.random() < 0.7:
        return scene
    picture = np.ascontiguousarray(scene.picture[:, ::-1])
    flipped = [np.array([SIDE, 0]) + plate.corners * np.array([-1, 1]) for plate in scene.plates]
    plates = tuple(
        Laid(corners=np.asarray(corners[[1, 0, 3, 2]], np.float32), two_rows=plate.two_rows)
        for corners, plate in zip(flipped, scene.plates, strict=True)
    )
    return Scene(picture=picture, plates=plates)


def save(model: Any, out: Path) -> None:
    """The ONNX takes any size of multiples of STRIDE; score and rows come as logits."""
    torch.save(model.state_dict(), out.with_suffix(".pt"))
    export(model.eval(), torch.zeros(1, 3, SIDE, SIDE), out, {"stride": str(STRIDE)}, free={2: "h", 3: "w"})
    model.train()
