"""What a request says, as a value, and what is answered, as JSON."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

T = TypeVar("T")
LONGEST = 16 * 1024


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
