"""Pages for supervisors: the day of each officer with the sample to watch, and what is kept how long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Request
from fastapi import Path as InPath
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kernel.events import RecordHeld
from kernel.footage.bodies import FootageImported
from kernel.footage.capacity import Basis
from kernel.footage.day import OfficerDay, Stretch
from kernel.footage.keeping import Hold
from station.footage.capacity import Forecast
from station.footage.index import FootageIndex
from station.footage.room import FootageRoom
from station.footage.stock import Stocked, stock_of
from station.footage.supervising import DayReport, Sampled
from station.pages import wording
from station.pages.http import answer, body
from station.pages.steps import done
from station.parts import Parts
from web import times
from web.i18n import Texts, word, words
from web.i18n import mark as _
from web.sessions import Visitor
from web.shell import Link

Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
DigestText = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern="^[A-Za-z0-9-]{8,64}$")]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
MOST = 200  # files in a list

DAY = Link(path="/footage/day", key=_("Day of footage"), role="reviewer")
BASES: dict[Basis, str] = {
    "given": _("given"),
    "settings": _("from the settings"),
    "measured": _("measured here in four weeks"),
    "assumed": _("assumed"),
}


class Score(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    score: Annotated[int, Meta(ge=1, le=5)]
    note: Annotated[str, Meta(max_length=500)] = ""


class Restore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    files: Annotated[tuple[DigestText, ...], Meta(min_length=1, max_length=100)]
    reason: Reason


class Holding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act: Literal["held", "released"] = "held"
    files: Annotated[tuple[DigestText, ...], Meta(max_length=100)] = ()
    passage: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,100}$")] | None = None
    reason: Reason
    until: Annotated[str, Meta(max_length=10)] = ""  # the last day; empty: until it is released


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One officer's day, as texts."""

    officer: str
    shifts: str
    on_duty_min: int
    covered_min: int
    percent: int
    filmed_min: int
    gaps: str
    acts: int
    acts_unfilmed: int
    differences: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """One file that is to be deleted."""

    sha256: str
    name: str
    rule: str
    due: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One thing on hold."""

    thing: str
    files: tuple[str, ...]
    passage: str | None
    by: str
    reason: str
    until: str
    by_lane: bool  # only the lane ends it


def install(app: FastAPI, parts: Parts, room: FootageRoom) -> None:
    Supervision(parts, room).install(app)


class Supervision:
    def __init__(self, parts: Parts, room: FootageRoom) -> None:
        self._parts = parts
        self._room = room
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        looks, supervises = Depends(self._shell.at_least("viewer")), Depends(self._shell.at_least("reviewer"))

        @app.get("/footage/day")
        async def day(request: Request, d: str = "", visitor: Visitor = looks) -> Response:
            return await self._day(request, d, visitor)

        @app.get("/footage/keeping")
        async def keeping(request: Request, visitor: Visitor = looks) -> Response:
            return await self._keeping(request, visitor)

        @app.post("/footage/{sha256}/score")
        async def score(
            request: Request, sha256: Digest, key: Key, visitor: Visitor = supervises
        ) -> Response:
            said = await body(request, Score)
            act = self._room.supervising.score(
                sha256, said.score, by=visitor.account.name, note=said.note, key=key
            )
            await done(act, self._shell.texts(request))
            return answer({"done": True})

        @app.post("/footage/keeping/restore")
        async def restore(request: Request, key: Key, visitor: Visitor = supervises) -> Response:
            said, by = await body(request, Restore), visitor.account.name
            own = f"restore/{by}/{key}"
            act = self._room.keeping.restore(said.files, by=by, reason=said.reason, key=own)
            await self._once(own, act, request)
            return answer({"done": True})

        @app.post("/footage/keeping/hold")
        async def hold(request: Request, key: Key, visitor: Visitor = supervises) -> Response:
            said, by = await body(request, Holding), visitor.account.name
            held, own = _held_body(said, by=by), f"hold/{by}/{key}"
            await self._once(own, self._room.keeping.hold(held, key=own), request)
            return answer({"done": True})

    async def _once(self, key: str, act: Coroutine[Any, Any, object], request: Request) -> None:
        """Said already, it cannot be said again as things are now, and is done."""
        if await self._room.ledger.knows(key):
            act.close()
        else:
            await done(act, self._shell.texts(request))

    async def _day(self, request: Request, wanted: str, visitor: Visitor) -> Response:
        from_ms = times.parse_day(wanted) if wanted else times.day_start_ms(self._parts.clock.now_ms())
        if from_ms is None:
            raise HTTPException(422, "d: not a day")
        shown = times.local(from_ms).strftime("%Y-%m-%d")
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted=f"footage day={shown}")
        now_ms = self._parts.clock.now_ms()
        report = await asyncio.to_thread(self._room.supervising.day, from_ms, now_ms=now_ms)
        texts = self._shell.texts(request)
        return self._shell.page(
            request,
            "day.html",
            visitor=visitor,
            day=shown,
            report=report,
            shifts=[shift_view(one, texts) for one in report.officers],
            sample=[_sampled(one, texts) for one in report.sample],
            percent=_thousandths(report),
            can_score=visitor.may("reviewer"),
        )

    async def _keeping(self, request: Request, visitor: Visitor) -> Response:
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted="footage keeping")
        index, texts = self._room.index, self._shell.texts(request)
        stock = await asyncio.to_thread(stock_of, index, spans=True)
        holds = await asyncio.to_thread(self._room.keeping.holds)
        found = await asyncio.to_thread(self._room.forecast, [one for one in stock.values() if not one.span])
        return self._shell.page(
            request,
            "keeping.html",
            visitor=visitor,
            worries=words(wording.KEEPING, self._room.keeping.worries(), texts),
            room=self._room.keeping.room,
            forecast=found,
            basis=_basis(found, texts),
            files=sum(not one.span for one in stock.values()),
            marked=await asyncio.to_thread(marked_views, index, stock.values()),
            holds=held_views(holds),
            report=self._room.keeping.found,
            can_act=visitor.may("reviewer"),
        )


def shift_view(one: OfficerDay, texts: Texts) -> Shift:
    return Shift(
        officer=one.officer,
        shifts=_stretches(one.shifts, texts),
        on_duty_min=one.on_duty_min,
        covered_min=one.covered_min,
        percent=100 * one.covered_min // one.on_duty_min if one.on_duty_min else 0,
        filmed_min=one.filmed_min,
        gaps=_stretches(one.gaps, texts),
        acts=one.acts,
        acts_unfilmed=one.acts_unfilmed,
        differences=texts(_("; ")).join(words(wording.DAY, one.differences, texts)),
    )


def marked_views(index: FootageIndex, stock: Iterable[Stocked]) -> list[Marked]:
    """The first to go first.  Blocking."""
    waiting = [(one.mark, one) for one in stock if one.mark is not None]
    waiting.sort(key=lambda pair: pair[0].due_ms)
    return [
        Marked(sha256=one.sha256, name=_name(index, one.sha256), rule=mark.rule, due=times.stamp(mark.due_ms))
        for mark, one in waiting[:MOST]
    ]


def held_views(holds: Mapping[str, Hold]) -> list[Held]:
    return [_held_view(thing, hold) for thing, hold in holds.items()]


def _held_view(thing: str, hold: Hold) -> Held:
    kind, _colon, name = thing.rpartition(":")
    return Held(
        thing=thing,
        files=() if kind else (thing,),
        passage=name if kind else None,
        by=hold.by,
        reason=hold.reason,
        until=times.stamp(hold.until_ms),
        by_lane=kind == "lane",
    )


def _sampled(one: Sampled, texts: Texts) -> dict[str, str]:
    scores = [f"{said.by}: {said.score}" + (f" {said.note}" if said.note else "") for said in one.scores]
    return {
        "sha256": one.sha256,
        "name": one.name,
        "officer": one.officer or "—",
        "from": times.clock(one.from_ms),
        "scores": texts(_("; ")).join(scores),
    }


def _held_body(said: Holding, *, by: str) -> RecordHeld:
    until_ms = None
    if said.until:
        began_ms = times.parse_day(said.until)
        if began_ms is None:
            raise HTTPException(422, "until: not a day")
        until_ms = began_ms + times.DAY_MS
    return RecordHeld(
        act=said.act,
        files=said.files,
        passage=said.passage,
        by=by,
        reason=said.reason.strip(),
        until_ms=until_ms,
    )


def _name(index: FootageIndex, sha256: str) -> str:
    found = index.of(FootageImported, sha256=sha256, newest=1)
    return found[0].body.name if found else sha256[:12]


def _stretches(stretches: Sequence[Stretch], texts: Texts) -> str:
    said = [f"{times.clock(one.from_ms)[:5]}–{times.clock(one.to_ms)[:5]}" for one in stretches]
    return texts(_(", ")).join(said)


def _basis(found: Forecast, texts: Texts) -> dict[str, str]:
    return {name: word(BASES, how, texts) for name, how in found.basis.items()}  # type: ignore[arg-type]


def _thousandths(report: DayReport) -> str:
    return f"{report.permille // 10}.{report.permille % 10} %"
