"""One crossing in full, as texts in one language: pictures, axles, limits with their reasons, and what may be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kernel import vocabulary
from kernel.events import (
    AxleGroup,
    Candidate,
    JointMode,
    Picture,
    VehicleFacts,
    VehicleWeighed,
    Verdict,
)
from station import releasing
from station.acts import current_verdict
from station.pages import wording
from station.pages.lines import LaneName, Line, line
from station.releasing import Grounds
from station.views import Acted, Detail, NamedFile, Passage
from web import times
from web.hints import suggested
from web.i18n import Texts, word, words
from web.i18n import mark as _
from web.numbers import grouped
from web.plates import PlateView, PriorLine
from web.weighings import beside_the_mass, no_evidence

FILES = "/files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a list."""

    id: str
    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxleLine:
    id: str
    name: str
    mass: str
    spacing: str
    tyres: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    id: str
    caption: str
    address: str | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateItem:
    """One side's reading in texts, as the tablet writes it; `said` is a person's word beside it."""

    id: str
    role: str
    text: str
    state: str
    colour: str | None
    candidates: str
    weak: str
    said: str
    priors: str
    crop: str | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """A verdict in words, as it is or as it would be."""

    tone: str
    shape: str
    words: str
    caution: str
    measured: str
    decision: str
    candidates: tuple[Item, ...]
    missing: str
    notes: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Whether the release is free, and what it would take."""

    free: bool
    why: str
    over: bool  # found over: the dialogue asks for re-weighing and police result
    needs_police: bool
    reweighs: tuple[Item, ...]
    finding: str | None  # id of the crossing that stands in the way


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailView:
    line: Line
    verdict: VerdictView | None
    stills: tuple[Still, ...]
    plates: tuple[PlateItem, ...]
    axles: tuple[AxleLine, ...]
    axle_note: str
    missing: tuple[Item, ...]
    about: tuple[Item, ...]
    acts: tuple[Item, ...]
    facts: dict[str, int | bool | None]
    fact_sources: dict[str, str]
    confirms: bool  # the form makes sense
    holds: bool
    released: bool
    release: Release
    footage: str | None = None  # where all that was recorded of it is watched


def detail_view(
    detail: Detail,
    stay: Sequence[Passage],
    texts: Texts,
    lane_name: LaneName,
    *,
    joint_mode: JointMode,
    read: Sequence[PlateView] = (),
) -> DetailView:
    """`read`: its plates, each side once."""
    row, weighed = detail.row, detail.weighed
    verdict = current_verdict(detail)
    facts = _facts(detail)
    return DetailView(
        line=line(row, texts, lane_name),
        verdict=_verdict(row, verdict, weighed, texts) if verdict and weighed else None,
        stills=tuple(_stills(detail, texts)),
        plates=tuple(_plate(view, row, texts) for view in read),
        axles=tuple(_axles(weighed, texts)) if weighed else (),
        axle_note=_axle_note(weighed, texts),
        missing=_numbered(_missing(detail, texts)),
        about=(
            *(_about(weighed, texts, taken_back=row.taken_back) if weighed else ()),
            *(Item(id=k, name=n, value=v) for k, n, v in suggested(detail.pictured, weighed, texts)),
        ),
        acts=tuple(_act(number, act, texts) for number, act in enumerate(detail.acts)),
        facts={name: getattr(facts, name) for name in wording.FACTS},
        fact_sources=dict(facts.sources),
        confirms=weighed is not None and releasing.over(row) is None,
        holds=row.weighed is not None and row.act is None and not row.taken_back,
        released=row.act == "released",
        release=_release(row, stay, texts, lane_name, joint_mode=joint_mode),
    )


def _verdict(row: Passage, verdict: Verdict, weighed: VehicleWeighed, texts: Texts) -> VerdictView:
    """As it was found; what was taken back is marked as nothing."""
    found = verdict_view(verdict, weighed.gross_kg, texts)
    if not row.taken_back:
        return found
    return replace(
        found,
        tone="none",
        shape=vocabulary.SHAPES["none"],
        words=texts(vocabulary.VERDICTS["taken_back"]),
        caution="",
    )


def verdict_view(verdict: Verdict, gross_kg: int | None, texts: Texts) -> VerdictView:
    tone = vocabulary.tone(verdict.outcome, verdict.suspected)
    caution = texts(_("Suspected until a certified weighing or a review by a person."))
    return VerdictView(
        tone=tone,
        shape=vocabulary.SHAPES[tone],
        words=_verdict_words(verdict, texts),
        caution=caution if verdict.suspected else "",
        measured=grouped(gross_kg),
        decision=_decision(verdict, texts),
        candidates=tuple(_candidate(candidate, texts) for candidate in verdict.candidates),
        missing=texts(_(", ")).join(words(vocabulary.MISSING_FACTS, verdict.missing, texts)),
        notes=_numbered(words(vocabulary.NOTES, verdict.notes, texts)),
    )


def _verdict_words(verdict: Verdict, texts: Texts) -> str:
    """The limits named while it is open."""
    if verdict.outcome == "undetermined":
        fitting = sorted({candidate.limit_kg for candidate in verdict.candidates})
        return wording.limits(fitting, outcome=verdict.outcome, texts=texts)
    return wording.verdict(verdict.outcome, suspected=verdict.suspected, over_kg=verdict.over_kg, texts=texts)


def _decision(verdict: Verdict, texts: Texts) -> str:
    """The mass that counts, only where something was taken off."""
    if verdict.decision_kg is None or not verdict.allowance_kg:
        return ""
    return texts(
        _("counts as {mass} kg after the allowance of {less} kg"),
        mass=grouped(verdict.decision_kg),
        less=grouped(verdict.allowance_kg),
    )


def _candidate(candidate: Candidate, texts: Texts) -> Item:
    explain = candidate.explain_zh if texts.language == "zh" else candidate.explain_en
    return Item(id="+".join(candidate.rules), name=grouped(candidate.limit_kg), value=explain)


def _facts(detail: Detail) -> VehicleFacts:
    confirmed = next((act.body.facts for act in reversed(detail.acts) if act.body.facts is not None), None)
    return confirmed or (detail.weighed.facts if detail.weighed else VehicleFacts())


# --- pictures and plates ---------------------------------------------------------------------------------------


def _stills(detail: Detail, texts: Texts) -> Iterator[Still]:
    for pictured in detail.pictured:
        for picture in pictured.pictures:
            yield _still(picture, detail.files.get(picture.name), texts)


def _still(picture: Picture, named: NamedFile | None, texts: Texts) -> Still:
    here = named is not None and named.stored
    return Still(
        id=picture.name,
        caption=f"{word(vocabulary.ROLES, picture.role, texts)} {times.clock(picture.at_ms)}",
        address=f"{FILES}/{named.file.sha256}" if named and here else None,
        state="" if here else texts(_("on its way")),
    )


def _plate(view: PlateView, row: Passage, texts: Texts) -> PlateItem:
    weak = "".join(char.text if char.weak else "·" for char in view.chars)
    said = view.said
    return PlateItem(
        id=view.id,
        role=view.role,
        text=view.text,
        state="read" if view.state == "read" else "unread",
        colour=view.colour,
        candidates=texts(_("may be {plates}"), plates=" / ".join(view.candidates)) if view.candidates else "",
        weak=texts(_("look at {characters}"), characters=weak) if weak.strip("·") else "",
        said=f"{said.words} {said.text} ({said.by} {said.when})" if said else "",
        priors=texts(_("; ")).join(_prior(prior) for prior in view.priors),
        crop=view.crop,
        address=f"/plates/{row.box}/{row.passage}#{row.box}.{row.passage}.{view.id}",
    )


def _prior(prior: PriorLine) -> str:
    sign = "=" if prior.state == "same" else "≠"
    return " ".join(part for part in (prior.source, prior.text, sign, prior.words, prior.when) if part)


# --- weighing --------------------------------------------------------------------------------------------------


def _axles(weighed: VehicleWeighed, texts: Texts) -> Iterator[AxleLine]:
    for number, axle in enumerate(weighed.axles, 1):
        yield AxleLine(
            id=f"axle-{number}",
            name=texts(_("axle {number}"), number=number),
            mass=grouped(axle.axle_kg),
            spacing=grouped(axle.spacing_mm),
            tyres=word(vocabulary.TYRES, axle.tyres, texts),
        )
    if not weighed.axles:
        yield from (_group(number, group, texts) for number, group in enumerate(weighed.groups, 1))


def _group(number: int, group: AxleGroup, texts: Texts) -> AxleLine:
    return AxleLine(
        id=f"group-{number}",
        name=texts(_("group {number}: {axles} axles"), number=number, axles=group.axles),
        mass=grouped(group.group_kg),
        spacing="—",
        tyres=word(vocabulary.TYRES, group.tyres, texts),
    )


def _axle_note(weighed: VehicleWeighed | None, texts: Texts) -> str:
    if weighed is None or weighed.axles or weighed.groups:
        return ""
    if weighed.method == "static_platform":
        return texts(_("This scale weighs the whole vehicle: it tells no axle masses."))
    return texts(_("no axle masses came"))


def _about(weighed: VehicleWeighed, texts: Texts, *, taken_back: bool) -> Iterator[Item]:
    grade = word(vocabulary.GRADES, weighed.weighing_grade, texts)
    yield Item(id="grade", name=texts(_("Weighing")), value=f"{grade} · {weighed.device}")
    if weighed.speed_dkmh is not None:
        speed = f"{weighed.speed_dkmh // 10}.{weighed.speed_dkmh % 10} km/h"
        yield Item(id="speed", name=texts(_("Speed")), value=speed)
    yield from (Item(id=key, name=name, value=value) for key, name, value in beside_the_mass(weighed, texts))
    certificate = texts(_("none"))
    if weighed.device_certificate:
        until = weighed.device_certificate_until or "—"
        certificate = texts(_("{number}, valid until {date}"), number=weighed.device_certificate, date=until)
    yield Item(id="certificate", name=texts(_("Verification certificate")), value=certificate)
    if why := no_evidence(weighed, texts, taken_back=taken_back):
        yield Item(id="no-evidence", name=texts(_("No evidence for a case")), value=why)


def _missing(detail: Detail, texts: Texts) -> Iterator[str]:
    if detail.weighed is None:
        yield texts(_("The weighing has not arrived yet."))
    yield from wording.missing(detail.row.missing, texts)
    yield from words(vocabulary.QUALITY, detail.row.quality, texts)
    if not detail.pictured:
        yield texts(_("Pictures have not arrived yet."))


def _act(number: int, act: Acted, texts: Texts) -> Item:
    body = act.body
    grounds = body.grounds
    said = [texts(vocabulary.ACTS[body.act]), body.by]
    if body.act == "confirmed" and body.verdict:
        said.append(_verdict_words(body.verdict, texts))
    if grounds and grounds.police_result:
        said.append(texts(_("police result {number}"), number=grounds.police_result))
    if grounds and grounds.override_reason:
        said.append(texts(_("supervisor's decision: {reason}"), reason=grounds.override_reason))
    if body.note:
        said.append(body.note)
    return Item(id=f"act-{number}", name=times.clock(act.at_ms), value=" · ".join(said))


# --- what may be done ------------------------------------------------------------------------------------------


def _release(
    row: Passage, stay: Sequence[Passage], texts: Texts, lane_name: LaneName, *, joint_mode: JointMode
) -> Release:
    findings = releasing.open_findings(row, stay)
    why = releasing.refusal(row, Grounds(), joint_mode=joint_mode, findings=findings)
    time = times.clock(findings[0].shown_ms) if findings else ""
    offered = [other for other in stay if releasing.could_be_reweigh(row, other)]
    over = why in ("over_limit", "suspected", "needs_police", "not_weighed", "undetermined")
    return Release(
        free=why is None,
        why="" if why is None else wording.refusal(why, texts, time=time),
        over=over,
        needs_police=joint_mode == "joint" and (row.found_over or bool(findings)),
        reweighs=tuple(_reweigh(other, texts, lane_name) for other in offered),
        finding=findings[0].id if why == "open_finding" else None,
    )


def _reweigh(other: Passage, texts: Texts, lane_name: LaneName) -> Item:
    plate = other.tractor or texts(_("plate not read"))
    said = texts(
        _("{time} {lane} {plate} {mass} kg"),
        time=times.clock(other.shown_ms),
        lane=lane_name(other.box),
        plate=plate,
        mass=grouped(other.gross_kg),
    )
    return Item(id=other.id, name=said)


def _numbered(words: Sequence[str] | Iterator[str]) -> tuple[Item, ...]:
    return tuple(Item(id=f"{number}", value=said) for number, said in enumerate(words))
