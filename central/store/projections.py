"""What an entry means to the centre: rows out of values.  Pure; custody never depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from central.views import ClipState
from journal.retold import first_said
from journal.store import Accepted
from kernel.errors import ProtocolError
from kernel.events import (
    STREAMS,
    Body,
    CaseClosed,
    CaseRecorded,
    ClockChecked,
    EntryRef,
    FileRequested,
    FileStored,
    InstrumentOrdered,
    JournalRecovered,
    LaneHealth,
    PassageCancelled,
    PassageDecided,
    PassageReviewed,
    PlateCorrected,
    PlateRead,
    RecordAccessed,
    RecordErased,
    RecordHeld,
    RecordPublished,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence import canonical
from kernel.footage.bodies import (
    CaseNoted,
    FootageDerived,
    FootageLinked,
    FootageTagged,
    GapExplained,
    StepMarked,
)

Row = dict[str, Any]

HOUR_MS = 3_600_000
_DAY_MS = 24 * HOUR_MS
_OLDEST_MS, _NEWEST_MS = 400 * _DAY_MS, _DAY_MS
_PASSAGE = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_BOX = re.compile(r"[a-z0-9-]{3,40}")
_JOURNAL = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_PLATE = 20
_LONGEST_CASE = 80
LONGEST_NAME = 100  # that stands in an index
_OF_CASES = CaseRecorded | CaseClosed | CaseNoted | RecordPublished | PassageReviewed
# What the centre alone may say; a box that says it says nothing.
_CENTRE_SAYS: dict[type[Body], str] = {
    FileRequested: "only the centre asks for files",
    PassageReviewed: "only the centre reviews",
    CaseRecorded: "only the centre records cases",
    CaseClosed: "only the centre closes cases",
    RecordPublished: "only the centre publishes",
    InstrumentOrdered: "only the centre orders what is said of a scale",
}
# What a box says of its file's type is not believed beyond these: it is served to browsers.
_MEDIA_TYPES = {"mp4": "video/mp4", "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}
PLAIN_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Who stands where: each box and the device path it speaks for; `centre` is the box of the centre itself."""

    centre: str
    sources: Mapping[str, str]
    plate_key: bytes | None = None  # with it plates of vehicles within their limit are kept as hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """At `mono_ms` of this boot the clock should have said `true_ms`."""

    box: str
    boot: str
    mono_ms: int
    true_ms: int

    def at(self, mono_ms: int) -> int:
        """When it was at another moment of the boot."""
        return self.true_ms - self.mono_ms + mono_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """When an entry was, by the check of the clock at `mono_ms`."""

    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An entry and what it says, or why it cannot be read.  Both are None when its body is not there."""

    entry: Accepted
    body: Body | None = None
    fault: str | None = None
    old: EntryRef | None = None  # its first identity, when a doubted journal's successor says it again
    dated: Dated | None = None  # by a check of the clock that came after it


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """One place where an entry names a file, and how far the centre is with it."""

    sha256: str
    kind: str
    role: str | None
    on_demand: bool
    stored: bool
    requested: bool
    erased: bool = False


def read(entry: Accepted, *, register: Register) -> Read:
    """Never raises: what a body says wrong is a fault of that entry alone."""
    if entry.header.stream == JournalRecovered.stream and entry.body is not None:
        return _read_retold(entry, register)
    stream = STREAMS.get(entry.header.stream)
    if stream is None:
        return Read(entry=entry, fault="unknown stream")
    if entry.body is None:
        return Read(entry=entry)
    # What a journal says of itself has the box for its source.
    if entry.header.source != entry.box and not stands_at(
        entry.header.source, register.sources.get(entry.box)
    ):
        return Read(entry=entry, fault="source is not of this box")
    if b"\\u0000" in entry.body:  # PostgreSQL has no text with NUL
        return Read(entry=entry, fault="invalid body: NUL in a text")
    try:
        body = canonical.decode_as(entry.body, stream.body)
        _check_names(body)
    except (ProtocolError, msgspec.ValidationError) as error:
        return Read(entry=entry, fault=f"invalid body: {error}"[:400])
    if type(body) in _CENTRE_SAYS and entry.box != register.centre:
        return Read(entry=entry, fault=_CENTRE_SAYS[type(body)])
    if isinstance(body, PlateCorrected) and not _may_correct(entry.box, body, register):
        return Read(entry=entry, fault="corrects plates of a lane that is not its own")
    return Read(entry=entry, body=body)


def _may_correct(box: str, body: PlateCorrected, register: Register) -> bool:
    """The centre any, a station those of its lanes."""
    lane, own = register.sources.get(body.box), register.sources.get(box)
    if box == register.centre:
        return True
    return lane is not None and own is not None and lane.startswith(f"{station_of(own)}/")


def station_of(source: str) -> str:
    """The place below which the lanes of a station stand; its own process speaks as their sibling, or as the place."""
    return source.removesuffix("/station")


def _read_retold(entry: Accepted, register: Register) -> Read:
    """The entry as it was, in the place where it is now."""
    try:
        said = first_said(entry)
    except ProtocolError as error:
        return Read(entry=entry, fault=f"invalid body: {error}"[:400])
    return replace(read(said.entry, register=register), old=said.old)


def by_journal(reads: Iterable[Read]) -> list[tuple[str, list[Read]]]:
    """The reads of each journal, in order of its id: one batch has several."""
    journals: dict[str, list[Read]] = {}
    for item in reads:
        journals.setdefault(item.entry.header.journal, []).append(item)
    return sorted(journals.items())


def stands_at(source: str, prefix: str | None) -> bool:
    """Whether the source is the place or below it; a box without a place may speak for none."""
    return prefix is not None and (source == prefix or source.startswith(f"{prefix}/"))


def place(source: str) -> tuple[str, str]:
    """(station, lane) of a device path such as yiyuan/s01/lane1."""
    parts = source.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def shown_ms(at_ms: int, received_ms: int) -> int:
    """When it happened, as far as the lane's clock is credible; else when it was received."""
    return at_ms if received_ms - _OLDEST_MS <= at_ms <= received_ms + _NEWEST_MS else received_ms


