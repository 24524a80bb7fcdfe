"""The addresses at which footage is watched, marked, copied and redacted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi import Path as InPath
from msgspec import Meta, Struct
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from kernel import vocabulary
from kernel.errors import FullError, ProtocolError, RefusedError
from kernel.footage.bodies import DerivedKind, FootageImported, FootageLinked, FootageTagged, TagKind
from kernel.footage.keeping import standing_links
from station.footage.library import Known
from station.footage.orders import Box, Redaction, faults_of
from station.footage.room import FootageRoom
from station.footage.sidecars import docked_with
from station.footage.tags import Tag, standing, webvtt
from station.pages import watching
from station.pages.http import BoxName, Key, PassageId, answer, body
from station.parts import Parts
from station.views import Detail
from web.i18n import word
from web.sessions import Visitor

BOXES = 60 * 1024  # bytes of a redaction
ADDRESS = "/footage/{sha256:sha256}"

Name = Annotated[str, InPath(pattern="^[a-z0-9_-]{1,60}$")]
Words = Annotated[str, Meta(max_length=500)]
Ms = Annotated[int, Meta(ge=0, le=1 << 40)]


class DigestInPath(Convertor[str]):
    """So that no other address under /footage can be taken for a file."""

    regex = "[0-9a-f]{64}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    from_ms: Ms
    to_ms: Ms
    kind: TagKind
    value: Words = ""


class Because(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Words


class Hide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    redaction: Redaction
    reason: Words


class Follow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    box: Box
    until_ms: Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One recording and the file that is played for it."""

    known: Known
    playing: str | None
    why: str


