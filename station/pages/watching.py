"""What the page of a recording is told: its sources on one time axis, the weight beside them, and the marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from kernel import vocabulary
from kernel.events import VehicleWeighed
from kernel.footage.bodies import FootageDerived
from station.footage.library import Known
from station.footage.tags import Tag, stamp
from station.footage.workshop import Standing
from station.pages.docking import PROBLEMS
from web import times
from web.i18n import Texts, word, words
from web.i18n import mark as _
from web.numbers import grouped, size

KINDS = vocabulary.DERIVED_KINDS | {"original": _("original"), "clip": _("lane clip")}
STATES = {"waiting": _("waiting"), "working": _("being made"), "failed": _("could not be made")}
SILENT = {"broken": _("its sound is broken and left out"), "off": _("its sound is left out")}
# Why a mark or an order is refused.
REFUSALS = {
    "tag_backwards": _("The mark ends before it begins."),
    "tag_beyond_the_end": _("The mark lies beyond the end of the recording."),
    "no_such_step": _("There is no such step."),
    "tag_without_words": _("This mark needs words."),
    "tag_too_long": _("These are too many words for a mark."),
    "no_reason": _("A reason is needed."),
    "no_box": _("Draw a box first."),
    "too_many_boxes": _("There are too many boxes."),
    "box_outside": _("A box lies outside of the picture."),
    "boxes_out_of_order": _("The boxes of one track must follow each other in time."),
    "not_here": _("The bytes of this recording are not here."),
}
# What the process that makes files says; what comes after a colon is for the log.
FAILURES = {
    "the file is not here": _("The bytes of this recording are not here."),
    "cannot be read as a video": _("It cannot be read as a video."),
    "nothing in it can be read": _("Nothing in it can be read."),
    "nothing in it can be decoded": _("Nothing in it can be decoded."),
    "cannot be decoded": _("It cannot be decoded."),
    "nothing of that time is in the file": _("Nothing of that time is in the recording."),
    "the process that reads it has died of it": _("The program that reads it has ended over it."),
    "it took too long": _("It took too long."),
    "it stands still": _("It stood still and was ended."),
    "it is turned by no right angle": _("Its picture is turned by no right angle."),
    "no room on the disk": _("no room on the station's disk"),
    "disk": _("The disk does not do it."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One recording: `starts_ms` is true time, None where nothing is known of its clock."""

    id: str
    title: str
    about: str
    video: str | None
    track: str
    page: str
    starts_ms: int | None
    err_ms: int
    length_ms: int | None
    why: str  # it does not play, or is not heard
    sounds: bool  # lane cameras have no sound


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLine:
    id: str
    of: str  # id of its source
    from_ms: int
    to_ms: int
    at: str
    kind: str
    words: str
    by: str
    taken_back: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLine:
    """A file that was made of this one, or is to be."""

    id: str
    kind: str
    state: str
    words: str
    done: int
    address: str | None
    failed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """For trace.js; `arrived_ms` is where its zero is on the axis."""

    arrived_ms: int
    points: tuple[tuple[int, int], ...]
    levels: tuple[dict[str, int | str], ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Everything the page's module is told."""

    sources: tuple[Source, ...]
    tags: tuple[TagLine, ...]
    weight: Weight | None
    made: tuple[MadeLine, ...]
    alone: str | None
    passage: str = ""  # whose recordings these are


def as_block(watch: Watch) -> str:
    """JSON that cannot end the block it stands in, whatever an officer has written."""
    text = msgspec.json.encode(watch).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def source(known: Known, playing: str | None, texts: Texts, *, why: str = "") -> Source:
    start = known.start
    return Source(
        id=known.sha256,
        title=_title(known, texts),
        about=_about(known, texts),
        video=f"/footage/{playing}/video" if playing else None,
        track=f"/footage/{known.sha256}/tags.vtt",
        page=f"/footage/{known.sha256}",
        starts_ms=start.true_ms if start else None,
        err_ms=start.err_ms if start else 0,
        length_ms=known.duration_ms,
        why=why,
        sounds=known.kind != "clip",
    )


def tag_lines(tags: Iterable[Tag], texts: Texts) -> Iterator[TagLine]:
    for tag in tags:
        taken_back = ""
        if not tag.stands:
            taken_back = texts(_("taken back by {by}: {why}"), by=tag.taken_back_by, why=tag.taken_back)
        yield TagLine(
            id=tag.tag,
            of=tag.sha256,
            from_ms=tag.from_ms,
            to_ms=tag.to_ms,
            at=_span(tag.from_ms, tag.to_ms),
            kind=word(vocabulary.TAG_KINDS, tag.kind, texts),
            words=word(vocabulary.STEPS, tag.value, texts) if tag.kind == "step" else tag.value,
            by=f"{tag.by} {times.stamp(tag.at_ms)}",
            taken_back=taken_back,
            state=tag.kind if tag.stands else "off",
        )


def weight(weighed: VehicleWeighed, texts: Texts) -> Weight | None:
    """None: the scale has told no course of it."""
    if not weighed.trace or weighed.arrived_ms is None:
        return None
    limits = sorted({candidate.limit_kg for candidate in weighed.verdict.candidates})
    levels: list[dict[str, int | str]] = [
        {"kg": kg, "label": texts(_("limit {limit} kg"), limit=grouped(kg)), "tone": "limit"} for kg in limits
    ]
    if weighed.gross_kg is not None:
        levels.append({"kg": weighed.gross_kg, "label": "", "tone": ""})
    return Weight(
        arrived_ms=weighed.arrived_ms,
        points=weighed.trace,
        levels=tuple(levels),
        label=texts(_("Weight over time")),
    )


def made_lines(
    made: Sequence[FootageDerived], here: set[str], orders: Iterable[Standing], texts: Texts
) -> Iterator[MadeLine]:
    """What was made and is here, then what is ordered."""
    for body in made:
        if body.sha256 in here:
            yield MadeLine(
                id=body.sha256,
                kind=word(KINDS, body.kind, texts),
                state="made",
                words=" · ".join(
                    filter(None, [size(body.size), body.by, body.reason, _silence(body, texts)])
                ),
                done=1000,
                address=f"/footage/{body.sha256}",
                failed="",
            )
    for standing in orders:
        yield MadeLine(
            id=standing.order.id,
            kind=word(KINDS, standing.order.kind, texts),
            state=standing.state,
            words=word(STATES, standing.state, texts),
            done=standing.done_permille,
            address=None,
            failed=failed_words(standing.order.problem, texts),
        )


def _silence(body: FootageDerived, texts: Texts) -> str:
    """Why nothing is heard of it; empty: something is, or there was nothing to hear."""
    return (
        word(SILENT, dict(body.how).get("audio", ""), texts) if dict(body.how).get("audio") in SILENT else ""
    )


def failed_words(problem: str, texts: Texts) -> str:
    """Why a file could not be made, for a person; empty: it did not fail."""
    if not problem:
        return ""
    return texts(FAILURES.get(problem.partition(":")[0], _("It did not succeed; the log says why.")))


def _title(known: Known, texts: Texts) -> str:
    kind = word(KINDS, known.kind, texts)
    return f"{kind} · {known.name}"


def _about(known: Known, texts: Texts) -> str:
    """Whose it is, its own time and its true time with the error."""
    said = [known.recorder or "", known.officer or ""]
    if known.own_start_ms is not None:
        said.append(texts(_("own clock {time}"), time=times.stamp(known.own_start_ms)))
    if known.start is not None:
        said.append(
            texts(
                _("true time {time} ± {err} s"),
                time=times.stamp(known.start.true_ms),
                err=seconds(known.start.err_ms),
            )
        )
    else:
        said.append(texts(_("true time not known")))
    problems = words(PROBLEMS, known.problems, texts)
    return " · ".join(filter(None, [*said, *problems]))


def seconds(ms: int) -> str:
    """Rounded up to a tenth: an error is never made smaller."""
    tenths = -(-ms // 100)
    return f"{tenths // 10}.{tenths % 10}"


def _span(from_ms: int, to_ms: int) -> str:
    begin, end = stamp(from_ms)[:-4], stamp(to_ms)[:-4]
    return begin if begin == end else f"{begin}–{end}"