def happened_ms(item: Read) -> int:
    """When an entry is shown and counted."""
    at_ms = item.dated.at_ms if item.dated else item.entry.header.at
    return shown_ms(at_ms, item.entry.received_ms)


def is_undated(item: Read) -> bool:
    """A weighing by a clock that nobody had set."""
    return isinstance(item.body, VehicleWeighed) and item.entry.header.clock.state == "unset"


def check_of(item: Read) -> Check | None:
    """What the entry says its clock was worth, if it compared it with something."""
    body, head = item.body, item.entry.header
    if not isinstance(body, ClockChecked) or body.state != "ok" or body.offset_ms is None:
        return None
    return Check(box=item.entry.box, boot=head.boot, mono_ms=head.mono_ms, true_ms=head.at - body.offset_ms)


def entry_row(entry: Accepted) -> Row:
    return {
        "journal": entry.header.journal,
        "seq": entry.seq,
        "leaf": entry.leaf,
        "header": entry.header_bytes,
        "box": entry.box,
        "stream": entry.header.stream,
        "source": entry.header.source,
        "at_ms": entry.header.at,
        "received_ms": entry.received_ms,
        "absent": entry.absent,
    }


def body_row(entry: Accepted) -> Row:
    return {"journal": entry.header.journal, "seq": entry.seq, "salt": entry.salt, "body": entry.body}


def part_at(entry: Accepted) -> int:
    """Which month of the database an entry belongs to: never one that nobody has made."""
    return shown_ms(entry.header.at, entry.received_ms)


def quarantine_row(read: Read) -> Row:
    entry = read.entry
    return {
        "journal": entry.header.journal,
        "seq": entry.seq,
        "box": entry.box,
        "stream": entry.header.stream,
        "reason": read.fault,
        "received_ms": entry.received_ms,
    }


def retold_row(box: str, old: EntryRef, here: tuple[str, int]) -> Row:
    """That this box's entry `here` says again what was first `old`."""
    return {
        "box": box,
        "journal": old.journal,
        "seq": old.seq,
        "by_journal": here[0],
        "by_seq": here[1],
    }


def copied_row(old: EntryRef, entry: Accepted) -> Row:
    """That this entry holds the body of another once more."""
    return {
        "by_journal": entry.header.journal,
        "by_seq": entry.seq,
        "journal": old.journal,
        "seq": old.seq,
    }


def passage_of(body: Body | None) -> str | None:
    """The passage an entry of its own lane belongs to."""
    if isinstance(body, VehicleWeighed | VehiclePictured | FileStored | PassageCancelled):
        return body.passage
    return None


def passage_row(entry: Accepted, passage: str) -> Row:
    """A crossing of which so far only this entry is known."""
    station, lane = place(entry.header.source)
    return {
        "box": entry.box,
        "passage": passage,
        "source": entry.header.source,
        "station": station,
        "lane": lane,
        "shown_ms": shown_ms(entry.header.at, entry.received_ms),
        "received_ms": entry.received_ms,
        "erased_ms": None,
    }


