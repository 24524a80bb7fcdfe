"""What a camera's stream is like, held against what footage for evidence needs 摄像机验收; pure.

Fed by the camera's thread; asked by anybody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from edge.cameras.settings import CameraSettings
from edge.cameras.stream import STILLS, Coded, Session

PLAYED = ("h264", STILLS)  # what browsers show
LEAST_FPS_MILLI = 8_000  # between two frames a truck must not leave the lane
GROUPS = 3  # one long group of pictures is a lost packet
FRAMES = 60
MIN_WIDTH, MIN_HEIGHT = 1280, 720  # GA/T 832: evidence pictures

Basis = Literal["rtcp", "arrival"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """What is known of a stream; None is not known yet, or never.

    `clock` says where its time comes from: the camera's own (RTCP sender reports), or when its packets arrive, which
    tells nothing of the camera's own clock.
    """

    codec: str
    width: int
    height: int
    fps_milli: int | None = None
    gop_ms: int | None = None  # the shortest of the last groups of pictures 图像组
    gop_open_ms: int = 0  # how long the one lasts that is under way
    kbit_s: int | None = None
    clock: Basis = "arrival"
    ahead_ms: int | None = None  # the camera's own clock before ours
    behind_ms: int = 0  # how much later its packets come than they did


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of an acceptance list.  `good` None: it could not be seen."""

    word: str
    shown: str
    wanted: str
    good: bool | None


class StreamWatch:
    """Lives in the camera's thread; `facts` may be asked from any."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._stamps: deque[tuple[int, int]] = deque(maxlen=FRAMES)  # (dts in ms, bytes)
        self._groups: deque[int] = deque(maxlen=GROUPS)
        self._last_key_ms: int | None = None

    def begin(self, session: Session) -> None:
        self._session = session
        self._stamps.clear()
        self._groups.clear()
        self._last_key_ms = None

    def packet(self, session: Session, packet: Coded) -> None:
        dts_ms = session.stamp_ms(packet.dts)
        self._stamps.append((dts_ms, len(packet.data)))
        if packet.key and session.codec != STILLS:
            if self._last_key_ms is not None:
                self._groups.append(dts_ms - self._last_key_ms)
            self._last_key_ms = dts_ms

    def facts(self) -> StreamFacts | None:
        """None before the first connection."""
        session = self._session
        if session is None:
            return None
        stamps, groups, last_key_ms = list(self._stamps), list(self._groups), self._last_key_ms
        span_ms = stamps[-1][0] - stamps[0][0] if stamps else 0
        ahead_ms = session.own.ahead_ms
        return StreamFacts(
            codec=session.codec,
            width=session.width,
            height=session.height,
            fps_milli=1_000_000 * (len(stamps) - 1) // span_ms if span_ms > 0 else None,
            gop_ms=min(groups, default=None),
            gop_open_ms=stamps[-1][0] - last_key_ms if stamps and last_key_ms is not None else 0,
            kbit_s=8 * sum(size for _, size in stamps[1:]) // span_ms if span_ms > 0 else None,
            clock="arrival" if ahead_ms is None else "rtcp",
            ahead_ms=ahead_ms,
            behind_ms=session.wall.behind_ms,
        )


def complaints(facts: StreamFacts, settings: CameraSettings) -> tuple[str, ...]:
    """Machine words (docs/cameras.md) of what makes its footage less than evidence, or a clip begin too early."""
    said = {
        "gop_long": _too_long(_group(facts), settings),
        "clock_off": abs(facts.ahead_ms or 0) > settings.clock_alarm_ms,
        "stream_behind": facts.behind_ms > settings.clock_alarm_ms,
    }
    return tuple(word for word, true in said.items() if true)


def listed(facts: StreamFacts, settings: CameraSettings) -> tuple[Item, ...]:
    """The acceptance list of a stream, every line with what was seen and what is wanted."""
    return (
        Item(word="codec", shown=facts.codec, wanted=" / ".join(PLAYED), good=facts.codec in PLAYED),
        _size(facts),
        _fps(facts),
        _gop(facts, settings),
        _clock(facts, settings),
        Item(
            word="lag",
            shown=f"{facts.behind_ms} ms",
            wanted=f"<= {settings.clock_alarm_ms} ms",
            good=facts.behind_ms <= settings.clock_alarm_ms,
        ),
    )


def _size(facts: StreamFacts) -> Item:
    return Item(
        word="size",
        shown=f"{facts.width} x {facts.height}",
        wanted=f">= {MIN_WIDTH} x {MIN_HEIGHT}",
        good=facts.width >= MIN_WIDTH and facts.height >= MIN_HEIGHT,
    )


def _fps(facts: StreamFacts) -> Item:
    wanted = f">= {LEAST_FPS_MILLI // 1000}"
    if facts.codec == STILLS or facts.fps_milli is None:
        return Item(word="frames_a_second", shown=_tenths(facts.fps_milli), wanted=wanted, good=None)
    good = facts.fps_milli >= LEAST_FPS_MILLI
    return Item(word="frames_a_second", shown=_tenths(facts.fps_milli), wanted=wanted, good=good)


def _tenths(milli: int | None) -> str:
    return "?" if milli is None else f"{milli // 1000}.{milli % 1000 // 100}"


def _gop(facts: StreamFacts, settings: CameraSettings) -> Item:
    wanted = f"<= {int(settings.gop_max_s * 1000)} ms"
    if _too_long(_group(facts), settings):
        return Item(word="gop", shown=f"{_group(facts)} ms", wanted=wanted, good=False)
    shown, good = ("?", None) if facts.gop_ms is None else (f"{facts.gop_ms} ms", True)
    return Item(word="gop", shown=shown, wanted=wanted, good=good)


def _group(facts: StreamFacts) -> int:
    """The length of a group of pictures as far as it is known: the first may never end."""
    return facts.gop_open_ms if facts.gop_ms is None else facts.gop_ms


def _clock(facts: StreamFacts, settings: CameraSettings) -> Item:
    wanted = f"<= {settings.clock_alarm_ms} ms"
    if facts.ahead_ms is None:
        return Item(word="clock", shown="?", wanted=wanted, good=None)
    good = abs(facts.ahead_ms) <= settings.clock_alarm_ms
    return Item(word="clock", shown=f"{facts.ahead_ms:+d} ms", wanted=wanted, good=good)


def _too_long(gop_ms: int, settings: CameraSettings) -> bool:
    # A tenth more: time stamps jitter.
    return gop_ms > settings.gop_max_s * 1100
