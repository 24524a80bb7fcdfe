"""Acts of people at the centre: reviews, cases, publications, holds, erasures; each is an entry of its own journal."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Annotated, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Header, Request
from fastapi import Path as InPath
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from central.acts.desk import Who
from central.api.answers import answer, answers
from central.api.callers import Caller, at_least
from central.parts import Parts
from central.store.queries import Queries
from central.views import Added, CaseView, Due, Erased
from kernel.errors import RefusedError
from kernel.events import CaseEnd, CaseKept, EntryRef
from kernel.footage.bodies import Step

_CASE = r"^[\w.()（）〔〕\[\]-]{1,80}$"
BoxName = Annotated[str, InPath(pattern="^[a-z0-9-]{3,40}$")]
PassageId = Annotated[str, InPath(pattern="^[A-Za-z0-9._:-]{1,80}$")]
CaseId = Annotated[str, InPath(pattern=_CASE)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[A-Za-z0-9-]{8,64}$",
        description="the same key again is the same act; without one every request is an act of its own",
    ),
]
Words = Annotated[str, Meta(max_length=500)]
CaseName = Annotated[str, Meta(pattern=_CASE)]
UntilMs = Annotated[int, Meta(ge=0, le=2**53 - 1)]
NOT_HERE = ("no such passage", "no such case")
T = TypeVar("T")


class Review(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    outcome: Literal["confirmed", "rejected", "returned"]
    reason: Words = ""
    case: CaseName | None = None


class InCase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    passage: Annotated[str, Meta(max_length=80)]
    box: Annotated[str, Meta(max_length=40)] | None = None


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    passages: Annotated[tuple[InCase, ...], Meta(min_length=1, max_length=100)]
    note: Words = ""
    as_context: bool = False  # also where the scale yields no evidence; the entry names these


class Close(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act: Literal["closed", "reopened"]
    reason: CaseEnd | None = None  # of a closing
    kept_as: CaseKept | None = None  # as it was closed before, else as any case
    note: Words = ""


class Publish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act: Literal["published", "withdrawn"]
    fields: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=40)] = ()
    until_ms: UntilMs | None = None


class Hold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act: Literal["held", "released"]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    until_ms: UntilMs | None = None


class Explain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step: Step
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Erase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: Annotated[str, Meta(min_length=3, max_length=200)]


class ActsApi:
    """Routes that change something."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        router = APIRouter(tags=["acts"])
        self._reviews(router)
        self._cases(router)
        self._publications(router)
        self._keeping(router)
        return router

    def _reviews(self, router: APIRouter) -> None:
        desk, reviews = self._parts.desk, Depends(at_least(self._parts, "reviewer"))

        @router.post(
            "/passages/{box}/{passage}/review", summary="A person has looked at it 审核", **answers(EntryRef)
        )
        async def review(
            request: Request, box: BoxName, passage: PassageId, key: Key = None, caller: Caller = reviews
        ) -> Response:
            said = await body_of(request, Review)
            act = desk.review(
                box, passage, said.outcome, who=who_of(caller, key), reason=said.reason, case=said.case
            )
            return answer(await done(act))

        @router.post(
            "/passages/{box}/{passage}/hold", summary="Nothing of it may be erased 封存", **answers(EntryRef)
        )
        async def hold(
            request: Request, box: BoxName, passage: PassageId, key: Key = None, caller: Caller = reviews
        ) -> Response:
            said = await body_of(request, Hold)
            act = desk.hold(
                box, passage, said.act, who=who_of(caller, key), reason=said.reason, until_ms=said.until_ms
            )
            return answer(await done(act))

        @router.post(
            "/passages/{box}/{passage}/gaps", summary="Why a step has no footage 说明", **answers(EntryRef)
        )
        async def explain(
            request: Request, box: BoxName, passage: PassageId, key: Key = None, caller: Caller = reviews
        ) -> Response:
            said = await body_of(request, Explain)
            act = desk.explain(box, passage, said.step, who=who_of(caller, key), reason=said.reason)
            return answer(await done(act))

    def _cases(self, router: APIRouter) -> None:
        desk = self._parts.desk
        looks, reviews = Depends(at_least(self._parts, "viewer")), Depends(at_least(self._parts, "reviewer"))

        @router.get("/cases/{case}", summary="What belongs to a case", **answers(CaseView))
        async def case_(case: CaseId, caller: Caller = looks) -> Response:
            await self._parts.access.looked(by=caller.name, what="case", wanted=f"case={case}")
            found = await desk.case(case)
            if found is None:
                raise HTTPException(404, "no such case")
            return answer(found)

        @router.post("/cases/{case}", summary="Add passages to a case, or begin it", **answers(Added))
        async def add(request: Request, case: CaseId, key: Key = None, caller: Caller = reviews) -> Response:
            said = await body_of(request, Case)
            passages = [await self._place(each) for each in said.passages]
            act = desk.add_to_case(
                case, passages, who=who_of(caller, key), note=said.note, as_context=said.as_context
            )
            return answer(Added(case=case, entries=await done(act)))

        @router.post(
            "/cases/{case}/closing",
            summary="A case has come to its end 结案, or goes on",
            **answers(EntryRef),
        )
        async def close(
            request: Request, case: CaseId, key: Key = None, caller: Caller = reviews
        ) -> Response:
            said, who = await body_of(request, Close), who_of(caller, key)
            return answer(await done(self._close(case, said, who)))

    async def _close(self, case: str, said: Close, who: Who) -> EntryRef:
        closings = self._parts.closings
        if said.act == "reopened":
            return await closings.reopen(case, who=who, note=said.note)
        if said.reason is None:
            raise HTTPException(422, "reason: say how the case ends")
        return await closings.close(case, who=who, reason=said.reason, kept_as=said.kept_as, note=said.note)

    def _publications(self, router: APIRouter) -> None:
        desk, publishes = self._parts.desk, Depends(at_least(self._parts, "admin"))

        @router.post(
            "/cases/{case}/publication",
            summary="Publish fields of a case, or take it back",
            **answers(EntryRef),
        )
        async def publish(
            request: Request, case: CaseId, key: Key = None, caller: Caller = publishes
        ) -> Response:
            said, who = await body_of(request, Publish), who_of(caller, key)
            if said.act == "withdrawn":
                return answer(await done(desk.withdraw(case, who=who)))
            if not said.fields:
                raise HTTPException(422, "fields: name at least one")
            return answer(await done(desk.publish(case, said.fields, who=who, until_ms=said.until_ms)))

    def _keeping(self, router: APIRouter) -> None:
        keeping, erases = self._parts.keeping, Depends(at_least(self._parts, "admin"))

        @router.get(
            "/keeping", summary="What is due for erasure, and what is held", **answers(Due, many=True)
        )
        async def due(_caller: Caller = erases) -> Response:
            return answer(await asyncio.to_thread(keeping.due))

        @router.post(
            "/passages/{box}/{passage}/erase", summary="Erase plates and pictures now", **answers(Erased)
        )
        async def erase(
            request: Request, box: BoxName, passage: PassageId, caller: Caller = erases
        ) -> Response:
            said = await body_of(request, Erase)
            return answer(Erased(by=await done(keeping.erase(box, passage, rule=said.rule, by=caller.name))))

    async def _place(self, named: InCase) -> tuple[str, str]:
        return await place_of(self._parts.queries, named.passage, named.box), named.passage


async def place_of(queries: Queries, passage: str, box: str | None) -> str:
    """Whose passage it is.  HTTPException: there is none, or two boxes chose the same id."""
    boxes = await asyncio.to_thread(queries.boxes_of, passage)
    if box is not None:
        boxes = tuple(each for each in boxes if each == box)
    if not boxes:
        raise HTTPException(404, "no such passage")
    if len(boxes) > 1:
        raise HTTPException(409, f"say which box: {', '.join(boxes)}")
    return boxes[0]


async def body_of(request: Request, kind: type[T]) -> T:
    """The body as that struct; HTTPException names what does not fit."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise HTTPException(422, str(error)) from error


def who_of(caller: Caller, key: str | None) -> Who:
    return Who(by=caller.name, key=key or uuid.uuid4().hex)


async def done(act: Awaitable[T]) -> T:
    try:
        return await act
    except RefusedError as error:
        raise HTTPException(404 if str(error) in NOT_HERE else 409, str(error)) from error
