"""What a recorder's file name says of it, read by the profile of its model; nothing here knows one name by heart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Literal

from kernel.settings import Fault, must, refuse, token

GROUPS = ("device", "officer", "start", "sequence", "mark")
UNKNOWN = "unknown"
LONGEST = 255  # of a name, in characters: what file systems allow
YEARS = range(1970, 2200)  # a clock that has lost its time begins at 1970 or behind; no other year is one
TOGETHER_MS = 2_500  # from the end of one part of a recording to the start of the next
_FORMATS = {14: "%Y%m%d%H%M%S", 12: "%y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A model of recorders 执法记录仪型号: how it names its files, and how it is made to open.

    `names` are regular expressions over the whole name with the groups device, officer, start, sequence, mark; all but
    start may be absent.  A start is read by its digits: year to second, the year with two or four, then milliseconds.
    ConfigError: an expression that is none, or that has no start.
    """

    model: str
    name_zh: str
    name_en: str = ""
    names: tuple[str, ...] = ()
    zone_min: int = 480  # minutes that its clock is ahead of UTC
    container: Literal["utc", "local"] = "utc"  # what the time of creation inside its files means
    skip: tuple[str, ...] = ("System Volume Information",)  # folders that hold nothing of the recorder
    usb: tuple[str, ...] = ()  # vendor:product, as it shows itself before it is opened
    hint_zh: str = ""  # what opens it
    hint_en: str = ""

    def __post_init__(self) -> None:
        refuse(token("model", self.model), *(_fault(n, text) for n, text in enumerate(self.names)))

    @property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        return _compiled(self.names)

    def hint(self, language: str) -> str:
        return self.hint_zh if language == "zh" else self.hint_en or self.hint_zh

    def shown(self, language: str) -> str:
        return self.name_zh if language == "zh" else self.name_en or self.name_zh

    def utc_ms(self, local: datetime) -> int:
        """Of a moment that this model's clock shows."""
        zone = timezone(timedelta(minutes=self.zone_min))
        return round(local.replace(tzinfo=zone).timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameSays:
    """What stands in a name; `own_start_ms` is by the recorder's clock."""

    own_start_ms: int
    step_ms: int  # how finely the name tells it
    device: str | None = None
    officer: str | None = None
    sequence: int | None = None
    important: bool = False  # 重点文件标记


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What tells whether one file goes on where another ends."""

    own_start_ms: int | None
    duration_ms: int | None
    sequence: int | None


def read_name(name: str, profile: Profile) -> NameSays | None:
    """None: this model does not name its files so, or the start is no moment."""
    for pattern in profile.patterns if len(name) <= LONGEST else ():
        found = pattern.fullmatch(name)
        start = _moment(found["start"]) if found else None
        if found and start:
            said = found.groupdict()
            sequence = said.get("sequence")
            return NameSays(
                own_start_ms=profile.utc_ms(start),
                step_ms=1 if start.microsecond else 1_000,
                device=said.get("device") or None,
                officer=said.get("officer") or None,
                sequence=int(sequence) if sequence and sequence.isdecimal() else None,
                important=bool(said.get("mark")),
            )
    return None


def fitting(names: Sequence[str], profiles: Sequence[Profile]) -> Profile | None:
    """The profile that reads most of these names; the first of equals, None when none reads any."""
    counts = [sum(read_name(name, profile) is not None for name in names) for profile in profiles]
    most = max(counts, default=0)
    return profiles[counts.index(most)] if most else None


def goes_on(before: Piece, after: Piece) -> bool:
    """The recorder has split one recording, at 4 GB or after so many minutes: the second begins where the first ends."""
    if before.own_start_ms is None or before.duration_ms is None or after.own_start_ms is None:
        return False
    if before.sequence is not None and after.sequence is not None and after.sequence != before.sequence + 1:
        return False
    return abs(after.own_start_ms - before.own_start_ms - before.duration_ms) <= TOGETHER_MS


@cache
def _compiled(names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text, re.IGNORECASE) for text in names)


def _moment(text: str) -> datetime | None:
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    form = _FORMATS.get(len(digits)) if digits.isascii() else None
    try:
        moment = datetime.strptime(digits, form) if form else None  # noqa: DTZ007 - the zone is the profile's
    except ValueError:
        return None
    return moment if moment and moment.year in YEARS else None


def _fault(number: int, text: str) -> Fault:
    at = f"names[{number}]"
    try:
        groups = set(re.compile(text).groupindex)
    except re.error as error:
        return (at, f"is no regular expression: {error}")
    strange = sorted(groups - set(GROUPS))
    return must("start" in groups and not strange, at, f"needs start, and knows {', '.join(GROUPS)} only")
