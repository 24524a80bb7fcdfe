"""The pages over a real store: who may see them, what they show without scripts, what is written of every look."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from central.app import create_app
from central.pages.routes import mount, passage_of
from central.store.engines import Database
from central.views import EntryView
from kernel.errors import FullError, RefusedError
from kernel.events import CaseClosed, CaseRecorded, EntryRef, PassageReviewed, RecordAccessed
from tests.central.made import NOON_MS, Made, clip, clip_file, health, picture_file, pictured, weighed
from tests.central.world import PASSWORD, World
from web import times

pytestmark = pytest.mark.broad

BASE = "http://centre.test"
JOURNAL = "a" * 32


class Visit:
    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world = world
        self.client = client

    async def sign_in(self, name: str = "li") -> None:
        page = await self.client.get("/login")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found
        form = {"csrf": found[1], "name": name, "password": PASSWORD}
        answer = await self.client.post("/login", data=form, headers={"origin": BASE})
        assert answer.status_code == 303

    async def see(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def looked(self) -> list[tuple[str, str, str | None]]:
        return [(b.by, b.what, b.passage) for b in self.world.entries if isinstance(b, RecordAccessed)]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    world = World(database, tmp_path)
    world.account("li", role="operator")
    world.account("look", role="viewer")
    return world


@pytest.fixture
async def visit(world: World) -> AsyncIterator[Visit]:
    app = create_app(world.parts, mounts=[mount])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={"accept": "text/html"}
    ) as client:
        yield Visit(world, client)


@pytest.fixture
def lane(world: World) -> Made:
    made = Made()
    world.take(
        made.add(weighed(outcome="over_limit", gross_kg=52_000)),
        made.add(pictured(trailer="鲁CA318挂"), files=picture_file()),
        made.add(clip(on_demand=True), files=clip_file()),
        made.add(health(camera="down")),
        made.add(b'{"passage": 7}'),
    )
    return made


DATA = re.compile(
    r'<script type="application/json".*?</script>|<code>.*?</code>|data-trace="[^"]*"', re.DOTALL
)
MONEY = re.compile("罚|处罚|[0-9]元|penalt")
PAGES = ("/wall", "/events", "/sources", "/quarantine", f"/events/{JOURNAL}/0")
REVIEW = f"/events/{JOURNAL}/0/review"


async def test_strangers_see_nothing(visit: Visit, lane: Made) -> None:
    for path in PAGES:
        answer = await visit.client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")
    assert visit.looked() == []


async def test_every_page_is_whole_in_both_languages(visit: Visit, lane: Made) -> None:
    await visit.sign_in("look")
    for language in ("zh", "en"):
        await visit.client.get(f"/language/{language}")
        for path in PAGES:
            page = await visit.see(path)
            assert "{" not in DATA.sub("", page)
            assert not MONEY.search(page)


async def test_the_first_page_is_the_wall_with_its_lines_in_it(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    assert (await visit.client.get("/")).headers["location"] == "/wall"
    page = await visit.see("/wall")
    assert "疑似超限 3\u00a0000 千克" in page
    assert "鲁C12345" in page
    assert "鲁CA318挂" in page
    assert 'class="chip device" data-id="yiyuan/s01/lane1/front"' in page
    assert visit.looked() == [("li", "list", None)]


async def test_the_list_filters_and_pages_without_scripts(visit: Visit, world: World) -> None:
    made = Made()
    outcomes = ["over_limit" if n % 3 == 0 else "within" for n in range(60)]
    world.take(
        *(
            made.add(weighed(f"p{n}", outcome=outcome, gross_kg=50_000), at_ms=NOON_MS + n * 1000)
            for n, outcome in enumerate(outcomes)
        )
    )
    await visit.sign_in()
    page = await visit.see("/events")
    assert page.count('class="row-link"') == 50
    older = re.search(r'href="(/events\?cursor=[^"]+)"', page)
    assert older
    second = await visit.see(older[1].replace("&amp;", "&"))
    assert second.count('class="row-link"') == 10
    assert 'href="/events?"' in second
    over = await visit.see("/events?outcome=over_limit&since=&until=&station=&lane=&plate=")
    assert over.count('class="row-link"') == 20
    assert '<option value="over_limit" selected>' in over


async def test_days_are_days_in_shanghai(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    today = times.stamp(NOON_MS)[:10]
    before = times.stamp(NOON_MS - times.DAY_MS)[:10]
    assert (await visit.see(f"/events?since={today}&until={today}")).count('class="row-link"') == 1
    assert (await visit.see(f"/events?until={before}")).count('class="row-link"') == 0


async def test_a_filter_that_makes_no_sense_breaks_nothing(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    nonsense = ("since=yesterday", "outcome=drop", "plate=%27%3B--", "plate=" + "x" * 500, "since=%00")
    for query in (*nonsense, "lane=%3Cscript%3Ex"):
        assert "<script>x" not in await visit.see(f"/events?{query}")


async def test_a_made_up_cursor_is_refused_in_words(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    assert "请求内容缺失或有误" in await visit.see("/events?cursor=made-up", 422)


async def test_one_crossing_with_its_evidence(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "疑似超限 3\u00a0000 千克" in page
    assert lane.leaves[0].hex() in page
    assert f'href="/events/{JOURNAL}/0/package"' in page
    assert "查看本页已记入访问日志" in page
    assert visit.looked() == [("li", "event", "p1")]
    assert "鲁C12345" in await visit.see(f"/events/{JOURNAL}/1")


async def test_who_may_only_look_is_offered_nothing_to_do(visit: Visit, lane: Made) -> None:
    await visit.sign_in("look")
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "/package" not in page
    assert "调取录像" not in page
    await visit.see(f"/events/{JOURNAL}/0/package", 403)


async def test_the_package_is_taken_out_and_noted(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    answer = await visit.client.get(f"/events/{JOURNAL}/0/package")
    assert (answer.content, answer.headers["content-type"]) == (b"PK", "application/zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="p1.zip"'
    assert visit.looked() == [("li", "package", "p1")]
    await visit.see(f"/events/{'9' * 32}/0/package", 404)


async def test_a_package_that_is_not_ready_is_explained_with_a_way_to_try_again(
    visit: Visit, lane: Made, world: World
) -> None:
    await visit.sign_in()
    world.packages.refusal = "not cosigned yet; try again in a moment"
    page = await visit.see(f"/events/{JOURNAL}/0/package", 409)
    assert "证据包尚未就绪" in page
    assert "尚未对其记录签名" in page
    assert f'href="/events/{JOURNAL}/0/package"' in page
    world.packages.refusal = "the disk is <full>"
    assert "the disk is &lt;full&gt;" in await visit.see(f"/events/{JOURNAL}/0/package", 409)


async def test_a_clip_at_the_lane_is_asked_for_by_a_form(visit: Visit, lane: Made, world: World) -> None:
    await visit.sign_in()
    page = await visit.see(f"/events/{JOURNAL}/0")
    form = re.search(r'action="(/events/[^"]+/clip)"><input type="hidden" name="csrf" value="([^"]+)"', page)
    assert form
    sent = {"csrf": form[2], "sha256": "d" * 64}
    answer = await visit.client.post(form[1], data=sent, headers={"origin": BASE})
    assert answer.status_code == 303
    assert world.requested.asked == [("d" * 64, "li")]
    refused = [
        await visit.client.post(form[1], data={"sha256": "d" * 64}, headers={"origin": BASE}),
        await visit.client.post(form[1], data=sent),
        await visit.client.post(form[1], data=sent | {"sha256": "e" * 64}, headers={"origin": BASE}),
        await visit.client.post(form[1], data=sent | {"sha256": "../x"}, headers={"origin": BASE}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 404, 422]
    assert len(world.requested.asked) == 1


async def test_what_is_not_there_is_said_in_words(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    for path, status in (
        (f"{JOURNAL}/99", 404),
        ("zzz/0", 422),
        (f"{JOURNAL}/-1", 422),
        (f"{JOURNAL}/x", 422),
    ):
        assert '<p class="problem-code">' in await visit.see(f"/events/{path}", status)


async def test_a_look_that_cannot_be_written_down_is_refused(visit: Visit, lane: Made, world: World) -> None:
    await visit.sign_in()
    world.refuse = RefusedError("the journal is closed")
    assert "此功能暂时不可用" in await visit.see(f"/events/{JOURNAL}/0", 503)
    page = await visit.see("/wall", 503)
    assert "鲁C12345" not in page


async def test_an_unreadable_entry_has_its_page_and_its_place_in_quarantine(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    assert f"/events/{JOURNAL}/4" in await visit.see("/quarantine")
    page = await visit.see(f"/events/{JOURNAL}/4")
    assert "无法解读" in page
    assert lane.leaves[4].hex() in page


async def test_devices_say_how_they_are(visit: Visit, lane: Made) -> None:
    await visit.sign_in()
    page = await visit.see("/sources")
    assert "摄像机（前）" in page
    assert "故障" in page
    assert "9.2\u00a0GB" in page


@pytest.mark.parametrize("body", ["", "{", "[]", '{"passage": 7}', "null"])
def test_an_entry_that_speaks_of_no_crossing(body: str) -> None:
    entry = EntryView(
        journal=JOURNAL,
        seq=0,
        box="b",
        stream="x",
        source="s",
        at_ms=0,
        received_ms=0,
        leaf="",
        header="",
        salt=None,
        body=body,
        absent=None,
        quarantined=None,
    )
    assert passage_of(entry) is None


@pytest.fixture
def reviewer(world: World) -> World:
    world.account("zhao", role="reviewer")
    world.account("audit", role="auditor")
    return world


def fields(page: str) -> dict[str, str]:
    """What the review form carries by itself."""
    form = re.search(r'<form class="panel-body review".*?</form>', page, re.DOTALL)
    assert form
    return dict(re.findall(r'name="(csrf|key)" value="([^"]+)"', form[0]))


async def review(visit: Visit, form: dict[str, str], **said: str) -> httpx.Response:
    return await visit.client.post(REVIEW, data=form | said, headers={"origin": BASE})


async def test_a_reviewer_confirms_and_the_suspicion_is_over(
    visit: Visit, reviewer: World, lane: Made
) -> None:
    await visit.sign_in("zhao")
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "疑似超限 3" in page
    form = fields(page)
    for _tap in range(2):
        answer = await review(visit, form, outcome="confirmed", reason="图片与重量一致")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/events/{JOURNAL}/0#review")
    assert len([entry for entry in reviewer.entries if isinstance(entry, PassageReviewed)]) == 1
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "疑似" not in page
    assert "超限 3" in page
    assert "图片与重量一致" in page
    assert "疑似超限 3" not in await visit.see("/events")


async def test_what_is_not_upheld_is_marked_neither_over_nor_within(
    visit: Visit, reviewer: World, lane: Made
) -> None:
    await visit.sign_in("zhao")
    form = fields(await visit.see(f"/events/{JOURNAL}/0"))
    assert (await review(visit, form, outcome="rejected", reason="误判")).status_code == 303
    page = await visit.see("/events")
    assert "审核不予认定" in page
    assert "超限 3" not in page
    assert 'data-tone="none"' in page


async def test_a_refused_review_says_why_and_keeps_what_was_written(
    visit: Visit, reviewer: World, lane: Made
) -> None:
    await visit.sign_in("zhao")
    form = fields(await visit.see(f"/events/{JOURNAL}/0"))
    answer = await review(visit, form, outcome="rejected", reason="鲁C12345 不是该车")
    assert answer.status_code == 409
    assert "文字中请勿写车牌" in answer.text
    assert 'value="鲁C12345 不是该车"' in answer.text
    assert "请填写理由" in (await review(visit, form, outcome="returned", reason="")).text
    assert (await review(visit, form, outcome="fined", reason="x")).status_code == 422
    assert (await review(visit, form | {"csrf": "x"}, outcome="confirmed")).status_code == 403
    assert not [entry for entry in reviewer.entries if isinstance(entry, PassageReviewed)]


async def test_a_reviewer_closes_a_case_on_the_page_of_its_crossing_and_lets_it_go_on(
    visit: Visit, reviewer: World, lane: Made
) -> None:
    await visit.sign_in("zhao")
    await review(
        visit, fields(await visit.see(f"/events/{JOURNAL}/0")), outcome="returned", reason="补充图片"
    )
    about = EntryRef(journal=JOURNAL, seq=0, leaf=lane.leaves[0].hex())
    reviewer.take(reviewer.own.add(CaseRecorded(case="沂交执〔2026〕12号", entries=(about,), by="li")))

    async def close(act: str, **said: str) -> httpx.Response:
        page = await visit.see(f"/events/{JOURNAL}/0")
        form = re.search(
            r'<form class="panel-body closing" method="post" action="([^"]+)".*?</form>', page, re.DOTALL
        )
        assert form
        hidden = dict(re.findall(r'name="(csrf|key)" value="([^"]+)"', form[0]))
        data = hidden | {"act": act} | said
        return await visit.client.post(form[1], data=data, headers={"origin": BASE})

    assert "沂交执〔2026〕12号</strong>: 办理中" in await visit.see(f"/events/{JOURNAL}/0")
    refused = await close("closed", reason="paid")
    assert (refused.status_code, "尚未通过审核：p1" in refused.text) == (409, True)
    reviewer.clock.at_ms += 1000
    await review(visit, fields(await visit.see(f"/events/{JOURNAL}/0")), outcome="confirmed")
    assert (await close("closed", reason="bored")).status_code == 422
    refused = await close("closed", reason="other", kept_as="permanent", note="鲁C12345")
    assert "备注中请勿填写号牌" in refused.text
    for said in ('value="other" selected', 'value="permanent" selected', 'value="鲁C12345"'):
        assert said in refused.text, "what was typed stands there again"
    assert (await close("closed", reason="court", kept_as="case_long")).status_code == 303
    assert "结案：人民法院受理强制执行，保管期限：长期" in await visit.see(f"/events/{JOURNAL}/0")
    assert "请填写理由" in (await close("reopened")).text
    form = fields(await visit.see(f"/events/{JOURNAL}/0"))
    refused = await review(visit, form, outcome="rejected", reason="看错")
    assert "请先恢复办理：沂交执〔2026〕12号" in refused.text
    assert (await close("reopened", note="复议")).status_code == 303
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "zhao 已恢复办理：复议" in page
    assert 'value="case_long" selected' in page
    assert [each.act for each in reviewer.entries if isinstance(each, CaseClosed)] == ["closed", "reopened"]


@pytest.mark.parametrize("path", ["review", "cases/12/closing"])
async def test_a_crossing_that_a_refusal_shows_has_been_looked_at(
    visit: Visit, reviewer: World, lane: Made, path: str
) -> None:
    about = EntryRef(journal=JOURNAL, seq=0, leaf=lane.leaves[0].hex())
    reviewer.take(reviewer.own.add(CaseRecorded(case="12", entries=(about,), by="li")))
    await visit.sign_in("zhao")
    token = re.search(r'name="csrf" value="([^"]+)"', await visit.see("/wall"))
    assert token
    form = {"csrf": token[1], "key": "k" * 8, "act": "reopened", "outcome": "rejected"}
    answer = await visit.client.post(f"/events/{JOURNAL}/0/{path}", data=form, headers={"origin": BASE})
    assert (answer.status_code, "鲁C12345" in answer.text) == (409, True)
    assert visit.looked()[-1] == ("zhao", "event", "p1")
    reviewer.refuse = FullError("no room for the journal")
    reviewer.clock.at_ms += 601_000
    answer = await visit.client.post(f"/events/{JOURNAL}/0/{path}", data=form, headers={"origin": BASE})
    assert (answer.status_code, "鲁C12345" in answer.text) == (503, False)


async def test_whoever_may_not_review_is_offered_no_form(visit: Visit, lane: Made) -> None:
    await visit.sign_in("li")
    assert "/review" not in await visit.see(f"/events/{JOURNAL}/0")


async def test_an_erased_crossing_says_so_everywhere(visit: Visit, lane: Made) -> None:
    await visit.world.keeping.erase("lane1-box", "p1", rule="a request", by="admin")
    await visit.sign_in("look")
    for path in ("/wall", "/events", f"/events/{JOURNAL}/0"):
        page = await visit.see(path)
        assert "号牌已删除" in page, path
        assert "鲁C12345" not in page
        assert "鲁CA318挂" not in page
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert f"依据 {visit.world.own.journal}/0" in page
    assert "按规定删除" in page


async def test_accesses_are_for_the_auditor_by_person_passage_and_day(
    visit: Visit, reviewer: World, lane: Made
) -> None:
    for number, by in enumerate(("li", "wang")):
        access = RecordAccessed(by=by, what="event", passage=f"p{number}")
        reviewer.take(reviewer.own.add(access, at_ms=NOON_MS + number * times.DAY_MS))
    await visit.sign_in("zhao")
    assert "/accesses" not in await visit.see("/wall")
    assert (await visit.client.get("/accesses")).status_code == 403
    visit.client.cookies.clear()
    await visit.sign_in("audit")
    assert 'href="/accesses"' in await visit.see("/wall")

    async def seen(query: str) -> list[str]:
        page = await visit.see(f"/accesses{query}")
        return re.findall(r"<td>(li|wang)</td>", page)

    assert await seen("") == ["wang", "li"]
    assert await seen("?by=li") == ["li"]
    assert await seen("?passage=p1") == ["wang"]
    assert await seen(f"?day={times.stamp(NOON_MS)[:10]}") == ["li"]
    assert await seen("?day=yesterday") == ["wang", "li"]
    assert "<script>" not in await visit.see("/accesses?by=%3Cscript%3Ealert(1)%3C/script%3E")
    assert ("audit", "accesses", None) in visit.looked()


async def test_quarantine_shows_the_raw_bytes_as_text_only(visit: Visit, world: World) -> None:
    made = Made()
    world.take(made.add(b'<script>alert("x")</script>\xff', stream="vehicle.weighed"))
    await visit.sign_in("look")
    page = await visit.see("/quarantine")
    assert f'href="/events/{JOURNAL}/0"' in page
    assert "lane1-box" in page
    page = await visit.see(f"/events/{JOURNAL}/0")
    assert "&lt;script&gt;alert(" in page
    assert "<script>alert(" not in page
    assert visit.looked()[-1][:2] == ("look", "event")


async def test_whoever_opens_the_live_wall_is_written_down_first(visit: Visit, lane: Made) -> None:
    await visit.sign_in("look")
    cookie = "; ".join(f"{name}={value}" for name, value in visit.client.cookies.items())
    said = {"cookie": cookie, "origin": BASE, "host": "centre.test"}
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "root_path": "",
        "subprotocols": [],
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
        "client": ("127.0.0.1", 1),
        "server": ("centre.test", 80),
    }
    before_hello: list[list[tuple[str, str, str | None]]] = []
    gone = asyncio.Event()
    events = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, object]:
        for event in events:
            return event  # type: ignore[return-value]
        await gone.wait()
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message: dict[str, object]) -> None:
        before_hello.append(visit.looked())
        if message["type"] == "websocket.send":
            gone.set()

    await create_app(visit.world.parts, mounts=[mount])(scope, receive, send)  # type: ignore[arg-type]
    assert before_hello
    assert all(looks == [("look", "live", None)] for looks in before_hello)
