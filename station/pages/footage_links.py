"""Footage that may belong to a passage, for one tap yes or no 关联确认; and what was linked by rule, to be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi import Path as InPath
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kernel import vocabulary
from kernel.errors import FullError, RefusedError
from kernel.footage.bodies import FootageLinked
from kernel.footage.linking import decided_by
from station.footage.films import first_import
from station.footage.index import Said
from station.footage.linking import proposals
from station.footage.room import FootageRoom
from station.pages import truetimes
from station.pages.http import answer, body
from station.pages.recorders import refused
from station.parts import Parts
from web import times
from web.i18n import Texts, word
from web.sessions import Visitor

SHOWN = 100
LINKED_SHOWN = 20

LinkName = Annotated[str, InPath(pattern="^[A-Za-z0-9._-]{1,200}$")]


class TakeBack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: str


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tap says all there is to say."""


class Pages:
    def __init__(self, parts: Parts, room: FootageRoom) -> None:
        self._parts = parts
        self._room = room
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        looks = Depends(self._shell.at_least("viewer"))
        acts = Depends(self._shell.at_least("operator"))
        links = self._room.desk.links

        @app.get("/footage/links")
        async def listed(request: Request, visitor: Visitor = looks) -> Response:
            return await self._list(request, visitor)

        @app.post("/footage/links/{link}/yes")
        async def yes(request: Request, link: LinkName, visitor: Visitor = acts) -> Response:
            await body(request, Nothing)
            by = visitor.account.name
            return await self._do(request, links.answer(link, yes=True, by=by, key=key_of(request)))

        @app.post("/footage/links/{link}/no")
        async def no(request: Request, link: LinkName, visitor: Visitor = acts) -> Response:
            await body(request, Nothing)
            by = visitor.account.name
            return await self._do(request, links.answer(link, yes=False, by=by, key=key_of(request)))

        @app.post("/footage/links/{link}/unlink")
        async def unlink(request: Request, link: LinkName, visitor: Visitor = acts) -> Response:
            said = await body(request, TakeBack)
            by = visitor.account.name
            return await self._do(request, links.unlink(link, by=by, reason=said.reason, key=key_of(request)))

    async def _list(self, request: Request, visitor: Visitor) -> Response:
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted="footage links")
        texts = self._shell.texts(request)
        waiting, linked = await asyncio.to_thread(self._told, texts)
        return self._shell.page(
            request,
            "footage_links.html",
            visitor=visitor,
            waiting=waiting[:SHOWN],
            more=max(len(waiting) - SHOWN, 0),
            linked=linked,
            can_act=visitor.may("operator"),
        )

    def _told(self, texts: Texts) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Blocking."""
        index = self._room.index
        newest = {one.body.link: one for one in index.of(FootageLinked)}
        linked = [one for one in reversed(newest.values()) if one.body.act == "linked"]
        return (
            [self._shown(one, texts) for one in proposals(index)],
            [self._shown(one, texts) for one in linked[:LINKED_SHOWN]],
        )

    def _shown(self, one: Said[FootageLinked], texts: Texts) -> dict[str, Any]:
        link = one.body
        file = first_import(self._room.index, link.sha256)
        row = self._parts.queries.passage(link.box or "", link.passage or "")
        return {
            "link": link.link,
            "sha256": link.sha256,
            "name": file.body.name if file else link.sha256[:12],
            "recorder": (file.body.recorder if file else None) or "—",
            "part": f"{_place(link.from_ms)}–{_place(link.to_ms)}",
            "time": times.stamp(link.true_from_ms),
            "error": "" if link.err_ms is None else truetimes.error(link.err_ms, texts),
            "plate": (row.tractor if row else None) or "—",
            "weighed": times.stamp(row.shown_ms) if row else "—",
            "lane": self._parts.feed.lane_name(texts.language, link.box or ""),
            "reason": word(vocabulary.LINK_REASONS, link.reason, texts),
            "by": decided_by(link) or "",
        }

    async def _do(self, request: Request, act: Coroutine[None, None, FootageLinked]) -> Response:
        try:
            done = await act
        except RefusedError as error:
            return refused(str(error), self._shell.texts(request))
        except FullError as error:
            raise HTTPException(507, "no room") from error
        return answer({"link": done.link, "act": done.act})


def key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not 8 <= len(key) <= 64:
        raise HTTPException(422, "Idempotency-Key")
    return key


def _place(at_ms: int) -> str:
    """12:34 into the file."""
    minutes, seconds = divmod(at_ms // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"
