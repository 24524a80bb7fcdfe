"""What a recorder's program answers, one JSON object a verb: `about`, `clock`, `set-clock MS`, `log`, `unlock`.  Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, TypeVar

import msgspec

from kernel.errors import ProtocolError
from station.docking.contract import About, ClockReading

T = TypeVar("T")
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,40}$")]


class AboutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`present` false: the place is empty."""

    present: bool = True
    locked: bool = False
    number: Number | None = None
    officer: Number | None = None
    model: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    battery_permille: int | None = None


class ClockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`shows` is local, YYYYMMDDhhmmss, with milliseconds where it has them."""

    shows: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{14}([0-9]{3})?$")]
    zone_min: int = 480


def read_about(data: bytes) -> AboutAnswer:
    return _read(data, AboutAnswer)


def about_of(answer: AboutAnswer, *, room: About) -> About:
    return About(
        number=answer.number,
        officer=answer.officer,
        model=answer.model,
        battery_permille=answer.battery_permille,
        free_kb=room.free_kb,
        total_kb=room.total_kb,
    )


def read_clock(data: bytes) -> ClockReading:
    answer = _read(data, ClockAnswer)
    fine = len(answer.shows) > 14
    try:
        zone = timezone(timedelta(minutes=answer.zone_min))
        shown = datetime.strptime(answer.shows[:14], "%Y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError as error:
        raise ProtocolError(f"no clock shows {answer.shows}") from error
    own_ms = round(shown.timestamp()) * 1000 + int(answer.shows[14:] or 0)
    return ClockReading(own_ms=own_ms, step_ms=1 if fine else 1_000)


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"no answer of a recorder: {error}") from error
