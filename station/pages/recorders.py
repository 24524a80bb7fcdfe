"""The register of recorders on the tablet 执法记录仪登记: giving out and taking back, duty, clocks, and days without footage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI, Request
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kernel.errors import FullError, RefusedError
from kernel.events import Body
from kernel.footage.bodies import (
    ClockAnchor,
    ClockAnchored,
    DutyKept,
    FootageImported,
    RecorderDocked,
    RecorderIssued,
    RecorderRegistered,
    RecorderStatus,
)
from kernel.footage.register import Recorder, on_duty, shifts
from station.footage.films import first_import
from station.footage.index import Said
from station.footage.recorders import EVENT_ERR_MS
from station.footage.room import FootageRoom
from station.footage.times import NUMBER_TWICE, Times
from station.pages import truetimes
from station.pages.http import answer, body
from station.parts import Parts
from web import times
from web.i18n import Texts, word
from web.i18n import mark as _
from web.numbers import size
from web.sessions import Visitor

STATUS = {"in_use": _("in use"), "repair": _("in repair"), "lost": _("lost"), "retired": _("retired")}
CONFLICTS = {
    "two_docks": _("in two docks at once: two recorders with this number"),
    "two_models": _("of two models: two recorders with this number"),
    "two_holders": _("taken by two officers"),
}
REFUSALS = {
    "too_short_or_long": _("Something is empty or too long."),
    "time_impossible": _("That time cannot be."),
    "before_the_last_act": _("There is a later entry for this recorder."),
    "not_in_use": _("This recorder is not in use."),
    "not_given_back": _("It has not been given back yet."),
    "not_out": _("Nobody has taken it."),
    "held_by_another": _("Another officer has it."),
    "already_on_duty": _("Already on duty."),
    "not_on_duty": _("Not on duty."),
    "reason_missing": _("A reason is needed."),
    "error_impossible": _("That error cannot be."),
    "no_such_link": _("This link is not known."),
    "no_such_file": _("This file is not known here."),
    "already_linked": _("It is linked already."),
    "already_declined": _("Somebody has declined it already."),
    "already_unlinked": _("Somebody has taken it back already."),
    "outside_the_file": _("The file does not reach so far."),
    "number_twice": _("Two recorders have this number: nobody can tell whose clock that is."),
    "no_such_passage": _("This passage is not known here."),
}
SCANS = {
    "anchored": _("shows the QR clock"),
    "other_text": _("shows a code that is no clock"),
    "other_station": _("shows the clock of another station: not used"),
    "too_few": _("shows the QR clock too briefly, or one that stands still: not used"),
    "contradicting": _("shows clocks that contradict each other: not used"),
    "time_impossible": _("shows a clock with a time that cannot be: not used"),
    "number_twice": _("not searched for the QR clock: two recorders have this number"),
    "unreadable": _("could not be searched for the QR clock"),
    "received": _("holds the time of satellites"),
    "gps_no_fix": _("its satellite receiver had no fix: not used"),
    "gps_too_few": _("holds too few sentences of satellites: not used"),
    "gps_contradicting": _("its sentences of satellites contradict each other: not used"),
    "gps_time_impossible": _("holds a time of satellites that cannot be: not used"),
    "gps_not_of_this_length": _(
        "the sentences of satellites beside it are not as long as the film: not used"
    ),
    "gps_other_docking": _("lies beside a film of another docking: not used"),
    "gps_two_films": _("lies beside two films of one name: not used"),
    "gps_files_differ": _("two files beside the film tell two times: not used"),
    "gps_against_measured": _("its time of satellites is against the clock that was read: set aside"),
    "out_of_time": _("searching it for the QR clock took too long and was ended"),
}
FILES_SHOWN = 40


class Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    recorder: str
    model: str
    unit: str
    status: RecorderStatus = "in_use"
    note: str = ""


class Hand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    recorder: str
    officer: str


class Told(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody knows of a clock: times as 2026-08-28 14:03:07, in Shanghai."""

    recorder: str
    own: str
    true: str
    err_s: str
    note: str


