"""What the station's addresses take and answer: names in paths, bounded JSON bodies, JSON answers."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from fastapi import Header, Request
from fastapi import Path as InPath
from starlette.exceptions import HTTPException
from starlette.responses import Response

LONGEST = 16 * 1024

BoxName = Annotated[str, InPath(pattern="^[a-z0-9-]{3,40}$")]
PassageId = Annotated[str, InPath(pattern="^[A-Za-z0-9._-]{1,100}$")]
Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern="^[A-Za-z0-9-]{8,64}$")]

T = TypeVar("T")


async def body(request: Request, kind: type[T], *, longest: int = LONGEST) -> T:
    """The JSON of a request, or 413, or 422 with what is wrong."""
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > longest:
            raise HTTPException(413)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise HTTPException(422, str(error)) from error


def answer(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
