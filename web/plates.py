"""A reading of a plate as texts for a page, the same at station and centre: never surer than the reader was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kernel import vocabulary
from kernel.events import PlateCorrected, PlateRead
from kernel.plates import LETTERS, PROVINCES, PlateClass
from kernel.plates.saying import Refused
from web import times
from web.i18n import Texts, word
from web.i18n import mark as _

WEAK_PERMILLE = 900  # a character below it is marked: it is the one to look at
COLOURS = {
    "yellow": _("yellow"),
    "blue": _("blue"),
    "green": _("green"),
    "yellow_green": _("yellow and green"),
    "white": _("white"),
    "black": _("black"),
}
CLASSES: dict[str, str] = {
    PlateClass.NEV_SMALL: _("new energy, small"),
    PlateClass.NEV_LARGE: _("new energy, large"),
    PlateClass.TRAILER: _("trailer"),
    PlateClass.COACH_LEARNER: _("learner"),
    PlateClass.POLICE: _("police"),
    PlateClass.HK_MO: _("Hong Kong or Macao"),
    PlateClass.EMBASSY: _("embassy"),
    PlateClass.CONSULATE: _("consulate"),
    PlateClass.EMERGENCY: _("emergency"),
    PlateClass.WJ: _("armed police"),
    PlateClass.TEMP_SPECIAL: _("on trial or oversize"),
    PlateClass.TRACTOR_AGRI: _("agricultural"),
    PlateClass.ORDINARY: _("ordinary"),
    PlateClass.MILITARY: _("military"),
}
SOURCES = {
    "other_side": _("other side"),
    "previous": _("passed before"),
    "pre_check": _("pre-check lane"),
}
WITHOUT = {"no_plate": _("there is no plate"), "unreadable": _("nobody can read it")}
REFUSALS = {
    "not_a_plate": _("This is no plate: look at the characters again."),
    "letters_o_i": _("The letters O and I are not used there. Do you mean {meant}?"),
    "colour_unknown": _("There is no such colour of plates."),
    "colour_differs": _("No plate of this class has this colour."),
    "no_such_read": _("Nothing was read there: there is nothing to correct."),
    "erased": _("Plates and pictures of this crossing have been erased."),
}
STATUSES = tuple(vocabulary.PLATE_STATUS)
KEYS = "0123456789" + LETTERS + "挂学警港澳使领应急试超"

Agreement = Literal["same", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person said, and when."""

    body: PlateCorrected
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A crossing before this one whose plate is the same, or one edit away."""

    source: Literal["previous", "pre_check"]
    text: str
    agrees: bool
    at_ms: int
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Char:
    """One character with what it is worth; `weak`: look at it."""

    text: str
    weak: bool
    chance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorLine:
    """What else is known of the plate; shown and never applied."""

    source: str
    text: str
    state: Agreement
    words: str
    when: str
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidLine:
    text: str
    state: Literal["same", "other", "none"]
    words: str
    by: str
    when: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateView:
    """One reading; `text` is a plate only where it was read."""

    id: str  # front, rear, side or plate
    role: str
    text: str
    state: str  # read, unsure, unread, no_plate, foreign
    status: str
    colour: str | None
    colour_word: str
    kind: str
    chars: tuple[Char, ...]
    certainty: str
    reader: str
    candidates: tuple[str, ...]
    priors: tuple[PriorLine, ...]
    crop: str | None
    said: SaidLine | None
    offer: str  # what the form of a correction begins with


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCard:
    """A reading with its place and time; `address` takes a correction, `link` leads to the crossing."""

    id: str
    plate: PlateView
    lane: str
    when: str
    machine_time: str
    address: str
    link: str | None


def read_card(
    plate: PlateView, *, box: str, passage: str, lane: str, at_ms: int, link: str | None
) -> ReadCard:
    return ReadCard(
        id=f"{box}.{passage}.{plate.id}",
        plate=plate,
        lane=lane,
        when=times.stamp(at_ms),
        machine_time=times.machine(at_ms),
        address=f"/plates/{box}/{passage}/{plate.id}",
        link=link,
    )


def form_words(texts: Texts) -> dict[str, object]:
    """What the page of readings needs beside its cards."""
    return {
        "statuses": [(name, texts(key)) for name, key in vocabulary.PLATE_STATUS.items()],
        "colours": [(name, texts(key)) for name, key in COLOURS.items()],
        "provinces": PROVINCES,
        "serial": KEYS,
    }


def plate_view(
    read: PlateRead, texts: Texts, *, crop: str | None, said: Said | None = None, seen: Sequence[Seen] = ()
) -> PlateView:
    """`crop` is the address of its picture, None while that is not here."""
    is_read = read.status == "read" and read.text is not None
    return PlateView(
        id=read.role,
        role=word(vocabulary.ROLES, read.role, texts),
        text=(read.text if is_read else None) or word(vocabulary.PLATE_STATUS, read.status, texts),
        state=read.status,
        status=word(vocabulary.PLATE_STATUS, read.status, texts),
        colour=read.colour if is_read else None,
        colour_word=word(COLOURS, read.colour, texts) if read.colour else "",
        kind=word(CLASSES, read.plate_class, texts) if read.plate_class else "",
        chars=tuple(_chars(read)),
        certainty=_certainty(read, texts),
        reader=read.reader,
        candidates=() if is_read else read.candidates,
        priors=tuple(_priors(read, seen, texts)),
        crop=crop,
        said=_said(said, read, texts) if said else None,
        offer=_offer(read, said),
    )


def refusal(refused: Refused, texts: Texts) -> str:
    return refusal_words(refused.why, texts, meant=refused.meant or "")


def refusal_words(why: str, texts: Texts, *, meant: str = "") -> str:
    return texts(REFUSALS[why], meant=meant)


def _chars(read: PlateRead) -> Iterator[Char]:
    """Of the text, or of the best candidate, whose characters they are then."""
    text = read.text or (read.candidates[0] if read.candidates else "")
    if len(text) != len(read.chars_permille):
        return
    for char, permille in zip(text, read.chars_permille, strict=True):
        yield Char(text=char, weak=permille < WEAK_PERMILLE, chance=f"{permille} ‰")


def _certainty(read: PlateRead, texts: Texts) -> str:
    if not read.frames:
        return ""
    said = texts(
        _("{score} ‰, {agreeing} of {frames} frames agree"),
        score=read.score_permille,
        agreeing=read.agreeing,
        frames=read.frames,
    )
    if read.province_permille is None:
        return said
    return said + texts(_("; province {permille} ‰ of the votes"), permille=read.province_permille)


def _priors(read: PlateRead, seen: Sequence[Seen], texts: Texts) -> Iterator[PriorLine]:
    for prior in read.priors:
        yield _prior(prior.source, prior.text, prior.agrees, prior.at_ms, None, texts)
    for one in seen:
        yield _prior(one.source, one.text, one.agrees, one.at_ms, one.link, texts)


def _prior(
    source: str, text: str, agrees: bool, at_ms: int | None, link: str | None, texts: Texts
) -> PriorLine:
    return PriorLine(
        source=word(SOURCES, source, texts),
        text=text,
        state="same" if agrees else "other",
        words=texts(_("the same plate")) if agrees else texts(_("another plate")),
        when="" if at_ms is None else times.stamp(at_ms),
        link=link,
    )


def _said(said: Said, read: PlateRead, texts: Texts) -> SaidLine:
    body = said.body
    same = body.text is not None and body.text == read.text
    return SaidLine(
        text=body.text or word(WITHOUT, body.without or "unreadable", texts),
        state="none" if body.text is None else "same" if same else "other",
        words=texts(_("confirmed by a person")) if same else texts(_("corrected by a person")),
        by=body.by,
        when=times.stamp(said.at_ms),
        note=body.note,
    )


def _offer(read: PlateRead, said: Said | None) -> str:
    if said is not None and said.body.text:
        return said.body.text
    return read.text or (read.candidates[0] if read.candidates else "")
