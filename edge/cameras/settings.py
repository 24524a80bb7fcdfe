"""Everything an operator can set about cameras, recorder and plate reading; imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from kernel.errors import ConfigError

Role = Literal["front", "rear", "side", "plate"]
Faults = list[tuple[str, str]]
FIRST_ROLES: tuple[Role, ...] = ("front", "plate")  # look when a vehicle arrives
LAST_ROLES: tuple[Role, ...] = ("rear", "side")  # look when its tail is there
SCHEMES = ("rtsp", "rtsps", "http", "https", "file", "")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")  # it names a folder of the ring
WHOLE = (0, 0, 1000, 1000)
NAMED_BYTES = 3_600  # of a header's 4 kB
MOST_OFFSET_MS = 10_000
CLOCK_MAX_MS = 1_000  # GA/T 832: with a larger clock error pictures and clips are kept, and are no evidence
FILE_BYTES = 116  # of one file in it, besides its camera's name


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstSettings:
    """Which moments around a trigger become pictures."""

    frames: int = 5
    before_ms: int = 800
    after_ms: int = 800
    patience_s: float = 4.0  # after the last moment, how long to wait for a camera that is late

    def __post_init__(self) -> None:
        _raise(_positive(self, "frames", "patience_s"))


PLATE_FRAMES = 8  # of a camera that sees nothing but the plate


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """What a picture of a vehicle must be like, in the manner of GA/T 832; one that is not is kept and flagged."""

    displacement: Literal["moving", "static", "off"] = "moving"  # what the shots of one camera must show
    apart_s: int = 10  # of a vehicle that stands, the first shot and the second
    moved_permille: int = 10  # of the picture that looks otherwise once a vehicle has moved
    sharpness_min: int = 240  # permille of the steepest edge
    luma_min: int = 20  # mean brightness, 0 to 255
    luma_max: int = 225
    clipped_permille_max: int = 200  # pixels as bright as the sensor can say

    def __post_init__(self) -> None:
        faults = _positive(self, "apart_s", "moved_permille")
        if not 0 <= self.luma_min < self.luma_max <= 255:
            faults.append(("luma_min", "must be from 0 to below luma_max, which is at most 255"))
        for name in ("sharpness_min", "clipped_permille_max"):
            if not 0 <= getattr(self, name) <= 1000:
                faults.append((name, "must be from 0 to 1000"))
        _raise(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """One camera of the lane.  `region` is where plates appear: x, y, width, height in permille of the picture."""

    name: str
    url: str  # rtsp://, http:// (MPEG-TS, multipart JPEG, or a still to poll), or the path of a file
    role: Role
    plate: bool = True
    record: bool = True
    region: tuple[int, ...] | None = None
    patience_s: float = 5.0  # silence after which the camera counts as down
    frozen_s: float = 60.0  # the same key frame for so long means a frozen camera; 0 never asks
    memory_s: float = 12.0  # undecoded packets kept for pictures
    gop_max_s: float = 2.0  # longer groups of pictures make clips begin too early
    poll_ms: int = 500  # for a URL that answers with one still
    retry_s: float = 1.0
    retry_max_s: float = 15.0
    burst: BurstSettings | None = None  # its own moments; a plate is largest elsewhere in front than behind
    clock_offset_ms: int = 0  # known lag: its pictures were taken so much before they arrive
    clock_alarm_ms: int = 500  # a larger clock error is an alarm

    def __post_init__(self) -> None:
        faults: Faults = []
        if not _NAME.fullmatch(self.name):
            faults.append(("name", f"must be 1 to 32 of a-z 0-9 - _, is {self.name!r}"))
        faults += _url_faults(self.url)
        if abs(self.clock_offset_ms) > MOST_OFFSET_MS:
            faults.append(("clock_offset_ms", f"must be within {MOST_OFFSET_MS} ms"))
        if self.region is not None and not _inside(self.region):
            faults.append(("region", "must be x, y, width, height in permille, inside 0..1000"))
        above = ("patience_s", "memory_s", "gop_max_s", "poll_ms", "retry_s", "retry_max_s")
        faults += _positive(self, *above, "clock_alarm_ms")
        _raise(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """The ring: where it lies, how long it reaches back, and how much of the disk it may take."""

    folder: str
    pre_ms: int = 5_000
    post_ms: int = 7_000
    segment_ms: int = 10_000
    keep_hours: int = 24
    max_mb: int = 20_000
    min_free_mb: int = 2_000  # with less free space the oldest unlocked footage goes first

    def __post_init__(self) -> None:
        _raise(_positive(self, "pre_ms", "post_ms", "segment_ms", "keep_hours", "max_mb"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSettings:
    """When a plate counts as read.  Below these the answer is `unread`."""

    min_score_permille: int = (
        810  # the weakest character as both recognisers see it, lowered by what the grammar bent
    )
    min_char_permille: int = 250  # the weakest character
    long_side_px: int = 640  # the region is scaled to this for finding text
    waiting: int = 6  # requests that may wait; the oldest is given up when there are more
    patience_s: float = 20.0  # a reading that takes longer is given up and the reader restarted

    def __post_init__(self) -> None:
        _raise(_positive(self, "min_score_permille", "long_side_px", "waiting", "patience_s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSettings:
    """When the lane controller is told to light the lane or to expose otherwise; brightness is 0 to 255."""

    hints: bool = True  # false: it is never told anything
    night_luma: int = 45  # darker than this is night
    day_luma: int = 110  # brighter than this is day again, the fill light's own brightness included
    hold_s: int = 600  # no shorter than this is the light on
    glare_permille: int = 60  # clipped pixels where plates appear
    backlight_times: int = 3  # as bright as where plates appear is the whole picture

    def __post_init__(self) -> None:
        faults = _positive(self, "night_luma", "glare_permille", "backlight_times")
        if not self.night_luma < self.day_luma <= 255:
            faults.append(("day_luma", "must be above night_luma, and at most 255"))
        _raise(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSettings:
    cameras: tuple[CameraSettings, ...] = ()
    recorder: RecorderSettings | None = None
    plates: PlateSettings | None = None
    burst: BurstSettings = field(default_factory=BurstSettings)
    checks: CheckSettings = field(default_factory=CheckSettings)
    look_s: int = 15  # a key frame of each camera is looked at so often; 0 never
    light: LightSettings = field(default_factory=LightSettings)

    def __post_init__(self) -> None:
        names = [camera.name for camera in self.cameras]
        faults = [
            ("cameras", f"two are called {name!r}")
            for name in sorted({n for n in names if names.count(n) > 1})
        ]
        if sum(self._named(camera) for camera in self.cameras) > NAMED_BYTES:
            faults.append(
                ("cameras", "take more pictures of a vehicle than one entry can name: fewer frames")
            )
        _raise(faults)

    def burst_of(self, camera: CameraSettings) -> BurstSettings:
        """Its own moments, or those of all; a camera for plates alone gives more of them to read."""
        if camera.burst or camera.role != "plate":
            return camera.burst or self.burst
        return replace(self.burst, frames=max(self.burst.frames, PLATE_FRAMES))

    @property
    def second_roles(self) -> tuple[Role, ...]:
        """Whose cameras show a vehicle that stands once more: those that look first; none where vehicles move."""
        if self.checks.displacement != "static":
            return ()
        first = any(camera.role in FIRST_ROLES for camera in self.cameras)
        return FIRST_ROLES if first else LAST_ROLES

    def _named(self, camera: CameraSettings) -> int:
        """Bytes that its pictures take in the header of an entry."""
        frames = self.burst_of(camera).frames + (camera.role in self.second_roles)
        return (frames + camera.plate) * (FILE_BYTES + len(camera.name))


def _url_faults(url: str) -> Faults:
    """The scheme alone is said: the rest may hold the camera's password."""
    if not url:
        return [("url", "must not be empty")]
    try:
        parts = urlsplit(url)
        scheme, _port = parts.scheme, parts.port
    except ValueError:
        return [("url", "is no address")]
    known = scheme in SCHEMES
    begins = "must begin with rtsp://, http:// or be a file's path"
    return [] if known else [("url", f"{begins}, begins with {scheme!r}")]


def _inside(region: tuple[int, ...]) -> bool:
    if len(region) != 4 or any(type(value) is not int for value in region):
        return False
    x, y, width, height = region
    return min(x, y) >= 0 and min(width, height) > 0 and max(x + width, y + height) <= 1000


def _positive(settings: object, *names: str) -> Faults:
    return [(name, "must be above zero") for name in names if not _above_zero(getattr(settings, name))]


def _above_zero(value: object) -> bool:
    # A value of the wrong type has been reported by the reader already.
    return not isinstance(value, int | float) or value > 0


def _raise(faults: Faults) -> None:
    if faults:
        raise ConfigError(faults)
