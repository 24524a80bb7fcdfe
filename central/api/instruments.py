"""Scales of lanes as weighing instruments: what is in force, and what the centre says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from central.api.acts import BoxName, Key, Words, body_of, done, who_of
from central.api.answers import answer, answers
from central.api.callers import Caller, at_least
from central.ingest.instruments import LASTS_MS
from central.parts import Parts
from central.store.instruments import Fact, Order
from central.views import InstrumentView, WaitingOrder
from kernel.events import EntryRef, InstrumentCertificate, ScaleChecked, ScaleDrifted
from kernel.law.instrument_acts import Act
from kernel.law.instruments import History, standing


class SayOfInstrument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act: Act
    note: Words = ""
    at_ms: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    seal: Words = ""
    reference: Words = ""
    certificate: InstrumentCertificate | None = None

    def args(self) -> dict[str, str]:
        """As a command has them: what was not said is not there."""
        texts = {"act": self.act, "note": self.note, "seal": self.seal, "reference": self.reference}
        said = {name: value for name, value in texts.items() if value}
        if self.at_ms is not None:
            said["at_ms"] = str(self.at_ms)
        if self.certificate is not None:
            said["certificate"] = msgspec.json.encode(self.certificate).decode()
        return said


class InstrumentsApi:
    """Routes about scales."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        parts, router = self._parts, APIRouter(tags=["instruments"])
        looks, orders = Depends(at_least(parts, "viewer")), Depends(at_least(parts, "admin"))

        @router.get(
            "/boxes/{box}/instruments",
            summary="The scales of a lane, their certificates and checks",
            **answers(InstrumentView, many=True),
        )
        async def instruments(box: BoxName, _caller: Caller = looks) -> Response:
            return answer(await asyncio.to_thread(_shown, parts, box))

        @router.post(
            "/boxes/{box}/instruments",
            summary="A certificate, a seal, a repair or a shift, to be told to the lane",
            **answers(EntryRef),
        )
        async def say(request: Request, box: BoxName, key: Key = None, caller: Caller = orders) -> Response:
            said = await body_of(request, SayOfInstrument)
            act = parts.desk.speak_of_instrument(box, said.args(), who=who_of(caller, key))
            return answer(await done(act))

        return router


def _shown(parts: Parts, box: str) -> tuple[InstrumentView, ...]:
    now_ms = parts.clock.now_ms()
    facts = parts.instruments.facts(box)
    waiting = tuple(map(_waiting, parts.instruments.waiting(box, since_ms=now_ms - LASTS_MS)))
    devices = sorted({fact.device for fact in facts}) or ([""] if waiting else [])
    return tuple(_view(box, device, facts, waiting, now_ms) for device in devices)


def _waiting(order: Order) -> WaitingOrder:
    said = dict(order.args)
    return WaitingOrder(
        id=said["id"],
        act=said["act"],
        by=said["by"],
        at_ms=int(said["at_ms"]) if "at_ms" in said else None,
        ordered_ms=order.ordered_ms,
        note=said.get("note", ""),
    )


def _view(
    box: str, device: str, facts: Sequence[Fact], waiting: tuple[WaitingOrder, ...], now_ms: int
) -> InstrumentView:
    history = History.of(device, facts)
    checks = {f.kind: f for f in facts if isinstance(f, ScaleChecked) and f.device == device}
    drifts = {f.kind: f for f in facts if isinstance(f, ScaleDrifted) and f.device == device}
    newest = max(history.certified, key=lambda one: one.at_ms, default=None)
    grade = newest.certificate.grades[0] if newest else "certified"
    found = standing(history, grade=grade, at_ms=now_ms)
    return InstrumentView(
        box=box,
        device=device,
        reasons=found.reasons,
        certificate=found.certificate,
        changes=history.changes,
        checks=tuple(checks.values()),
        drifts=tuple(drift for drift in drifts.values() if drift.state == "begun"),
        waiting=waiting,
    )
