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
    "down": _("failed"),
    "frozen": _("picture frozen"),
    "low": _("nearly full"),
    "full": _("full"),
    "off": _("switched off"),
    "late": _("too late"),
    "disk full": _("disk full"),
    "restart": _("restarted meanwhile"),
    "not triggered": _("not triggered"),
}
SOURCE_STATES = {"up": _("normal"), "silent": _("no contact"), "unheard": _("never heard")}
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
ALARMS = {
    "source_silent": _("Lane without contact"),
    "device": _("Device fault"),
    "disk": _("Disk of a lane nearly full"),
    "quarantine": _("Entries that cannot be read"),
    "witness_behind": _("The witness is behind"),
    "not_backed_up": _("No backup"),
    "journal_forked": _("A journal contradicts itself"),
    "own_disk": _("Disk of the centre nearly full"),
}
GRADES = {"pre_check": _("pre-check"), "certified": _("certified weighing"), "reweigh": _("re-weighing")}
METHODS = {"static_platform": _("static platform"), "moving_axles": _("in motion, axle by axle")}
ROADS = {
    "expressway": _("expressway"),
    "national": _("national road"),
    "provincial": _("provincial road"),
    "county": _("county road"),
    "township": _("township road"),
    "village": _("village road"),
}
JOINT_MODES = {
    "joint": _("joint enforcement"),
    "transport": _("transport authority alone"),
    "off_site": _("off-site"),
}
ACTS = {"confirmed": _("facts confirmed"), "released": _("released"), "held": _("held")}
FACTS = {
    "axle_count": _("number of axles"),
    "combination": _("rigid truck or combination"),
    "drive_axles": _("number of drive axles"),
    "single_tyre_axles": _("axles with single tyres"),
    "single_tyre_axles_most": _("axles with single tyres, at most"),
    "air_suspension": _("air suspension"),
    "licence_kg": _("mass on the licence"),
    "low_speed": _("low-speed vehicle"),
}
MISSING_FACTS = FACTS | {"tyres": _("which tyres are single and not wide")}
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
FACT_SOURCES = {
    "wire": _("from the scale"),
    "lane": _("from the lane controller"),
    "officer": _("from the officer"),
    "precheck": _("from the pre-check"),
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
PICTURE_FLAGS = {"too_small": _("smaller than required"), "late": _("late"), "frozen": _("picture frozen")}
FILE_STATES = {
    "stored": _("here"),
    "expected": _("on its way"),
    "on_box": _("kept at the lane"),
    "requested": _("asked for"),
}
FILE_KINDS = {"picture": _("Picture"), "clip": _("Clip"), "other": _("Other file")}
# central.packaging: why there is no package of a crossing.
NO_PACKAGE = {
    "not weighed yet": _("The weighing has not arrived yet. Try again when it is on this page."),
    "not cosigned yet; try again in a moment": _(
        "Its entries have not been signed by the centre and its witness yet. That takes some seconds: try again in a moment."
    ),
}
CLOCK_STATES = {"ok": _("checked"), "holdover": _("running free"), "unset": _("not set")}
TYRES = {"single": _("single"), "dual": _("dual")}
COLOURS = {
    "yellow": _("yellow"),
    "blue": _("blue"),
    "green": _("green"),
    "yellow_green": _("yellow and green"),
    "white": _("white"),
    "black": _("black"),
}


def word(table: Mapping[str, str], name: str | None, texts: Texts) -> str:
    """The words for a machine word; a dash for None."""
    if name is None:
        return "—"
    return texts(table[name]) if name in table else name


def words(table: Mapping[str, str], names: Iterable[str], texts: Texts) -> list[str]:
    return [word(table, name, texts) for name in names]


def device_missing(said: str, texts: Texts) -> str:
    """What a lane says of a device that should have spoken: "camera front: down"."""
    device, colon, state = said.rpartition(": ")
    kind, _space, name = device.partition(" ")
    if not colon or kind not in DEVICE_KINDS:
        return said
    return f"{device_name(kind, name or kind, texts)}{texts(_(': '))}{word(DEVICE_STATES, state, texts)}"


def device_name(kind: str, name: str, texts: Texts) -> str:
    """摄像机（前）: what it is, and which one where its name says more than that."""
    shown = word(DEVICE_KINDS, kind, texts)
    return shown if name == kind else texts(_("{kind} ({name})"), kind=shown, name=word(ROLES, name, texts))


def lane_name(lane: str, texts: Texts) -> str:
    """1 车道 for lane1; any other name as it is."""
    number = lane.removeprefix("lane")
    return texts(_("lane {number}"), number=number) if number.isdecimal() and lane != number else lane


def tone(outcome: str | None, suspected: bool | None) -> Tone:
    if outcome == "over_limit":
        return "suspected" if suspected else "over"
    if outcome == "within":
        return "within"
    return "undetermined" if outcome == "undetermined" else "none"


def verdict(
    outcome: str | None,
    *,
    suspected: bool | None,
    over_kg: int | None,
    limits: Sequence[int],
    texts: Texts,
) -> str:
    """The verdict in one line; `limits` are those that fit, lowest first.  Never an amount of money, never more certain than what is known."""
    match tone(outcome, suspected):
        case "over":
            return texts(_("over limit by {over} kg"), over=grouped(over_kg))
        case "suspected":
            return texts(_("suspected over limit by {over} kg"), over=grouped(over_kg))
        case "within":
            return texts(_("within limit"))
        case "undetermined":
            return _undetermined(limits, texts)
        case _:
            return texts(_("not weighed")) if outcome == "not_weighed" else texts(_("waiting for the weight"))


def _undetermined(limits: Sequence[int], texts: Texts) -> str:
    if not limits:
        return texts(_("limit not known: confirm"))
    if len(limits) > FEW:  # all of them stand beside this
        return texts(_("limit not certain: confirm"))
    return texts(_("{limit} kg: confirm"), limit=texts(_(" or ")).join(map(grouped, limits)))


def limits(fitting: Sequence[int]) -> str:
    """Every limit that fits, a dash when none is known."""
    return masses(fitting) or "—"
