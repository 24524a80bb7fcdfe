"""The frame of every page: who comes in, what a change must show, what every answer carries."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from tests.web.playing import CHEAP, PASSWORD, HandClock, MemoryAccounts, person
from web.live import Hub
from web.passwords import Passwords
from web.security import HEADERS
from web.sessions import Sessions, Visitor
from web.shell import Link, Shell, Site, build_id

ORIGIN = "http://site.test"
HTML = {"accept": "text/html"}


class Place:
    """A site with one page that may be looked at, one that changes something, one for administrators."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        (folder / "home.html").write_text(
            '{% extends "base.html" %}{% block content %}<p id="who">{{ visitor.account.shown }}</p>{{ said }}{% endblock %}'
        )
        site = Site(
            name="test",
            title_zh="测试站",
            title_en="Test",
            home="/home",
            templates=(folder,),
            tls=tls,
            links=(Link(path="/home", key="Main"), Link(path="/admin", key="Password", role="admin")),
        )
        self.clock = HandClock()
        self.store = MemoryAccounts()
        self.store.save_account(person())
        sessions = Sessions(self.store, clock=self.clock, passwords=Passwords(CHEAP))
        self.shell = Shell(site, sessions=sessions, hub=Hub(build="b1", clock=self.clock), clock=self.clock)
        self.changed = 0
        self.app = FastAPI()
        self.shell.install(self.app)
        self._routes()

    def _routes(self) -> None:
        looks = Depends(self.shell.visitor)
        acts, rules = Depends(self.shell.at_least("operator")), Depends(self.shell.at_least("admin"))

        @self.app.get("/home")
        async def home(request: Request, visitor: Visitor = looks) -> Response:
            return self.shell.page(
                request, "home.html", visitor=visitor, said=request.query_params.get("said", "")
            )

        @self.app.post("/change")
        async def change(visitor: Visitor = acts) -> dict[str, str]:
            self.changed += 1
            return {"by": visitor.account.name}

        @self.app.get("/admin")
        async def admin(visitor: Visitor = rules) -> dict[str, str]:
            return {"by": visitor.account.name}

        @self.app.get("/number/{number}")
        async def number(number: int) -> dict[str, int]:
            return {"number": number}

        @self.app.get("/fault")
        async def fault() -> None:
            raise RuntimeError("a bug")

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
async def client(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with place.client() as client:
        yield client


def form_token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


async def sign_in(
    client: httpx.AsyncClient,
    *,
    name: str = "li",
    password: str = PASSWORD,
    next_: str = "",
    origin: str = ORIGIN,
) -> httpx.Response:
    page = await client.get("/login", headers=HTML)
    form = {"csrf": form_token(page.text), "name": name, "password": password}
    return await client.post(
        "/login", params={"next": next_} if next_ else {}, data=form, headers=HTML | {"origin": origin}
    )


async def test_a_stranger_is_sent_to_the_login_and_back_again(client: httpx.AsyncClient) -> None:
    answer = await client.get("/home?said=x", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/home%3Fsaid%3Dx")
    answer = await sign_in(client, next_="/home?said=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/home?said=x")
    assert "李娜" in (await client.get("/home", headers=HTML)).text


async def test_a_program_without_a_session_is_told_so(client: httpx.AsyncClient) -> None:
    assert (await client.get("/home")).status_code == 401


async def test_nobody_is_sent_to_somebody_elses_site(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, next_="//evil.test/x")
    assert answer.headers["location"] == "/home"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    cookie = next(
        value
        for value in (await sign_in(client)).headers.get_list("set-cookie")
        if value.startswith("weighpost_test=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie


async def test_behind_tls_cookies_are_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    place = Place(tmp_path, tls=True)
    async with place.client() as client:
        answer = await client.get("/login", headers=HTML)
    assert answer.headers["set-cookie"].startswith("__Host-weighpost_test_login=")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_wrong_is_wrong_and_asks_again(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, password="wrong")
    assert answer.status_code == 401
    assert "账号或密码不正确" in answer.text
    assert "weighpost_test=" not in answer.headers.get("set-cookie", "")


async def test_guessing_is_slowed_in_words(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await sign_in(client, password="wrong")
    answer = await sign_in(client)
    assert answer.status_code == 429
    assert "请 5 秒后再试" in answer.text


async def test_a_login_form_of_another_site_is_refused(client: httpx.AsyncClient) -> None:
    assert (await sign_in(client, origin="http://evil.test")).status_code == 403


async def test_a_login_without_the_forms_token_is_refused(client: httpx.AsyncClient) -> None:
    form = {"csrf": "made up", "name": "li", "password": PASSWORD}
    answer = await client.post("/login", data=form, headers=HTML | {"origin": ORIGIN})
    assert answer.status_code == 403
    assert "表单已过期" in answer.text


async def test_a_change_needs_origin_and_form_token(place: Place, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    page = await client.get("/home", headers=HTML)
    token = form_token(page.text)
    refused = [
        await client.post("/change"),
        await client.post("/change", headers={"origin": ORIGIN}),
        await client.post("/change", headers={"x-csrf-token": token}),
        await client.post("/change", headers={"x-csrf-token": token, "origin": "http://evil.test"}),
        await client.post("/change", headers={"x-csrf-token": "x" + token, "origin": ORIGIN}),
        await client.post("/change", data={"csrf": "汉"}, headers={"origin": ORIGIN}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 6
    assert place.changed == 0
    by_header = await client.post("/change", headers={"x-csrf-token": token, "origin": ORIGIN})
    by_field = await client.post("/change", data={"csrf": token}, headers={"origin": ORIGIN})
    assert (by_header.status_code, by_field.status_code, place.changed) == (200, 200, 2)


async def test_a_role_too_low_is_refused_in_words(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    answer = await client.get("/admin", headers=HTML)
    assert answer.status_code == 403
    assert "您无权进行此操作" in answer.text
    assert (await client.get("/home", headers=HTML)).text.count('href="/admin"') == 0


async def test_signing_out_needs_the_token_and_ends_the_session(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    token = form_token((await client.get("/home", headers=HTML)).text)
    assert (await client.post("/logout", headers={"origin": ORIGIN})).status_code == 403
    assert (await client.get("/session")).status_code == 200
    answer = await client.post("/logout", data={"csrf": token}, headers={"origin": ORIGIN})
    assert answer.headers["location"] == "/login"
    assert (await client.get("/session")).status_code == 401


@pytest.mark.parametrize(
    "path", ["/login", "/home", "/nothing", "/number/x", "/fault", "/static/b1/web/live.js"]
)
async def test_every_answer_carries_the_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=HTML)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_pages_are_not_cached_and_static_files_are(client: httpx.AsyncClient) -> None:
    assert (await client.get("/login")).headers["cache-control"] == "no-store"
    assert "immutable" in (await client.get("/static/b1/web/live.js")).headers["cache-control"]
    assert (await client.get("/static/old/web/live.js")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nothing", 404, "此地址没有内容"),
        ("/number/x", 422, "请求内容缺失或有误"),
        ("/fault", 500, "系统内部出错"),
    ],
)
async def test_problems_are_pages_for_people_and_json_for_programs(
    client: httpx.AsyncClient, path: str, status: int, words: str
) -> None:
    page, told = await client.get(path, headers=HTML), await client.get(path)
    assert (page.status_code, told.status_code) == (status, status)
    assert words in page.text
    assert told.headers["content-type"] == "application/json"
    assert "a bug" not in page.text + told.text


async def test_chinese_first_and_english_by_choice(client: httpx.AsyncClient) -> None:
    chinese = await client.get("/login", headers=HTML)
    assert '<html lang="zh-CN">' in chinese.text
    answer = await client.get("/language/en", params={"next": "/login"})
    assert answer.headers["location"] == "/login"
    english = await client.get("/login", headers=HTML)
    assert '<html lang="en">' in english.text
    assert "Sign in" in english.text


async def test_the_pages_words_come_in_one_json_block(client: httpx.AsyncClient) -> None:
    page = (await client.get("/login", headers=HTML)).text
    block = re.search(r'<script type="application/json" id="texts">(.*?)</script>', page, re.DOTALL)
    assert block
    assert json.loads(block[1])["Live"] == "实时"


async def test_what_people_type_is_text(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    page = await client.get("/home", params={"said": "<script>alert(1)</script>"}, headers=HTML)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_no_template_or_module_has_inline_code_or_anything_from_elsewhere() -> None:
    for path in [
        *Path("web").rglob("*.html"),
        *Path("web").rglob("*.js"),
        *Path("central/pages").rglob("*.html"),
    ]:
        text = path.read_text()
        assert not re.search(r"\son\w+\s*=\s*[\"']|javascript:|\sstyle=|innerHTML|eval\(", text), path
        assert not re.search(r"(src|href)=[\"'](https?:)?//", text), path
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), path


def test_the_build_changes_with_what_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = build_id([tmp_path])
    assert build_id([tmp_path]) == first
    assert build_id([tmp_path], "0.2") != first
    (tmp_path / "a.js").write_text("2")
    assert build_id([tmp_path]) != first


async def test_a_device_account_sees_no_way_out_of_its_role(place: Place, client: httpx.AsyncClient) -> None:
    place.store.save_account(replace(person("wall-1"), kind="device", role="viewer"))
    await sign_in(client, name="wall-1")
    page = await client.get("/home", headers=HTML)
    assert 'data-account-kind="device"' in page.text
    answer = await client.post("/change", data={"csrf": form_token(page.text)}, headers={"origin": ORIGIN})
    assert answer.status_code == 403
