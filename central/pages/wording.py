"""The words of the monitoring room beyond kernel.vocabulary: tables of its own, verdicts, limits, devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernel import vocabulary
from kernel.errors import RefusedError
from web.i18n import Texts, word
from web.i18n import mark as _
from web.numbers import FEW, grouped, masses

SOURCE_STATES = {"up": _("normal"), "silent": _("no contact"), "unheard": _("never heard")}
ALARMS = {
    "source_silent": _("Lane without contact"),
    "device": _("Device fault"),
    "disk": _("Disk of a lane nearly full"),
    "quarantine": _("Entries that cannot be read"),
    "witness_behind": _("The witness is behind"),
    "not_backed_up": _("No backup"),
    "backup_late": _("The newest backup is old"),
    "journal_forked": _("A journal contradicts itself"),
    "box_refused": _("A box sends what cannot be accepted"),
    "counts_differ": _("Counts differ from the entries"),
    "own_disk": _("Disk of the centre nearly full"),
}
METHODS = {
    "static_platform": _("static platform"),
    "moving_axles": _("in motion, axle by axle"),
    "axle_by_axle": _("at walking pace, axle by axle"),
}
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
FACT_SOURCES = {
    "wire": _("from the scale"),
    "lane": _("from the lane controller"),
    "officer": _("from the officer"),
    "precheck": _("from the pre-check"),
}
FILE_STATES = {
    "stored": _("here"),
    "expected": _("on its way"),
    "on_box": _("kept at the lane"),
    "requested": _("asked for"),
    "erased": _("erased by a rule"),
}
REVIEWS = {
    "confirmed": _("review: confirmed"),
    "rejected": _("review: not upheld"),
    "returned": _("review: more is needed"),
}
# central.acts.desk: why a review was not written.
REFUSALS = {
    "give the reason": _("Give the reason."),
    "the case is closed and must be reopened first": _("Its case is closed; let it go on first: {rest}"),
    "not weighed yet": _("The weighing has not arrived yet. Try again when it is on this page."),
    "leave the plate out of the text": _(
        "Leave the plate out of the text: the crossing is named already, and what is written here stays longer than its pictures."
    ),
}
FILE_KINDS = {
    "picture": _("Picture"),
    "clip": _("Clip"),
    "capture": _("Bytes of the scale's line"),
    "other": _("Other file"),
}
# central.packaging: why there is no package of a crossing.
NO_PACKAGE = {
    "not weighed yet": _("The weighing has not arrived yet. Try again when it is on this page."),
    "not cosigned yet; try again in a moment": _(
        "Its entries have not been signed by the centre and its witness yet. That takes some seconds: try again in a moment."
    ),
}
CLOCK_STATES = {"ok": _("checked"), "holdover": _("running free"), "unset": _("not set")}


def refusal(error: RefusedError, texts: Texts, table: Mapping[str, str] = REFUSALS) -> str:
    """What follows a colon is a name; a refusal of no table is shown as it is."""
    head, _colon, rest = str(error).partition(": ")
    return texts(table[head], rest=rest) if head in table else str(error)


def device_missing(said: str, texts: Texts) -> str:
    """What a lane says of a device that should have spoken: "camera front: down"."""
    absence = vocabulary.absence(said)
    if absence is None or absence.kind not in vocabulary.DEVICE_KINDS:
        return said
    shown = device_name(absence.kind, absence.name or absence.kind, texts)
    state = word(vocabulary.states_of(absence.kind), absence.state, texts)
    between = texts(_(": "))
    told = f"{shown}{between}{state}"
    return f"{told} ({absence.why})" if absence.why else told


def device_name(kind: str, name: str, texts: Texts) -> str:
    """摄像机（前）: what it is, and which one where its name says more than that."""
    shown = word(vocabulary.DEVICE_KINDS, kind, texts)
    if name == kind:
        return shown
    return texts(_("{kind} ({name})"), kind=shown, name=word(vocabulary.ROLES, name, texts))


def lane_name(lane: str, texts: Texts) -> str:
    """1 车道 for lane1; any other name as it is."""
    number = lane.removeprefix("lane")
    return texts(_("lane {number}"), number=number) if number.isdecimal() and lane != number else lane


def verdict(
    outcome: str | None,
    *,
    suspected: bool | None,
    over_kg: int | None,
    limits: Sequence[int],
    texts: Texts,
    reviewed: str | None = None,
    taken_back: bool = False,
) -> str:
    """The verdict in one line: never an amount of money, never more certain than what is known.

    `limits` are those that fit, lowest first.
    """
    if taken_back:
        return texts(vocabulary.VERDICTS["taken_back"])
    if reviewed == "rejected":
        return texts(_("review: not upheld"))
    match vocabulary.tone(outcome, suspected):
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


def tone(
    outcome: str | None, *, suspected: bool | None, reviewed: str | None, taken_back: bool
) -> vocabulary.Tone:
    """What does not stand is marked as nothing at all, not as within the limit: nobody has measured that."""
    return "none" if taken_back or reviewed == "rejected" else vocabulary.tone(outcome, suspected)


def _undetermined(limits: Sequence[int], texts: Texts) -> str:
    if not limits:
        return texts(_("limit not known: confirm"))
    if len(limits) > FEW:  # all of them stand beside this
        return texts(_("limit not certain: confirm"))
    return texts(_("{limit} kg: confirm"), limit=texts(_(" or ")).join(map(grouped, limits)))


def limits(fitting: Sequence[int]) -> str:
    """Every limit that fits, a dash when none is known."""
    return masses(fitting) or "—"
