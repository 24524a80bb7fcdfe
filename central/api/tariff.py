"""The tariff look-up: the only answer of the centre that holds an amount."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from central.api.answers import answer, answers
from central.api.callers import at_least
from central.parts import Parts
from kernel.events import JointMode, RoadClass, WeighingGrade
from kernel.law.tariff import Fine, Place, Size, fine

_MOST_KG = 1_000_000
Mass = Annotated[int, Query(ge=0, le=_MOST_KG)]
Length = Annotated[int | None, Query(ge=0, le=100_000)]


class TariffApi:
    """One route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        router = APIRouter(tags=["tariff"], dependencies=[Depends(at_least(self._parts, "viewer"))])

        @router.get("/tariff", summary="What an act costs by the rows in force", **answers(Fine))
        async def tariff(
            over_kg: Mass,
            limit_kg: Mass,
            on: Annotated[date, Query(description="day of the act")],
            jurisdiction: Annotated[str, Query(pattern="^[0-9]{6}$", description="GB/T 2260")],
            road_class: RoadClass,
            mode: JointMode,
            grade: WeighingGrade = "certified",
            decided_on: Annotated[
                date | None, Query(description="the lighter law of the two days is applied")
            ] = None,
            height_mm: Length = None,
            width_mm: Length = None,
            length_mm: Length = None,
        ) -> Response:
            place = Place(
                jurisdiction=jurisdiction, road_class=road_class, joint_mode=mode, weighing_grade=grade
            )
            size = Size(height_mm=height_mm, width_mm=width_mm, length_mm=length_mm)
            return answer(self._fine(over_kg, limit_kg, place, size, on, decided_on))

        return router

    def _fine(
        self, over_kg: int, limit_kg: int, place: Place, size: Size, on: date, decided_on: date | None
    ) -> Fine:
        if decided_on is not None and decided_on < on:
            raise HTTPException(422, "decided_on is before the act")
        return fine(
            over_kg,
            limit_kg=limit_kg,
            place=place,
            law=self._parts.law,
            on=on.isoformat(),
            size=size,
            decided_on=decided_on.isoformat() if decided_on else None,
        )
