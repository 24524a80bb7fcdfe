"""A crossing that was seen live before its entry is here 未归档: shown as such, until custody has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from central.live import Change
from central.pages.lines import Line, StationName, line
from central.store.projections import Register, read, weighed_row
from central.views import PassageRow
from journal.live import NAME, glimpsed
from kernel.errors import ProtocolError
from kernel.events import VehicleWeighed
from web.i18n import Texts
from web.i18n import mark as _

log = logging.getLogger(__name__)

_NOTHING: dict[str, Any] = dict.fromkeys(field.name for field in fields(PassageRow)) | {
    "pictured": False,
    "files_named": 0,
    "files_stored": 0,
    "clip": "none",
    "taken_back": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfiled:
    """What the lane says that it weighed; nothing vouches for it yet."""

    row: PassageRow

    @property
    def key(self) -> tuple[str, str]:
        return self.row.box, self.row.passage

    def line(self, texts: Texts, station_name: StationName) -> Line:
        told = line(self.row, texts, station_name)
        mark = texts(_("not filed yet"))
        return replace(
            told, link=None, files=mark, notes=texts(_("; ")).join(filter(None, (mark, told.notes)))
        )


def unfiled(change: Change, *, register: Register) -> Unfiled | None:
    """The crossing that a live change tells, or None when it tells none, or is not that box's to tell."""
    if change.kind != "live" or change.key[1:] != (NAME,):
        return None
    try:
        entry = glimpsed(change.data, box=change.key[0], received_ms=change.at_ms)
    except ProtocolError as error:
        log.debug("live entry unreadable", extra={"box": change.key[0], "reason": str(error)})
        return None
    item = read(entry, register=register)
    if not isinstance(item.body, VehicleWeighed):
        return None
    told = weighed_row(item, item.body)
    values = _NOTHING | {name: told[name] for name in _NOTHING.keys() & told.keys()}
    for name in ("missing", "quality", "limits_kg"):
        values[name] = tuple(msgspec.json.decode(values[name]))
    return Unfiled(row=PassageRow(**values))
