"""The API: who may call it, what it shows and never shows, files in parts, what is written of every look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kernel.errors import FullError
from kernel.events import RecordAccessed
from tests.central.made import (
    NOON_MS,
    Made,
    clip,
    clip_file,
    health,
    picture_file,
    pictured,
    weighed,
)
from tests.central.world import PASSWORD, World
from web.sessions import SignedIn, csrf_token

pytestmark = pytest.mark.broad

BASE = "http://centre.test"


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"{BASE}/api/v1") as client:
        yield client


@pytest.fixture
def lane(world: World) -> Made:
    made = Made()
    world.take(
        made.add(weighed(outcome="over_limit", gross_kg=52_000)),
        made.add(pictured(), files=picture_file()),
        made.add(clip(on_demand=True), files=clip_file()),
        made.add(health(camera="down")),
    )
    return made


async def get(client: httpx.AsyncClient, world: World, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query, headers=world.token())
    assert answer.status_code == 200, answer.text
    return answer.json()


CLOSED = (
    "events", "events/" + "a" * 32 + "/0", "passages/p1", "files/" + "c" * 64, "stats/hours", "sources", "alarms",
    "journals", "quarantine", "accesses", "tariff", "health", "passages/p1/package",
)  # fmt: skip
STRANGERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer guessed"},
    {"Authorization": "Basic eDp5"},
    {"Cookie": "weighpost_centre=x"},
)


async def test_nobody_sees_anything_without_being_known(client: httpx.AsyncClient, lane: Made) -> None:
    for path in CLOSED:
        for headers in STRANGERS:
            assert (await client.get(path, headers=headers)).status_code == 401, path


async def test_a_list_holds_the_whitelisted_fields_and_no_amount(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    page = await get(client, world, "events", outcome="over_limit")
    [row] = page["rows"]
    assert (row["gross_kg"], row["tractor"], row["outcome"], row["suspected"]) == (
        52_000,
        "鲁C12345",
        "over_limit",
        True,
    )
    assert not [name for name in row if "fine" in name or "fen" in name]
    assert (await get(client, world, "events", outcome="within"))["rows"] == []


async def test_a_wrong_question_is_refused(client: httpx.AsyncClient, world: World) -> None:
    wrong = ({"outcome": "fined"}, {"limit": 0}, {"limit": 10_000}, {"cursor": "x"}, {"from": "x"})
    for query in wrong:
        assert (await client.get("events", params=query, headers=world.token())).status_code == 422, query


async def test_a_passage_tells_everything_that_is_held(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    detail = await get(client, world, "passages/p1")
    assert detail["weighed"]["gross_kg"] == 52_000
    assert [entry["stream"] for entry in detail["entries"]] == [
        "vehicle.weighed",
        "vehicle.pictured",
        "file.stored",
    ]
    assert detail["entries"][0]["leaf"] == lane.leaves[0].hex()
    assert [(file["kind"], file["state"]) for file in detail["files"]] == [
        ("picture", "expected"),
        ("clip", "on_box"),
    ]
    assert (await client.get("passages/nobody", headers=world.token())).status_code == 404


async def test_one_id_of_two_boxes_must_be_told_apart(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    station = Made(journal="b" * 32, box="s01-box", source="yiyuan/s01")
    world.take(station.add(weighed(gross_kg=7)))
    assert (await client.get("passages/p1", headers=world.token())).status_code == 409
    assert (await get(client, world, "passages/p1", box="s01-box"))["row"]["gross_kg"] == 7


async def test_an_entry_is_shown_as_it_was_signed_for(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    entry = await get(client, world, f"events/{lane.journal}/0")
    assert entry["leaf"] == lane.leaves[0].hex()
    assert (await client.get(f"events/{lane.journal}/99", headers=world.token())).status_code == 404
    assert (await client.get(f"events/{lane.journal}/{2**70}", headers=world.token())).status_code == 404


async def test_a_file_is_served_in_the_parts_asked_for(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    assert (await client.get("files/" + "c" * 64, headers=world.token())).status_code == 404
    world.put_file("c" * 64, bytes(range(200)))
    whole = await client.get("files/" + "c" * 64, headers=world.token())
    assert (whole.headers["content-type"], whole.content) == ("image/jpeg", bytes(range(200)))
    part = await client.get("files/" + "c" * 64, headers={**world.token(), "Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/200"


async def test_a_file_that_no_entry_names_is_not_served(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    world.put_file("f" * 64, b"secret")
    assert (await client.get("files/" + "f" * 64, headers=world.token())).status_code == 404
    assert (await client.get("files/..%2F..%2Fetc%2Fpasswd", headers=world.token())).status_code in (404, 422)


async def test_a_box_cannot_have_its_file_served_as_a_page(client: httpx.AsyncClient, world: World) -> None:
    made = Made()
    [ref] = picture_file()
    named = type(ref)(name="evil.html", sha256=ref.sha256, size=10)
    world.take(made.add(pictured(), files=(named,)))
    world.put_file("c" * 64, b"<script>1</script>")
    answer = await client.get("files/" + "c" * 64, headers=world.token())
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_every_look_is_an_entry_once_and_every_package_each_time(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    headers = world.token("desk", role="operator")
    for _ in range(2):
        await client.get("events", headers=headers)
        await client.get("passages/p1", headers=headers)
        assert (await client.get("passages/p1/package", headers=headers)).content == b"PK"
    looks = [
        (entry.by, entry.what, entry.passage) for entry in world.entries if isinstance(entry, RecordAccessed)
    ]
    assert sorted(looks, key=str) == [
        ("token:desk", "event", "p1"),
        ("token:desk", "list", None),
        ("token:desk", "package", "p1"),
        ("token:desk", "package", "p1"),
    ]
    world.clock.at_ms += 600_001
    await client.get("events", headers=headers)
    assert len(world.entries) == 5


async def test_a_package_that_cannot_be_made_says_why(client: httpx.AsyncClient, world: World) -> None:
    world.take(Made().add(weighed("p2")))
    answer = await client.get("passages/p2/package", headers=world.token(role="operator"))
    assert (answer.status_code, answer.json()["detail"]) == (409, "not weighed yet")


async def test_a_clip_is_asked_for_by_those_who_may(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    assert (await client.post("passages/p1/clip", headers=world.token())).status_code == 403
    answer = await client.post("passages/p1/clip", headers=world.token("desk", role="operator"))
    assert (answer.status_code, answer.json()) == (202, {"requested": ["d" * 64]})
    assert world.requested.asked == [("d" * 64, "token:desk")]


async def test_a_cookie_looks_freely_but_changes_only_from_our_own_pages(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    world.account()
    signed_in = await world.parts.sessions.sign_in("li", PASSWORD, address="127.0.0.1")
    assert isinstance(signed_in, SignedIn)
    cookie = {"Cookie": f"{world.parts.cookie}={signed_in.token}"}
    assert (await client.get("events", headers=cookie)).status_code == 200
    assert (await client.post("passages/p1/clip", headers=cookie)).status_code == 403
    form = {"X-CSRF-Token": csrf_token(signed_in.token)}
    elsewhere = {**cookie, **form, "Origin": "http://elsewhere.test"}
    assert (await client.post("passages/p1/clip", headers=elsewhere)).status_code == 403
    ours = {**cookie, **form, "Origin": BASE}
    assert (await client.post("passages/p1/clip", headers=ours)).status_code == 202


async def test_a_revoked_token_is_worth_nothing(client: httpx.AsyncClient, world: World) -> None:
    headers = world.token("old")
    assert (await client.get("sources", headers=headers)).status_code == 200
    world.parts.accounts.revoke_token("old")
    assert (await client.get("sources", headers=headers)).status_code == 401


async def test_state_is_told(client: httpx.AsyncClient, world: World, lane: Made) -> None:
    [hour] = await get(client, world, "stats/hours", **{"from": NOON_MS, "to": NOON_MS + 1})
    assert (hour["over_limit"], hour["passages"], hour["suspected"]) == (1, 1, 1)
    [source] = await get(client, world, "sources")
    assert [device["state"] for device in source["devices"]] == ["up", "down"]
    assert await get(client, world, "quarantine") == []
    assert await get(client, world, "alarms") == []
    assert await get(client, world, "health") == {"frames": 0}
    assert (await client.get("accesses", headers=world.token())).status_code == 403


TARIFF = {
    "over_kg": 5000,
    "limit_kg": 49_000,
    "on": "2026-05-01",
    "jurisdiction": "370323",
    "mode": "transport",
}


async def test_the_tariff_depends_on_the_class_of_the_road(client: httpx.AsyncClient, world: World) -> None:
    national = await get(client, world, "tariff", road_class="national", **TARIFF)
    village = await get(client, world, "tariff", road_class="village", **TARIFF)
    assert (national["kind"], national["lowest_fen"]) == ("amount", 250_000)
    assert village["kind"] == "range"
    joint = await get(client, world, "tariff", road_class="national", **(TARIFF | {"mode": "joint"}))
    assert joint["kind"] == "none"


async def test_a_wrong_tariff_question_is_refused(client: httpx.AsyncClient, world: World) -> None:
    wrong = (
        {"on": "2026-02-30"},
        {"jurisdiction": "x"},
        {"mode": "alone"},
        {"over_kg": -1},
        {"decided_on": "2020-01-01"},
    )
    for change in wrong:
        query: dict[str, Any] = TARIFF | {"road_class": "national"} | change
        assert (await client.get("tariff", params=query, headers=world.token())).status_code == 422, change


async def test_the_openapi_page_describes_every_route_and_view(client: httpx.AsyncClient) -> None:
    document = (await client.get("openapi.json")).json()
    views = document["components"]["schemas"]
    assert {"PassageRow", "PassageDetail", "VehicleWeighed", "Fine", "Alarm"} <= views.keys()
    for path, methods in document["paths"].items():
        for route in methods.values():
            assert route["summary"], path
    assert "/api/v1/passages/{passage}/clip" in document["paths"]


async def test_a_look_that_cannot_be_written_is_no_look(
    client: httpx.AsyncClient, world: World, lane: Made
) -> None:
    world.refuse = FullError("no room for the journal")
    for path in ("events", "passages/p1", f"events/{lane.journal}/0"):
        answer = await client.get(path, headers=world.token())
        assert answer.status_code == 503
        assert "鲁C12345" not in answer.text
    world.refuse = None
    assert (await client.get("events", headers=world.token())).status_code == 200
