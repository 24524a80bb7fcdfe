"""The uploader against the endpoint as it runs, over a wire that breaks."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from journal.cursors import Cursors, Upload, UploadState
from journal.database import StoredEntry
from journal.keys import SigningKey
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.settings import Destination
from journal.store import Declared, StoreTransaction
from journal.uploads import KEPT_AT_ONCE, PIECE, SCAN, SMALLEST, Uploader
from kernel.clock import Clock
from kernel.evidence import canonical, header
from kernel.evidence.header import ClockState, FileRef, Header
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import FileReceipt
from tests.journal.making import TestClock

pytestmark = pytest.mark.broad

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
    safe: set[str] = field(default_factory=set)
    erased_: dict[str, Declared] = field(default_factory=dict)
    accepted: int | None = None  # fewer than there are
    id: str = JOURNAL
    store_id: str = "yiyuan-centre-1"
    receipted_by: str = "yiyuan-centre-1"  # whose receipts of entries came last

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

    def erase(self, sha256: str) -> None:
        """By a rule of the other side."""
        self.erased_[sha256] = self.declared_.pop(sha256)

    def erased(self, box: str, sha256: str) -> Declared | None:
        return self.erased_.get(sha256)

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        self.stored.append(sha256)

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        return self.safe & set(digests)


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


def uploader_of(
    shelf: Shelf,
    cursors: Cursors,
    http: httpx.AsyncClient,
    clock: Clock,
    *,
    files: str = "http://centre",
    kbit_s: int = 0,
) -> Uploader:
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
            files=files,
            upload_kbit_s=kbit_s,
        ),
        http=http,
        clock=clock,
        accepted=lambda _journal: len(shelf.entries) if shelf.accepted is None else shelf.accepted,
        store=lambda: shelf.receipted_by,
    )


@asynccontextmanager
async def uploading(
    tmp_path: Path,
    shelf: Shelf,
    *,
    breaks: Callable[[httpx.Request, int], str] = lambda request, number: "",
    clock: Clock | None = None,
    files: str = "http://centre",
    kbit_s: int = 0,
    largest: int = 512 << 20,
) -> AsyncIterator[tuple[Uploader, Wire]]:
    intake = FileIntake(
        store=shelf,
        blobs=BlobFolder(tmp_path / "blobs"),
        key=KEY,
        secrets={BOX: "s"},
        clock=TestClock(),
        kept_after_ms=1,
        largest=largest,
        requests_per_s=100_000,
    )
    wire = Wire(httpx.ASGITransport(app=Starlette(routes=intake.routes())), breaks)
    cursors = Cursors(tmp_path)
    async with httpx.AsyncClient(transport=wire) as http:
        uploader = uploader_of(shelf, cursors, http, clock or TestClock(), files=files, kbit_s=kbit_s)
        task = asyncio.create_task(uploader.run())
        try:
            yield uploader, wire
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            cursors.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def noted(uploader: Uploader) -> int:
    """Files that the sender knows to be there, and not yet safe."""
    return len(uploader._cursors.unkept(destination="centre", count=9))


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


async def test_what_the_list_had_no_room_for_is_sent_once_there_is_room(tmp_path: Path) -> None:
    shelf, clock = shelf_of(tmp_path), StillClock()
    async with uploading(tmp_path, shelf, clock=clock) as (uploader, _):
        await until(lambda: clock.sleepers == 1)
        db = uploader._cursors._db
        [pages] = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        digests = [shelf.add(bytes([number])) for number in range(200)]
        for _ in range(SCAN):  # a second look, for which there is room
            shelf.add(b"\0")
        assert not await uploader.has(digests[-1])
        db.execute("PRAGMA max_page_count = 100000")
        assert await uploader.has(digests[-1])
        assert await uploader.has(digests[0])


async def test_what_stayed_comes_when_somebody_asks(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    stays = shelf.add(b"stays", upload="on_demand")
    async with uploading(tmp_path, shelf) as (uploader, _):
        assert not await uploader.has("0" * 64)
        assert await uploader.has(stays)
        await uploader.demand(stays)
        await until(lambda: shelf.stored == [stays])


async def test_what_is_asked_for_before_its_entry_is_accepted_comes_after(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    async with uploading(tmp_path, shelf) as (uploader, _):
        await uploader.demand(sha(b"stays"))
        stays = shelf.add(b"stays", upload="on_demand")
        uploader.wake()
        await until(lambda: noted(uploader) == 1)
        await uploader.demand(stays)  # it was lost there: once more
        await until(lambda: shelf.stored == [stays, stays])


async def test_a_wire_that_breaks_costs_no_byte_twice(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    data = bytes(4 * PIECE + 17)
    digest = shelf.add(data)
    async with uploading(
        tmp_path, shelf, breaks=lambda request, number: "out" if number % 3 == 0 else ""
    ) as (_, wire):
        await until(lambda: shelf.stored == [digest])
    sent = [r for r in wire.requests if r.method == "PATCH"]
    taken = {int(r.headers["Upload-Offset"]): len(r.content) for r in sent}
    end = 0
    for offset in sorted(taken):
        assert offset == end
        end += taken[offset]
    assert (end, max(taken.values())) == (len(data), PIECE)


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


# --- order and share of the link -------------------------------------------------------------------------------


async def test_a_clip_under_way_lets_a_photo_pass(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    clip = shelf.add(bytes(20 * PIECE), priority=1)
    late: list[str] = []

    def crosses(request: httpx.Request, number: int) -> str:
        if number == 6:  # the clip is under way, and a truck crosses
            late.append(shelf.add(b"photo", priority=0))
            made[0].wake()
        return ""

    made: list[Uploader] = []
    async with uploading(tmp_path, shelf, breaks=crosses) as (uploader, wire):
        made.append(uploader)
        await until(lambda: len(shelf.stored) == 2)
    assert shelf.stored == [*late, clip]
    offsets = [
        int(r.headers["Upload-Offset"]) for r in wire.requests if r.method == "PATCH" and clip in str(r.url)
    ]
    assert len(set(offsets)) == len(offsets)  # no byte of the clip went twice


@dataclass
class SlowWire(httpx.AsyncBaseTransport):
    """A link of a rate and a round trip, by a clock that stands still otherwise."""

    inner: httpx.ASGITransport
    clock: TestClock
    kbit_s: int
    round_trip_ms: int
    busy_ms: int = 0
    pieces: list[int] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        carried_ms = len(request.content) * 8 // self.kbit_s
        self.clock.ms += self.round_trip_ms + carried_ms
        if request.method == "PATCH":
            self.busy_ms += carried_ms
            self.pieces.append(len(request.content))
        return await self.inner.handle_async_request(request)


@pytest.mark.parametrize("given", [True, False], ids=["set", "measured"])
@pytest.mark.parametrize(("kbit_s", "round_trip_ms"), [(1_000, 0), (1_000, 80), (4_000, 600), (64, 200)])
async def test_a_fifth_of_the_link_stays_free_and_no_piece_is_long(
    tmp_path: Path, kbit_s: int, round_trip_ms: int, given: bool
) -> None:
    shelf, clock = shelf_of(tmp_path), TestClock()
    for number in range(4):
        shelf.add(bytes([number]) * (150_000 if kbit_s > 100 else 20_000), priority=0)
    intake = FileIntake(
        store=shelf, blobs=BlobFolder(tmp_path / "blobs"), key=KEY, secrets={BOX: "s"}, clock=TestClock()
    )
    wire = SlowWire(httpx.ASGITransport(app=Starlette(routes=intake.routes())), clock, kbit_s, round_trip_ms)
    cursors = Cursors(tmp_path)
    async with httpx.AsyncClient(transport=wire) as http:
        uploader = uploader_of(shelf, cursors, http, clock, kbit_s=kbit_s if given else 0)
        start_ms = clock.ms
        while await uploader._one():
            pass
        took_ms = clock.ms - start_ms
    cursors.close()
    assert len(shelf.stored) == 4
    assert wire.busy_ms <= 0.82 * took_ms
    longest = max(wire.pieces[4:])  # the first few find the link
    assert longest <= max(SMALLEST, kbit_s * 170 // 8)
    if round_trip_ms == 0:
        assert wire.busy_ms >= 0.7 * took_ms  # and what may be used is used


# --- stores that were lost, files that are safe, addresses that are away ----------------------------------------


async def test_a_restored_store_gets_again_what_it_had_not_kept(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    first, second = shelf.add(b"first"), shelf.add(b"second")
    clock = StillClock()
    async with uploading(tmp_path, shelf, clock=clock) as (uploader, _):
        await until(lambda: noted(uploader) == 2 and clock.sleepers == 1)
        shelf.safe = {first}
        await clock.passes(3_600)
        await until(lambda: not uploader._cursors.unkept(destination="centre", count=9)[1:])
        # The centre comes back from a backup that holds the first file only, under another name.
        (tmp_path / "blobs" / "sha256" / second[:2] / second).unlink()
        shelf.stored, shelf.receipted_by, shelf.accepted = [], "yiyuan-centre-2", 1
        uploader.wake()
        await until(lambda: uploader.waiting == 1)
        assert shelf.stored == []  # its entry has not come again: the receiver would not know the file
        shelf.accepted = None
        uploader.wake()
        await until(lambda: shelf.stored == [second])


async def test_what_has_become_safe_is_learnt_oldest_first(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    digests = [shelf.add(bytes([number])) for number in range(5)]
    clock = StillClock()
    async with uploading(tmp_path, shelf, clock=clock) as (uploader, _):
        await until(lambda: noted(uploader) == 5 and clock.sleepers == 1)
        shelf.safe = set(digests[:3])
        await clock.passes(3_600)
        await until(
            lambda: [d for d, _ in uploader._cursors.unkept(destination="centre", count=9)] == digests[3:]
        )


async def test_files_that_never_become_safe_do_not_hide_later_ones(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    digests = [f"{number:064x}" for number in range(2 * KEPT_AT_ONCE + 3)]
    with closing(Cursors(tmp_path)) as cursors:
        listed = [
            (Upload(sha256=digest, size=1, journal=JOURNAL, seq=seq, priority=2), "waiting")
            for seq, digest in enumerate(digests)
        ]
        cursors.list_uploads(listed, journal=JOURNAL, destination="centre", scanned=len(listed))
        for digest in digests:
            cursors.uploaded(digest, destination="centre", kept=False)
    own = FileReceipt(store=shelf.store_id, kept=True, files=((digests[5], 1), (digests[-1], 1)))
    said = own.signed(public_key=KEY.public, sign=KEY.sign).format()

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, text=said)
            if digests[300] not in request.content.decode()
            else httpx.Response(204)
        )

    with closing(Cursors(tmp_path)) as cursors:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            uploader = uploader_of(shelf, cursors, http, StillClock())
            task = asyncio.create_task(uploader.run())
            await until(lambda: cursors.uploads([digests[-1]], destination="centre")[digests[-1]].kept)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        states = cursors.uploads(digests, destination="centre")
    assert [digest for digest in digests if states[digest].kept] == [digests[5], digests[-1]]


async def test_a_sender_that_starts_with_nothing_to_send_asks_too(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    digest = shelf.add(b"x")
    async with uploading(tmp_path, shelf, clock=StillClock()) as (uploader, _):
        await until(lambda: noted(uploader) == 1)
    shelf.safe = {digest}
    async with uploading(tmp_path, shelf, clock=StillClock()) as (uploader, wire):
        await until(lambda: bool(wire.requests))
        await until(lambda: uploader._cursors.unkept(destination="centre", count=9) == [])
        assert [request.method for request in wire.requests] == ["POST"]


async def test_the_other_address_is_used_and_the_first_again(tmp_path: Path) -> None:
    shelf, clock = shelf_of(tmp_path), StillClock()
    away = [True]

    def breaks(request: httpx.Request, number: int) -> str:
        return "out" if request.url.host == "one" and away[0] else ""

    async with uploading(tmp_path, shelf, breaks=breaks, clock=clock, files="http://one, http://other/") as (
        uploader,
        wire,
    ):
        shelf.add(b"x")
        uploader.wake()
        await until(lambda: bool(wire.requests) and clock.sleepers == 1)
        await clock.passes(1)  # it waits a little after a failure
        await until(lambda: noted(uploader) == 1)
        assert wire.requests[-1].url.host == "other"
        away[0] = False
        shelf.add(b"y")
        uploader.wake()
        await until(lambda: noted(uploader) == 2 and clock.sleepers == 1)  # no minute later: still there
        await clock.passes(61)
        shelf.add(b"z")
        uploader.wake()
        await until(lambda: len(shelf.stored) == 3)
        puts = [request.url.host for request in wire.requests if request.method == "PATCH"]
        assert puts == ["other", "other", "one"]


async def test_a_full_disk_at_the_box_stops_no_upload(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    digests = [shelf.add(bytes([number])) for number in range(4)]
    async with uploading(tmp_path, shelf, clock=StillClock()) as (uploader, _):
        await until(lambda: noted(uploader) == 4)
        db = uploader._cursors._db
        db.execute("UPDATE upload SET state = 'waiting'")
        shelf.stored = []
        db.execute("PRAGMA query_only = ON")  # as a disk without room: reading goes on
        uploader.wake()
        await until(lambda: len(shelf.stored) == 4)
        for _ in range(20):
            uploader.wake()
            await asyncio.sleep(0.002)
        assert shelf.stored == digests  # each once, although it could not be noted
        db.execute("PRAGMA query_only = OFF")


@pytest.mark.parametrize("status", [423, 429, 500, 507])
async def test_a_receiver_that_cannot_now_is_asked_later(tmp_path: Path, status: int) -> None:
    shelf = shelf_of(tmp_path)
    good = shelf.add(b"good")
    refusing, clock = Stubborn("0", status), TestClock()
    cursors = Cursors(tmp_path)
    async with httpx.AsyncClient(transport=refusing) as http:
        uploader = uploader_of(shelf, cursors, http, clock)
        task = asyncio.create_task(uploader.run())
        start_ms = clock.ms
        await until(lambda: clock.ms - start_ms > 60_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert uploader.refused == 0  # the file is not at fault
    waiting = cursors.next_upload(destination="centre", accepted={JOURNAL: 1})
    assert waiting is not None
    assert (waiting.sha256, waiting.priority) == (good, 2)
    cursors.close()


# --- erased there ----------------------------------------------------------------------------------------------


async def test_a_file_that_was_erased_there_is_finished_with_and_holds_up_nobody(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    gone, good = shelf.add(b"gone", priority=0), shelf.add(b"good")
    shelf.erase(gone)
    async with uploading(tmp_path, shelf) as (uploader, wire):
        await until(lambda: shelf.stored == [good] and uploader.waiting == 0)
        asked = [r for r in wire.requests if gone in r.url.path]
        assert [(r.method, r.content) for r in asked] == [("HEAD", b"")]
        assert uploader.refused == 0
        assert uploader._cursors.uploads([gone], destination="centre") == {
            gone: UploadState(state="done", kept=True)
        }


async def test_a_file_that_is_erased_while_it_is_sent_is_finished_with(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    gone = shelf.add(bytes(20 * SMALLEST))

    def breaks(request: httpx.Request, number: int) -> str:
        if number == 3:
            shelf.erase(gone)
        return ""

    async with uploading(tmp_path, shelf, breaks=breaks) as (uploader, _):
        await until(lambda: uploader._cursors.upload_state(gone, destination="centre") == "done")
        assert (shelf.stored, uploader.refused) == ([], 0)


async def test_what_was_sent_and_erased_there_later_needs_no_keeping(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    sent = shelf.add(b"sent")
    clock = StillClock()
    async with uploading(tmp_path, shelf, clock=clock) as (uploader, _):
        await until(lambda: noted(uploader) == 1 and clock.sleepers == 1)
        shelf.erase(sent)
        await clock.passes(3_600)
        await until(lambda: uploader._cursors.uploads([sent], destination="centre")[sent].kept)


async def test_a_file_larger_than_the_receiver_takes_is_offered_once_and_shown(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    large = shelf.add(b"much too large", priority=0)
    good = shelf.add(b"good")
    async with uploading(tmp_path, shelf, largest=8) as (uploader, wire):
        await until(lambda: shelf.stored == [good] and uploader.too_large == 1)
        later = shelf.add(b"later")
        uploader.wake()
        await until(lambda: shelf.stored == [good, later])
        assert [one.method for one in wire.requests if large in one.url.path] == ["HEAD"]
        assert await uploader.is_on_its_way(large)
        await uploader.demand(large)
        await until(lambda: len([one for one in wire.requests if large in one.url.path]) == 2)


async def test_i11_a_word_that_nobody_has_signed_ends_no_upload(tmp_path: Path) -> None:
    """Somebody between box and receiver answers 410, and repeats a true receipt about another file."""
    shelf = shelf_of(tmp_path)
    good = shelf.add(b"good")
    other = FileReceipt(store=shelf.store_id, kept=True, files=((sha(b"other"), 5),))
    own = FileReceipt(store=shelf.store_id, kept=True, files=((good, 4),))
    forger = SigningKey.generate(kind="store", name=KEY.name)
    answers = [
        other.signed(public_key=KEY.public, sign=KEY.sign).format(),
        own.signed(public_key=forger.public, sign=forger.sign).format(),
        "noise",
    ]
    with closing(Cursors(tmp_path)) as cursors:
        async with httpx.AsyncClient(transport=Between(answers)) as http:
            uploader = uploader_of(shelf, cursors, http, TestClock())
            task = asyncio.create_task(uploader.run())
            await until(lambda: uploader.refused >= 3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        found = cursors.uploads([good], destination="centre")
    assert found == {good: UploadState(state="waiting", kept=False)}


@dataclass
class Between(httpx.AsyncBaseTransport):
    """Answers every file with 410 and every question about keeping with the next of its lies, the last for ever."""

    lies: list[str]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return httpx.Response(410)
        return httpx.Response(200, text=self.lies.pop(0) if len(self.lies) > 1 else self.lies[0])


async def test_a_hundred_thousand_waiting_files_cost_no_memory(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path)
    with closing(Cursors(tmp_path)) as cursors:
        for start in range(0, 100_000, 20_000):
            listed = [
                (Upload(sha256=f"{seq:064x}", size=9, journal=JOURNAL, seq=seq, priority=2), "waiting")
                for seq in range(start, start + 20_000)
            ]
            cursors.list_uploads(listed, journal=JOURNAL, destination="centre", scanned=start + 20_000)
            del listed
        shelf.accepted = 100_000
        async with httpx.AsyncClient(transport=Stubborn("0", 404)) as http:
            uploader = uploader_of(shelf, cursors, http, StillClock())
            tracemalloc.start()
            await uploader._count()
            for _ in range(20):
                assert await uploader._next() is not None
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert uploader.waiting == 100_000
    assert peak < 1 << 20


class StillClock(TestClock):
    """Sleepers sleep until somebody says that time has passed."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = asyncio.Event()
        self.sleepers = 0

    async def sleep(self, seconds: float) -> None:
        end_ms = self.ms + int(seconds * 1000)
        self.sleepers += 1
        try:
            while self.ms < end_ms:
                await self._passed.wait()
        finally:
            self.sleepers -= 1

    async def passes(self, seconds: int) -> None:
        self.ms += seconds * 1000
        passed, self._passed = self._passed, asyncio.Event()
        passed.set()
        await asyncio.sleep(0)
