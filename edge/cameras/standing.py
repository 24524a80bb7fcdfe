"""The second shot of a vehicle that stands 静止车辆第二次抓拍: so long after the first as the settings ask for.

In the manner of GA/T 832, 3.5: the pictures of a standing vehicle lie 10 s or more apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.cameras.settings import Role
from edge.cameras.vision import Shots, Vision

NOT_TAKEN = "second_shot_missing"
LEFT = "second shot: the vehicle had left"
SPARE_MS = 500  # the frame nearest to a moment may lie a little before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """The first shots with what the second added to them; `missing` says why a camera has none."""

    shots: tuple[Shots, ...]
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


class SecondShot:
    """Of the cameras of these roles, `apart_ms` after `at_ms`; waits beside everything else."""

    def __init__(
        self, vision: Vision, *, at_ms: int, apart_ms: int, roles: Sequence[Role], name: str
    ) -> None:
        self._vision = vision
        self._at_ms = at_ms + apart_ms + SPARE_MS
        self._apart_ms = apart_ms
        self._roles = tuple(roles)
        self._due = False
        self._task = asyncio.create_task(self._run(), name=name)

    def gone(self) -> None:
        """The vehicle has left: what has not begun would show an empty place."""
        if not self._due:
            self._task.cancel()

    async def beside(self, first: Sequence[Shots], *, left_ms: int | None = None) -> Twice:
        """Once the vehicle has left; waits for a camera that is late, and for nothing else."""
        self.gone()
        [taken] = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(taken, asyncio.CancelledError):
            return Twice(shots=tuple(first), missing=(LEFT,), flags=(NOT_TAKEN,))
        if isinstance(taken, BaseException):
            raise taken
        return twice(first, taken, apart_ms=self._apart_ms, left_ms=left_ms)

    async def _run(self) -> tuple[Shots, ...]:
        await self._vision.until(self._at_ms, at_most_ms=self._apart_ms + SPARE_MS)
        self._due = True
        return await self._vision.once_more(self._at_ms, roles=self._roles)


def twice(
    first: Sequence[Shots], second: Sequence[Shots], *, apart_ms: int, left_ms: int | None = None
) -> Twice:
    """Each camera's shots as one row; flagged where no camera shows the vehicle so long after its first picture.

    What was taken after `left_ms` shows an empty place or another's vehicle: it is no picture of this one.
    """
    theirs = [one for one in second if left_ms is None or all(frame.at_ms <= left_ms for frame in one.frames)]
    later = {one.camera: one for one in theirs}
    joined = tuple(_joined(one, later.get(one.camera), apart_ms) for one in first)
    return Twice(
        shots=joined,
        missing=(LEFT,) * (len(theirs) < len(second))
        + tuple(f"second shot {one.camera}: {one.reason}" for one in theirs if one.reason),
        flags=(NOT_TAKEN,) * (not any(_lies_apart(one, apart_ms) for one in joined if one.camera in later)),
    )


def _joined(first: Shots, second: Shots | None, apart_ms: int) -> Shots:
    newest_ms = first.frames[-1].at_ms if first.frames else 0
    # A camera that is down gives what it gave last: that picture is there already.
    newer = [frame for frame in second.frames if frame.at_ms > newest_ms] if second else []
    if not newer:
        return first
    both = replace(first, frames=(*first.frames, *newer))
    return replace(both, same_place=False) if _lies_apart(both, apart_ms) else both


def _lies_apart(shots: Shots, apart_ms: int) -> bool:
    """A frozen picture is of no later time, whatever its stamp says, nor are bytes that were there before."""
    frames = [one for one in shots.frames if not {"frozen", "unreadable"} & set(one.flags)]
    if len(frames) < 2 or any(one.jpeg == frames[-1].jpeg for one in frames[:-1]):
        return False
    return frames[-1].at_ms - frames[0].at_ms >= apart_ms