def passage_entry_row(entry: Accepted, body: Body | None) -> Row:
    """That this entry speaks of a crossing."""
    return {
        "box": entry.box,
        "passage": passage_of(body),
        "journal": entry.header.journal,
        "seq": entry.seq,
        "stream": entry.header.stream,
    }


def weighed_row(item: Read, body: VehicleWeighed) -> Row:
    """The line of a crossing once its weighing is here."""
    entry, verdict = item.entry, body.verdict
    undated = is_undated(item)
    return passage_row(entry, body.passage) | {
        "shown_ms": happened_ms(item),
        "boot": entry.header.boot if undated else None,
        "mono_ms": entry.header.mono_ms if undated else None,
        "dated_mono_ms": item.dated.mono_ms if item.dated else None,
        "journal": entry.header.journal,
        "seq": entry.seq,
        "at_ms": entry.header.at,
        "arrived_ms": body.arrived_ms,
        "left_ms": body.left_ms,
        "gross_kg": body.gross_kg,
        "limit_lowest_kg": verdict.limit_lowest_kg,
        "limit_highest_kg": verdict.limit_highest_kg,
        "limits_kg": _json(sorted({candidate.limit_kg for candidate in verdict.candidates})),
        "over_kg": verdict.over_kg,
        "outcome": verdict.outcome,
        "suspected": verdict.suspected,
        "grade": body.weighing_grade,
        "attended": body.attended,
        "axle_count": body.facts.axle_count or len(body.axles) or None,
        "missing": _json(body.missing),
        "quality": _json(body.quality),
    }


def pictured_row(entry: Accepted, body: VehiclePictured) -> Row:
    """What pictures add to a crossing."""
    return passage_row(entry, body.passage) | {
        "pictured": True,
        "tractor": body.tractor,
        "tractor_colour": _colour(body.plates, body.tractor),
        "trailer": body.trailer,
        "trailer_colour": _colour(body.plates, body.trailer),
    }


def decision_row(entry: Accepted, body: PassageDecided) -> Row:
    return {
        "journal": entry.header.journal,
        "seq": entry.seq,
        "at_ms": entry.header.at,
        "weighed_journal": body.weighed.journal,
        "weighed_seq": body.weighed.seq,
        "weighed_leaf": body.weighed.leaf,
        "act": body.act,
        "outcome": body.verdict.outcome if body.verdict else None,
    }


def health_row(entry: Accepted, body: LaneHealth) -> Row:
    return {
        "box": entry.box,
        "source": entry.header.source,
        "journal": entry.header.journal,
        "seq": entry.seq,
        "said_ms": entry.header.at,
        "heard_ms": entry.received_ms,
        "waiting": body.waiting,
        "disk_free_kb": body.disk_free_kb,
        "software": body.software,
        "devices": msgspec.json.encode(body.devices).decode(),
    }


def access_row(entry: Accepted, body: RecordAccessed) -> Row:
    return {
        "journal": entry.header.journal,
        "seq": entry.seq,
        "at_ms": entry.header.at,
        "by": body.by,
        "what": body.what,
        "passage": body.passage,
        "sha256": body.sha256,
        "wanted": body.filter,
    }


def file_rows(entry: Accepted, body: Body | None) -> list[Row]:
    """The files an entry names; without a readable body they are in custody all the same."""
    roles = {p.name: p.role for p in body.pictures} if isinstance(body, VehiclePictured) else {}
    return [
        {
            "journal": entry.header.journal,
            "seq": entry.seq,
            "name": file.name,
            "box": entry.box,
            "sha256": file.sha256,
            "size": file.size,
            "passage": passage_of(body),
            "kind": _kind(body),
            "media_type": _MEDIA_TYPES.get(file.name.rpartition(".")[2].lower(), PLAIN_BYTES),
            "role": roles.get(file.name),
            "on_demand": isinstance(body, FileStored) and body.upload == "on_demand",
        }
        for file in entry.header.files
    ]


def rollup_rows(reads: Iterable[Read]) -> list[Row]:
    """What these weighings add to each hour, ordered by key so that two writers never lock crosswise."""
    sums: dict[tuple[str, str, int, str], list[int]] = {}
    for item in reads:
        if isinstance(item.body, VehicleWeighed):
            count = sums.setdefault(_rollup_key(item, item.body), [0, 0])
            count[0] += 1
            verdict = item.body.verdict
            count[1] += verdict.suspected and verdict.outcome == "over_limit"
    return [
        dict(zip(("station", "lane", "hour_ms", "outcome"), key, strict=True))
        | {"passages": passages, "suspected": suspected}
        for key, (passages, suspected) in sorted(sums.items())
    ]


