"""The places in the header of the station's pages."""

from __future__ import annotations

from station.pages.docking import DOCKING
from station.pages.supervising import DAY
from web.i18n import mark as _
from web.shell import Link

STATION_LINKS = (
    Link(path="/tablet", key=_("Tablet")),
    Link(path="/plates", key=_("Plates")),
)
FOOTAGE_LINKS = (  # where recorders are taken in
    DOCKING,
    Link(path="/recorders", key=_("Recorders")),
    Link(path="/footage/links", key=_("Links to confirm")),
    DAY,
)
