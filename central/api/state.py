"""How things are: counts, sources, alarms, journals, quarantine, accesses, health."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from central.api.answers import FIRST_MS, LAST_MS, answer, answers
from central.api.callers import Caller, at_least
from central.parts import Parts
from central.views import AccessRow, Alarm, Custody, HourRow, QuarantineRow, SourceState
from journal.access import narrowed

Limit = Annotated[int, Query(ge=1, le=1000)]

_DAY_MS = 86_400_000


class StateApi:
    """Routes about state; each is one query."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        router = APIRouter(tags=["state"], dependencies=[Depends(at_least(self._parts, "viewer"))])
        self._counts(router)
        self._state(router)
        self._records(router)
        return router

    def _counts(self, router: APIRouter) -> None:
        queries, clock = self._parts.queries, self._parts.clock

        @router.get(
            "/stats/hours",
            summary="Counts of each lane and hour; a day if no times are given",
            **answers(HourRow, many=True),
        )
        async def hours(
            station: str | None = None,
            lane: str | None = None,
            from_ms: Annotated[int | None, Query(alias="from", ge=FIRST_MS, le=LAST_MS)] = None,
            to_ms: Annotated[int | None, Query(alias="to", ge=FIRST_MS, le=LAST_MS)] = None,
        ) -> Response:
            until = clock.now_ms() + 1 if to_ms is None else to_ms
            since = until - _DAY_MS if from_ms is None else from_ms
            return answer(await asyncio.to_thread(queries.hours, since, until, station=station, lane=lane))

    def _state(self, router: APIRouter) -> None:
        parts = self._parts

        @router.get("/sources", summary="Every source and its devices", **answers(SourceState, many=True))
        async def sources() -> Response:
            return answer(await asyncio.to_thread(parts.queries.sources, parts.clock.now_ms()))

        @router.get("/alarms", summary="What somebody must act upon now", **answers(Alarm, many=True))
        async def alarms() -> Response:
            return answer(await asyncio.to_thread(parts.alarms))

        @router.get(
            "/journals", summary="How far each journal is held and vouched for", **answers(Custody, many=True)
        )
        async def journals() -> Response:
            return answer(await asyncio.to_thread(parts.queries.journals))

        @router.get("/health", summary="Counters of ingest, broker and witnesses")
        async def health() -> dict[str, Any]:
            return parts.healthy()

    def _records(self, router: APIRouter) -> None:
        queries = self._parts.queries
        audits = Depends(at_least(self._parts, "auditor"))

        @router.get(
            "/quarantine",
            summary="Entries in custody that cannot be read",
            **answers(QuarantineRow, many=True),
        )
        async def quarantine(limit: Limit = 100) -> Response:
            return answer(await asyncio.to_thread(queries.quarantine, limit))

        @router.get("/accesses", summary="Who looked at what", **answers(AccessRow, many=True))
        async def accesses(
            caller: Caller = audits,
            passage: str | None = None,
            by: str | None = None,
            from_ms: Annotated[int | None, Query(alias="from", ge=FIRST_MS, le=LAST_MS)] = None,
            to_ms: Annotated[int | None, Query(alias="to", ge=FIRST_MS, le=LAST_MS)] = None,
            limit: Limit = 100,
        ) -> Response:
            told = narrowed(passage=passage, by=by, from_ms=from_ms, to_ms=to_ms)
            await self._parts.access.looked(by=caller.name, what="accesses", wanted=told)
            found = await asyncio.to_thread(
                queries.accesses, passage=passage, by=by, from_ms=from_ms, to_ms=to_ms, limit=limit
            )
            return answer(found)