def hour_row(row: Any, shown: int, sign: int) -> Row:
    """What the line of a weighing adds to the hour of `shown`, or takes from it."""
    suspected = bool(row["suspected"]) and row["outcome"] == "over_limit"
    return {
        "station": row["station"],
        "lane": row["lane"],
        "hour_ms": shown - shown % HOUR_MS,
        "outcome": row["outcome"],
        "passages": sign,
        "suspected": sign * suspected,
    }


def files_state(files: Sequence[NamedFile]) -> Row:
    """What the files of a crossing come to: how many belong here, how many are, the clip, the picture to show."""
    files = [file for file in files if not file.erased]
    due = [file for file in files if not file.on_demand or file.requested or file.stored]
    fronts = [f for f in files if f.stored and f.role == "front"] or [f for f in files if f.stored and f.role]
    return {
        "files_named": len(due),
        "files_stored": sum(file.stored for file in due),
        "clip": _clip([file for file in files if file.kind == "clip"]),
        "picture": fronts[0].sha256 if fronts else None,
    }


def _json(values: Sequence[str] | Sequence[int]) -> str:
    return msgspec.json.encode(values).decode()


def _check_names(body: Body) -> None:
    """What becomes a key or stands in an index has a form and a length: a database refuses the rest."""
    passage = passage_of(body)
    if isinstance(body, StepMarked | GapExplained | FootageLinked | CaseNoted):
        passage = body.passage
    if passage is not None and not _PASSAGE.fullmatch(passage):
        raise ProtocolError("passage is not a name")
    if isinstance(body, VehiclePictured):
        _check_plates(body.tractor, body.trailer)
    if isinstance(body, PlateCorrected):
        _check_correction(body)
    if not all(map(_DIGEST.fullmatch, _digests(body))):
        raise ProtocolError("a file is not a digest")
    for ref in _named_entries(body):
        if not (_JOURNAL.fullmatch(ref.journal) and _DIGEST.fullmatch(ref.leaf) and 0 <= ref.seq < 2**53):
            raise ProtocolError("what it is about is not a reference")
    case = body.case if isinstance(body, _OF_CASES) else None
    if case is not None and not 0 < len(case) <= _LONGEST_CASE:
        raise ProtocolError("case is not a name")


def _digests(body: Body) -> tuple[str, ...]:
    """The files it speaks of, and what they were made of."""
    match body:
        case FileRequested() | RecordAccessed():
            return (body.sha256,) if body.sha256 is not None else ()
        case RecordErased() | RecordHeld():
            return body.files
        case FootageLinked() | FootageTagged():
            return (body.sha256,)
        case FootageDerived():
            return (body.sha256, *body.sources)
    return ()


def _named_entries(body: Body) -> tuple[EntryRef, ...]:
    match body:
        case PassageDecided() | PassageReviewed():
            return (body.weighed,)
        case PassageCancelled(weighed=EntryRef() as weighed):
            return (weighed,)
        case CaseRecorded():
            return (*body.entries, *(each.weighed for each in body.no_evidence))
        case RecordErased():
            return body.entries
        case RecordPublished() | RecordHeld():
            return body.about
        case _:
            return ()


def _check_plates(*plates: str | None) -> None:
    if any(plate is not None and len(plate) > _LONGEST_PLATE for plate in plates):
        raise ProtocolError("plate is too long")


def _check_correction(body: PlateCorrected) -> None:
    _check_plates(body.text)
    if not (_BOX.fullmatch(body.box) and _PASSAGE.fullmatch(body.passage)):
        raise ProtocolError("crossing is not a name")


def _clip(clips: Sequence[NamedFile]) -> ClipState:
    waiting = [clip for clip in clips if not clip.stored]
    if not waiting:
        return "stored" if clips else "none"
    if any(not clip.on_demand for clip in waiting):
        return "expected"
    return "requested" if any(clip.requested for clip in waiting) else "on_box"


def _kind(body: Body | None) -> str:
    if isinstance(body, VehiclePictured):
        return "picture"
    return body.kind if isinstance(body, FileStored) else "other"


def _colour(plates: Sequence[PlateRead], text: str | None) -> str | None:
    return next((p.colour for p in plates if text is not None and p.text == text), None)


def _rollup_key(item: Read, body: VehicleWeighed) -> tuple[str, str, int, str]:
    station, lane = place(item.entry.header.source)
    at_ms = happened_ms(item)
    return station, lane, at_ms - at_ms % HOUR_MS, body.verdict.outcome
