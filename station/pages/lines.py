"""One crossing as a card of the queue: texts only, ready for the screen, in one language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kernel import vocabulary
from station.pages import wording
from station.views import Passage
from web import times
from web.i18n import Texts, words
from web.i18n import mark as _
from web.numbers import grouped

LaneName = Callable[[str], str]  # from a box


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Every field is shown as it is; `id` and `order` place the card."""

    id: str
    order: int
    box: str
    passage: str
    when: str
    machine_time: str
    lane: str
    plate: str
    plate_colour: str | None
    plate_state: str
    corrected: str
    trailer: str
    trailer_colour: str | None
    axles: str
    gross: str
    limits: str
    tone: str
    shape: str
    verdict: str
    decided: str
    decided_state: str
    missing: str
    waits: bool
    says: str  # the whole card, for those who hear it


def line(row: Passage, texts: Texts, lane_name: LaneName) -> Line:
    tone = "none" if row.taken_back else vocabulary.tone(row.outcome, row.suspected)
    plate = row.tractor or texts(_no_plate(row))
    verdict = wording.verdict(
        row.outcome, suspected=row.suspected, over_kg=row.over_kg, texts=texts, taken_back=row.taken_back
    )
    gross = grouped(row.gross_kg)
    return Line(
        id=row.id,
        order=row.order,
        box=row.box,
        passage=row.passage,
        when=times.clock(row.shown_ms),
        machine_time=times.machine(row.shown_ms),
        lane=lane_name(row.box),
        plate=plate,
        plate_colour=row.tractor_colour if row.tractor else None,
        plate_state="read" if row.tractor else "unread",
        corrected=row.vehicle if row.vehicle and row.vehicle != row.tractor else "",
        trailer=row.trailer or "",
        trailer_colour=row.trailer_colour if row.trailer else None,
        axles=texts(_("{count} axles"), count=row.axle_count) if row.axle_count else texts(_("axles ?")),
        gross=gross,
        limits=wording.limits(row.limits, outcome=row.outcome, texts=texts),
        tone=tone,
        shape=vocabulary.SHAPES[tone],
        verdict=verdict,
        decided=_decided(row, texts),
        decided_state=row.act or ("confirmed" if row.confirmed else ""),
        missing=missing(row, texts),
        waits=row.waits,
        says=f"{times.clock(row.shown_ms)} {plate} {gross} {verdict}",
    )


def _no_plate(row: Passage) -> str:
    if row.erased:
        return _("plate erased")
    return _("plate not read") if row.pictured else _("plate follows")


def missing(row: Passage, texts: Texts) -> str:
    """What should be there and is not, in words."""
    found = wording.missing(row.missing, texts)
    found += words(vocabulary.QUALITY, row.quality, texts)
    return texts(_("; ")).join(found)


def _decided(row: Passage, texts: Texts) -> str:
    if row.act is None:
        return texts(vocabulary.ACTS["confirmed"]) if row.confirmed else ""
    return texts(vocabulary.ACTS[row.act])
