"""The newest readings of plates on a tablet, and an officer's word beside one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from starlette.exceptions import HTTPException
from starlette.responses import Response

from journal.access import narrowed
from kernel.errors import FullError, RefusedError
from kernel.plates.correcting import Answer, texts_of
from station.acts import Tap
from station.pages.http import BoxName, Key, PassageId, answer, body
from station.parts import Parts
from station.plates import NotCorrected
from station.views import Corrected, Detail, NamedFile, PlateReading
from web import plates
from web.i18n import Texts
from web.plates import PlateView, ReadCard, Said
from web.sessions import Visitor

FILES = "/files"
Side = Annotated[str, InPath(pattern="^(front|rear|side|plate)$")]
Asked = Annotated[str, Query(max_length=80)]


def install(app: FastAPI, parts: Parts) -> None:
    """Add the addresses."""
    PlatePages(parts).install(app)


class PlatePages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        looks = Depends(self._shell.at_least("viewer"))
        acts = Depends(self._shell.at_least("operator"))

        @app.get("/plates")
        async def newest(
            request: Request, place: Asked = "", status: Asked = "", visitor: Visitor = looks
        ) -> Response:
            return await self._newest(request, visitor, place=place, status=status)

        @app.get("/plates/{box}/{passage}")
        async def crossing(
            request: Request, box: BoxName, passage: PassageId, visitor: Visitor = looks
        ) -> Response:
            return await self._crossing(request, visitor, box, passage)

        @app.post("/plates/{box}/{passage}/{side}")
        async def correct(
            request: Request,
            box: BoxName,
            passage: PassageId,
            side: Side,
            key: Key,
            visitor: Visitor = acts,
        ) -> Response:
            said = await body(request, Answer)
            tap = Tap(box=box, passage=passage, by=visitor.account.name, key=key)
            return await self._correct(request, tap, side, said)

    async def _newest(self, request: Request, visitor: Visitor, *, place: str, status: str) -> Response:
        """What cannot be asked for narrows nothing."""
        texts = self._shell.texts(request)
        box = place if self._parts.settings.lane(place) else None
        wanted = status if status in plates.STATUSES else None
        told = narrowed(page="plates", lane=box, status=wanted)
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted=told)
        rows = await asyncio.to_thread(self._parts.plates.newest, box=box, status=wanted)
        cards = [self._card(row, texts) for row in rows]
        return self._page(request, visitor, cards, place=box or "", status=wanted or "", single=False)

    async def _crossing(self, request: Request, visitor: Visitor, box: str, passage: str) -> Response:
        """Every side of one vehicle, with what passed before."""
        detail = await asyncio.to_thread(self._parts.queries.detail, box, passage)
        if detail is None:
            raise HTTPException(404)
        about = detail.row.weighed
        await self._parts.access.looked(by=visitor.account.name, what="event", passage=passage, about=about)
        texts = self._shell.texts(request)
        views = await asyncio.to_thread(views_of, detail, texts, self._parts.plates.seen)
        cards = [
            plates.read_card(
                view,
                box=box,
                passage=passage,
                lane=self._lane(box, texts),
                at_ms=detail.row.shown_ms,
                link=_link(box, passage),
            )
            for view in views
        ]
        return self._page(request, visitor, cards, place="", status="", single=True)

    async def _correct(self, request: Request, tap: Tap, side: str, said: Answer) -> Response:
        try:
            done = await self._parts.corrections.correct(tap, side, said)
        except FullError as error:
            raise HTTPException(507, "no room") from error
        except RefusedError as error:
            raise HTTPException(503, "the journal takes nothing") from error
        if done is None:
            raise HTTPException(404)
        if isinstance(done, NotCorrected):
            return self._refused(request, done)
        return answer({"entry": done.ref, "again": done.again})

    def _refused(self, request: Request, refused: NotCorrected) -> Response:
        texts = self._shell.texts(request)
        if refused.refused is None:
            return answer(
                {"detail": plates.refusal_words(refused.why, texts), "why": refused.why}, status=409
            )
        words = plates.refusal(refused.refused, texts)
        return answer(
            {"detail": words, "why": refused.refused.why, "meant": refused.refused.meant}, status=422
        )

    def _page(
        self,
        request: Request,
        visitor: Visitor,
        cards: Sequence[ReadCard],
        *,
        place: str,
        status: str,
        single: bool,
    ) -> Response:
        texts = self._shell.texts(request)
        lanes = [(box.name, box.shown(texts.language)) for box in self._parts.settings.boxes]
        return self._shell.page(
            request,
            "plates.html",
            visitor=visitor,
            cards=cards,
            single=single,
            places=lanes,
            place=place,
            reading=status,
            can_correct=visitor.may("operator"),
            form=plates.form_words(texts),
        )

    def _card(self, row: PlateReading, texts: Texts) -> ReadCard:
        return plates.read_card(
            plates.plate_view(row.read, texts, crop=_address(row.crop), said=_said(row.said)),
            box=row.box,
            passage=row.passage,
            lane=self._lane(row.box, texts),
            at_ms=row.shown_ms,
            link=f"/plates/{row.box}/{row.passage}",
        )

    def _lane(self, box: str, texts: Texts) -> str:
        return self._parts.feed.lane_name(texts.language, box)


def views_of(detail: Detail, texts: Texts, seen: Callable[..., Sequence[plates.Seen]]) -> list[PlateView]:
    """Each side of the vehicle, newest entry of each, with what passed before; `seen` blocks."""
    reads = {read.role: read for pictured in detail.pictured for read in pictured.plates}
    words = [one.body for one in detail.corrected]
    said = {one.body.role: one for one in detail.corrected}
    return [
        plates.plate_view(
            read,
            texts,
            crop=_address(detail.files.get(read.crop or "")),
            said=_said(said.get(role)),
            seen=seen(texts_of(detail.pictured, words, role), before_ms=detail.row.shown_ms),
        )
        for role, read in reads.items()
    ]


def _said(one: Corrected | None) -> Said | None:
    return Said(body=one.body, at_ms=one.at_ms) if one else None


def _address(crop: NamedFile | None) -> str | None:
    return f"{FILES}/{crop.file.sha256}" if crop is not None and crop.stored else None


def _link(box: str, passage: str) -> str:
    return f"/tablet#{box}/{passage}"
