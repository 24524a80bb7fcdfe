"""What may be made public of a case: this list of fields and nothing else, worked out from the line of a weighing.

A field that is not in FIELDS cannot be published; what is erased of a line is public no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from central.views import PassageRow, Publication, Published, PublishedValue
from kernel.law.rows import china_day

PLATE_SHOWN = (4, 1)  # 浙D12**5: so many characters from its beginning, so many from its end


FIELDS: Mapping[str, Callable[[PassageRow], PublishedValue]] = {
    "day": lambda row: china_day(row.shown_ms),
    "station": lambda row: row.station,
    "plate": lambda row: masked(row.tractor),
    "axle_count": lambda row: row.axle_count,
    "gross_kg": lambda row: row.gross_kg,
    "limit_kg": lambda row: row.limit_highest_kg,
    "over_kg": lambda row: row.over_kg,
    "outcome": lambda row: row.outcome,
    "grade": lambda row: row.grade,
}


def published(publication: Publication) -> Published:
    """Only what was named when it was published, and only what may be."""
    names = [name for name in publication.fields if name in FIELDS]
    return Published(
        case=publication.case,
        at_ms=publication.at_ms,
        until_ms=publication.until_ms,
        records=tuple({name: FIELDS[name](row) for name in names} for row in publication.rows),
    )


def masked(plate: str | None) -> str | None:
    """A plate with its middle hidden; one too short to hide anything of is hidden whole."""
    if plate is None:
        return None
    first, last = PLATE_SHOWN
    hidden = len(plate) - first - last
    return plate[:first] + "*" * hidden + plate[-last:] if hidden > 1 else "*" * len(plate)


def unknown(fields: Sequence[str]) -> list[str]:
    """Names that are not in the list."""
    return [name for name in fields if name not in FIELDS]
