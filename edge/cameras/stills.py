"""One picture of a camera, for a person who sets it up."""

from __future__ import annotations

import threading

from edge.cameras.memory import Held
from edge.cameras.pictures import Frame, pick
from edge.cameras.settings import CameraSettings
from edge.cameras.sources import open_source
from edge.cameras.stream import STILLS
from kernel.clock import Clock
from kernel.errors import LinkError

ENOUGH = 12  # packets from a key frame on: some decoders give their first picture late


def one_still(url: str, *, clock: Clock) -> Frame:
    """Blocking; ConfigError: no such kind of URL; LinkError: the camera gives no picture."""
    settings = CameraSettings(name="still", url=url, role="front")
    held: list[Held] = []
    with open_source(settings, clock=clock, stop=threading.Event(), name="still") as source:
        for packet in source.packets():
            if packet.key or held:
                held.append(Held(session=source.session, packet=packet))
            if len(held) >= (1 if source.session.codec == STILLS else ENOUGH):
                break
    frames = pick(held, [held[-1].at_ms]) if held else []
    if not frames:
        raise LinkError("no picture came from the camera")  # its URL may hold its password
    return frames[-1]
