"""The web application of the centre: API, pages, uploads, in one process and one port."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.responses import JSONResponse, Response

from central.api.acts import ActsApi
from central.api.answers import PREFIX, describe
from central.api.evidence import EvidenceApi
from central.api.files import FilesApi
from central.api.instruments import InstrumentsApi
from central.api.passages import PassagesApi
from central.api.plates import PlatesApi
from central.api.published import PublishedApi
from central.api.state import StateApi
from central.api.tariff import TariffApi
from central.parts import Parts
from kernel.errors import FullError, RefusedError

log = logging.getLogger(__name__)

Mount = Callable[[FastAPI, Parts], None]


def create_app(parts: Parts, *, mounts: Sequence[Mount] = ()) -> FastAPI:
    """`mounts` add what is not the API: pages, uploads."""
    app = FastAPI(
        title="Weighpost centre",
        version="1",
        description="Crossings, evidence and state of a county's weigh stations.",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    apis = (
        PassagesApi(parts),
        PlatesApi(parts),
        EvidenceApi(parts),
        FilesApi(parts),
        StateApi(parts),
        TariffApi(parts),
        ActsApi(parts),
        InstrumentsApi(parts),
        PublishedApi(parts),
    )
    for api in apis:
        app.include_router(api.router(), prefix=PREFIX)
    for error in (FullError, RefusedError, SQLAlchemyError):
        app.add_exception_handler(error, _unavailable)
    app.add_exception_handler(DataError, _unreadable)
    for mount in mounts:
        mount(app, parts)
    describe(app)
    return app


async def _alive() -> dict[str, str]:
    return {"state": "up"}


async def _unreadable(_request: Request, _error: Exception) -> Response:
    """No row can hold what was asked for, such as a text with NUL."""
    return JSONResponse({"detail": "the question holds what no answer can"}, 422)


async def _unavailable(_request: Request, error: Exception) -> Response:
    """What cannot be written is not shown either: a look that is no entry is no look."""
    log.error("an answer failed", extra={"reason": str(error)})
    return JSONResponse({"detail": "the centre cannot write or read now; try again in a moment"}, 503)
