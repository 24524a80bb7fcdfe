"""Puts the browser tests' pictures of wall and tablet into docs/pictures, small enough for a repository."""

from pathlib import Path

import cv2

LARGEST = 300_000
WIDTHS = (1920, 1600, 1440, 1280)

for name in ("wall", "tablet"):
    source = cv2.imread(f"build/screens/demo-{name}.png")
    for width in (width for width in WIDTHS if width <= source.shape[1]):
        size = (width, source.shape[0] * width // source.shape[1])
        small = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
        coded = cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        if len(coded) < LARGEST:
            break
    Path(f"docs/pictures/{name}.png").write_bytes(coded)
    print(f"docs/pictures/{name}.png: {size[0]} x {size[1]}, {len(coded) // 1000} kB")
