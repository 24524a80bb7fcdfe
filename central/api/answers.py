"""Answers in the fields of central.views, encoded once, and their schemas for the OpenAPI page."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from central import views
from kernel.events import EntryRef
from kernel.law.tariff import Fine

PREFIX = "/api/v1"
FIRST_MS, LAST_MS = -(2**53), 2**53  # of a time that is asked for; what is larger no database takes
_REF = "#/components/schemas/{name}"
_SHOWN: tuple[type, ...] = (
    views.Page,
    views.PassageRow,
    views.PlateLine,
    views.PassageDetail,
    views.EntryView,
    views.HourRow,
    views.SourceState,
    views.Alarm,
    views.QuarantineRow,
    views.Custody,
    views.AccessRow,
    views.CaseView,
    views.InstrumentView,
    Fine,
    EntryRef,
    views.PublishedPage,
    views.Due,
    views.Added,
    views.Erased,
    views.IssuedSlip,
    views.StepView,
)


def answer(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def answers(kind: type, *, many: bool = False) -> dict[str, Any]:
    """Arguments of a route that answers with this view."""
    ref: dict[str, Any] = {"$ref": _REF.format(name=kind.__name__)}
    schema = {"type": "array", "items": ref} if many else ref
    return {
        "response_model": None,
        "responses": {200: {"description": "OK", "content": {"application/json": {"schema": schema}}}},
    }


def describe(app: FastAPI) -> None:
    """Give the app's OpenAPI page the schemas of the views; it is made at the first look."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title="Weighpost centre", version=app.version, description=app.description, routes=app.routes
            )
            _refs, components = msgspec.json.schema_components(_SHOWN, ref_template=_REF)
            document.setdefault("components", {}).setdefault("schemas", {}).update(components)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
