"""Pictures and clips by digest, in parts if asked, so that a browser can play and seek."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from central.api.callers import Caller, at_least
from central.parts import Parts
from central.store.projections import PLAIN_BYTES

Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]


class FilesApi:
    """Routes about files."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        looks = Depends(at_least(self._parts, "viewer"))
        router = APIRouter(tags=["files"])

        @router.get(
            "/files/{sha256}", summary="A picture or a clip; Range is honoured", response_class=FileResponse
        )
        async def file(sha256: Digest, caller: Caller = looks) -> Response:
            return await self._file(caller, sha256)

        return router

    async def _file(self, caller: Caller, sha256: str) -> Response:
        named = await asyncio.to_thread(self._parts.queries.files, sha256)
        if not named:
            raise HTTPException(404, "no entry names such a file")
        if all(file.state == "erased" for file in named):
            raise HTTPException(410, "erased by a rule")
        path = await asyncio.to_thread(self._parts.files.path, sha256)
        if path is None:
            raise HTTPException(404, f"not here: {named[0].state}")
        await self._parts.access.looked(by=caller.name, what="file", passage=named[0].passage, sha256=sha256)
        shown = named[0].media_type != PLAIN_BYTES
        return FileResponse(
            path,
            media_type=named[0].media_type,
            filename=f"{sha256[:16]}-{named[0].name}",
            content_disposition_type="inline" if shown else "attachment",
            headers={"Cache-Control": "private, max-age=3600"},
        )