class Player:
    def __init__(self, parts: Parts, room: FootageRoom) -> None:
        self._parts = parts
        self._room = room
        self._shell = parts.shell

    def install(self, app: FastAPI) -> None:
        register_url_convertor("sha256", DigestInPath())
        self._install_looks(app)
        self._install_acts(app)

    def _install_looks(self, app: FastAPI) -> None:
        looks = Depends(self._shell.at_least("viewer"))

        @app.get(ADDRESS)
        async def page(request: Request, sha256: str, visitor: Visitor = looks) -> Response:
            return await self._page(request, visitor, sha256)

        @app.get(f"{ADDRESS}/video")
        async def video(sha256: str, take: bool = False, visitor: Visitor = looks) -> Response:
            if take and not visitor.may("operator"):
                raise HTTPException(403)
            return await self._video(visitor, sha256, take=take)

        @app.get(f"{ADDRESS}/tags.vtt")
        async def vtt(sha256: str, visitor: Visitor = looks) -> Response:
            await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
            return Response(webvtt(await self._tags([sha256])), media_type="text/vtt; charset=utf-8")

        @app.get(f"{ADDRESS}/tags")
        async def tags(request: Request, sha256: str, visitor: Visitor = looks) -> Response:
            await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
            return answer(await self._tag_lines(request, [sha256]))

        @app.get(f"{ADDRESS}/making")
        async def making(request: Request, sha256: str, visitor: Visitor = looks) -> Response:
            await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
            return answer(await self._made_lines(request, sha256))

        @app.get("/footage/passage/{box}/{passage}")
        async def passage(
            request: Request, box: BoxName, passage: PassageId, visitor: Visitor = looks
        ) -> Response:
            return await self._passage(request, visitor, box, passage)

    def _install_acts(self, app: FastAPI) -> None:
        acts = Depends(self._shell.at_least("operator"))

        @app.post(f"{ADDRESS}/tags")
        async def tag(request: Request, sha256: str, key: Key, visitor: Visitor = acts) -> Response:
            return await self._tag(request, sha256, visitor.account.name, key)

        @app.post(f"{ADDRESS}/tags/{{tag}}/untag")
        async def untag(request: Request, sha256: str, tag: Name, visitor: Visitor = acts) -> Response:
            return await self._untag(request, sha256, tag, visitor.account.name)

        @app.post(f"{ADDRESS}/copy")
        async def copy(request: Request, sha256: str, visitor: Visitor = acts) -> Response:
            await self._need(sha256)
            await self._order("working_copy", sha256, by=visitor.account.name, again=False, reason="")
            return answer(await self._made_lines(request, sha256))

        @app.post(f"{ADDRESS}/making/{{order}}/drop")
        async def drop(request: Request, sha256: str, order: Name, _visitor: Visitor = acts) -> Response:
            if not await self._room.workshop.drop(order):
                raise HTTPException(404)
            return answer(await self._made_lines(request, sha256))

        @app.get(f"{ADDRESS}/redact")
        async def redact_page(request: Request, sha256: str, visitor: Visitor = acts) -> Response:
            return await self._redact_page(request, visitor, sha256)

        @app.post(f"{ADDRESS}/redact")
        async def redact(request: Request, sha256: str, visitor: Visitor = acts) -> Response:
            return await self._redact(request, sha256, visitor.account.name)

        @app.post(f"{ADDRESS}/follow")
        async def follow(request: Request, sha256: str, _visitor: Visitor = acts) -> Response:
            return await self._follow(request, sha256)

    # --- watching ---------------------------------------------------------------------------------------------

    async def _page(self, request: Request, visitor: Visitor, sha256: str) -> Response:
        watched = await self._watched(sha256)
        await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
        return await self._shown(request, visitor, [watched])

    async def _passage(self, request: Request, visitor: Visitor, box: str, passage: str) -> Response:
        """Everything that was recorded of one crossing, on one axis with its weight."""
        detail = await asyncio.to_thread(self._parts.queries.detail, box, passage)
        if detail is None:
            raise HTTPException(404)
        digests = await asyncio.to_thread(self._of_passage, detail)
        watched = [await self._watched(sha256) for sha256 in digests]
        by = visitor.account.name
        await self._parts.access.looked(by=by, what="event", passage=passage, about=detail.row.weighed)
        return await self._shown(request, visitor, watched, detail)

    async def _shown(
        self, request: Request, visitor: Visitor, watched: Sequence[Watched], detail: Detail | None = None
    ) -> Response:
        texts = self._shell.texts(request)
        sources = tuple(watching.source(one.known, one.playing, texts, why=one.why) for one in watched)
        weighed = detail.weighed if detail else None
        alone = watched[0].known if len(watched) == 1 and detail is None else None
        watch = watching.Watch(
            sources=sources,
            tags=await self._tag_lines(request, [one.known.sha256 for one in watched]),
            weight=watching.weight(weighed, texts) if weighed else None,
            made=await self._made_lines(request, alone.sha256) if alone else (),
            alone=alone.sha256 if alone else None,
            passage=detail.row.id if detail else "",
        )
        return self._shell.page(
            request,
            "footage.html",
            visitor=visitor,
            sources=sources,
            heard=next((one.id for one in sources if one.video and one.sounds), ""),
            weight=watch.weight,
            alone=alone,
            beside=await asyncio.to_thread(self._beside, alone.sha256) if alone else [],
            passage=watch.passage,
            watch=watching.as_block(watch),
            steps=[(name, texts(key)) for name, key in vocabulary.STEPS.items()],
            can_act=visitor.may("operator"),
        )

    def _beside(self, sha256: str) -> list[tuple[str, str]]:
        """Name and address of the files that its recorder put beside it, or of the film that it lies beside."""
        said = self._room.index.of(FootageImported, sha256=sha256)
        found = docked_with(self._room.index, said[0]) if said else []
        return [(one.body.name, f"/footage/{one.body.sha256}") for one in found]

    async def _video(self, visitor: Visitor, sha256: str, *, take: bool) -> Response:
        known = await asyncio.to_thread(self._room.library.known, sha256)
        path = await asyncio.to_thread(self._room.library.path, sha256) if known else None
        if known is None or path is None:
            raise HTTPException(404)
        by = visitor.account.name
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        if take:
            await self._parts.access.took(by=by, what="export", sha256=sha256)
            return FileResponse(path, filename=known.name, headers={"Cache-Control": "no-store"})
        await self._parts.access.looked(by=by, what="file", sha256=sha256)
        return FileResponse(path, media_type="video/mp4", headers=headers)

    async def _watched(self, sha256: str) -> Watched:
        """404: no entry speaks of it."""
        known = await asyncio.to_thread(self._room.library.known, sha256)
        if known is None:
            raise HTTPException(404)
        playing, why = await asyncio.to_thread(self._playing, known)
        return Watched(known=known, playing=playing, why=why)

    def _playing(self, known: Known) -> tuple[str | None, str]:
        """What is played for it, or a machine word that says why nothing is."""
        path = self._room.library.path(known.sha256)
        plays = path is not None and known.plays
        if plays and known.is_heard:
            return known.sha256, ""
        copy = self._room.library.copy_of(known.sha256)
        if copy:
            return copy, ""
        if plays:
            return known.sha256, "not_heard"
        return None, "needs_copy" if path else "not_here"

    def _of_passage(self, detail: Detail) -> list[str]:
        """Clips of the lane, then what is linked, each once."""
        row = detail.row
        clips = [named.file.sha256 for name, named in detail.files.items() if named.stored]
        here = [sha256 for sha256 in clips if self._parts.queries.clip(sha256) is not None]
        links = standing_links(said.body for said in self._room.index.of(FootageLinked, passage=row.passage))
        here += [link.sha256 for link in links if link.box in (None, row.box)]
        return [sha256 for sha256 in dict.fromkeys(here) if self._room.library.known(sha256) is not None]

    # --- marks ------------------------------------------------------------------------------------------------

    async def _tags(self, digests: Sequence[str]) -> list[Tag]:
        said = [
            one
            for sha256 in digests
            for one in await asyncio.to_thread(self._room.index.of, FootageTagged, sha256=sha256)
        ]
        return standing(said)

    async def _tag_lines(self, request: Request, digests: Sequence[str]) -> tuple[watching.TagLine, ...]:
        return tuple(watching.tag_lines(await self._tags(digests), self._shell.texts(request)))

    async def _tag(self, request: Request, sha256: str, by: str, key: str) -> Response:
        said = await body(request, Mark)
        known = await self._need(sha256)
        try:
            await self._room.tags.tag(
                known,
                from_ms=said.from_ms,
                to_ms=said.to_ms,
                kind=said.kind,
                value=said.value,
                by=by,
                key=key,
            )
        except RefusedError as error:
            return self._refused(request, str(error))
        except FullError as error:
            raise HTTPException(507, "no room") from error
        return answer(await self._tag_lines(request, [sha256]))

    async def _untag(self, request: Request, sha256: str, name: str, by: str) -> Response:
        said = await body(request, Because)
        tag = next((tag for tag in await self._tags([sha256]) if tag.tag == name), None)
        if tag is None:
            raise HTTPException(404)
        try:
            await self._room.tags.untag(tag, by=by, reason=said.reason)
        except RefusedError as error:
            return self._refused(request, str(error))
        except FullError as error:
            raise HTTPException(507, "no room") from error
        return answer(await self._tag_lines(request, [sha256]))

    # --- copies and redaction ---------------------------------------------------------------------------------

    async def _made_lines(self, request: Request, sha256: str) -> tuple[watching.MadeLine, ...]:
        library, texts = self._room.library, self._shell.texts(request)
        made = await asyncio.to_thread(library.made_of, sha256)
        here = {one.sha256 for one in made if await asyncio.to_thread(library.path, one.sha256)}
        orders = await asyncio.to_thread(self._room.workshop.standing)
        mine = [standing for standing in orders if standing.order.sha256 == sha256]
        return tuple(watching.made_lines(made, here, mine, texts))

    async def _redact_page(self, request: Request, visitor: Visitor, sha256: str) -> Response:
        watched = await self._watched(sha256)
        await self._parts.access.looked(by=visitor.account.name, what="file", sha256=sha256)
        return self._shell.page(
            request,
            "redact.html",
            visitor=visitor,
            source=watching.source(
                watched.known, watched.playing, self._shell.texts(request), why=watched.why
            ),
        )

    async def _redact(self, request: Request, sha256: str, by: str) -> Response:
        said = await body(request, Hide, longest=BOXES)
        await self._need(sha256)
        why = faults_of(said.redaction) or ("" if said.reason.strip() else "no_reason")
        if why:
            return self._refused(request, why)
        reason = said.reason.strip()
        await self._order("redacted", sha256, by=by, reason=reason, redaction=said.redaction)
        return answer(await self._made_lines(request, sha256))

    async def _follow(self, request: Request, sha256: str) -> Response:
        said = await body(request, Follow)
        if not said.box.sound:
            return self._refused(request, "box_outside")
        await self._need(sha256)
        try:
            found = await self._room.workshop.follow(sha256, said.box, until_ms=said.until_ms)
        except ProtocolError as error:
            said_so = watching.failed_words(str(error), self._shell.texts(request))
            return answer({"detail": said_so, "why": "not_followed"}, status=409)
        except FullError as error:
            raise HTTPException(507, "no room") from error
        return answer({"boxes": found})

    # --- inside -----------------------------------------------------------------------------------------------

    async def _order(self, kind: DerivedKind, sha256: str, *, by: str, **more: Any) -> None:
        try:
            await self._room.workshop.order(kind, sha256, by=by, **more)
        except FullError as error:
            raise HTTPException(507, "no room") from error

    async def _need(self, sha256: str) -> Known:
        known = await asyncio.to_thread(self._room.library.known, sha256)
        if known is None:
            raise HTTPException(404)
        return known

    def _refused(self, request: Request, why: str) -> Response:
        words = word(watching.REFUSALS, why, self._shell.texts(request))
        return answer({"detail": words, "why": why}, status=409)


def address(detail: Detail) -> str:
    return f"/footage/passage/{detail.row.box}/{detail.row.passage}"


def has_footage(room: FootageRoom, detail: Detail) -> bool:
    """Blocking.  Whether there is anything to watch of a crossing."""
    if detail.clips:
        return True
    links = standing_links(said.body for said in room.index.of(FootageLinked, passage=detail.row.passage))
    return any(link.box in (None, detail.row.box) for link in links)
