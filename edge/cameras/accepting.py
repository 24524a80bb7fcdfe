"""Looks at one camera for a while, as somebody who sets it up does 摄像机验收.  Blocking."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from edge.cameras.acceptance import Item, StreamWatch, listed
from edge.cameras.filters import Grey
from edge.cameras.looking import BLURRED, DAY, compared, view_of
from edge.cameras.measuring import sharpness
from edge.cameras.memory import Held
from edge.cameras.multipart import jpeg_size
from edge.cameras.references import References
from edge.cameras.settings import CameraSettings
from edge.cameras.sources import open_source
from edge.cameras.stream import STILLS
from kernel.clock import Clock
from kernel.errors import LinkError


def accepted(
    camera: CameraSettings, *, clock: Clock, seconds: int, references: Path | None
) -> tuple[Item, ...]:
    """The acceptance list; LinkError: no picture came.  `references`: the folder of the lane's reference views."""
    watch, key = StreamWatch(), None
    until_ms = clock.mono_ms() + seconds * 1000
    with open_source(camera, clock=clock, stop=threading.Event(), name="check") as source:
        session = source.session
        watch.begin(session)
        for packet in source.packets():
            session.seen(packet)
            watch.packet(session, packet)
            key = Held(session=session, packet=packet) if packet.key else key
            if clock.mono_ms() >= until_ms:
                break
    facts, view = watch.facts(), view_of(key) if key else None
    if facts is None or key is None or view is None:
        raise LinkError("no picture came")
    if facts.codec == STILLS:
        width, height = jpeg_size(key.packet.data)
        facts = replace(facts, width=width, height=height)
    reference = References(references).of(camera.name) if references else None
    return (*listed(facts, camera), *_of_picture(view), _of_view(view, reference))


def _of_picture(view: Grey) -> tuple[Item, ...]:
    sharp, luma = sharpness(view), round(float(view.mean()))
    return (
        Item(word="sharpness", shown=str(sharp), wanted=f">= {BLURRED}", good=sharp >= BLURRED),
        Item(
            word="luma",
            shown=str(luma),
            wanted=f"{DAY[0]}-{DAY[1]}",
            good=True if DAY[0] <= luma <= DAY[1] else None,
        ),
    )


def _of_view(view: Grey, reference: Grey | None) -> Item:
    if reference is None:
        return Item(word="reference", shown="-", wanted="", good=None)
    word = compared(reference, view)
    return Item(word="reference", shown=word or "=", wanted="=", good=not word)
