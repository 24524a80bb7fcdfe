"""Trains the recogniser with CTC and writes it as ONNX with its alphabet inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kernel.plates import ALPHABET
from simulators.training.crops import HEIGHT, WIDTH, Sample, samples
from simulators.training.exporting import export
from simulators.training.feeding import batches
from simulators.training.networks import recogniser
from simulators.training.plan import Plan
from simulators.training.site import Confirmed, confirmed

PEAK_RATE = 2.5e-3
WARM_UP = 300
SITE_SHARE = 0.2
CODES = {char: n + 1 for n, char in enumerate(ALPHABET)}


def train(plan: Plan, say: Callable[[str], None]) -> None:
    """The state is written beside the model."""
    steps, seed = plan.steps, plan.seed
    torch.manual_seed(seed)
    model = recogniser(len(ALPHABET)).to(memory_format=torch.channels_last)
    if plan.begin is not None:
        model.load_state_dict(torch.load(plan.begin, weights_only=True))
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=steps, pct_start=WARM_UP / max(steps, WARM_UP + 1)
    )
    random = torch.Generator().manual_seed(seed)
    recent: list[float] = []
    for step, batch in zip(
        range(1, steps + 1),
        batches(
            partial(_source, confirmed(plan.site) if plan.site else ()),
            seed=seed,
            fresh=32,
            again=96,
            kept=120_000,
        ),
        strict=False,
    ):
        recent.append(_step(model, optimiser, batch, random))
        schedule.step()
        if step % 100 == 0:
            say(f"{step} of {steps}: loss {np.mean(recent[-100:]):.4f}")
        if step % 2000 == 0 or step == steps:
            save(model, plan.out)


def _source(known: Sequence[Confirmed], seed: int) -> Iterator[Sample]:
    """Drawings, and where a site has confirmed plates one of them in every six."""
    random = np.random.default_rng(seed + 1)
    for drawn in samples(seed):
        yield drawn
        if known and random.random() < SITE_SHARE:
            yield known[int(random.integers(len(known)))].sample(random)


def _step(model: Any, optimiser: Any, batch: Sequence[Sample], random: torch.Generator) -> float:
    crops = torch.from_numpy(np.stack([sample.crop for sample in batch])[:, None]).float() / 127.5 - 1.0
    texts = [[CODES[char] for char in sample.text] for sample in batch]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(_varied(crops, random).to(memory_format=torch.channels_last))
    log_p = logits.float().squeeze(2).permute(2, 0, 1).log_softmax(2)
    lengths = torch.tensor([len(text) for text in texts])
    flat = torch.tensor([code for text in texts for code in text])
    loss = nn.functional.ctc_loss(
        log_p, flat, torch.full((len(batch),), log_p.shape[0]), lengths, zero_infinity=True
    )
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


def _varied(crops: Any, random: torch.Generator) -> Any:
    """So that an older drawing is not quite the same again: light, polarity, place."""
    count = crops.shape[0]
    sign = torch.where(torch.rand(count, 1, 1, 1, generator=random) < 0.25, -1.0, 1.0)
    gain = 0.7 + 0.6 * torch.rand(count, 1, 1, 1, generator=random)
    shift = 0.4 * (torch.rand(count, 1, 1, 1, generator=random) - 0.5)
    down, right = (int(torch.randint(-3, 4, (1,), generator=random)) for _ in range(2))
    return torch.roll((sign * crops * gain + shift).clamp(-1, 1), (down, 2 * right), (2, 3))


def save(model: Any, out: Path) -> None:
    """The ONNX gives probabilities N x 48 x (1 + characters)."""
    torch.save(model.state_dict(), out.with_suffix(".pt"))
    whole = nn.Sequential(model, nn.Softmax(1), nn.Flatten(2)).eval()
    export(whole, torch.zeros(1, 1, HEIGHT, WIDTH), out, {"character": "\n".join(ALPHABET)})
    model.train()
