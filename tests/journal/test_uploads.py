"""The uploader against the endpoint as it runs, over a wire that breaks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from journal.cursors import Cursors
from journal.database import StoredEntry
from journal.keys import SigningKey
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.settings import Destination
from journal.store import Declared, StoreTransaction
from journal.uploads import PIECE, Uploader
from kernel.evidence import canonical, header
from kernel.evidence.header import ClockState, FileRef, Header
from kernel.evidence.notes import encode_base64
from tests.journal.making import TestClock

JOURNAL = "a" * 32
BOX = "s01-lane1"
KEY = SigningKey.generate(kind="store", name="yiyuan-centre-1")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Shelf:
    """Entries, files and the store of the other side, in memory."""

    folder: Path
    entries: list[StoredEntry] = field(default_factory=list)
    declared_: dict[str, Declared] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)
    id: str = JOURNAL
    store_id: str = "yiyuan-centre-1"

    def add(self, data: bytes, *, priority: int = 2, upload: str = "now") -> str:
        digest, seq = sha(data), len(self.entries)
        (self.folder / digest).write_bytes(data)
        head = Header(
            at=1,
            body="0" * 64,
            boot="0" * 16,
            clock=ClockState(err_ms=None, state="unset"),
            files=(FileRef(name=f"{seq}.bin", sha256=digest, size=len(data)),),
            journal=JOURNAL,
            mono_ms=1,
            seq=seq,
            source="yiyuan/s01/lane1",
            stream="file.stored",
        )
        body = canonical.encode({"priority": priority, "upload": upload})
        raw = header.encode(head)
        self.entries.append(
            StoredEntry(seq=seq, leaf=header.leaf(raw), header=raw, salt=b"0" * 16, body=body)
        )
        self.declared_[digest] = Declared(sha256=digest, size=len(data), journal=JOURNAL, seq=seq, name="x")
        return digest

    @property
    def volumes(self) -> tuple[Shelf]:
        return (self,)

    async def read(self, start: int, count: int) -> list[StoredEntry]:
        return self.entries[start : start + count]

    def path(self, sha256: str) -> Path | None:
        found = self.folder / sha256
        return found if found.exists() else None

    def begin(self) -> AbstractContextManager[StoreTransaction]:
        raise AssertionError("uploads touch no entries")

    def declared(self, box: str, sha256: str) -> Declared | None:
        return self.declared_.get(sha256)

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        self.stored.append(sha256)


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Passes requests on, unless `breaks` says that this one is lost on the way or on the way back."""

    inner: httpx.ASGITransport
    breaks: Callable[[httpx.Request, int], str] = lambda request, number: ""
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        how = self.breaks(request, len(self.requests))
        if how == "out":
            raise httpx.ConnectError("reset")
        response = await self.inner.handle_async_request(request)
        if how == "back":
            await response.aread()
            raise httpx.ReadError("reset")
        return response


def uploader_of(shelf: Shelf, cursors: Cursors, http: httpx.AsyncClient, clock: TestClock) -> Uploader:
    return Uploader(
        shelf,
        shelf,
        cursors,
        box=BOX,
        destination=Destination(
            name="centre",
            mqtt="mqtt://x",
            password="s",
            store_id="yiyuan-centre-1",
            store_public=encode_base64(KEY.public),
            files="http://centre",
        ),
        http=http,
        clock=clock,
        accepted=lambda _journal: len(shelf.entries),
    )


@asynccontextmanager
async def uploading(
    tmp_path: Path, shelf: Shelf, *, breaks: Callable[[httpx.Request, int], str] = lambda request, number: ""
) -> AsyncIterator[tuple[Uploader, Wire]]:
    intake = FileIntake(
        store=shelf, blobs=BlobFolder(tmp_path / "blobs"), key=KEY, secrets={BOX: "s"}, clock=TestClock()
    )
    wire = Wire(httpx.ASGITransport(app=Starlette(routes=intake.routes())), breaks)
    cursors = Cursors(tmp_path)
    async with httpx.AsyncClient(transport=wire) as http:
        uploader = uploader_of(shelf, cursors, http, TestClock())
        task = asyncio.create_task(uploader.run())
        try:
            yield uploader, wire
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            cursors.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.002)


