"""The web application of the centre: API, pages, uploads, in one process and one port."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI

from central.api.answers import PREFIX, describe
from central.api.files import FilesApi
from central.api.passages import PassagesApi
from central.api.state import StateApi
from central.api.tariff import TariffApi
from central.parts import Parts

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
    for api in (PassagesApi(parts), FilesApi(parts), StateApi(parts), TariffApi(parts)):
        app.include_router(api.router(), prefix=PREFIX)
    for mount in mounts:
        mount(app, parts)
    describe(app)
    return app


async def _alive() -> dict[str, str]:
    return {"state": "up"}
