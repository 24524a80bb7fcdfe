"""A passage enters a case only when its steps are on footage or explained, where the settings ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.store.engines import Database
from kernel.events import CaseRecorded, FileStored, PassageReviewed
from kernel.footage.bodies import FootageLinked, GapExplained, Step, StepMarked
from tests.central.made import NOON_MS, Made, pictured, weighed
from tests.central.world import World

pytestmark = pytest.mark.broad

BASE = "http://centre.test/api/v1"
P1 = "passages/lane1-box/p1"
STEPS: tuple[Step, ...] = ("show_certificate", "notice", "weighing", "unloading", "signing")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path, must_record=True)
    lane = Made()
    made.take(
        lane.add(weighed(outcome="over_limit", gross_kg=52_000, joint_mode="joint")), lane.add(pictured())
    )
    clip = FileStored(
        passage="p1", weighed=None, kind="clip", actual_start_ms=NOON_MS - 5_000, duration_ms=12_000
    )
    made.take(lane.add(clip))
    return made


@pytest.fixture
def station() -> Made:
    return Made(journal="b" * 32, box="s01-box", source="yiyuan/s01/station")


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=world.app, client=("10.0.0.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


async def post(
    client: httpx.AsyncClient, world: World, path: str, body: object, role: Any = "reviewer"
) -> httpx.Response:
    return await client.post(path, json=body, headers=world.token(f"desk-{role}", role=role))


def mark(step: Step, at_ms: int = NOON_MS) -> StepMarked:
    return StepMarked(step=step, at_ms=at_ms, by="li", box="lane1-box", passage="p1")


def link(from_ms: int, length_ms: int, act: str = "linked") -> FootageLinked:
    return FootageLinked(
        link="l1", act=act, sha256="ab" * 32, from_ms=0, to_ms=length_ms, by="rule", reason="near",  # type: ignore[arg-type]
        box="lane1-box", passage="p1", true_from_ms=from_ms, err_ms=300,
    )  # fmt: skip


async def test_open_steps_keep_it_out_of_a_case_and_not_from_being_reviewed(
    client: httpx.AsyncClient, world: World
) -> None:
    said = {"outcome": "confirmed", "case": "yiyuan-7"}
    answer = await post(client, world, f"{P1}/review", said)
    assert answer.status_code == 409
    assert "show_certificate, notice, weighing, unloading, signing" in answer.json()["detail"]
    answer = await post(client, world, "cases/yiyuan-7", {"passages": [{"passage": "p1"}]})
    assert answer.status_code == 409
    assert world.entries == []
    assert (await post(client, world, f"{P1}/review", {"outcome": "confirmed"})).status_code == 200
    context = {"passages": [{"passage": "p1"}], "as_context": True}
    assert (await post(client, world, "cases/yiyuan-8", context)).status_code == 200


async def test_footage_and_reasons_let_it_in(client: httpx.AsyncClient, world: World, station: Made) -> None:
    world.take(
        station.add(mark("weighing")),  # the lane's clip shows it
        *(station.add(mark(step, NOON_MS + 300_000)) for step in ("show_certificate", "notice", "unloading")),
        station.add(link(NOON_MS + 200_000, 200_000)),
    )
    told = (await client.get("passages/p1/steps", headers=world.token("looks", role="viewer"))).json()
    assert {step["step"]: (step["shown"], step["open"]) for step in told} == {
        **dict.fromkeys(("show_certificate", "notice", "weighing", "unloading"), ("shown", False)),
        "signing": ("missing", True),
    }
    gap = {"step": "signing", "reason": "当事人驾车离开"}
    assert (await post(client, world, f"{P1}/gaps", gap)).status_code == 200
    answer = await post(client, world, "cases/yiyuan-7", {"passages": [{"passage": "p1"}]})
    assert answer.status_code == 200, answer.text
    assert [type(body) for body in world.entries[1:]] == [GapExplained, CaseRecorded]  # after the look


async def test_a_link_that_was_taken_back_shows_nothing(
    client: httpx.AsyncClient, world: World, station: Made
) -> None:
    marks = [station.add(mark(step, NOON_MS + 300_000)) for step in STEPS]
    world.take(*marks, station.add(link(NOON_MS, 900_000)))
    assert (
        await post(client, world, f"{P1}/review", {"outcome": "confirmed", "case": "7"})
    ).status_code == 200
    world.take(station.add(link(NOON_MS, 900_000, "unlinked")))
    assert (
        await post(client, world, f"{P1}/review", {"outcome": "confirmed", "case": "8"})
    ).status_code == 409
    assert [body.case for body in world.entries if isinstance(body, PassageReviewed)] == ["7"]


async def test_another_station_says_nothing_of_it(client: httpx.AsyncClient, world: World) -> None:
    other = Made(journal="c" * 32, box="yiyuan-other", source="yiyuan/s02/station")
    world.take(
        *(
            other.add(GapExplained(step=step, reason="x", by="li", box="lane1-box", passage="p1"))
            for step in STEPS
        )
    )
    assert (
        await post(client, world, f"{P1}/review", {"outcome": "confirmed", "case": "7"})
    ).status_code == 409


async def test_a_reason_names_no_plate_and_is_no_mere_blank(client: httpx.AsyncClient, world: World) -> None:
    detail = world.parts.queries.row("lane1-box", "p1")
    assert detail is not None
    assert detail.tractor
    for reason in (" ", f"{detail.tractor} 离开"):
        answer = await post(client, world, f"{P1}/gaps", {"step": "signing", "reason": reason})
        assert answer.status_code == 409, answer.text
    assert (await post(client, world, f"{P1}/gaps", {"step": "fine", "reason": "x"})).status_code == 422
    assert (
        await post(client, world, f"{P1}/gaps", {"step": "signing", "reason": "x"}, "operator")
    ).status_code == 403
    assert world.entries == []


async def test_a_name_that_is_none_is_quarantined(world: World, station: Made) -> None:
    world.take(station.add(StepMarked(step="notice", at_ms=1, by="li", box="lane1-box", passage="../p1")))
    found = world.parts.queries.entry("b" * 32, 0)
    assert found is not None
    assert found.quarantined == "invalid body: passage is not a name"
