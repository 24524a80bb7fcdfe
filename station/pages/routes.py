"""The addresses of the tablets: the page, one crossing, what an officer does, pictures, and whether we are well."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI, Request
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from kernel import vocabulary
from kernel.errors import FullError, RefusedError
from kernel.events import EntryRef
from station.acts import Answer, Refused, Tap
from station.confirming import Seen
from station.pages import footage, plates, player, wording
from station.pages.detail import DetailView, detail_view, verdict_view
from station.pages.http import BoxName, Digest, Key, PassageId, answer, body
from station.parts import Parts
from station.releasing import Grounds, Override
from station.slips import Kind
from web import times
from web.accounts import LADDER
from web.sessions import Visitor

SUPERVISOR = LADDER[LADDER.index("operator") + 1]  # the duty supervisor signs in as one above an operator

Words = Annotated[str, Meta(max_length=500)]
Short = Annotated[str, Meta(max_length=80)]

T = TypeVar("T")

PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}


class Confirm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seen: Seen
    note: Words = ""


class Hold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Words = ""


class Reweigh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    box: Short
    passage: Short


class Release(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reweigh: Reweigh | None = None
    police_result: Short = ""
    override_reason: Words | None = None
    note: Words = ""


class PrintSlip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Kind = "weighing"


class Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        self._shell.install(app)
        self._install_looks(app)
        self._install_acts(app)
        plates.install(app, self._parts)
        if self._parts.footage is not None:
            footage.install(app, self._parts, self._parts.footage)

    def _install_looks(self, app: FastAPI) -> None:
        looks = Depends(self._shell.at_least("viewer"))

        @app.get("/")
        async def first() -> Response:
            return RedirectResponse("/tablet", 303)

        @app.get("/healthz")
        async def health() -> Response:
            return answer(self._parts.healthy())

        @app.get("/tablet")
        async def tablet(request: Request, visitor: Visitor = looks) -> Response:
            return await self._tablet(request, visitor)

        @app.get("/tablet/{box}/{passage}")
        async def detail(
            request: Request, box: BoxName, passage: PassageId, visitor: Visitor = looks
        ) -> Response:
            return await self._detail(request, visitor, box, passage)

        @app.get("/files/{sha256}")
        async def file(sha256: Digest, visitor: Visitor = looks) -> Response:
            return await self._file(sha256, visitor)

    def _install_acts(self, app: FastAPI) -> None:
        acts = Depends(self._shell.at_least("operator"))

        @app.post("/tablet/{box}/{passage}/judge")
        async def judge(
            request: Request, box: BoxName, passage: PassageId, _visitor: Visitor = acts
        ) -> Response:
            return await self._judge(request, box, passage)

        @app.post("/tablet/{box}/{passage}/confirm")
        async def confirm(
            request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
        ) -> Response:
            said = await body(request, Confirm)
            tap = Tap(box=box, passage=passage, by=visitor.account.name, key=key, note=said.note)
            return await self._answer(
                request, tap, await self._do(self._parts.officers.confirm(tap, said.seen))
            )

        @app.post("/tablet/{box}/{passage}/hold")
        async def hold(
            request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
        ) -> Response:
            said = await body(request, Hold)
            tap = Tap(box=box, passage=passage, by=visitor.account.name, key=key, note=said.note)
            return await self._answer(request, tap, await self._do(self._parts.officers.hold(tap)))

        @app.post("/tablet/{box}/{passage}/release")
        async def release(
            request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
        ) -> Response:
            said = await body(request, Release)
            tap = Tap(box=box, passage=passage, by=visitor.account.name, key=key, note=said.note)
            return await self._release(request, tap, said, visitor)

        @app.post("/tablet/{box}/{passage}/slip")
        async def slip(
            request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
        ) -> Response:
            said = await body(request, PrintSlip)
            issue = self._parts.slips.issue(box, passage, said.kind, by=visitor.account.name, key=key)
            issued = await self._do(issue)
            if issued is None:
                raise HTTPException(404)
            return answer(issued)

    # --- pages ------------------------------------------------------------------------------------------------

    async def _tablet(self, request: Request, visitor: Visitor) -> Response:
        await self._parts.access.looked(by=visitor.account.name, what="list")
        language = self._shell.texts(request).language
        platforms = [box for box in self._parts.settings.boxes if box.platform]
        wanted = request.query_params.get("platform")
        return self._shell.page(
            request,
            "tablet.html",
            visitor=visitor,
            lines=(await self._parts.feed.newest(language)).lines,
            state=await self._parts.feed.state(language),
            platforms=[(box.name, box.shown(language)) for box in platforms],
            platform=next((box.name for box in platforms if box.name == wanted), platforms[0].name)
            if platforms
            else "",
            scale_says={name: self._shell.texts(request)(key) for name, key in vocabulary.QUALITY.items()},
            can_act=visitor.may("operator"),
            can_mark=self._parts.footage is not None,
            can_override=visitor.may(SUPERVISOR),
        )

    async def _detail(self, request: Request, visitor: Visitor, box: str, passage: str) -> Response:
        view, about = await self._view(request, box, passage)
        await self._parts.access.looked(by=visitor.account.name, what="event", passage=passage, about=about)
        return answer(view)

    async def _judge(self, request: Request, box: str, passage: str) -> Response:
        """What the verdict would be with these facts; nothing is written."""
        said = await body(request, Confirm)
        verdict = await self._parts.officers.preview(box, passage, said.seen)
        row = await asyncio.to_thread(self._parts.queries.passage, box, passage)
        if verdict is None or row is None:
            raise HTTPException(404)
        return answer(verdict_view(verdict, row.gross_kg, self._shell.texts(request)))

    async def _release(self, request: Request, tap: Tap, said: Release, visitor: Visitor) -> Response:
        override = None
        if said.override_reason is not None:
            if not visitor.may(SUPERVISOR):
                return self._refused(request, Refused(why="override_role"), status=403)
            override = Override(role=visitor.account.role, reason=said.override_reason)
        grounds = Grounds(police_result=said.police_result, override=override)
        reweigh = (said.reweigh.box, said.reweigh.passage) if said.reweigh else None
        return await self._answer(
            request, tap, await self._do(self._parts.officers.release(tap, grounds, reweigh=reweigh))
        )

    async def _file(self, sha256: str, visitor: Visitor) -> Response:
        name = await asyncio.to_thread(self._parts.queries.names_file, sha256)
        path = await asyncio.to_thread(self._parts.files.path, sha256) if name else None
        if name is None or path is None:
            raise HTTPException(404)
        await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
        media = PICTURES.get(Path(name).suffix.lower(), "application/octet-stream")
        # Bytes by digest never change; only the browser of who may see them keeps them.
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return FileResponse(path, media_type=media, headers=headers)

    # --- inside -----------------------------------------------------------------------------------------------

    async def _do(self, act: Coroutine[None, None, T]) -> T:
        try:
            return await act
        except FullError as error:
            raise HTTPException(507, "no room") from error
        except RefusedError as error:
            raise HTTPException(503, "the journal takes nothing") from error

    async def _answer(self, request: Request, tap: Tap, done: Answer) -> Response:
        if done is None:
            raise HTTPException(404)
        if isinstance(done, Refused):
            return self._refused(request, done)
        view, _about = await self._view(request, tap.box, tap.passage)
        return answer({"entry": done.ref, "again": done.again, "detail": view})

    def _refused(self, request: Request, refused: Refused, *, status: int = 409) -> Response:
        time = times.clock(refused.finding.shown_ms) if refused.finding else ""
        words = wording.refusal(refused.why, self._shell.texts(request), time=time)
        return answer({"detail": words, "why": refused.why}, status=status)

    async def _view(self, request: Request, box: str, passage: str) -> tuple[DetailView, EntryRef | None]:
        queries = self._parts.queries
        detail = await asyncio.to_thread(queries.detail, box, passage)
        if detail is None:
            raise HTTPException(404)
        stay = await asyncio.to_thread(queries.stay, detail.row)
        texts = self._shell.texts(request)
        read = await asyncio.to_thread(plates.views_of, detail, texts, self._parts.plates.seen)
        view = detail_view(
            detail,
            stay,
            texts,
            partial(self._parts.feed.lane_name, texts.language),
            joint_mode=self._parts.settings.joint_mode,
            read=read,
        )
        room = self._parts.footage
        if room is not None and await asyncio.to_thread(player.has_footage, room, detail):
            view = replace(view, footage=player.address(detail))
        return view, detail.row.weighed
