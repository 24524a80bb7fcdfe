"""What the picture from the side suggests, in the words of tablet and monitoring room alike; always as a suggestion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kernel.events import VehicleHints, VehiclePictured, VehicleWeighed
from kernel.hinting import axle_count_differs, scale_axles
from web.i18n import Texts
from web.i18n import mark as _
from web.numbers import GAP


def suggested(
    pictured: Iterable[VehiclePictured], weighed: VehicleWeighed | None, texts: Texts
) -> Iterator[tuple[str, str, str]]:
    """(id, name, value) of the line that says so; nothing when no picture suggests anything."""
    hints = next((body.hints for body in pictured if body.hints is not None), None)
    if hints is None or (parts := list(_parts(hints, texts))) == []:
        return
    value = " · ".join(parts)
    counted = scale_axles(weighed) if weighed is not None else None
    if counted is not None:
        value += texts(_("; scale: {count} axles"), count=counted)
    if weighed is not None and axle_count_differs(hints, weighed):
        value += texts(_(" (they differ: look at the picture)"))
    yield "hints", texts(_("Picture suggests")), value


def _parts(hints: VehicleHints, texts: Texts) -> Iterator[str]:
    if hints.axle_count is not None:
        yield texts(_("{count} axles seen"), count=hints.axle_count) + _sure(hints.axle_count_permille)
    if hints.combination is not None:
        kind = texts(_("combination vehicle")) if hints.combination else texts(_("rigid vehicle"))
        yield kind + _sure(hints.combination_permille)
    if hints.lifted_axles:
        lifted = texts(_("{count} axles lifted"), count=hints.lifted_axles)
        yield lifted + _sure(hints.lifted_axles_permille)
    if hints.loaded is not None:
        load = texts(_("load visible")) if hints.loaded else texts(_("no load visible"))
        yield load + _sure(hints.loaded_permille)


def _sure(permille: int) -> str:
    return f"{GAP}{permille // 10}{GAP}%"
