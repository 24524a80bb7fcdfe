"""The words for what machines say: one table a kind, each value a key of the catalogues.

A machine word that is in no table is shown as it is: a new kind of fault must not be hidden by an old page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from web.i18n import Texts
from web.i18n import mark as _
from web.numbers import FEW, grouped, masses

Tone = Literal["over", "suspected", "undetermined", "within", "none"]
# Never by colour alone: every tone has its shape.
SHAPES: Mapping[Tone, str] = {"over": "▲", "suspected": "△", "undetermined": "◇", "within": "○", "none": "×"}

DEVICE_STATES = {
    "up": _("normal"),
    "starting": _("starting"),
    "silent": _("silent"),
    "noisy": _("noisy line"),
    "down": _("disconnected"),
    "frozen": _("picture frozen"),
    "low": _("nearly full"),
    "full": _("full"),
    "off": _("switched off"),
    "late": _("too late"),
    "disk full": _("disk full"),
    "restart": _("restarted meanwhile"),
    "not triggered": _("not triggered"),
}
DEVICE_KINDS = {
    "scale": _("Scale"),
    "camera": _("Camera"),
    "cameras": _("Cameras"),
    "controller": _("Lane controller"),
    "recorder": _("Recorder"),
    "plates": _("Plate reading"),
    "disk": _("Disk"),
    "uplink": _("Uplink"),
    "pictures": _("Pictures"),
}
SIDES = {"front": _("Front"), "rear": _("Rear"), "side": _("Side")}
GRADES = {"pre_check": _("pre-check"), "certified": _("certified weighing"), "reweigh": _("re-weighing")}
ACTS = {"confirmed": _("facts confirmed"), "released": _("released"), "held": _("held")}
FACTS = {
    "axle_count": _("number of axles"),
    "combination": _("rigid truck or combination"),
    "drive_axles": _("number of drive axles"),
    "single_tyre_axles": _("axles with single tyres"),
    "air_suspension": _("air suspension"),
}
MISSING_FACTS = FACTS | {
    "tyres": _("which tyres are single and not wide"),
    "licence_kg": _("mass on the licence"),
}
# docs/law.md: what the law says beside the verdict.
LAW_NOTES = {
    "manual_review": _("no row of the law fits these facts; a person decides"),
    "combination_assumed": _("five axles or more, taken for a combination; nobody has confirmed it"),
    "facts_contradict": _("the facts cannot all be true of one vehicle"),
    "limit_by_licence": _("the mass on the licence sets the limit or may lower it"),
    "over_licence": _("above the mass on the licence: overloading, for the police"),
    "air_suspension_unknown": _("over by no more than air suspension would allow; look at it"),
    "no_allowance_row": _("the class of the scale has no allowance that day; nothing was deducted"),
    "negative_mass": _("the scale showed less than nothing"),
}
QUALITY = {
    "accelerating": _("changed speed on the scale"),
    "axle_out_of_range": _("an axle beyond the range of the scale"),
    "cached": _("sent later from the memory of the scale"),
    "close_behind": _("another vehicle close behind"),
    "converted_from_lb": _("converted from pounds"),
    "derived_readings": _("stability worked out from the readings"),
    "fraction_cut": _("fractions of a kilogram cut off"),
    "groups_do_not_add_up": _("the axle groups do not add up to the gross mass"),
    "groups_only": _("the scale told groups only, no axles"),
    "late_record": _("the record came late"),
    "loop_missing": _("a loop signal is missing"),
    "net_displayed": _("the scale showed a net mass"),
    "no_record": _("the scale sent no record"),
    "no_weight": _("no weight came for this crossing"),
    "not_settled": _("the weight did not settle"),
    "over_range": _("beyond the range of the scale"),
    "present_at_start": _("stood on the scale when the program started"),
    "readings_missing": _("readings are missing"),
    "spacing_unit_unknown": _("axle spacings not used: their unit is not set"),
    "speed_out_of_range": _("too slow or too fast for the scale"),
    "stop_and_go": _("stopped on the scale while being weighed"),
    "zero_off": _("the empty scale did not show zero"),
}
NOTES = QUALITY | LAW_NOTES
PLATE_STATUS = {
    "read": _("read"),
    "unread": _("not read"),
    "no_plate": _("no plate"),
    "foreign": _("foreign plate"),
}
ROLES = {"front": _("front"), "rear": _("rear"), "side": _("side"), "plate": _("plate picture")}
TYRES = {"single": _("single"), "dual": _("dual")}
# Why a vehicle may not go, each with what would change it.
REFUSALS = {
    "already_released": _("It has been released already."),
    "not_arrived": _("The weighing has not arrived yet."),
    "not_weighed": _("There is no weight: weigh it again, or a supervisor decides."),
    "undetermined": _("The limit is not certain: confirm the vehicle first."),
    "suspected": _("Suspected over limit: lead it to the certified scale first."),
    "over_limit": _("Over limit: unload and weigh again before release."),
    "needs_police": _("Joint enforcement: the number of the police result is needed."),
    "open_finding": _("This vehicle was found over limit at {time} and not released: release it from there."),
    "reweigh_not_certified": _("The re-weighing was not on a certified scale with officers there."),
    "reweigh_not_legal": _("The re-weighing did not find the mass legal."),
    "reweigh_earlier": _("The re-weighing must be later than the finding."),
    "reweigh_of_another": _("The re-weighing is of another vehicle: the plates differ."),
    "reweigh_used": _("That weighing belongs to a vehicle that has been released."),
    "no_such_reweigh": _("That re-weighing is not known here."),
    "override_without_reason": _("A supervisor's decision needs a reason."),
    "override_role": _("Only a supervisor may decide this."),
    "nothing_answered": _("Nothing was chosen."),
}


def word(table: Mapping[str, str], name: str | None, texts: Texts) -> str:
    """The words for a machine word; a dash for None."""
    if name is None:
        return "—"
    return texts(table[name]) if name in table else name


def words(table: Mapping[str, str], names: Iterable[str], texts: Texts) -> list[str]:
    return [word(table, name, texts) for name in names]


def device(kind: str, name: str, texts: Texts) -> str:
    """前相机, 称重设备: by what it does, and by its own name where that says more."""
    if kind == "camera" and name in SIDES:
        return texts(_("{side} camera"), side=texts(SIDES[name]))
    shown = word(DEVICE_KINDS, kind, texts)
    return shown if name in ("", kind) else f"{shown} {name}"


def device_missing(said: str, texts: Texts) -> str:
    """What a lane says of a device that should have spoken: "camera front: down" is 前相机：断开."""
    who, colon, rest = said.partition(": ")
    if not colon:
        return said
    kind, _space, name = who.partition(" ")
    state = rest.partition(": ")[0]  # what follows is for a technician
    between = texts(_(": "))
    return f"{device(kind, name, texts)}{between}{word(DEVICE_STATES, state, texts)}"


def missing(said: Iterable[str], texts: Texts) -> list[str]:
    """Each absence once, however many entries speak of it."""
    return list(dict.fromkeys(device_missing(one, texts) for one in said))


def tone(outcome: str | None, suspected: bool) -> Tone:
    if outcome == "over_limit":
        return "suspected" if suspected else "over"
    if outcome == "within":
        return "within"
    return "undetermined" if outcome == "undetermined" else "none"


def verdict(outcome: str | None, *, suspected: bool, over_kg: int, texts: Texts) -> str:
    """The verdict in one line: never an amount of money, never more certain than what is known."""
    match tone(outcome, suspected):
        case "over":
            return texts(_("over limit by {over} kg"), over=grouped(over_kg))
        case "suspected":
            return texts(_("suspected over limit by {over} kg"), over=grouped(over_kg))
        case "within":
            return texts(_("within limit"))
        case "undetermined":
            return texts(_("to be confirmed"))
        case _:
            return texts(_("not weighed")) if outcome == "not_weighed" else texts(_("waiting for the weight"))


def limits(fitting: Sequence[int], *, outcome: str | None, texts: Texts) -> str:
    """The limit, or those that fit: 46 000 或 49 000 千克：待确认.  `fitting` is sorted, each once."""
    if not fitting:
        return texts(_("limit not known: confirm")) if outcome == "undetermined" else "—"
    if len(fitting) > FEW:
        key = _("{limits}: confirm") if outcome == "undetermined" else _("limits {limits}")
        return texts(key, limits=masses(fitting))
    if outcome != "undetermined":
        return texts(_("limit {limit} kg"), limit=masses(fitting))
    named = texts(_(" or ")).join(grouped(kg) for kg in fitting)
    return texts(_("{limit} kg: confirm"), limit=named)


def refusal(why: str, texts: Texts, *, time: str = "") -> str:
    return texts(REFUSALS[why], time=time) if why in REFUSALS else why
