"""The shots of one camera, measured and flagged; their bytes are never touched.  CPU work, for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from edge.cameras.filters import Grey
from edge.cameras.judging import flags_of, is_same_place
from edge.cameras.measuring import grey_of, measured, moved_permille
from edge.cameras.pictures import Frame
from edge.cameras.settings import CheckSettings


def checked(
    frames: Sequence[Frame], region: tuple[int, ...] | None, settings: CheckSettings
) -> tuple[tuple[Frame, ...], bool]:
    """The frames with their measures and flags, and whether they fail to show that the vehicle moved."""
    greys = [grey_of(frame.jpeg) for frame in frames]
    shown = tuple(_flagged(frame, grey, region, settings) for frame, grey in zip(frames, greys, strict=True))
    return shown, is_same_place(_moves(frames, greys), settings)


def _flagged(
    frame: Frame, grey: Grey | None, region: tuple[int, ...] | None, settings: CheckSettings
) -> Frame:
    if grey is None:
        return replace(frame, flags=(*frame.flags, "unreadable"))
    measures = measured(grey, region)
    return replace(
        frame,
        flags=(*frame.flags, *flags_of(measures, settings)),
        sharpness=measures.sharpness,
        luma=measures.luma,
        clipped_permille=measures.clipped_permille,
    )


def _moves(frames: Sequence[Frame], greys: Sequence[Grey | None]) -> list[tuple[int, int]]:
    seen = [(frame.at_ms, grey) for frame, grey in zip(frames, greys, strict=True) if grey is not None]
    if not seen:
        return []
    return [
        (seen[0][0], 0),
        *((at_ms, moved_permille(before, grey)) for (_, before), (at_ms, grey) in pairwise(seen)),
    ]
