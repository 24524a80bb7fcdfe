"""A correction 人工校正 out of what a person answers about one reading: the same rules at station and centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.events import PlateCorrected, PlateRead, VehiclePictured
from kernel.plates.saying import Refused, checked

MOST_CANDIDATES = 3


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a form sends.  The reading confirmed is its own text again."""

    said: Literal["plate", "no_plate", "unreadable"]
    text: Annotated[str, Meta(max_length=40)] = ""
    colour: Annotated[str, Meta(max_length=20)] | None = None  # None: as it was read, where that fits
    note: Annotated[str, Meta(max_length=500)] = ""


def reading(pictured: Sequence[VehiclePictured], role: str) -> PlateRead | None:
    """What was read on this side; the newest entry of the crossing counts."""
    found = [read for body in pictured for read in body.plates if read.role == role]
    return found[-1] if found else None


def texts_of(
    pictured: Sequence[VehiclePictured], said: Sequence[PlateCorrected], role: str
) -> tuple[str, ...]:
    """What this side may be: the plate as read and as people say, newest word last in `said`, or the candidates."""
    read = reading(pictured, role)
    newest = [one.text for one in said if one.role == role][-1:]
    found = tuple(dict.fromkeys(text for text in (*newest, read.text if read else None) if text))
    return found or (read.candidates[:MOST_CANDIDATES] if read else ())


def plate_of(pictured: Sequence[VehiclePictured], said: Sequence[PlateCorrected], role: str) -> str | None:
    """What this side is: by the newest word if there is one, as read otherwise; None where that is not known."""
    newest = [one for one in said if one.role == role][-1:]
    read = reading(pictured, role)
    return newest[0].text if newest else read.text if read else None


def corrected(
    read: PlateRead, answer: Answer, *, box: str, passage: str, by: str, crop: str | None
) -> PlateCorrected | Refused:
    """What is written down.  `crop` is the digest of the picture that was looked at."""
    said = PlateCorrected(
        passage=passage,
        box=box,
        role=read.role,
        read=read.text,
        text=None,
        crop=crop,
        by=by,
        note=answer.note.strip(),
        without=None if answer.said == "plate" else answer.said,
    )
    return said if answer.said != "plate" else _with_text(said, read, answer)


def _with_text(said: PlateCorrected, read: PlateRead, answer: Answer) -> PlateCorrected | Refused:
    plate = checked(answer.text, colour=answer.colour)
    if isinstance(plate, Refused):
        return plate
    colour = answer.colour or _colour_kept(plate.text, read.colour)
    return PlateCorrected(
        passage=said.passage,
        box=said.box,
        role=said.role,
        read=said.read,
        text=plate.text,
        plate_class=plate.plate_class,
        colour=colour,
        crop=said.crop,
        by=said.by,
        note=said.note,
    )


def _colour_kept(text: str, colour: str | None) -> str | None:
    """The colour as it was read, unless no plate of this class has it."""
    return None if colour is None or isinstance(checked(text, colour=colour), Refused) else colour


def says_tractor(said: PlateCorrected, tractor: str | None) -> bool:
    """Whether it speaks of the plate by which the vehicle is known: the one that was taken for it, or the front one."""
    if said.plate_class == "trailer":
        return False
    return said.role in ("front", "plate") or (said.read is not None and said.read == tractor)
