"""Looks at side pictures in a thread of its own, one after another, and keeps what each camera sees of the empty place."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2

from edge.cameras.pictures import Frame
from edge.cameras.vision import Shots
from edge.plates.reader import middle_out
from edge.vehicles.hints import suggest
from edge.vehicles.looking import decoded, look
from kernel.events import VehicleHints

NICENESS = 5  # weighing comes first
LOOKS = 3  # of a burst
WAITING = 4  # vehicles; with more under way the next one goes without


class Onlooker:
    """`hints` is for the loop's tasks; the pictures are decoded and looked at in the thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vehicles", initializer=_quietly)
        self._empty: dict[str, bytes] = {}
        self._under_way = 0
        self._closed = False

    def nobody_there(self, shots: Sequence[Shots]) -> None:
        """What the cameras see when no vehicle is in their pictures; the last one is kept, as it was delivered."""
        for one in shots:
            for frame in _timely(one.frames)[:1]:
                self._empty[one.camera] = one.frames[frame].jpeg

    async def hints(self, shots: Sequence[Shots]) -> VehicleHints | None:
        """Of the side cameras' pictures, the surest; None when none shows a vehicle, or too many wait already."""
        asked = [one for one in shots if one.role == "side" and _timely(one.frames)]
        found = [hint for hint in [await self._looked(one) for one in asked] if hint is not None]
        return max(found, key=lambda hint: hint.axle_count_permille, default=None)

    async def _looked(self, shots: Shots) -> VehicleHints | None:
        if self._closed or self._under_way >= WAITING:
            return None
        timely = _timely(shots.frames)
        chosen = sorted(timely[n] for n in middle_out(len(timely))[:LOOKS])
        names = [picture.name for picture in shots.pictures()]
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread,
                _suggested,
                shots.camera,
                [(names[n], shots.frames[n].jpeg) for n in chosen],
                self._empty.get(shots.camera),
            )
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        """Waits for what is being looked at; afterwards nothing is."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)


def _suggested(
    camera: str, pictures: Sequence[tuple[str, bytes]], empty: bytes | None
) -> VehicleHints | None:
    place = decoded(empty) if empty else None
    looks = [(name, seen) for name, jpeg in pictures if (seen := look(jpeg, place)) is not None]
    return suggest([seen for _, seen in looks], camera=camera, pictures=[name for name, _ in looks])


def _timely(frames: Sequence[Frame]) -> list[int]:
    """The frames of this moment: an old picture shows another vehicle."""
    return [n for n, frame in enumerate(frames) if not {"frozen", "off_moment"} & set(frame.flags)]


def _quietly() -> None:
    cv2.setNumThreads(1)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
