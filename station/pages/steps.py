"""The step buttons of a crossing: what must be on footage, marked with one touch, and why it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kernel import vocabulary
from kernel.errors import FullError, RefusedError
from kernel.footage.bodies import Step
from kernel.footage.steps import StepState, lacking
from station.footage.room import FootageRoom
from station.footage.steps import Who
from station.pages import wording
from station.pages.http import BoxName, Key, PassageId, answer, body
from station.parts import Parts
from web import times
from web.i18n import Texts, word
from web.i18n import mark as _
from web.sessions import Visitor


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step: Step


class Explain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    step: Step
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One button: `tone` is how it stands, `says` in words; `asks` whether a reason is still wanted."""

    id: str
    name: str
    says: str
    tone: str
    shape: str
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsView:
    steps: tuple[StepView, ...]
    says: str  # all of it, for the button that leads here


def install(app: FastAPI, parts: Parts, room: FootageRoom) -> None:
    looks, acts = Depends(parts.shell.at_least("viewer")), Depends(parts.shell.at_least("operator"))

    @app.get("/tablet/{box}/{passage}/steps")
    async def steps(request: Request, box: BoxName, passage: PassageId, visitor: Visitor = looks) -> Response:
        view = await _view(request, box, passage)
        await parts.access.looked(by=visitor.account.name, what="event", passage=passage)
        return answer(view)

    @app.post("/tablet/{box}/{passage}/steps")
    async def mark(
        request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
    ) -> Response:
        said = await body(request, Mark)
        who = Who(by=visitor.account.name, key=key)
        await done(room.steps.mark(box, passage, said.step, who=who), parts.shell.texts(request))
        return answer(await _view(request, box, passage))

    @app.post("/tablet/{box}/{passage}/gaps")
    async def explain(
        request: Request, box: BoxName, passage: PassageId, key: Key, visitor: Visitor = acts
    ) -> Response:
        said = await body(request, Explain)
        who = Who(by=visitor.account.name, key=key)
        await done(
            room.steps.explain(box, passage, said.step, said.reason, who=who), parts.shell.texts(request)
        )
        return answer(await _view(request, box, passage))

    async def _view(request: Request, box: str, passage: str) -> StepsView:
        states = await asyncio.to_thread(room.steps.states, box, passage)
        if states is None:
            raise HTTPException(404)
        others = await asyncio.to_thread(room.steps.others, box, passage)
        return steps_view(states, others, parts.shell.texts(request))


async def done(act: Awaitable[object], texts: Texts) -> None:
    """HTTPException in words for a person."""
    try:
        await act
    except FullError as error:
        raise HTTPException(507, texts(_("no room in the journal: nothing was written"))) from error
    except RefusedError as error:
        status = 404 if str(error) in ("no such passage", "no such file") else 409
        raise HTTPException(status, word(wording.REFUSED, str(error), texts)) from error


def steps_view(states: Sequence[StepState], others: Sequence[Step], texts: Texts) -> StepsView:
    """What must be there first, and then what may happen."""
    left = len(lacking(states))
    says = (
        texts(_("{count} without footage"), count=left) if left else texts(_("all have footage or a reason"))
    )
    known = [state.step for state in states]
    may = [_other(step, texts) for step in others if step not in known]
    return StepsView(steps=(*(_step(state, texts) for state in states), *may), says=says if states else "")


def _other(step: Step, texts: Texts) -> StepView:
    name = word(vocabulary.STEPS, step, texts)
    return StepView(id=step, name=name, says=texts(_("if it happens")), tone="other", shape="·", asks=False)


def _step(state: StepState, texts: Texts) -> StepView:
    tone, says = _stands(state, texts)
    return StepView(
        id=state.step,
        name=word(vocabulary.STEPS, state.step, texts),
        says=says,
        tone=tone,
        shape={"shown": "●", "explained": "✎", "marked": "◐", "open": "○"}[tone],
        asks=state.open,
    )


def _stands(state: StepState, texts: Texts) -> tuple[str, str]:
    time = times.clock(state.marked_ms)
    if state.shown == "shown":
        return "shown", texts(_("{time}, on footage"), time=time)
    if state.reason:
        return "explained", texts(_("reason: {reason}"), reason=state.reason)
    if state.marked_ms is None:
        return "open", texts(_("not yet"))
    if state.shown == "perhaps":
        return "marked", texts(_("{time}, perhaps on footage: its clock is not sure"), time=time)
    return "marked", texts(_("{time}, no footage yet"), time=time)
