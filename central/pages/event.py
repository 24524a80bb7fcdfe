"""One crossing with all that is held of it, as texts for the page: nothing is left out because it is unpleasant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from central.pages import wording
from central.pages.lines import Line, StationName, line
from central.views import (
    Custody,
    DecisionView,
    EntryView,
    FileView,
    PassageDetail,
    PassageRow,
    ReviewView,
    SpanView,
)
from kernel import vocabulary
from kernel.errors import ProtocolError
from kernel.events import (
    Axle,
    Candidate,
    FileStored,
    Picture,
    VehicleFacts,
    VehicleWeighed,
    Verdict,
)
from kernel.evidence import header
from web import times
from web.hints import suggested
from web.i18n import Texts, word, words
from web.i18n import mark as _
from web.numbers import grouped, size
from web.plates import ReadCard, Said, Seen, plate_view, read_card
from web.weighings import beside_the_mass, no_evidence

FILES = "/api/v1/files"
RARE = frozenset({"single_tyre_axles_most", "low_speed"})  # shown only when somebody has said them


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and what is known under it."""

    name: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """One limit that fits what is known."""

    limit: str
    explain: str
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    tone: str
    shape: str
    words: str
    candidates: tuple[CandidateLine, ...]
    measured: tuple[Fact, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    caution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AxleLine:
    number: int
    mass: str
    spacing: str
    speed: str
    tyres: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    number: int
    axles: int
    mass: str
    tyres: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One picture, or where it is when it is not here."""

    id: str
    caption: str
    when: str
    address: str | None
    state: str
    flags: str
    sha256: str
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A piece of footage; `starts_ms` is when it begins on the trace's own scale, None without a trace."""

    id: str
    camera: str
    state: str
    state_words: str
    address: str | None
    media_type: str
    starts_ms: int | None
    length: str
    size: str
    sha256: str
    marks: tuple[MarkLine, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkLine:
    """A mark on a piece of footage; `at_s` is where it is in the file that plays."""

    at_s: str
    shown: str
    kind: str
    words: str
    by: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActLine:
    when: str
    act: str
    by: str
    note: str
    verdict: str
    place: str
    matches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    when: str
    outcome: str
    by: str
    reason: str
    place: str
    matches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLine:
    """What proves one fact: the header as it was signed, and what binds it."""

    stream: str
    place: str
    when: str
    received: str
    leaf: str
    body_digest: str
    clock: str
    header: str
    body: str | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyLine:
    journal: str
    box: str
    process: str
    state: str
    size: str
    kept: str
    root: str
    cosigned: str
    witnessed: str
    cosigners: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    name: str
    kind: str
    state: str
    size: str
    sha256: str
    place: str
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    line: Line
    verdict: VerdictView | None
    about: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    axles: tuple[AxleLine, ...]
    groups: tuple[GroupLine, ...]
    trace: str | None  # JSON for trace.js
    stills: tuple[Still, ...]
    plates: tuple[ReadCard, ...]
    clips: tuple[Clip, ...]
    missing: tuple[str, ...]
    acts: tuple[ActLine, ...]
    reviews: tuple[ReviewLine, ...]
    cases: tuple[str, ...]
    files: tuple[FileLine, ...]
    entries: tuple[EntryLine, ...]
    custody: tuple[CustodyLine, ...]
    proven: bool
    record_hex: str


def event_view(
    detail: PassageDetail,
    texts: Texts,
    station_name: StationName,
    *,
    seen: Mapping[str, Sequence[Seen]] | None = None,
) -> EventView:
    """`seen`: what passed before with the plate of each side, or one like it."""
    weighed, shown = detail.weighed, line(detail.row, texts, station_name)
    return EventView(
        line=shown,
        verdict=_verdict(weighed.verdict, weighed, detail.row, texts) if weighed else None,
        about=(
            *(_about(weighed, texts, taken_back=detail.row.taken_back) if weighed else ()),
            *(Fact(name=n, value=v) for _id, n, v in suggested(detail.pictured, weighed, texts)),
        ),
        facts=tuple(_facts(weighed.facts, texts)) if weighed else (),
        axles=tuple(_axle(n, axle, texts) for n, axle in enumerate(weighed.axles, 1)) if weighed else (),
        groups=_groups(weighed, texts) if weighed else (),
        trace=_trace(weighed, texts) if weighed and weighed.trace else None,
        stills=tuple(_stills(detail, texts)),
        plates=tuple(cards_of(detail, seen or {}, texts, shown.place)),
        clips=(*_clips(detail, texts), *_spans(detail, texts)),
        missing=tuple(_missing(detail, texts)),
        acts=tuple(_act(decision, texts) for decision in detail.decisions),
        reviews=tuple(_review(review, texts) for review in detail.reviews),
        cases=detail.cases,
        files=tuple(_file(file, texts) for file in detail.files),
        entries=tuple(_entry(entry, texts) for entry in detail.entries),
        custody=tuple(_custody(custody) for custody in detail.custody),
        proven=proven_by(detail.entries, detail.custody),
        record_hex=weighed.record_hex if weighed else "",
    )


# --- weighing and verdict --------------------------------------------------------------------------------------


def _verdict(verdict: Verdict, weighed: VehicleWeighed, row: PassageRow, texts: Texts) -> VerdictView:
    """As the lane found it; whether it is only suspected, and whether it stands, is as the row says."""
    tone = wording.tone(
        verdict.outcome, suspected=row.suspected, reviewed=row.reviewed, taken_back=row.taken_back
    )
    stands = msgspec.structs.replace(verdict, suspected=bool(row.suspected))
    return VerdictView(
        tone=tone,
        shape=vocabulary.SHAPES[tone],
        words=_verdict_words(stands, texts, reviewed=row.reviewed, taken_back=row.taken_back),
        candidates=tuple(_candidate(candidate, texts) for candidate in verdict.candidates),
        measured=tuple(_measured(verdict, weighed, texts)),
        missing=tuple(words(vocabulary.MISSING_FACTS, verdict.missing, texts)),
        notes=tuple(words(vocabulary.NOTES, verdict.notes, texts)),
        caution=texts(_("Suspected until a certified weighing or a review by a person."))
        if tone == "suspected"
        else "",
    )


def _verdict_words(
    verdict: Verdict, texts: Texts, *, reviewed: str | None = None, taken_back: bool = False
) -> str:
    """As on the wall, but with every candidate named."""
    if not taken_back and verdict.outcome == "undetermined" and len(verdict.candidates) > 1:
        named = texts(_(" or ")).join(map(grouped, limits_of(verdict)))
        return texts(_("{limit} kg: confirm"), limit=named)
    return wording.verdict(
        verdict.outcome,
        suspected=verdict.suspected,
        over_kg=verdict.over_kg,
        limits=limits_of(verdict),
        texts=texts,
        reviewed=reviewed,
        taken_back=taken_back,
    )


def limits_of(verdict: Verdict) -> list[int]:
    """Each limit that fits, once, lowest first."""
    return sorted({candidate.limit_kg for candidate in verdict.candidates})


def _candidate(candidate: Candidate, texts: Texts) -> CandidateLine:
    return CandidateLine(
        limit=grouped(candidate.limit_kg),
        explain=candidate.explain_zh if texts.language == "zh" else candidate.explain_en,
        rules=", ".join(candidate.rules),
    )


def _measured(verdict: Verdict, weighed: VehicleWeighed, texts: Texts) -> Iterator[Fact]:
    yield Fact(name=texts(_("Measured")), value=_kg(weighed.gross_kg, texts))
    yield Fact(name=texts(_("Allowance")), value=_kg(verdict.allowance_kg, texts))
    yield Fact(name=texts(_("Mass for the decision")), value=_kg(verdict.decision_kg, texts))
    if verdict.over_kg:
        yield Fact(name=texts(_("Over the highest limit that fits")), value=_kg(verdict.over_kg, texts))


def _about(weighed: VehicleWeighed, texts: Texts, *, taken_back: bool) -> Iterator[Fact]:
    yield Fact(name=texts(_("Weighing")), value=word(vocabulary.GRADES, weighed.weighing_grade, texts))
    yield Fact(
        name=texts(_("Scale")),
        value=f"{weighed.device}, {word(wording.METHODS, weighed.method, texts)}",
    )
    yield Fact(name=texts(_("Attended")), value=texts(_("yes")) if weighed.attended else texts(_("no")))
    yield Fact(name=texts(_("Arrived")), value=times.precise(weighed.arrived_ms))
    yield Fact(name=texts(_("Left")), value=times.precise(weighed.left_ms))
    if weighed.speed_dkmh is not None:
        yield Fact(name=texts(_("Speed")), value=_speed(weighed.speed_dkmh))
    yield from (Fact(name=name, value=value) for _id, name, value in beside_the_mass(weighed, texts))
    yield Fact(name=texts(_("Road")), value=word(wording.ROADS, weighed.road_class, texts))
    yield Fact(name=texts(_("Jurisdiction")), value=weighed.jurisdiction)
    yield Fact(name=texts(_("Mode")), value=word(wording.JOINT_MODES, weighed.joint_mode, texts))
    if weighed.device_certificate:
        until = weighed.device_certificate_until or "—"
        value = texts(_("{number}, valid until {date}"), number=weighed.device_certificate, date=until)
        yield Fact(name=texts(_("Verification certificate")), value=value)
    else:
        yield Fact(name=texts(_("Verification certificate")), value=texts(_("none")))
    if why := no_evidence(weighed, texts, taken_back=taken_back):
        yield Fact(name=texts(_("No evidence for a case")), value=why)


def _facts(facts: VehicleFacts, texts: Texts) -> Iterator[Fact]:
    sources = dict(facts.sources)
    for name, key in vocabulary.FACTS.items():
        known = getattr(facts, name)
        if known is None and name in RARE:
            continue
        value = _fact_value(name, known, texts)
        yield Fact(
            name=texts(key),
            value=value,
            source=word(wording.FACT_SOURCES, sources.get(name, ""), texts),
        )


def _fact_value(name: str, value: int | bool | None, texts: Texts) -> str:
    if value is None:
        return texts(_("not known"))
    if name == "combination":
        return texts(_("combination")) if value else texts(_("rigid truck"))
    if isinstance(value, bool):
        return texts(_("yes")) if value else texts(_("no"))
    return _kg(value, texts) if name.endswith("_kg") else str(value)


def _axle(number: int, axle: Axle, texts: Texts) -> AxleLine:
    return AxleLine(
        number=number,
        mass=grouped(axle.axle_kg),
        spacing="—" if axle.spacing_mm is None else grouped(axle.spacing_mm),
        speed="—" if axle.speed_dkmh is None else _speed(axle.speed_dkmh),
        tyres=word(vocabulary.TYRES, axle.tyres, texts),
    )


def _groups(weighed: VehicleWeighed, texts: Texts) -> tuple[GroupLine, ...]:
    return tuple(
        GroupLine(
            number=number,
            axles=group.axles,
            mass=grouped(group.group_kg),
            tyres=word(vocabulary.TYRES, group.tyres, texts),
        )
        for number, group in enumerate(weighed.groups, 1)
    )


def _trace(weighed: VehicleWeighed, texts: Texts) -> str:
    """Points as the scale gave them; the limits that fit as levels."""
    limits = sorted({candidate.limit_kg for candidate in weighed.verdict.candidates})
    levels = [
        {"kg": kg, "label": texts(_("limit {limit} kg"), limit=grouped(kg)), "tone": "limit"} for kg in limits
    ]
    if weighed.gross_kg is not None:
        levels.append({"kg": weighed.gross_kg, "label": "", "tone": ""})
    told = {"points": weighed.trace, "levels": levels, "label": texts(_("Weight over time"))}
    return msgspec.json.encode(told).decode()


# --- pictures, plates, clips -----------------------------------------------------------------------------------


def _stills(detail: PassageDetail, texts: Texts) -> Iterator[Still]:
    files = {file.name: file for file in detail.files if file.kind == "picture"}
    for pictured in detail.pictured:
        for picture in pictured.pictures:
            yield _still(picture, files.get(picture.name), texts)


def _still(picture: Picture, file: FileView | None, texts: Texts) -> Still:
    return Still(
        id=picture.name,
        caption=f"{word(vocabulary.ROLES, picture.role, texts)} · {picture.camera}",
        when=times.precise(picture.at_ms),
        address=_address(file),
        state=texts(_("not here")) if file is None else word(wording.FILE_STATES, file.state, texts),
        flags=", ".join(words(vocabulary.PICTURE_FLAGS, picture.flags, texts)),
        sha256=file.sha256 if file else "",
        pixels=f"{picture.width} × {picture.height}",
    )


def cards_of(
    detail: PassageDetail, seen: Mapping[str, Sequence[Seen]], texts: Texts, lane: str
) -> list[ReadCard]:
    """Each side of the vehicle as it was read, the newest entry of each; `seen` by side."""
    files = {file.name: file for file in detail.files}
    reads = {read.role: read for pictured in detail.pictured for read in pictured.plates}
    said = {one.said.role: Said(body=one.said, at_ms=one.at_ms) for one in detail.corrections}
    return [
        read_card(
            plate_view(
                read,
                texts,
                crop=_address(files.get(read.crop or "")),
                said=said.get(role),
                seen=seen.get(role, ()),
            ),
            box=detail.row.box,
            passage=detail.row.passage,
            lane=lane,
            at_ms=detail.row.shown_ms,
            link=None,
        )
        for role, read in reads.items()
    ]


def _clips(detail: PassageDetail, texts: Texts) -> Iterator[Clip]:
    arrived_ms = detail.weighed.arrived_ms if detail.weighed and detail.weighed.trace else None
    clips = [file for file in detail.files if file.kind == "clip"]
    told = dict(zip(_clip_entries(detail), detail.clips, strict=False))
    for file in clips:
        clip = _clip(file, told.get((file.journal, file.seq)), arrived_ms, texts)
        yield replace(clip, marks=tuple(_marks(detail, file.sha256, texts)))


def _spans(detail: PassageDetail, texts: Texts) -> Iterator[Clip]:
    """Parts of recorders' films, beside the clips of the lane."""
    arrived_ms = detail.weighed.arrived_ms if detail.weighed and detail.weighed.trace else None
    for span in detail.spans:
        starts_ms = None
        if span.starts_ms is not None and arrived_ms is not None:
            starts_ms = span.starts_ms - arrived_ms
        from_ms, to_ms = span.said.from_ms or 0, span.said.to_ms or 0
        marks = [
            mark
            for source in span.said.sources
            for mark in _marks(detail, source, texts, from_ms=from_ms, to_ms=to_ms)
        ]
        yield Clip(
            id=span.file.sha256[:12],
            camera=texts(_("Body-worn recorder")),
            state=span.file.state,
            state_words=word(wording.FILE_STATES, span.file.state, texts),
            address=_address(span.file),
            media_type=span.file.media_type,
            starts_ms=starts_ms,
            length=f"{(to_ms - from_ms) / 1000:.1f} s",
            size=size(span.file.size),
            sha256=span.file.sha256,
            marks=tuple(marks),
            about=_span_words(span, texts),
        )


def _span_words(span: SpanView, texts: Texts) -> str:
    """When it was, how sure that is, and why it is here."""
    said = []
    if span.starts_ms is not None:
        err_ms = span.err_ms or 0
        when = times.stamp(span.starts_ms)
        said.append(
            texts(_("{time} ± {err} s"), time=when, err=f"{-(-err_ms // 100) // 10}.{-(-err_ms // 100) % 10}")
        )
    said.append(word(vocabulary.LINK_REASONS, span.said.reason, texts))
    if not span.linked:
        said.append(texts(_("not linked any more")))
    if dict(span.said.how).get("video", "h264") != "h264":
        said.append(texts(_("this format does not play here: download it")))
    if dict(span.said.how).get("way") == "encoded":
        said.append(texts(_("encoded anew so that it plays: the span itself is here too")))
    if dict(span.said.how).get("audio") == "broken":
        said.append(texts(_("its sound is broken: only the original at the station has it")))
    return " · ".join(filter(None, said))


def _marks(
    detail: PassageDetail, sha256: str, texts: Texts, *, from_ms: int = 0, to_ms: int | None = None
) -> Iterator[MarkLine]:
    """Those that lie in this part of a recording."""
    for mark in detail.marks:
        said = mark.said
        if said.sha256 != sha256 or said.to_ms < from_ms or (to_ms is not None and said.from_ms > to_ms):
            continue
        at_ms = max(0, said.from_ms - from_ms)
        yield MarkLine(
            at_s=f"{at_ms // 1000}.{at_ms % 1000:03d}",
            shown=f"{at_ms // 60_000:02d}:{at_ms // 1000 % 60:02d}",
            kind=word(vocabulary.TAG_KINDS, said.kind, texts),
            words=word(vocabulary.STEPS, said.value, texts) if said.kind == "step" else said.value,
            by=f"{said.by} {times.stamp(mark.at_ms)}",
            state=said.kind,
        )


def _clip_entries(detail: PassageDetail) -> list[tuple[str, int]]:
    return [
        (entry.journal, entry.seq)
        for entry in detail.entries
        if entry.stream == FileStored.stream and entry.body is not None and entry.quarantined is None
    ]


def _clip(file: FileView, told: FileStored | None, arrived_ms: int | None, texts: Texts) -> Clip:
    starts_ms = None
    if told and told.actual_start_ms is not None and arrived_ms is not None:
        starts_ms = told.actual_start_ms - arrived_ms
    return Clip(
        id=file.sha256[:12],
        camera=(told.camera if told else None) or file.name,
        state=file.state,
        state_words=word(wording.FILE_STATES, file.state, texts),
        address=_address(file),
        media_type=file.media_type,
        starts_ms=starts_ms,
        length=f"{told.duration_ms / 1000:.1f} s" if told and told.duration_ms is not None else "—",
        size=size(file.size),
        sha256=file.sha256,
    )


def _address(file: FileView | None) -> str | None:
    return f"{FILES}/{file.sha256}" if file and file.state == "stored" else None


# --- what is missing, acts, evidence ---------------------------------------------------------------------------


def _missing(detail: PassageDetail, texts: Texts) -> Iterator[str]:
    if detail.weighed is None:
        yield texts(_("The weighing has not arrived yet."))
    said: list[str] = [*(detail.weighed.missing if detail.weighed else ())]
    said += [device for pictured in detail.pictured for device in pictured.missing]
    for device in dict.fromkeys(said):
        yield wording.device_missing(device, texts)
    yield from words(vocabulary.QUALITY, detail.row.quality, texts)
    flags = dict.fromkeys(flag for pictured in detail.pictured for flag in pictured.flags)
    yield from words(vocabulary.PICTURED, flags, texts)
    if detail.row.erased_ms is not None:
        yield texts(
            _("Plates and pictures were erased by a rule on {date}."),
            date=times.stamp(detail.row.erased_ms)[:10],
        )
    elif not detail.pictured:
        yield texts(_("Pictures have not arrived yet."))


def _act(decision: DecisionView, texts: Texts) -> ActLine:
    act = decision.act
    return ActLine(
        when=times.stamp(decision.at_ms),
        act=word(vocabulary.ACTS, act.act, texts),
        by=act.by,
        note=act.note,
        verdict=_verdict_words(act.verdict, texts) if act.verdict else "",
        place=f"{decision.journal}/{decision.seq}",
        matches=decision.matches,
    )


def _review(review: ReviewView, texts: Texts) -> ReviewLine:
    return ReviewLine(
        when=times.stamp(review.at_ms),
        outcome=word(wording.REVIEWS, review.outcome, texts),
        by=review.act.by if review.act else "—",
        reason=review.act.reason if review.act else texts(_("body erased")),
        place=f"{review.journal}/{review.seq}",
        matches=review.matches,
    )


def _file(file: FileView, texts: Texts) -> FileLine:
    return FileLine(
        name=file.name,
        kind=word(wording.FILE_KINDS, file.kind, texts),
        state=word(wording.FILE_STATES, file.state, texts),
        size=size(file.size),
        sha256=file.sha256,
        place=f"{file.journal}/{file.seq}",
        address=_address(file),
    )


def _entry(entry: EntryView, texts: Texts) -> EntryLine:
    try:
        told = header.decode(entry.header.encode())
    except ProtocolError:
        told = None
    return EntryLine(
        stream=entry.stream,
        place=f"{entry.journal}/{entry.seq}",
        when=times.precise(entry.at_ms),
        received=times.precise(entry.received_ms),
        leaf=entry.leaf,
        body_digest=told.body if told else "",
        clock=_clock(told, texts),
        header=entry.header,
        body=entry.body,
        state=_entry_state(entry, texts),
    )


def _clock(told: header.Header | None, texts: Texts) -> str:
    if told is None:
        return "—"
    error = "?" if told.clock.err_ms is None else f"± {told.clock.err_ms} ms"
    return f"{word(wording.CLOCK_STATES, told.clock.state, texts)}, {error}"


def _entry_state(entry: EntryView, texts: Texts) -> str:
    if entry.quarantined is not None:
        return texts(_("cannot be read: {reason}"), reason=entry.quarantined)
    if entry.absent is not None:
        return texts(_("body not here: {reason}"), reason=entry.absent)
    if entry.body is not None:
        return texts(_("complete"))
    by = entry.erased
    return (
        texts(_("body erased by {place}"), place=f"{by.journal}/{by.seq}") if by else texts(_("body erased"))
    )


def _custody(custody: Custody) -> CustodyLine:
    return CustodyLine(
        journal=custody.journal,
        box=custody.box,
        process=custody.process,
        state=custody.state,
        size=grouped(custody.size),
        kept=grouped(custody.kept),
        root=custody.root,
        cosigned=grouped(custody.cosigned_size),
        witnessed=grouped(custody.witnessed_size),
        cosigners=tuple(
            Fact(name=signer.name, value=times.stamp(signer.time_ms)) for signer in custody.cosigners
        ),
    )


def proven_by(entries: Sequence[EntryView], custody: Sequence[Custody]) -> bool:
    """Whether the centre and a witness have signed a size that covers every entry."""
    covered = {held.journal: min(held.cosigned_size, held.witnessed_size) for held in custody}
    return bool(entries) and all(entry.seq < covered.get(entry.journal, 0) for entry in entries)


def _kg(value: int | None, texts: Texts) -> str:
    return "—" if value is None else texts(_("{mass} kg"), mass=grouped(value))


def _speed(dkmh: int) -> str:
    return f"{dkmh // 10}.{dkmh % 10} km/h"
