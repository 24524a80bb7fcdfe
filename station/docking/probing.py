"""What a stored recording is: kind, length, picture, time of its making; looked at in a process of its own, which may die of it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from station.docking.boxes import fault_of, media_type
from station.footage.limits import FORMATS, LONGEST_S, LOOK_S

MEMORY = 2 << 30
LONGEST_MS = LONGEST_S * 1000
SLOWEST_BYTES_S = 250  # speech takes at least twice as much
NEVER_BEFORE_MS = 86_400_000  # a container that says 1904 or 1970 was never told


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """`created_ms` as the container has it, in whatever zone it meant; `fault` is a machine word.

    `length_uncertain`: what the container states of its length cannot be, and is not repeated.
    """

    media_type: str = ""
    duration_ms: int | None = None
    length_uncertain: bool = False
    created_ms: int | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    audio: str = ""
    fault: str = ""


def probe(path: Path, *, patience_s: float = LOOK_S) -> Probe:
    """Blocking.  A file that kills or stops whoever looks at it is not playable, or takes too long, and that is all."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", __name__, str(path)], capture_output=True, timeout=patience_s, check=True
        )
        return msgspec.json.decode(done.stdout, type=Probe)
    except subprocess.TimeoutExpired:
        return Probe(media_type=_kind(path), fault="took_too_long")
    except (subprocess.SubprocessError, msgspec.MsgspecError):
        return Probe(media_type=_kind(path), fault="not_playable")


def look(path: Path) -> Probe:
    """In this process."""
    kind = _kind(path)
    with path.open("rb") as file:
        fault = fault_of(file, kind)
    if not kind.startswith(("video", "audio")):
        return Probe(media_type=kind)
    return _with_streams(path, kind, fault or "")


def _kind(path: Path) -> str:
    # Where nothing is ever written into, an ordinary open would wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        return media_type(file.read(256) or b"")


def _with_streams(path: Path, kind: str, fault: str) -> Probe:
    import av

    try:
        with av.open(str(path), options={"format_whitelist": FORMATS}) as container:
            video = container.streams.video[0] if container.streams.video else None
            stated_ms = _duration_ms(container)
            uncertain = stated_ms is not None and not may_last(stated_ms, path.stat().st_size)
            return Probe(
                media_type=kind,
                duration_ms=None if uncertain else stated_ms,
                length_uncertain=uncertain,
                created_ms=_created_ms(container.metadata.get("creation_time", "")),
                codec=video.codec_context.name if video else "",
                width=video.width if video else 0,
                height=video.height if video else 0,
                audio=_sound(container),
                fault=fault,
            )
    except (av.FFmpegError, ValueError, IndexError, OverflowError):
        return Probe(media_type=kind, fault=fault or "not_playable")


def may_last(duration_ms: int, size: int) -> bool:
    """Whether so many bytes can be a recording of that length: links rest on it, and a header says what it likes."""
    return 0 < duration_ms <= min(LONGEST_MS, size * 1000 // SLOWEST_BYTES_S)


def _duration_ms(container: Any) -> int | None:
    """Of the longest stream where the container does not state its own."""
    if container.duration:
        return int(container.duration * 1000 // 1_000_000)
    known = [
        int(one.duration * (one.time_base or Fraction(0)) * 1000) for one in container.streams if one.duration
    ]
    return max(known, default=None)


def _sound(container: Any) -> str:
    """Of the first; one that nobody here can decode has a name too."""
    contexts = [stream.codec_context for stream in container.streams.audio]
    return next((context.name if context is not None else "unknown" for context in contexts), "")


def _created_ms(text: str) -> int | None:
    with suppress(ValueError, OverflowError):
        at_ms = round(datetime.fromisoformat(text).timestamp() * 1000)
        return at_ms if at_ms > NEVER_BEFORE_MS else None
    return None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.buffer.write(msgspec.json.encode(look(Path(sys.argv[1]))))