def shelf_of(tmp_path: Path) -> Shelf:
    folder = tmp_path / "box"
    folder.mkdir()
    return Shelf(folder)


async def test_the_urgent_first_and_what_stays_stays(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    later, clip, photo = shelf.add(b"later"), shelf.add(b"clip", priority=1), shelf.add(b"photo", priority=0)
    shelf.add(b"stays", upload="on_demand")
    async with uploading(tmp_path, shelf):
        await until(lambda: len(shelf.stored) == 3)
    assert shelf.stored == [photo, clip, later]


async def test_what_stayed_comes_when_somebody_asks(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    stays = shelf.add(b"stays", upload="on_demand")
    async with uploading(tmp_path, shelf) as (uploader, _):
        assert not await uploader.demand("0" * 64)
        assert await uploader.demand(stays)
        await until(lambda: shelf.stored == [stays])


async def test_a_wire_that_breaks_costs_no_byte_twice(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    data = bytes(4 * PIECE + 17)
    digest = shelf.add(data)
    async with uploading(
        tmp_path, shelf, breaks=lambda request, number: "out" if number % 3 == 0 else ""
    ) as (_, wire):
        await until(lambda: shelf.stored == [digest])
    sent = [int(r.headers["Upload-Offset"]) for r in wire.requests if r.method == "PATCH"]
    assert sorted(set(sent)) == [0, PIECE, 2 * PIECE, 3 * PIECE, 4 * PIECE]


async def test_an_answer_that_is_lost_is_asked_for_again(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    digest = shelf.add(b"x" * 1000)
    async with uploading(tmp_path, shelf, breaks=lambda request, number: "back" if number == 2 else "") as (
        uploader,
        _,
    ):
        await until(lambda: len(shelf.stored) == 2)
        await until(lambda: uploader.waiting == 0)
    assert shelf.stored == [digest, digest]  # receipted twice, stored once


async def test_one_file_that_is_refused_does_not_hold_up_the_others(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    gone = shelf.add(b"gone", priority=0)
    (shelf.folder / gone).unlink()
    unknown = shelf.add(b"unknown there", priority=0)
    del shelf.declared_[unknown]
    good = shelf.add(b"good")
    async with uploading(tmp_path, shelf) as (uploader, _):
        await until(lambda: shelf.stored == [good])
        assert uploader.refused >= 2


@pytest.mark.parametrize("kind", ["cut short", "rotten", "unreadable"])
async def test_a_file_that_is_no_longer_what_was_written_costs_no_byte_of_the_link(
    tmp_path: Path, kind: str
) -> None:
    shelf = shelf_of(tmp_path)
    bad = shelf.add(b"x" * 1000, priority=0)
    good = shelf.add(b"good")
    place = shelf.folder / bad
    if kind == "cut short":
        place.write_bytes(b"x" * 500)
    elif kind == "rotten":
        place.write_bytes(b"x" * 999 + b"y")
    else:
        place.unlink()
        place.mkdir()
    async with uploading(tmp_path, shelf) as (uploader, wire):
        await until(lambda: shelf.stored == [good])
        await until(lambda: uploader.refused >= 2)  # it is looked at again, later
    assert [r for r in wire.requests if r.method == "PATCH" and bad in str(r.url)] == []


@dataclass
class Stubborn(httpx.AsyncBaseTransport):
    """A receiver that always wants another offset."""

    offset: str
    status: int
    asked: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        status = 200 if request.method == "HEAD" else self.status
        return httpx.Response(status, headers={"Upload-Offset": self.offset})


@pytest.mark.parametrize(("offset", "status"), [("0", 409), ("0", 204), ("9" * 5000, 204), ("x", 409)])
async def test_a_receiver_that_gets_nowhere_is_left_alone_for_a_while(
    tmp_path: Path, offset: str, status: int
) -> None:
    shelf = shelf_of(tmp_path)
    shelf.add(b"x" * 1000)
    stubborn, clock = Stubborn(offset, status), TestClock()
    cursors = Cursors(tmp_path)
    async with httpx.AsyncClient(transport=stubborn) as http:
        uploader = uploader_of(shelf, cursors, http, clock)
        task = asyncio.create_task(uploader.run())
        started = clock.ms
        await until(lambda: clock.ms - started > 60_000 or task.done())
        assert not task.done()
        assert stubborn.asked < 60
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    cursors.close()
