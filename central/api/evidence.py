"""What leaves the house as proof: the package of a case, a whole journal, the code of a slip."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from central.api.acts import CaseId
from central.api.answers import answer, answers
from central.api.callers import Caller, at_least
from central.parts import Parts
from central.taking import take_case, take_journal
from central.views import IssuedSlip
from kernel.errors import RefusedError

JournalId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
Seq = Annotated[int, InPath(ge=0, lt=2**53)]
_NOT_THERE = ("no such entry",)


class EvidenceApi:
    """Three routes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        acts, audits = Depends(at_least(self._parts, "operator")), Depends(at_least(self._parts, "auditor"))
        router = APIRouter(tags=["evidence"])

        @router.get(
            "/cases/{case}/package",
            summary="The evidence package of a case, a zip",
            response_class=FileResponse,
        )
        async def package(case: CaseId, caller: Caller = acts) -> Response:
            try:
                return await take_case(self._parts, case=case, by=caller.name)
            except RefusedError as error:
                raise HTTPException(409, str(error)) from error

        @router.get(
            "/journals/{journal}/export",
            summary="A whole journal, for weighpost-verify journal",
            response_class=FileResponse,
        )
        async def export(journal: JournalId, caller: Caller = audits) -> Response:
            try:
                return await take_journal(self._parts, journal=journal, by=caller.name)
            except RefusedError as error:
                raise HTTPException(404, str(error)) from error

        @router.post(
            "/events/{journal}/{seq}/slip",
            summary="The code to print on a slip 凭条; noted before it is given out",
            **answers(IssuedSlip),
        )
        async def slip(journal: JournalId, seq: Seq, caller: Caller = acts) -> Response:
            try:
                return answer(await self._parts.slips.issue(journal, seq, by=caller.name))
            except RefusedError as error:
                raise HTTPException(404 if str(error) in _NOT_THERE else 409, str(error)) from error

        return router