class SeenPassage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At this place of the file, such as 12:34, the vehicle of that passage leaves the scale."""

    sha256: str
    at: str
    passage: str  # box/passage
    note: str


class Pages:
    def __init__(self, parts: Parts, room: FootageRoom) -> None:
        self._parts = parts
        self._room = room
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        self._install_looks(app)
        self._install_hands(app)
        self._install_clocks(app)

    def _install_looks(self, app: FastAPI) -> None:
        looks = Depends(self._shell.at_least("viewer"))

        @app.get("/recorders")
        async def recorders(request: Request, visitor: Visitor = looks) -> Response:
            return await self._list(request, visitor)

        @app.get("/recorders/clock")
        async def clock(request: Request, recorder: str, visitor: Visitor = looks) -> Response:
            return await self._clock(request, visitor, recorder)

    def _install_hands(self, app: FastAPI) -> None:
        acts = Depends(self._shell.at_least("operator"))

        @app.post("/recorders/register")
        async def register(request: Request, visitor: Visitor = acts) -> Response:
            said = await body(request, Register)
            told = RecorderRegistered(
                recorder=said.recorder.strip(),
                model=said.model.strip(),
                unit=said.unit.strip(),
                status=said.status,
                by=visitor.account.name,
                note=said.note,
            )
            return await self._say(request, told)

        @app.post("/recorders/issue")
        async def issue(request: Request, visitor: Visitor = acts) -> Response:
            return await self._hand(request, visitor, "issued")

        @app.post("/recorders/return")
        async def take_back(request: Request, visitor: Visitor = acts) -> Response:
            return await self._hand(request, visitor, "returned")

        @app.post("/recorders/duty/{act}")
        async def duty(request: Request, act: str, visitor: Visitor = acts) -> Response:
            if act not in ("begun", "ended"):
                raise HTTPException(404)
            name = visitor.account.name
            at_ms = self._parts.clock.now_ms()
            return await self._say(request, DutyKept(officer=name, act=act, at_ms=at_ms, by=name))  # type: ignore[arg-type]

    def _install_clocks(self, app: FastAPI) -> None:
        acts = Depends(self._shell.at_least("operator"))

        @app.post("/recorders/anchor")
        async def anchor(request: Request, visitor: Visitor = acts) -> Response:
            said = await body(request, Told)
            own_ms, true_ms = parse_stamp(said.own), parse_stamp(said.true)
            err_ms = parse_seconds(said.err_s)
            if own_ms is None or true_ms is None or err_ms is None:
                return self._refused(request, "time_impossible")
            told = ClockAnchor(kind="manual", own_ms=own_ms, true_ms=true_ms, err_ms=err_ms)
            by = visitor.account.name
            return await self._say(
                request, ClockAnchored(recorder=said.recorder, anchor=told, by=by, note=said.note)
            )

        @app.post("/recorders/anchor/passage")
        async def seen(request: Request, visitor: Visitor = acts) -> Response:
            said = await body(request, SeenPassage)
            told = await asyncio.to_thread(self._seen_anchor, said, visitor.account.name)
            return self._refused(request, told) if isinstance(told, str) else await self._say(request, told)

    # --- what is shown ----------------------------------------------------------------------------------------

    async def _list(self, request: Request, visitor: Visitor) -> Response:
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted="recorders")
        texts = self._shell.texts(request)
        desk = self._room.desk.recorders
        return self._shell.page(
            request,
            "recorders.html",
            visitor=visitor,
            rows=[_shown(row, texts) for row in await desk.rows()],
            missing=[
                (
                    one.day,
                    one.officer,
                    times.clock(one.shift_from_ms),
                    times.clock(one.shift_to_ms),
                    one.recorder,
                )
                for one in await desk.missing()
            ],
            statuses=[(name, texts(key)) for name, key in STATUS.items()],
            unit=self._parts.settings.station.name(texts.language),
            can_act=visitor.may("operator"),
            on_duty=await asyncio.to_thread(self._on_duty, visitor.account.name),
        )

    async def _clock(self, request: Request, visitor: Visitor, recorder: str) -> Response:
        await self._parts.access.looked(
            by=visitor.account.name, what="list", wanted=f"recorder={recorder[:64]}"
        )
        texts = self._shell.texts(request)
        told = await asyncio.to_thread(self._told_of, recorder, texts)
        return self._shell.page(
            request,
            "recorder_clock.html",
            visitor=visitor,
            recorder=recorder,
            can_act=visitor.may("operator"),
            now=times.stamp(self._parts.clock.now_ms()),
            **told,
        )

    def _told_of(self, recorder: str, texts: Texts) -> dict[str, Any]:
        """Blocking."""
        index = self._room.index
        said = index.of(ClockAnchored, recorder=recorder)
        docked = [one.body for one in index.of(RecorderDocked, recorder=recorder)]
        timing = Times([one.body for one in said], docked)
        model = timing.model
        files = index.of(FootageImported, recorder=recorder, newest=FILES_SHOWN)
        scans = {one.sha256: one.result for one in self._room.desk.scanned.all()}
        crossings = self._room.desk.crossings.newest_of(FILES_SHOWN)
        return {
            "anchors": [_anchor(one, model.set_aside, texts) for one in reversed(said)],
            "pieces": len(model.pieces),
            "files": [_file(one, timing, scans, texts) for one in reversed(files) if one.body.sha256],
            "crossings": [(f"{one.box}/{one.passage}", times.stamp(one.at_ms)) for one in crossings],
        }

    def _on_duty(self, officer: str) -> bool:
        kept = shifts(one.body for one in self._room.index.of(DutyKept))
        return on_duty(kept, officer, self._parts.clock.now_ms())

    # --- what is said -----------------------------------------------------------------------------------------

    async def _hand(self, request: Request, visitor: Visitor, act: str) -> Response:
        said = await body(request, Hand)
        told = RecorderIssued(
            recorder=said.recorder.strip(),
            act=act,  # type: ignore[arg-type]
            officer=said.officer.strip(),
            at_ms=self._parts.clock.now_ms(),
            by=visitor.account.name,
        )
        return await self._say(request, told)

    def _seen_anchor(self, said: SeenPassage, by: str) -> ClockAnchored | str:
        """Or why there is none.  Blocking."""
        first = first_import(self._room.index, said.sha256)
        into_ms = parse_place(said.at)
        box, _slash, passage = said.passage.partition("/")
        crossing = self._room.desk.crossings.one(box, passage)
        if first is None or first.body.recorder is None or first.body.own_start_ms is None:
            return "no_such_file"
        file = first.body
        if NUMBER_TWICE in file.problems:
            return NUMBER_TWICE
        if crossing is None:
            return "no_such_passage"
        if into_ms is None or into_ms > (file.duration_ms or 0):
            return "outside_the_file"
        anchor = ClockAnchor(
            kind="event",
            own_ms=(file.own_start_ms or 0) + into_ms,
            true_ms=crossing.at_ms,
            err_ms=EVENT_ERR_MS + file.start_err_ms,
        )
        return ClockAnchored(
            recorder=file.recorder or "", anchor=anchor, by=by, sha256=file.sha256, note=said.note
        )

    async def _say(self, request: Request, told: Body) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not 8 <= len(key) <= 64:
            raise HTTPException(422, "Idempotency-Key")
        try:
            said = await self._room.desk.recorders.say(told, key=key)
        except RefusedError as error:
            return self._refused(request, str(error))
        except FullError as error:
            raise HTTPException(507, "no room") from error
        return answer({"entry": said.ref})

    def _refused(self, request: Request, why: str) -> Response:
        return refused(why, self._shell.texts(request))


def refused(why: str, texts: Texts) -> Response:
    return answer({"detail": word(REFUSALS, why, texts), "why": why}, status=409)


def parse_stamp(text: str) -> int | None:
    """2026-08-28 14:03:07 in Shanghai; None: it is none."""
    day, _space, clock = text.strip().replace("T", " ").partition(" ")
    midnight = times.parse_day(day)
    place = parse_place(clock)
    if midnight is None or place is None or clock.count(":") == 0 or place >= times.DAY_MS:
        return None
    # Of two numbers a time of day has hours and minutes, a place in a film minutes and seconds.
    return midnight + (place if clock.count(":") == 2 else place * 60)


def parse_place(text: str) -> int | None:
    """1:02:34, 12:34 or 34 in a film, in milliseconds; None: it is none."""
    parts = text.strip().split(":")
    if not 1 <= len(parts) <= 3 or not all(_digits(part, most=4) for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if any(number >= 60 for number in numbers[1:]):
        return None
    seconds = 0
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds * 1000


def parse_seconds(text: str) -> int | None:
    """0.5 or 30, in milliseconds; None: it is none."""
    whole, _point, part = text.strip().partition(".")
    if not _digits(whole, most=6) or (part and not _digits(part, most=4)):
        return None
    return int(whole) * 1000 + int((part + "000")[:3])


def _digits(text: str, *, most: int) -> bool:
    """Of the ten that everybody types: `isdigit` alone lets others by, which are no numbers."""
    return len(text) <= most and text.isascii() and text.isdigit()


def _shown(row: Recorder, texts: Texts) -> dict[str, Any]:
    clock_known = row.clock_ahead_ms is not None and row.clock_err_ms is not None
    return {
        "recorder": row.recorder,
        "registered": row.registered,
        "model": row.model or "—",
        "unit": row.unit or "—",
        "status": word(STATUS, row.status, texts),
        "holder": row.holder,
        "since": times.stamp(row.held_since_ms),
        "docked": times.stamp(row.docked_ms),
        "clock": truetimes.ahead(row.clock_ahead_ms or 0, row.clock_err_ms or 0, texts)
        if clock_known
        else "—",
        "clock_at": times.stamp(row.clock_at_ms),
        "free": "—" if row.free_kb is None else size(row.free_kb << 10),
        "conflicts": [word(CONFLICTS, one, texts) for one in row.conflicts],
    }


def _anchor(one: Said[ClockAnchored], aside: tuple[ClockAnchor, ...], texts: Texts) -> dict[str, Any]:
    said = one.body.anchor
    return {
        "kind": word(truetimes.ANCHORS, said.kind, texts),
        "true": times.stamp(said.true_ms),
        "own": times.stamp(said.own_ms),
        "clock": truetimes.ahead(said.own_ms - said.true_ms, said.err_ms, texts),
        "by": one.body.by,
        "note": one.body.note,
        "aside": said in aside,
    }


def _file(
    one: Said[FootageImported], timing: Times, scans: Mapping[str, str], texts: Texts
) -> dict[str, Any]:
    result = scans.get(one.body.sha256 or "")
    return {
        "scan": texts(SCANS[result]) if result in SCANS else "",
        "sha256": one.body.sha256,
        "name": one.body.name,
        "own": times.stamp(one.body.own_start_ms),
        "true": truetimes.true_time(timing.start(one), texts),
    }
