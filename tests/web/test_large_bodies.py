"""Nobody fills memory or disk with a form before it is known who he is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, UploadFile
from starlette.responses import PlainTextResponse, Response

from tests.web.playing import CHEAP, HandClock, MemoryAccounts
from web.live import Hub
from web.passwords import Passwords
from web.security import LARGEST_BODY, UPLOADS
from web.sessions import Sessions
from web.shell import Shell, Site

ORIGIN = "http://site.test"
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=b"}
FILE_HEAD = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'


class Sent:
    """A body of many pieces that knows how much of it was taken."""

    def __init__(self, head: bytes, pieces: int) -> None:
        self.taken = 0
        self._head = head
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in (self._head, *([b"x" * 8192] * self._pieces)):
            self.taken += len(piece)
            yield piece


def site() -> FastAPI:
    clock = HandClock()
    sessions = Sessions(MemoryAccounts(), clock=clock, passwords=Passwords(CHEAP))
    shell = Shell(
        Site(name="test", title_zh="测试", title_en="Test", home="/", templates=(Path(__file__).parent,)),
        sessions=sessions,
        hub=Hub(build="b1", clock=clock),
        clock=clock,
    )
    app = FastAPI()
    shell.install(app)

    @app.patch(UPLOADS + "{digest}")
    async def upload(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    @app.post("/form")
    async def form(f: UploadFile) -> str:
        return f.filename or ""

    return app


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(site()), base_url=ORIGIN)


@pytest.mark.parametrize(
    ("path", "headers", "head"),
    [
        ("/login", FORM, b"name="),
        ("/login", PARTS, FILE_HEAD),
        ("/form", PARTS, FILE_HEAD),
    ],
)
async def test_a_form_that_never_ends_is_not_read(path: str, headers: dict[str, str], head: bytes) -> None:
    sent = Sent(head, 1000)
    async with client() as browser:
        answer = await browser.post(path, content=sent, headers=headers)
    assert answer.status_code == 413
    assert sent.taken < LARGEST_BODY + 3 * 8192
    assert answer.headers["Content-Security-Policy"]


async def test_an_upload_has_limits_of_its_own() -> None:
    async with client() as box:
        answer = await box.patch(UPLOADS + "00", content=Sent(b"", 20))
    assert (answer.status_code, answer.text) == (200, str(20 * 8192))
