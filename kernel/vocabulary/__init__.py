"""What machine words are called: one table a kind, each value a key of the catalogues beside this file.

A machine word that is in no table is shown as it is: a new kind of fault must not be hidden by an old page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Tone = Literal["over", "suspected", "undetermined", "within", "none"]
# Never by colour alone: every tone has its shape.
SHAPES: Mapping[Tone, str] = {"over": "▲", "suspected": "△", "undetermined": "◇", "within": "○", "none": "×"}

DEVICE_STATES = {
    "up": "normal",
    "starting": "starting",
    "silent": "silent",
    "noisy": "noisy line",
    "down": "failed",
    "frozen": "picture frozen",
    "poor": "not fit for evidence",
    "low": "nearly full",
    "full": "full",
    "off": "switched off",
    "late": "too late",
    "due": "attention due",
    "disk full": "disk full",
    "restart": "restarted meanwhile",
    "not triggered": "not triggered",
}
SCALE_STATES = DEVICE_STATES | {"frozen": "display frozen"}
DEVICE_KINDS = {
    "scale": "Scale",
    "instrument": "Instrument",
    "camera": "Camera",
    "cameras": "Cameras",
    "controller": "Lane controller",
    "recorder": "Recorder",
    "plates": "Plate reading",
    "disk": "Disk",
    "journal": "Journal",
    "uplink": "Uplink",
    "pictures": "Pictures",
}
TAG_KINDS = {
    "event": "passage",
    "case": "case",
    "category": "category",
    "important": "important",
    "note": "note",
    "step": "step",
}
STEPS = {
    "show_certificate": "show certificate",
    "notice": "notice",
    "inquiry": "inquiry",
    "weighing": "inspection and weighing",
    "sampling": "sampling",
    "registration": "registration and safekeeping",
    "seizure": "seizure",
    "unloading": "unloading",
    "hearing": "hearing",
    "signing": "signing",
    "refusal": "refusal",
    "service": "service of documents",
    "left_in_place": "service by leaving in place",
    "compulsion": "compulsory execution",
}
DERIVED_KINDS = {"working_copy": "working copy", "span": "span of an original", "redacted": "redacted copy"}
# Why the rule linked footage to a passage, or asks a person.
LINK_REASONS = {
    "officer_acted": "its officer acted on this passage",
    "officer_on_duty": "its officer was on duty at that time",
    "same_station": "a recorder of this station, at that time",
    "other_unit": "a recorder of elsewhere, at that time",
    "clock_unsure": "its clock may be off by more than five minutes",
    "clock_unknown": "nothing is known of its clock: by its own time",
    "nearby": "its officer acted on this passage some minutes away",
    "number_twice": "two recorders have its number: by its own time",
    "length_uncertain": "what it says of its length cannot be",
    "no_longer_fits": "was linked, and its time has been found to be another",
    "step_marked": "linked by hand, and a step that was marked later added",
}
# How a case ends 结案, and for how long its file stays from then on.
CASE_ENDS = {
    "paid": "paid and carried out",
    "not_punished": "not punished",
    "revoked": "case revoked",
    "transferred": "transferred to another authority",
    "court": "with the court for enforcement",
    "unenforceable": "cannot or need not be enforced",
    "other": "ended otherwise",
}
# How many days that is is set at each centre and station.
CASES_KEPT = {"case": "for the usual time", "case_long": "for the long time", "permanent": "for ever"}
GRADES = {"pre_check": "pre-check", "certified": "certified weighing", "reweigh": "re-weighing"}
ACTS = {"confirmed": "facts confirmed", "released": "released", "held": "held"}
FACTS = {
    "axle_count": "number of axles",
    "combination": "rigid truck or combination",
    "drive_axles": "number of drive axles",
    "single_tyre_axles": "axles with single tyres",
    "single_tyre_axles_most": "axles with single tyres, at most",
    "air_suspension": "air suspension",
    "licence_kg": "mass on the licence",
    "low_speed": "low-speed vehicle",
}
MISSING_FACTS = FACTS | {"tyres": "which tyres are single and not wide"}
# docs/law.md: what the law says beside the verdict.
LAW_NOTES = {
    "manual_review": "no row of the law fits these facts; a person decides",
    "combination_assumed": "five axles or more, taken for a combination; nobody has confirmed it",
    "facts_contradict": "the facts cannot all be true of one vehicle",
    "limit_by_licence": "the mass on the licence sets the limit or may lower it",
    "over_licence": "above the mass on the licence: overloading, for the police",
    "air_suspension_unknown": "over by no more than air suspension would allow; look at it",
    "no_allowance_row": "the class of the scale has no allowance that day; nothing was deducted",
    "negative_mass": "the scale showed less than nothing",
}
# docs/instruments.md: why a scale yields no evidence, and what a person must do about it.
INSTRUMENT = {
    "no_certificate": "no verification certificate in use",
    "certificate_not_for_grade": "the certificate is not for this grade of weighing",
    "certificate_not_yet_valid": "the certificate is not valid yet",
    "certificate_expired": "the certificate has expired",
    "certificate_ends_soon": "the certificate ends within thirty days",
    "seal_broken": "a seal is broken",
    "load_cell_replaced": "a load cell was replaced and not verified",
    "repaired_unverified": "repaired and not verified since",
    "over_capacity": "beyond the capacity of the certificate",
    "below_capacity": "below the least capacity of the certificate",
    "moment_unknown": "nobody knows when it was weighed",
    "shift_not_checked": "this shift has not checked the scale",
    "rezero_needed": "the scale must be set to zero again",
    "zero_trend_drifts": "zero wanders",
    "noise_drifts": "the display is noisy",
    "known_vehicle_drifts": "known masses are shown wrong",
}
# docs/cameras.md: why what a camera gives is not fit for evidence.
CAMERA = {
    "black": "black picture",
    "blurred": "picture blurred",
    "clock_off": "its clock is wrong",
    "covered": "covered or blind",
    "dirty": "lens dirty",
    "gop_long": "key frames too far apart",
    "moved": "moved from its reference view",
    "stream_behind": "its stream has fallen behind",
}
DUE = INSTRUMENT | CAMERA
PICTURE_FLAGS = {
    "blurred": "picture blurred",
    "clipped": "overexposed in part",
    "clock_off": "its clock is wrong",
    "from_clip": "from the clip",
    "from_video": "from video",
    "frozen": "picture frozen",
    "off_moment": "not of the moment",
    "too_bright": "too bright",
    "too_dark": "too dark",
    "too_small": "smaller than required",
    "unreadable": "cannot be decoded",
}
# Of all pictures of a crossing together.
PICTURED = {
    "axle_count_differs": "the picture shows another number of axles than the scale",
    "plates_differ": "front and rear carry different plates",
    "same_place": "the pictures do not show that the vehicle moved",
    "second_shot_missing": "no second picture while the vehicle stood",
}
QUALITY = {
    "accel_unit_unknown": "acceleration not used: its unit is not set",
    "accelerating": "changed speed on the scale",
    "axle_not_settled": "an axle did not settle",
    "axle_out_of_range": "an axle beyond the range of the scale",
    "axle_speed_unit_unknown": "axle speeds not used: their unit is not set",
    "axles_overlap": "two axles on the scale at once",
    "axles_unknown": "the scale does not say how many axles",
    "being_adjusted": "the scale was being calibrated",
    "below_capacity": "below the least capacity of the certificate",
    "cached": "sent later from the memory of the scale",
    "close_behind": "another vehicle close behind",
    "converted_from_lb": "converted from pounds",
    "deck_missing": "a deck of the scale is missing",
    "derived_readings": "stability worked out from the readings",
    "device_clock_off": "the clock of the scale is wrong",
    "device_overload": "called overloaded by the scale, by limits of its own",
    "display_held": "the indicator held its display",
    "fraction_cut": "fractions of a kilogram cut off",
    "frozen": "the display did not change while vehicles passed",
    "gross_or_net_unknown": "not known whether gross or net was shown",
    "groups_differ": "groups and axles of the record have different sums",
    "groups_do_not_add_up": "the axle groups do not add up to the gross mass",
    "groups_only": "the scale told groups only, no axles",
    "groups_unknown": "the scale says nothing of axle groups",
    "late_record": "the record came late",
    "left_behind": "something was left behind on the scale",
    "lines_missing": "part of the record was lost; no weight taken",
    "loop_missing": "a loop signal is missing",
    "moved_while_weighing": "the vehicle moved while being weighed",
    "net_displayed": "the scale showed a net mass",
    "no_record": "the scale sent no record",
    "no_vehicle": "too light for a vehicle: people or things",
    "no_weight": "no weight came for this crossing",
    "not_settled": "the weight did not settle",
    "not_zeroed": "the indicator was not zeroed after switching on",
    "off_division": "the weight is no multiple of the division of the scale",
    "one_axle": "only one axle was weighed",
    "over_capacity": "beyond the capacity of the certificate",
    "over_range": "beyond the range of the scale",
    "partly_off": "the vehicle was not whole on the scale",
    "person_on_scale": "people or hands on the scale",
    "present_at_start": "stood on the scale when the program started",
    "readings_missing": "readings are missing",
    "reference_check": "a reference was being weighed",
    "restarted": "the indicator restarted with the vehicle on the scale",
    "reverse": "drove backwards over the scale",
    "rezero_needed": "the scale must be set to zero again",
    "rolled_back": "the vehicle rolled back",
    "scale_drifts": "the scale drifts; have it looked at",
    "separator_fault": "the vehicle separator of the scale failed",
    "sequence_repeated": "the scale used a sequence number twice",
    "shift_not_checked": "this shift has not checked the scale",
    "spacing_unit_unknown": "axle spacings not used: their unit is not set",
    "speed_out_of_range": "too slow or too fast for the scale",
    "speed_unit_unknown": "speed not used: its unit is not set",
    "stop_and_go": "stopped on the scale while being weighed",
    "straddled": "wheels passed beside the scale",
    "taken_back": "rolled back off the scale; the weighing counts no more",
    "too_many_axles": "more axles than one vehicle has",
    "two_vehicles": "two vehicles on the scale",
    "tyre_sensor_fault": "the tyre sensor of the scale failed",
    "under_range": "below the range of the scale",
    "unverified_digit": "the scale marked its last digit as not verified",
    "zero_drift": "the zero of the scale has drifted",
    "zero_off": "the empty scale did not show zero",
    "zero_shifted": "the empty scale showed a few divisions",
    "zero_unseen": "the empty scale was not seen at rest before",
}
# Why no case may rest on a weighing.
NO_EVIDENCE = INSTRUMENT | {"taken_back": QUALITY["taken_back"]}
# What stands in the place of a verdict.
VERDICTS = {"taken_back": "weighing void"}
NOTES = QUALITY | LAW_NOTES
PLATE_STATUS = {
    "read": "read",
    "unsure": "not sure",
    "unread": "not read",
    "no_plate": "no plate",
    "foreign": "foreign plate",
}
ROLES = {"front": "front", "rear": "rear", "side": "side", "plate": "plate picture"}
TYRES = {"single": "single", "dual": "dual"}


def due(detail: str) -> list[str]:
    """The machine words of what a device says is due; a sentence of another device is one word of no table."""
    return detail.split(", ") if detail else []


def tone(outcome: str | None, suspected: bool | None) -> Tone:
    """How an outcome is marked."""
    if outcome == "over_limit":
        return "suspected" if suspected else "over"
    if outcome == "within":
        return "within"
    return "undetermined" if outcome == "undetermined" else "none"


def states_of(kind: str) -> dict[str, str]:
    """What the states of a device of this kind are called."""
    return SCALE_STATES if kind == "scale" else DEVICE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What a lane says of a device that should have spoken."""

    kind: str
    name: str
    state: str
    why: str


def absence(said: str) -> Absence | None:
    """Of "camera front: down: no answer"; None when it says something else."""
    who, colon, rest = said.partition(": ")
    if not colon:
        return None
    kind, _, name = who.partition(" ")
    state, _, why = rest.partition(": ")
    return Absence(kind=kind, name=name, state=state, why=why)
