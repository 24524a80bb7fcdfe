"""Times as people at the checkpoint read them: UTC milliseconds inside, Asia/Shanghai on screens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

# One zone and no daylight saving since 1991: the fixed offset needs no zone files on the machine.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_FIRST_MS, _LAST_MS = -62_135_424_000_000, 253_402_128_000_000  # in the years 1 and 9999


def local(at_ms: int) -> datetime:
    """Times come from other machines' clocks: what no calendar has is shown as its first or last day."""
    return datetime.fromtimestamp(min(max(at_ms, _FIRST_MS), _LAST_MS) / 1000, SHANGHAI)


def stamp(at_ms: int | None) -> str:
    """2026-08-28 14:03:07, or a dash."""
    return "—" if at_ms is None else local(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def precise(at_ms: int | None) -> str:
    """2026-08-28 14:03:07.250, or a dash."""
    return "—" if at_ms is None else f"{stamp(at_ms)}.{at_ms % 1000:03d}"


def clock(at_ms: int | None) -> str:
    """14:03:07, or a dash."""
    return "—" if at_ms is None else local(at_ms).strftime("%H:%M:%S")


def machine(at_ms: int) -> str:
    """2026-08-28T06:03:07.250Z, for <time datetime>."""
    at = local(at_ms).astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def day_start_ms(at_ms: int) -> int:
    """Midnight in Shanghai of the day this moment is in."""
    offset_ms = 8 * HOUR_MS
    return (at_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms


def parse_day(text: str) -> int | None:
    """Midnight in Shanghai of an ISO date, or None when it is not one."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=SHANGHAI).timestamp() * 1000)
    except ValueError:
        return None
