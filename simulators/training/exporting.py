"""Writes a trained network as ONNX, with what the reader must know about it in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch


def export(
    model: Any, example: Any, out: Path, words: Mapping[str, str], *, free: Mapping[int, str] | None = None
) -> None:
    """`free`: axes of the input that may have any size.  Single precision: the state may be trained in less."""
    axes = {"picture": {0: "n", **(free or {})}}
    with torch.no_grad():
        torch.onnx.export(
            model.float(), (example,), str(out), input_names=["picture"], output_names=["answer"],
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    written = onnx.load(str(out))
    onnx.helper.set_model_props(written, dict(words))
    onnx.save(written, str(out))
