"""The newest readings of plates in the monitoring room, and a reviewer's word beside one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi import Path as InPath
from starlette.responses import Response

from central.acts.desk import Who
from central.api.acts import body_of
from central.api.answers import answer
from central.pages import wording
from central.pages.event import FILES
from central.pages.lines import link
from central.pages.naming import Names
from central.parts import Parts
from central.store.readings import Readings, Wanted
from central.views import PassageDetail, PlateReading
from journal.access import narrowed
from kernel.errors import RefusedError
from kernel.plates.correcting import Answer, plate_of, texts_of
from kernel.plates.saying import Refused
from web import plates
from web.i18n import Texts
from web.plates import ReadCard, Said, Seen
from web.sessions import Visitor
from web.shell import Shell

BoxName = Annotated[str, InPath(pattern="^[a-z0-9-]{3,40}$")]
PassageId = Annotated[str, InPath(pattern="^[A-Za-z0-9._:-]{1,80}$")]
Side = Annotated[str, InPath(pattern="^(front|rear|side|plate)$")]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern="^[A-Za-z0-9-]{8,64}$")]
Asked = Annotated[str, Query(max_length=80)]


class PlatePages:
    def __init__(self, parts: Parts, *, shell: Shell, names: Names) -> None:
        self._parts = parts
        self._shell = shell
        self._names = names

    def install(self, app: FastAPI) -> None:
        looks, acts = Depends(self._shell.at_least("viewer")), Depends(self._shell.at_least("reviewer"))

        @app.get("/plates", include_in_schema=False)
        async def newest(
            request: Request, place: Asked = "", status: Asked = "", visitor: Visitor = looks
        ) -> Response:
            return await self._newest(request, visitor, place=place, status=status)

        @app.post("/plates/{box}/{passage}/{side}", include_in_schema=False)
        async def correct(
            request: Request, box: BoxName, passage: PassageId, side: Side, key: Key, visitor: Visitor = acts
        ) -> Response:
            said = await body_of(request, Answer)
            who = Who(by=visitor.account.name, key=key)
            return await self._correct(request, (box, passage, side), said, who)

    async def _newest(self, request: Request, visitor: Visitor, *, place: str, status: str) -> Response:
        """`place` is a station with a lane; what cannot be asked for narrows nothing."""
        texts = self._shell.texts(request)
        places = await self._places(texts)
        chosen = place if place in dict(places) else ""
        station, _, lane = chosen.partition("~")
        wanted = Wanted(
            station=station or None,
            lane=lane or None,
            status=status if status in plates.STATUSES else None,
        )
        told = narrowed(page="plates", station=wanted.station, lane=wanted.lane, status=wanted.status)
        await self._parts.access.looked(by=visitor.account.name, what="list", wanted=told)
        rows = await asyncio.to_thread(self._parts.readings.newest, wanted)
        return self._shell.page(
            request,
            "plates.html",
            visitor=visitor,
            cards=[self._card(row, texts) for row in rows],
            single=False,
            places=places,
            place=chosen,
            reading=wanted.status or "",
            can_correct=visitor.may("reviewer"),
            form=plates.form_words(texts),
        )

    async def _places(self, texts: Texts) -> list[tuple[str, str]]:
        sources = await asyncio.to_thread(self._parts.queries.sources, self._parts.clock.now_ms())
        name = self._names(texts.language)
        lanes = sorted({(source.station, source.lane) for source in sources if source.lane})
        return [
            (f"{station}~{lane}", f"{name(station)} {wording.lane_name(lane, texts)}")
            for station, lane in lanes
        ]

    async def _correct(
        self, request: Request, place: tuple[str, str, str], said: Answer, who: Who
    ) -> Response:
        texts = self._shell.texts(request)
        try:
            done = await self._parts.desk.correct(*place, said, who=who)
        except RefusedError as error:
            if str(error) not in plates.REFUSALS:
                raise
            return answer({"detail": plates.refusal_words(str(error), texts), "why": str(error)}, status=409)
        if isinstance(done, Refused):
            words = plates.refusal(done, texts)
            return answer({"detail": words, "why": done.why, "meant": done.meant}, status=422)
        return answer({"entry": done})

    def _card(self, row: PlateReading, texts: Texts) -> ReadCard:
        name = self._names(texts.language)
        said = Said(body=row.said.said, at_ms=row.said.at_ms) if row.said else None
        crop = f"{FILES}/{row.crop}" if row.crop and row.crop_stored else None
        return plates.read_card(
            plates.plate_view(row.read, texts, crop=crop, said=said),
            box=row.row.box,
            passage=row.row.passage,
            lane=f"{name(row.row.station)} {wording.lane_name(row.row.lane, texts)}",
            at_ms=row.row.shown_ms,
            link=link(row.row),
        )


def seen_before(detail: PassageDetail, readings: Readings) -> Mapping[str, Sequence[Seen]]:
    """What passed before with the plate of each side, or one like it.  Blocking."""
    said = [one.said for one in detail.corrections]
    roles = {read.role for pictured in detail.pictured for read in pictured.plates}
    return {
        role: readings.seen(
            texts_of(detail.pictured, said, role),
            before_ms=detail.row.shown_ms,
            sure=plate_of(detail.pictured, said, role),
        )
        for role in roles
    }
