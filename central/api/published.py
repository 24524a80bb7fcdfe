"""What is public: no sign-in, a ration for each address, and only fields of the list in central.acts.publishing."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from central.acts.publishing import published
from central.api.answers import answer, answers
from central.api.rationing import Rations
from central.parts import Parts
from central.views import PublishedPage

_CURSOR = re.compile(r"(\d{1,16})~(.{1,80})", re.DOTALL)


class PublishedApi:
    """One route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rations = Rations(parts.clock)

    def router(self) -> APIRouter:
        router = APIRouter(tags=["published"])

        @router.get("/published", summary="What is public of cases, newest first", **answers(PublishedPage))
        async def published_(
            request: Request,
            limit: Annotated[int, Query(ge=1, le=100)] = 50,
            cursor: Annotated[str | None, Query(max_length=200, description="of the page before")] = None,
        ) -> Response:
            self._admit(request)
            return answer(await self._page(limit, cursor))

        return router

    def _admit(self, request: Request) -> None:
        address = request.client.host if request.client else ""
        if wait_s := self._rations.wait_s(address):
            raise HTTPException(429, "too many questions", {"Retry-After": str(wait_s)})

    async def _page(self, limit: int, cursor: str | None) -> PublishedPage:
        found = await asyncio.to_thread(
            self._parts.queries.published,
            now_ms=self._parts.clock.now_ms(),
            limit=limit + 1,
            before=_before(cursor),
        )
        last = found[limit - 1] if len(found) > limit else None
        return PublishedPage(
            rows=tuple(map(published, found[:limit])), cursor=f"{last.at_ms}~{last.case}" if last else None
        )


def _before(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise HTTPException(422, "cursor: is not one that a page before this gave")
    return int(match[1]), match[2]
