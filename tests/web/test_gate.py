"""The gate with real TLS: the box is the one of the certificate, and no header changes that."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from journal.clock import SystemClock
from journal.guests import Listed
from journal.keys import SigningKey
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.store import Declared, StoreTransaction
from tests.support.certified import CENTRE, LANE, OTHER, CertifiedCounty, quick_county
from web.serving import Gate, listen, serve

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

FILES = {LANE: b"lane one's clip" * 1000, OTHER: b"lane two's clip" * 1000}
SHA = {box: hashlib.sha256(data).hexdigest() for box, data in FILES.items()}


class TwoFiles:
    """Knows one file of each lane."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, str]] = []

    @property
    def store_id(self) -> str:
        return "yiyuan-centre-1"

    def begin(self) -> AbstractContextManager[StoreTransaction]:
        raise AssertionError("uploads touch no entries")

    def declared(self, box: str, sha256: str) -> Declared | None:
        if SHA.get(box) != sha256:
            return None
        return Declared(sha256=sha256, size=len(FILES[box]), journal="0" * 32, seq=3, name="clip.mp4")

    def erased(self, box: str, sha256: str) -> Declared | None:
        return None

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        self.stored.append((box, sha256))


class Ended(Exception):  # noqa: N818 - how the test ends the server
    """Enough."""


class Site:
    """A gate with uploads behind it."""

    def __init__(self, county: CertifiedCounty, folder: Path) -> None:
        self.county = county
        self.store = TwoFiles()
        self.guests = Listed([LANE, OTHER])
        self.intake = FileIntake(
            store=self.store,
            blobs=BlobFolder(folder),
            key=SigningKey.generate(kind="store", name="yiyuan-centre-1"),
            guests=self.guests,
            secrets={OTHER: "secret"},
            clock=SystemClock(),
        )
        self.listening = listen("127.0.0.1", 0, path="gate.port")
        self.context = county.credentials(CENTRE).server(demand=False)
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.listening.getsockname()[1]}"

    def as_box(self, box: str | None) -> httpx.AsyncClient:
        credentials = self.county.credentials(box or LANE)
        context = credentials.client() if box else credentials.anonymous()
        return httpx.AsyncClient(verify=context, base_url=self.url)

    async def end(self) -> None:
        self._over.set()

    async def until_over(self) -> None:
        await self._over.wait()
        raise Ended


@asynccontextmanager
async def site(county: CertifiedCounty, folder: Path) -> AsyncIterator[Site]:
    made = Site(county, folder)
    pages: socket.socket = listen("127.0.0.1", 0, path="web.port")
    up = asyncio.Event()
    gate = Gate(app=Starlette(routes=made.intake.routes()), listening=made.listening, context=made.context)
    serving = asyncio.create_task(
        serve(FastAPI(), pages, tasks={"end": made.until_over}, ready=lambda _address: up.set(), gate=gate)
    )
    try:
        await up.wait()
        yield made
    finally:
        await made.end()
        with pytest.raises(ExceptionGroup) as caught:
            await serving
        assert caught.group_contains(Ended)
        pages.close()
        made.listening.close()


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CertifiedCounty:
    return quick_county(tmp_path_factory.mktemp("county"))


async def put(client: httpx.AsyncClient, sha256: str, data: bytes, **headers: str) -> httpx.Response:
    return await client.patch(f"/v1/files/{sha256}", content=data, headers={"Upload-Offset": "0"} | headers)


async def test_a_box_uploads_as_the_one_its_certificate_names(
    county: CertifiedCounty, tmp_path: Path
) -> None:
    async with site(county, tmp_path) as made, made.as_box(LANE) as lane:
        assert (await put(lane, SHA[LANE], FILES[LANE])).status_code == 200
        assert made.store.stored == [(LANE, SHA[LANE])]


async def test_a17_a_box_gets_nowhere_under_anothers_name(county: CertifiedCounty, tmp_path: Path) -> None:
    basic = "Basic " + base64.b64encode(f"{OTHER}:secret".encode()).decode()
    async with site(county, tmp_path) as made, made.as_box(OTHER) as other, made.as_box(LANE) as lane:
        half = len(FILES[OTHER]) // 2
        assert (await put(other, SHA[OTHER], FILES[OTHER][:half])).status_code == 204
        claims = {"Authorization": basic, "X-Client-Cert": OTHER, "X-SSL-Client-S-DN": f"CN={OTHER}"}
        assert (await put(lane, SHA[OTHER], b"poison", **claims)).status_code == 404
        assert (await put(lane, "0" * 64, b"poison", **claims)).status_code == 404
        assert made.intake.refused == {LANE: 2}
        rest = {"Upload-Offset": str(half)}
        assert (await put(other, SHA[OTHER], FILES[OTHER][half:], **rest)).status_code == 200
        assert made.store.stored == [(OTHER, SHA[OTHER])]


async def test_without_a_certificate_or_off_the_list_there_is_nothing_to_upload(
    county: CertifiedCounty, tmp_path: Path
) -> None:
    basic = "Basic " + base64.b64encode(f"{OTHER}:secret".encode()).decode()
    async with site(county, tmp_path) as made, made.as_box(None) as nobody, made.as_box(OTHER) as other:
        assert (await put(nobody, SHA[OTHER], FILES[OTHER], Authorization=basic)).status_code == 401
        made.guests.shut_out(OTHER)
        assert (await put(other, SHA[OTHER], FILES[OTHER])).status_code == 401
        assert made.intake.refused == {"?": 2}
        assert made.store.stored == []


async def test_an_expired_certificate_uploads_nothing(county: CertifiedCounty, tmp_path: Path) -> None:
    async with site(county, tmp_path) as made, made.as_box(LANE) as lane:
        made.context.judge.time.past(county.now_ms + 2 * 366 * 86_400_000)
        with pytest.raises(httpx.HTTPError):
            await put(lane, SHA[LANE], FILES[LANE])
        assert made.context.refused == 1
        assert made.store.stored == []


async def test_a_forged_authority_is_not_let_in(county: CertifiedCounty, tmp_path: Path) -> None:
    forger = quick_county(tmp_path / "forger")
    context: ssl.SSLContext = forger.credentials(LANE).client()
    context.load_verify_locations(county.folder / "ca.pem")
    async with (
        site(county, tmp_path / "site") as made,
        httpx.AsyncClient(verify=context, base_url=made.url) as lane,
    ):
        with pytest.raises(httpx.HTTPError):
            await put(lane, SHA[LANE], FILES[LANE])
        assert made.context.refused == 1
