"""Where the text models lie: in the folder of the wheel that carries them, which is never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from kernel.errors import ConfigError

CARRIER = "rapidocr_onnxruntime"
FINDER = "ch_PP-OCRv4_det_infer.onnx"
RECOGNISER = "ch_PP-OCRv4_rec_infer.onnx"


def model(name: str) -> Path:
    """ConfigError when the wheel or its model is missing: retrying cannot help."""
    # find_spec of a top-level package looks at the path only; importing it would ask for its own OpenCV.
    spec = find_spec(CARRIER)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ConfigError.one("plates", f"model {name} not found: install the extra edge-vision")
