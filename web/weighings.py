"""What a weighing tells beside its mass, in the words of tablet and monitoring room alike."""

from __future__ import annotations

from collections.abc import Iterator

from kernel import vocabulary
from kernel.events import Silhouette, VehicleWeighed
from web.i18n import Texts, words
from web.i18n import mark as _
from web.numbers import GAP, grouped


def beside_the_mass(weighed: VehicleWeighed, texts: Texts) -> Iterator[tuple[str, str, str]]:
    """(id, name, value) of the empty scale before, every deck, and the kinds of vehicle that fit."""
    if weighed.zero_kg is not None:
        yield "zero", texts(_("Empty scale before")), f"{grouped(weighed.zero_kg)}{GAP}kg"
    for number, deck in enumerate(weighed.decks, 1):
        yield f"deck-{number}", texts(_("Deck {name}"), name=deck.deck), f"{grouped(deck.deck_kg)}{GAP}kg"
    if weighed.silhouettes:
        fitting = " · ".join(silhouette(one, texts) for one in weighed.silhouettes)
        yield "silhouettes", texts(_("Kinds of vehicle that fit")), fitting


def no_evidence(weighed: VehicleWeighed, texts: Texts, *, taken_back: bool) -> str:
    """Why no case may rest on it, as far as its lane and its weigher have said; empty where nothing speaks against it."""
    reasons: tuple[str, ...] = ("taken_back",) if taken_back else ()
    if weighed.instrument is not None:
        reasons += weighed.instrument.reasons
    return ", ".join(words(vocabulary.NO_EVIDENCE, reasons, texts))


def silhouette(one: Silhouette, texts: Texts) -> str:
    """汽车列车 1+2+3，驱动轴 1/2 个，待确认: the drive axles only where they are not decided."""
    kind = _("combination {axles}") if one.combination else _("rigid truck {axles}")
    said = texts(kind, axles="+".join(map(str, one.axles)))
    if len(one.drive_axles) < 2:
        return said
    numbers = "/".join(map(str, one.drive_axles))
    return texts(_("{kind} with {numbers} drive axles, to confirm"), kind=said, numbers=numbers)
