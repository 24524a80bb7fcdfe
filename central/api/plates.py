"""Readings of plates: the newest ones, and a person's word beside one of them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from starlette.exceptions import HTTPException
from starlette.responses import Response

from central.api.acts import BoxName, Key, PassageId, body_of, done, who_of
from central.api.answers import answer, answers
from central.api.callers import Caller, at_least
from central.parts import Parts
from central.store.queries import MOST_ROWS
from central.store.readings import NEWEST, Wanted, plate_line
from central.views import PlateLine
from journal.access import narrowed
from kernel.events import EntryRef
from kernel.plates.correcting import Answer
from kernel.plates.saying import Refused

Status = Literal["read", "unsure", "unread", "no_plate", "foreign"]
Side = Annotated[str, InPath(pattern="^(front|rear|side|plate)$")]


class PlatesApi:
    """Routes about plates."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        looks, reviews = Depends(at_least(self._parts, "viewer")), Depends(at_least(self._parts, "reviewer"))
        router = APIRouter(tags=["plates"])

        @router.get("/plates", summary="Readings of plates, newest first", **answers(PlateLine, many=True))
        async def newest(
            caller: Caller = looks,
            station: str | None = None,
            lane: str | None = None,
            status: Status | None = None,
            limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = NEWEST,
        ) -> Response:
            told = narrowed(page="plates", station=station, lane=lane, status=status)
            await self._parts.access.looked(by=caller.name, what="list", wanted=told)
            wanted = Wanted(station=station, lane=lane, status=status)
            found = await asyncio.to_thread(self._parts.readings.newest, wanted, most=limit)
            return answer([plate_line(one) for one in found])

        @router.post(
            "/passages/{box}/{passage}/plates/{side}",
            summary="What a person says a plate is 人工校正",
            **answers(EntryRef),
        )
        async def correct(
            request: Request,
            box: BoxName,
            passage: PassageId,
            side: Side,
            key: Key = None,
            caller: Caller = reviews,
        ) -> Response:
            said = await body_of(request, Answer)
            act = self._parts.desk.correct(box, passage, side, said, who=who_of(caller, key))
            found = await done(act)
            if isinstance(found, Refused):
                meant = f": {found.meant}" if found.meant else ""
                raise HTTPException(422, f"{found.why}{meant}")
            return answer(found)

        return router
