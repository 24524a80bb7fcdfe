"""The tablet's page of readings: who may what, what is written of a look, and what a hostile form gets."""

from __future__ import annotations

import hashlib
import re

import pytest

from kernel.events import PlateCorrected, PlatePrior, PlateRead, RecordAccessed
from kernel.evidence.header import FileRef
from tests.station.county import PLATFORM
from tests.station.test_tablet_addresses import KEY, Visited, _upload, visited
from tests.support.log_lines import whole

__all__ = ["visited"]

pytestmark = pytest.mark.broad
CROP = FileRef(name="front-plate.jpg", sha256=hashlib.sha256(b"crop").hexdigest(), size=4)
UNSURE = PlateRead(
    role="front",
    status="unsure",
    candidates=("鲁C7X9Q2", "鲁C7X902"),
    chars_permille=(990, 980, 970, 960, 950, 410, 990),
    crop=CROP.name,
    frames=5,
    agreeing=2,
    priors=(PlatePrior(source="other_side", text="鲁C7X9Q2", agrees=True),),
)


async def crossing(visited: Visited) -> str:
    passage = visited.lane.weigh(20_000).passage
    visited.lane.read_plates(passage, UNSURE, files=(CROP,))
    visited.lane.put()
    assert (await _upload(visited, CROP, b"crop")).status_code == 200
    return f"/plates/{PLATFORM}/{passage}"


async def written(visited: Visited, stream: str) -> list[bytes]:
    entries = await visited.assembly._journal.read(0, 100)
    return [entry.body or b"" for entry in entries if f'"stream":"{stream}"'.encode() in entry.header]


async def test_the_newest_readings_with_crop_candidates_weak_characters_and_priors(visited: Visited) -> None:
    address = await crossing(visited)
    await visited.sign_in()
    for path in ("/plates", f"/plates?place={PLATFORM}&status=unsure", address):
        page = (await visited.client.get(path)).text
        assert f'src="/files/{CROP.sha256}"' in page
        assert page.count('class="candidate"') == 2
        assert re.findall(r"<li data-weak><b>(.)</b><small>410 ‰", page) == ["Q"]
        assert "另一侧" in page
        assert "号牌一致" in page
        assert "不确定" in page
    assert "没有符合条件的识别记录" in (await visited.client.get("/plates?status=read")).text


async def test_an_officer_corrects_and_the_word_is_shown_beside_the_reading(visited: Visited) -> None:
    address = await crossing(visited)
    await visited.sign_in()
    wrong = await visited.post(f"{address}/front", {"said": "plate", "text": "鲁C7X9O2"})
    assert (wrong.status_code, wrong.json()["meant"]) == (422, "鲁C7X902")
    assert "鲁C7X902" in wrong.json()["detail"]
    right = await visited.post(f"{address}/front", {"said": "plate", "text": "鲁C7X9Q2", "colour": "yellow"})
    again = await visited.post(f"{address}/front", {"said": "plate", "text": "鲁C7X9Q2", "colour": "yellow"})
    assert (right.status_code, again.json()["entry"]) == (200, right.json()["entry"])
    assert len(await written(visited, PlateCorrected.stream)) == 1
    for path in ("/plates", address):
        assert re.search(r'class="said-text">鲁C7X9Q2<', (await visited.client.get(path)).text)
    detail = (await visited.client.get(address.replace("/plates", "/tablet"))).json()
    assert detail["plates"][0]["text"] == "不确定"
    assert "鲁C7X9Q2" in detail["plates"][0]["said"]
    assert detail["line"]["corrected"] == "鲁C7X9Q2"


async def test_every_look_is_an_entry_first_and_names_no_plate(visited: Visited) -> None:
    address = await crossing(visited)
    await visited.sign_in()
    before = len(await written(visited, RecordAccessed.stream))
    for path in ("/plates?status=unsure", address, f"/files/{CROP.sha256}"):
        assert (await visited.client.get(path)).status_code == 200
    looks = (await written(visited, RecordAccessed.stream))[before:]
    assert len(looks) == 3
    assert b"status=unsure" in looks[0]
    assert not any("鲁".encode() in look for look in looks)


async def test_who_only_looks_corrects_nothing_and_a_stranger_sees_nothing(visited: Visited) -> None:
    address = await crossing(visited)
    for path in ("/plates", address):
        assert (await visited.client.get(path)).status_code == 401
    await visited.sign_in("viewer")
    assert "data-correct" not in (await visited.client.get("/plates")).text
    assert (await visited.post(f"{address}/front", {"said": "no_plate"})).status_code == 403
    assert await written(visited, PlateCorrected.stream) == []


async def test_a_hostile_form_writes_nothing(visited: Visited) -> None:
    address = await crossing(visited)
    await visited.sign_in()
    hostile: tuple[object, ...] = (
        {},
        {"said": "x"},
        [],
        {"said": "plate", "text": "A" * 99},
        {"said": "plate", "extra": 1},
    )
    for said in hostile:
        assert (await visited.post(f"{address}/front", said)).status_code == 422
    assert (
        await visited.post(f"{address}/front", {"said": "plate", "text": "x" * 20_000})
    ).status_code == 413
    assert (await visited.post(f"{address}/rear", {"said": "no_plate"})).status_code == 409
    assert (await visited.post(f"{address}/inside", {"said": "no_plate"})).status_code == 422
    assert (await visited.post(f"/plates/{PLATFORM}/nobody/front", {"said": "no_plate"})).status_code == 404
    bare = await visited.client.post(f"{address}/front", json={"said": "no_plate"}, headers=KEY)
    assert bare.status_code == 403
    assert (await visited.client.get("/plates/x/y")).status_code == 422
    assert (await visited.client.get(f"/plates?place={'x' * 200}")).status_code == 422
    assert (await visited.client.get("/plates?place=no-such-lane&status=huh")).status_code == 200
    assert await written(visited, PlateCorrected.stream) == []


async def test_no_line_of_the_log_names_a_plate_whatever_is_done_with_it(
    visited: Visited, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    address = await crossing(visited)
    await visited.sign_in()
    for said in ("鲁C7X9Q2", "鲁C7X9O2", "鲁C7X9"):
        await visited.post(
            f"{address}/front", {"said": "plate", "text": said}, **{"Idempotency-Key": f"key-{said[3:]}0000"}
        )
    tablet = address.replace("/plates", "/tablet")
    for path in ("/plates", address, tablet, "/tablet", f"/files/{CROP.sha256}", "/plates?place=鲁C7X9Q2"):
        await visited.client.get(path)
    await visited.post(f"{tablet}/hold", {"note": "鲁C7X9Q2 不停车"})
    visited.lane.say_bytes('{"passage":7,"tractor":"鲁C7X9Q2"}'.encode(), stream="vehicle.pictured")
    visited.lane.put()
    visited.assembly._live(f"weighpost/v1/up/{PLATFORM}/live/weight", "鲁C7X9Q2".encode())
    own = [record for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))]
    assert own
    assert "鲁C7X9" not in whole(own)
