"""What a training is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`begin`: a state of an earlier run to go on from; `site`: a folder of confirmed plates."""

    steps: int
    seed: int
    out: Path
    begin: Path | None = None
    site: Path | None = None
