"""What a case rests on: whether its weighings are evidence by what their lanes wrote then and what is known now.

Everything here blocks.
"""

from __future__ import annotations

from dataclasses import replace

from central.store.instruments import Instruments
from central.store.queries import Queries
from central.views import CaseEntry, CaseView, LostGround, PassageDetail
from kernel.events import VehicleWeighed
from kernel.law.instruments import History, objections

TAKEN_BACK = ("taken_back",)


def objections_to(detail: PassageDetail, instruments: Instruments) -> tuple[str, ...]:
    """Why its weighing is no evidence, as far as it is weighed at all."""
    weighed, taken_back = detail.weighed, TAKEN_BACK if detail.row.taken_back else ()
    if weighed is None or weighed.gross_kg is None:
        return taken_back
    facts = instruments.facts(detail.row.box, device=weighed.device)
    at_ms = detail.row.shown_ms if detail.row.at_ms is None else detail.row.at_ms
    return (*taken_back, *objections(weighed, History.of(weighed.device, facts), at_ms=at_ms))


def judged_case(case: str, queries: Queries, instruments: Instruments) -> CaseView | None:
    """A case, and which of the weighings that it rests on are no evidence any more."""
    found = queries.case(case)
    if found is None:
        return None
    rests_on = {(entry.box or "", entry.passage or ""): None for entry in grounds_of(found)}
    lost = [_lost(box, passage, queries, instruments) for box, passage in rests_on]
    return replace(found, lost=tuple(each for each in lost if each is not None))


def weighings_of(case: CaseView) -> list[CaseEntry]:
    """That have arrived."""
    return [entry for entry in case.entries if entry.stream == VehicleWeighed.stream]


def grounds_of(case: CaseView) -> list[CaseEntry]:
    """Weighings that are there for more than to tell what happened."""
    return [entry for entry in weighings_of(case) if not entry.context]


def _lost(box: str, passage: str, queries: Queries, instruments: Instruments) -> LostGround | None:
    detail = queries.passage(box, passage)
    reasons = objections_to(detail, instruments) if detail is not None else ()
    return LostGround(box=box, passage=passage, reasons=reasons) if reasons else None
