"""One crossing as a line of the wall or of the list: texts only, ready for the screen, in one language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from central.pages import wording
from central.views import PassageRow
from kernel import vocabulary
from web import times
from web.i18n import Texts, words
from web.i18n import mark as _
from web.numbers import grouped

StationName = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Every field is shown as it is; `id` and `order` place the line on the wall."""

    id: str
    order: int
    link: str | None
    when: str
    date: str
    machine_time: str
    place: str
    plate: str
    plate_colour: str | None
    plate_state: str
    trailer: str
    trailer_colour: str | None
    axles: str
    gross: str
    limits: str
    tone: str
    shape: str
    verdict: str
    decided: str
    files: str
    notes: str
    corrected: str = ""  # the plates that people have said it has


def line(row: PassageRow, texts: Texts, station_name: StationName) -> Line:
    tone = wording.tone(
        row.outcome, suspected=row.suspected, reviewed=row.reviewed, taken_back=row.taken_back
    )
    read = row.tractor is not None
    return Line(
        id=f"{row.box}/{row.passage}",
        order=row.shown_ms,
        link=link(row),
        when=times.clock(row.shown_ms),
        date=times.stamp(row.shown_ms)[:10],
        machine_time=times.machine(row.shown_ms),
        place=f"{station_name(row.station)} {wording.lane_name(row.lane, texts)}",
        plate=row.tractor or _no_plate(row, texts),
        plate_colour=row.tractor_colour if read else None,
        plate_state="read" if read else "unread",
        trailer=row.trailer or "",
        trailer_colour=row.trailer_colour if row.trailer else None,
        axles=str(row.axle_count) if row.axle_count is not None else "—",
        gross=grouped(row.gross_kg),
        limits=wording.limits(row.limits_kg),
        tone=tone,
        shape=vocabulary.SHAPES[tone],
        verdict=wording.verdict(
            row.outcome,
            suspected=row.suspected,
            over_kg=row.over_kg,
            limits=row.limits_kg,
            texts=texts,
            reviewed=row.reviewed,
            taken_back=row.taken_back,
        ),
        decided=texts(vocabulary.ACTS[row.decided]) if row.decided in vocabulary.ACTS else "",
        files=_files(row, texts),
        notes=_notes(row, texts),
        corrected=row.corrected or "",
    )


def _no_plate(row: PassageRow, texts: Texts) -> str:
    if not row.pictured:
        return "…"
    if row.hashed:
        return texts(_("plate not shown"))
    return texts(_("plate not read")) if row.erased_ms is None else texts(_("plate erased"))


def link(row: PassageRow) -> str | None:
    """Where its page is; None until the weighing is here."""
    return None if row.journal is None else f"/events/{row.journal}/{row.seq}"


def _files(row: PassageRow, texts: Texts) -> str:
    """How many files are here of those named, and the clip when it is on the box or on its way."""
    if not row.files_named:
        return ""
    count = f"{row.files_stored}/{row.files_named}"
    clip = {"on_box": _("clip at the lane"), "requested": _("clip asked for")}.get(row.clip)
    return f"{count} {texts(clip)}" if clip else count


def _notes(row: PassageRow, texts: Texts) -> str:
    found = [wording.device_missing(said, texts) for said in row.missing]
    found += words(vocabulary.QUALITY, row.quality, texts)
    return texts(_("; ")).join(found)
