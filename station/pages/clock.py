"""The station's clock as a QR code 二维码时钟, for recorders to film at the beginning and end of a shift."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from starlette.responses import JSONResponse, Response

from kernel.footage.clockcode import station_code
from station.parts import Parts
from web.sessions import Visitor


def install(app: FastAPI, parts: Parts) -> None:
    looks = Depends(parts.shell.at_least("viewer"))

    @app.get("/clock")
    async def clock(request: Request, visitor: Visitor = looks) -> Response:
        station = station_code(parts.settings.station.id)
        return parts.shell.page(request, "clock.html", visitor=visitor, station=station)

    @app.get("/clock/now")
    async def now(_visitor: Visitor = looks) -> Response:
        """Read as late as can be: half the way of this answer is the error of who asks, beside ours; null: it is not set."""
        ours = parts.source_clock()
        err_ms = None if ours.state == "unset" else ours.err_ms
        told = {"at_ms": parts.clock.now_ms(), "err_ms": err_ms}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})
