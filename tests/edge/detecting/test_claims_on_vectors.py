"""The published streams, with noise, flipped bits and lost bytes: what is claimed is what they are, or nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.detecting.claims import claim
from edge.detecting.lines import Line
from edge.detecting.reading import Heard
from tests.edge.detecting.played import BY_NAME, ROWS

VECTORS = json.loads((Path(__file__).parents[1] / "drivers" / "scale" / "vectors.json").read_text())
# Too few of their frames are whole, or none is.
UNCLEAR = {"yaohua-bitflips-0", "toledo-drops-0", "toledo-drops-1", "wrong-baud-0"}


def heard(data: bytes) -> Heard:
    return Heard(line=Line(9600), chunks=((100, data),), window_ms=3_000)


@pytest.mark.parametrize("stream", VECTORS["streams"], ids=lambda stream: str(stream["name"]))
def test_no_stream_is_taken_for_another(stream: dict[str, Any]) -> None:
    found = claim(heard(bytes.fromhex(stream["hex"])), ROWS)
    if stream["name"] in UNCLEAR or stream["protocol"] not in BY_NAME:
        assert found is None or stream["protocol"] in found.protocols
        return
    assert found is not None
    assert stream["protocol"] in found.protocols


@pytest.mark.parametrize("protocol", sorted({frame["protocol"] for frame in VECTORS["frames"]}))
def test_frames_of_a_protocol_one_after_the_other_are_taken_for_no_other(protocol: str) -> None:
    """Of makers, signs and statuses that no device sends in a row: none may be claimed, but no other one."""
    frames = [
        bytes.fromhex(frame["hex"])
        for frame in VECTORS["frames"]
        if frame["protocol"] == protocol and "reject" not in frame["expect"]
    ]
    for data in (b"".join(frames * 3), *(frame * 12 for frame in frames)):
        found = claim(heard(data), ROWS)
        assert found is None or protocol in found.protocols
