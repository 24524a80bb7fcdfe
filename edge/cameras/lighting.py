"""When a lane wants its fill light on or its cameras another exposure 补光与曝光; pure, with hysteresis.

Hints only: a lane controller that does not know them, or nobody who obeys, costs nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from edge.cameras.settings import LightSettings

Exposure = Literal["normal", "shorter", "longer"]
AGREEING = 3  # looks in a row
GLARE = {"headlights": "glare"}  # seen by the vehicles' pictures, taken back by them alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What one look at one camera says: brightness of all, and of where plates appear; permille clipped there."""

    luma: int
    plate_luma: int
    clipped_permille: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """`reason` is night, glare or backlight, or several; empty by day."""

    fill: bool = False
    exposure: Exposure = "normal"
    reason: tuple[str, ...] = ()


class LightJudge:
    """Of one lane.  Any of its cameras may want light; none of them alone takes it away again."""

    def __init__(self, settings: LightSettings) -> None:
        self._settings = settings
        self._streaks: dict[tuple[str, str], int] = {}
        self._wanted: dict[str, set[str]] = {
            "night": set(),
            "glare": set(),
            "headlights": set(),
            "backlight": set(),
        }
        self._looks: Counter[str] = Counter()
        self._night_ms = 0

    def look(self, camera: str, light: Light, *, mono_ms: int) -> None:
        """One look more."""
        settings = self._settings
        self._looks[camera] += 1
        lit = bool(self._wanted["night"])
        if self._holds(camera, "night", light.luma < settings.night_luma):
            self._night_ms = mono_ms if not lit else self._night_ms
            self._wanted["night"].add(camera)
        # Its own light makes the picture brighter: it stays on for a while, and needs a day to go off.
        day = self._holds(camera, "day", light.luma > settings.day_luma)
        if day and mono_ms - self._night_ms >= settings.hold_s * 1000:
            self._wanted["night"].discard(camera)
        self._mark(camera, "glare", light.clipped_permille > settings.glare_permille)
        self._mark(camera, "backlight", light.plate_luma * settings.backlight_times < light.luma)

    def vehicle(self, camera: str, *, clipped_permille: int) -> None:
        """What a burst showed: headlights are there only while a vehicle is, and a look at the empty place says nothing."""
        self._mark(camera, "headlights", clipped_permille > self._settings.glare_permille)

    @property
    def is_known(self) -> bool:
        """Whether anything can be said yet: after a start nobody knows what the light is."""
        return any(count >= AGREEING for count in self._looks.values()) or any(self._wanted.values())

    @property
    def hint(self) -> Hint:
        words = [GLARE.get(word, word) for word, cameras in self._wanted.items() if cameras]
        reason = tuple(dict.fromkeys(words))
        # Glare first: a plate that is burnt out cannot be read at all.
        exposure: Exposure = (
            "shorter" if "glare" in reason else "longer" if "backlight" in reason else "normal"
        )
        return Hint(fill="night" in reason, exposure=exposure, reason=reason)

    def _mark(self, camera: str, word: str, true: bool) -> None:
        if self._holds(camera, word, true):
            self._wanted[word].add(camera)
        if self._holds(camera, f"no {word}", not true):
            self._wanted[word].discard(camera)

    def _holds(self, camera: str, word: str, true: bool) -> bool:
        """Whether it was so several times in a row."""
        streak = self._streaks.get((camera, word), 0) + 1 if true else 0
        self._streaks[camera, word] = streak
        return streak >= AGREEING
