"""Crossings: lists, one with everything, its clips on demand, its evidence package."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from central.acts.steps import step_views
from central.api.acts import place_of
from central.api.answers import FIRST_MS, LAST_MS, answer, answers
from central.api.callers import Caller, at_least
from central.parts import Parts
from central.store.queries import MOST_ROWS, Filter
from central.taking import take_package
from central.views import EntryView, Page, PassageDetail, StepView
from journal.access import narrowed
from kernel.errors import ConfigError, RefusedError
from kernel.events import EntryRef, Outcome

Box = Annotated[str | None, Query(description="whose passage; needed only if two boxes chose the same id")]
_NO_PASSAGE = "no such passage"


class PassagesApi:
    """Routes about crossings."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        looks, acts = Depends(at_least(self._parts, "viewer")), Depends(at_least(self._parts, "operator"))
        router = APIRouter(tags=["passages"])
        self._add_entries(router, looks)
        self._add_crossings(router, looks, acts)
        return router

    def _add_entries(self, router: APIRouter, looks: Any) -> None:
        @router.get("/events", summary="Crossings, newest first", **answers(Page))
        async def events(
            caller: Caller = looks,
            station: str | None = None,
            lane: str | None = None,
            outcome: Outcome | None = None,
            plate: Annotated[
                str | None, Query(max_length=20, description="tractor or trailer, from its beginning")
            ] = None,
            from_ms: Annotated[
                int | None, Query(alias="from", ge=FIRST_MS, le=LAST_MS, description="UTC ms, included")
            ] = None,
            to_ms: Annotated[
                int | None, Query(alias="to", ge=FIRST_MS, le=LAST_MS, description="UTC ms, not included")
            ] = None,
            limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
            cursor: Annotated[str | None, Query(max_length=200, description="of the page before")] = None,
        ) -> Response:
            wanted = Filter(
                station=station, lane=lane, outcome=outcome, plate=plate, from_ms=from_ms, to_ms=to_ms
            )
            return answer(await self._page(caller, wanted, limit, cursor))

        @router.get("/events/{journal}/{seq}", summary="One entry as it was signed for", **answers(EntryView))
        async def entry(journal: str, seq: int, caller: Caller = looks) -> Response:
            return answer(await self._entry(caller, journal, seq))

    def _add_crossings(self, router: APIRouter, looks: Any, acts: Any) -> None:
        @router.get("/passages/{passage}", summary="Everything about one crossing", **answers(PassageDetail))
        async def passage_(passage: str, caller: Caller = looks, box: Box = None) -> Response:
            return answer(await self._detail(caller, passage, box))

        @router.get(
            "/passages/{passage}/steps",
            summary="Steps that must be on footage, and how they stand",
            **answers(StepView, many=True),
        )
        async def steps(passage: str, caller: Caller = looks, box: Box = None) -> Response:
            return answer(step_views(await self._detail(caller, passage, box), self._parts.law))

        @router.post(
            "/passages/{passage}/clip", summary="Ask the lane for clips that stayed there", status_code=202
        )
        async def clip(passage: str, caller: Caller = acts, box: Box = None) -> dict[str, list[str]]:
            return {"requested": await self._request(caller, passage, box)}

        @router.get(
            "/passages/{passage}/package", summary="The evidence package, a zip", response_class=FileResponse
        )
        async def package(passage: str, caller: Caller = acts, box: Box = None) -> Response:
            return await self._package(caller, passage, box)

    async def _page(self, caller: Caller, wanted: Filter, limit: int, cursor: str | None) -> Page:
        told = narrowed(**asdict(wanted), cursor=cursor)
        # Two plates may look the same here: whoever searches for one is written down every time.
        note = self._parts.access.took if wanted.plate else self._parts.access.looked
        await note(by=caller.name, what="list", wanted=told)
        try:
            return await asyncio.to_thread(self._parts.queries.passages, wanted, limit=limit, cursor=cursor)
        except ConfigError as error:
            raise HTTPException(422, str(error)) from error

    async def _entry(self, caller: Caller, journal: str, seq: int) -> EntryView:
        found = await asyncio.to_thread(self._parts.queries.entry, journal, seq) if 0 <= seq < 2**53 else None
        if found is None:
            raise HTTPException(404, "no such entry")
        about = EntryRef(journal=journal, seq=seq, leaf=found.leaf)
        await self._parts.access.looked(by=caller.name, what="event", about=about)
        return found

    async def _find(self, passage: str, box: str | None) -> PassageDetail:
        found = await asyncio.to_thread(
            self._parts.queries.passage, await place_of(self._parts.queries, passage, box), passage
        )
        if found is None:
            raise HTTPException(404, _NO_PASSAGE)
        return found

    async def _detail(self, caller: Caller, passage: str, box: str | None) -> PassageDetail:
        found = await self._find(passage, box)
        await self._parts.access.looked(by=caller.name, what="event", passage=passage)
        return found

    async def _request(self, caller: Caller, passage: str, box: str | None) -> list[str]:
        found = await self._find(passage, box)
        clips = [file.sha256 for file in found.files if file.kind == "clip" and file.state == "on_box"]
        return [digest for digest in clips if await self._parts.requests.request(digest, by=caller.name)]

    async def _package(self, caller: Caller, passage: str, box: str | None) -> Response:
        found = await self._find(passage, box)
        try:
            return await take_package(self._parts, box=found.row.box, passage=passage, by=caller.name)
        except RefusedError as error:
            raise HTTPException(409, str(error)) from error
