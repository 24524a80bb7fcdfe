"""The words of the tablet beyond kernel.vocabulary: refusals, verdicts, limits, devices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kernel import vocabulary
from web.i18n import Texts, word
from web.i18n import mark as _
from web.numbers import FEW, grouped, masses

# What does not answer is, to officers, disconnected.
DEVICE_STATES = vocabulary.DEVICE_STATES | {"down": _("disconnected")}
SIDES = {"front": _("Front"), "rear": _("Rear"), "side": _("Side")}
# What the form asks for.
FACTS = ("axle_count", "combination", "drive_axles", "single_tyre_axles", "air_suspension")
# Why a vehicle may not go, each with what would change it.
REFUSALS = {
    "already_released": _("It has been released already."),
    "not_arrived": _("The weighing has not arrived yet."),
    "taken_back": vocabulary.QUALITY["taken_back"],
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
    "steps_open": _("Steps that must be recorded are not marked: mark them, or give the reason."),
    "nothing_answered": _("Nothing was chosen."),
}

# What the keeping of footage and its steps do not do, and why.
REFUSED = {
    "give the reason": _("Give the reason."),
    "leave the plate out of the text: the passage is named already": _(
        "Leave the plate out of the text: the crossing is named already."
    ),
    "no such passage": _("That crossing is not known here."),
    "no such file": _("That file is not kept here."),
    "not marked for deletion": _("That file is not marked for deletion."),
    "name files or a passage": _("Name files or a crossing."),
    "until is over already": _("The last day is over already."),
    "not on hold": _("That is not on hold."),
    "a score is 1 to 5": _("A score is 1 to 5."),
    "nobody scores their own footage": _("Nobody scores their own footage."),
}
# docs/footage.md: what is wrong with the keeping of footage, and what does not fit together on a day.
KEEPING = {
    "room_full": _("the disk of footage is full: only what may go was removed"),
    "room_low": _("the disk of footage is nearly full"),
    "rule_cannot_be_met": _("the disk is too small for the days that footage must be kept"),
    "footage_missing": _("files of footage are missing from the disk"),
    "footage_unknown": _("files lie among the footage that no entry knows"),
    "keeping_stopped": _("footage is not kept in order: the disk or the journal refuses"),
}
DAY = {
    "duty_without_footage": _("on duty without footage"),
    "footage_without_duty": _("footage without a shift"),
    "acts_without_duty": _("acted without a shift"),
    "named_otherwise": _("the recorder names somebody else"),
    "time_unknown": _("true time of footage not known"),
}


def device(kind: str, name: str, texts: Texts) -> str:
    """前相机, 称重设备: by what it does, and by its own name where that says more."""
    if kind == "camera" and name in SIDES:
        return texts(_("{side} camera"), side=texts(SIDES[name]))
    shown = word(vocabulary.DEVICE_KINDS, kind, texts)
    return shown if name in ("", kind) else f"{shown} {name}"


def device_missing(said: str, texts: Texts) -> str:
    """What a lane says of a device that should have spoken: "camera front: down" is 前相机：断开."""
    absence = vocabulary.absence(said)
    if absence is None:
        return said
    between = texts(_(": "))
    # Why it is so is for a technician.
    state = word(vocabulary.states_of(absence.kind) | {"down": DEVICE_STATES["down"]}, absence.state, texts)
    return f"{device(absence.kind, absence.name, texts)}{between}{state}"


def missing(said: Iterable[str], texts: Texts) -> list[str]:
    """Each absence once, however many entries speak of it."""
    return list(dict.fromkeys(device_missing(one, texts) for one in said))


def verdict(
    outcome: str | None, *, suspected: bool, over_kg: int, texts: Texts, taken_back: bool = False
) -> str:
    """The verdict in one line: never an amount of money, never more certain than what is known."""
    if taken_back:
        return texts(vocabulary.VERDICTS["taken_back"])
    match vocabulary.tone(outcome, suspected):
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
