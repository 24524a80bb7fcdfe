"""The places in the header of the station's pages."""

from __future__ import annotations

from web.i18n import mark as _
from web.shell import Link

LINKS = (
    Link(path="/tablet", key=_("Tablet")),
    Link(path="/plates", key=_("Plates")),
)
