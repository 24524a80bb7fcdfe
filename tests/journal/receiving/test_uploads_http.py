"""The upload endpoint against a store that knows one declared file."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from journal.keys import SigningKey
from journal.limits import BURST_S
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import TIDY_EVERY_MS, FileIntake
from journal.store import Declared, StoreTransaction
from journal.stores import SqliteStore
from kernel.errors import FullError
from kernel.evidence.texts import FileReceipt
from tests.journal.making import TestClock

CLIP = bytes(range(256)) * 2_000
SHA = hashlib.sha256(CLIP).hexdigest()
URL = f"/v1/files/{SHA}"


class OneFileStore:
    """Knows what s01-lane1 has declared; `gone` are (box, digest) that a rule has erased."""

    def __init__(self, size: int = len(CLIP)) -> None:
        self.stored: list[tuple[str, str]] = []
        self.gone: set[tuple[str, str]] = set()
        self._size = size

    @property
    def store_id(self) -> str:
        return "yiyuan-centre-1"

    def begin(self) -> AbstractContextManager[StoreTransaction]:
        raise AssertionError("uploads touch no entries")

    def declared(self, box: str, sha256: str) -> Declared | None:
        if (box, sha256) != ("s01-lane1", SHA):
            return None
        return Declared(sha256=SHA, size=self._size, journal="0" * 32, seq=3, name="clip.mp4")

    def erased(self, box: str, sha256: str) -> Declared | None:
        if (box, sha256) not in self.gone:
            return None
        return Declared(sha256=sha256, size=self._size, journal="0" * 32, seq=3, name="clip.mp4")

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        self.stored.append((box, sha256))


class Clock:
    def now_ms(self) -> int:
        return 1

    def mono_ms(self) -> int:
        return 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class FullFolder(BlobFolder):
    def grow(self, box: str, sha256: str, data: bytes) -> int:
        raise FullError("no room for files")


@pytest.fixture
def store() -> OneFileStore:
    return OneFileStore()


KEY = SigningKey.generate(kind="store", name="yiyuan-centre-1")


def client_of(
    store: OneFileStore, blobs: BlobFolder, box: str = "s01-lane1", secret: str = "s"
) -> httpx.AsyncClient:
    intake = FileIntake(
        store=store, blobs=blobs, key=KEY, secrets={"s01-lane1": "s", "s01-lane2": "t"}, clock=Clock()
    )
    transport = httpx.ASGITransport(app=Starlette(routes=intake.routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://test", auth=(box, secret))


@pytest.fixture
async def client(store: OneFileStore, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store, BlobFolder(tmp_path)) as client:
        yield client


async def patch(client: httpx.AsyncClient, offset: int, data: bytes) -> httpx.Response:
    return await client.patch(URL, content=data, headers={"Upload-Offset": str(offset)})


async def test_a_file_in_three_pieces_ends_with_a_signed_receipt(
    client: httpx.AsyncClient, store: OneFileStore, tmp_path: Path
) -> None:
    assert (await client.head(URL)).headers["Upload-Offset"] == "0"
    first = await patch(client, 0, CLIP[:100_000])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "100000")
    assert (await client.head(URL)).headers["Upload-Offset"] == "100000"
    assert (await patch(client, 100_000, CLIP[100_000:400_000])).status_code == 204
    assert store.stored == []
    done = await patch(client, 400_000, CLIP[400_000:])
    receipt = FileReceipt.open(done.text, store="yiyuan-centre-1", public_key=KEY.public)
    assert receipt.files == ((SHA, len(CLIP)),)
    assert store.stored == [("s01-lane1", SHA)]
    assert (tmp_path / "sha256" / SHA[:2] / SHA).read_bytes() == CLIP


async def test_a_file_that_is_here_is_receipted_without_a_byte(
    client: httpx.AsyncClient, store: OneFileStore
) -> None:
    await patch(client, 0, CLIP)
    assert (await client.head(URL)).headers["Upload-Offset"] == str(len(CLIP))
    again = await patch(client, len(CLIP), b"")
    assert again.status_code == 200
    assert len(store.stored) == 2


async def test_a_wrong_offset_is_answered_with_the_right_one(client: httpx.AsyncClient) -> None:
    await patch(client, 0, CLIP[:10])
    wrong = await patch(client, 5, CLIP[5:])
    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, "10")


async def test_wrong_bytes_are_thrown_away_and_the_true_ones_taken(
    client: httpx.AsyncClient, store: OneFileStore
) -> None:
    wrong = await patch(client, 0, CLIP[:-1] + b"!")
    assert wrong.status_code == 422
    assert store.stored == []
    assert (await client.head(URL)).headers["Upload-Offset"] == "0"
    assert (await patch(client, 0, CLIP)).status_code == 200


async def test_more_bytes_than_declared_are_refused(client: httpx.AsyncClient, store: OneFileStore) -> None:
    assert (await patch(client, 0, CLIP + b"more")).status_code == 413
    assert store.stored == []


@pytest.mark.parametrize(
    ("box", "secret", "url", "status"),
    [
        ("s01-lane1", "wrong", URL, 401),
        ("nobody", "s", URL, 401),
        ("s01-lane2", "t", URL, 404),  # a right key of another box is no right to this file
        ("s01-lane1", "s", "/v1/files/" + "0" * 64, 404),
        ("s01-lane1", "s", "/v1/files/..%2f..%2fetc", 404),
    ],
)
async def test_who_may_upload_what(
    box: str, secret: str, url: str, status: int, store: OneFileStore, tmp_path: Path
) -> None:
    async with client_of(store, BlobFolder(tmp_path), box, secret) as client:
        response = await client.patch(url, content=CLIP, headers={"Upload-Offset": "0"})
    assert response.status_code == status
    assert store.stored == []


async def test_too_large_for_this_store(tmp_path: Path) -> None:
    async with client_of(OneFileStore(size=1 << 40), BlobFolder(tmp_path)) as client:
        assert (await patch(client, 0, b"x")).status_code == 413


async def test_no_room_is_said_and_nothing_is_lost(store: OneFileStore, tmp_path: Path) -> None:
    async with client_of(store, FullFolder(tmp_path)) as client:
        assert (await patch(client, 0, CLIP)).status_code == 507
    async with client_of(store, BlobFolder(tmp_path)) as client:
        assert (await patch(client, 0, CLIP)).status_code == 200


def test_a_partial_survives_a_restart(tmp_path: Path) -> None:
    BlobFolder(tmp_path).grow("s01-lane1", SHA, CLIP[:1000])
    again = BlobFolder(tmp_path)
    assert again.offset("s01-lane1", SHA) == 1000
    again.grow("s01-lane1", SHA, CLIP[1000:])
    again.finish("s01-lane1", SHA)
    assert again.path(SHA) is not None


async def test_strangers_are_counted_and_not_remembered(store: OneFileStore, tmp_path: Path) -> None:
    secrets = {"s01-lane1": "s"}
    intake = FileIntake(store=store, blobs=BlobFolder(tmp_path), key=KEY, secrets=secrets, clock=Clock())
    transport = httpx.ASGITransport(app=Starlette(routes=intake.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as stranger:
        answers = [(await stranger.head(URL, auth=(f"name{n}", "x"))).status_code for n in range(50)]
        assert answers == [401] * 20 + [429] * 30  # five a second, and what four seconds may save up
        assert (await stranger.head(URL, auth=("s01-lane1", "guess"))).status_code == 429
        assert (await stranger.head(URL, auth=("s01-lane1", "s"))).status_code == 200
    assert dict(intake.refused) == {"?": 50, "s01-lane1": 1}


# --- boxes that harm others ------------------------------------------------------------------------------------


class ManyFilesStore(OneFileStore):
    """Files of two boxes: (box, digest) -> size; `safe` are those that are out of danger by age."""

    def __init__(self, declared: dict[tuple[str, str], int]) -> None:
        super().__init__()
        self.files = declared
        self.safe: set[str] = set()
        self.asked_before_ms: list[int] = []

    def declared(self, box: str, sha256: str) -> Declared | None:
        size = self.files.get((box, sha256))
        if size is None or (box, sha256) in self.gone:
            return None
        return Declared(sha256=sha256, size=size, journal="0" * 32, seq=3, name="clip.mp4")

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        self.asked_before_ms.append(before_ms)
        return self.safe & set(digests)


@dataclass
class Centre:
    """An endpoint with room for two boxes."""

    folder: Path
    store: ManyFilesStore
    more: dict[str, Any] = field(default_factory=dict)
    clock: TestClock = field(default_factory=TestClock)

    def __post_init__(self) -> None:
        self.blobs = BlobFolder(self.folder)
        self.intake = FileIntake(
            store=self.store,
            blobs=self.blobs,
            key=KEY,
            secrets={"s01-lane1": "s", "s01-lane2": "t"},
            clock=self.clock,
            **self.more,
        )
        app = Starlette(routes=self.intake.routes())
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")

    async def patch(
        self, data: bytes, *, offset: int = 0, sha256: str = SHA, auth: tuple[str, str] = ("s01-lane1", "s")
    ) -> httpx.Response:
        headers = {"Upload-Offset": str(offset)}
        return await self._http.patch(f"/v1/files/{sha256}", content=data, headers=headers, auth=auth)

    async def head(self, *, sha256: str = SHA, auth: tuple[str, str] = ("s01-lane1", "s")) -> httpx.Response:
        return await self._http.head(f"/v1/files/{sha256}", auth=auth)

    async def kept(self, *digests: str, raw: bytes | None = None) -> httpx.Response:
        content = "".join(f"{sha256}\n" for sha256 in digests).encode() if raw is None else raw
        return await self._http.post("/v1/kept", content=content, auth=("s01-lane1", "s"))

    async def close(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def centre_of(folder: Path, declared: dict[tuple[str, str], int], **more: Any) -> AsyncIterator[Centre]:
    centre = Centre(folder, ManyFilesStore(declared), more)
    try:
        yield centre
    finally:
        await centre.close()


LANE1, LANE2 = ("s01-lane1", "s"), ("s01-lane2", "t")


async def test_attack_17_another_box_cannot_touch_an_upload(tmp_path: Path) -> None:
    """A's secret under B's name, an undeclared digest, B's partial, wrong bytes under a right digest."""
    declared = {("s01-lane1", SHA): len(CLIP)}
    async with centre_of(tmp_path, declared) as centre:
        assert (await centre.patch(CLIP[:1000])).status_code == 204
        assert (await centre.patch(b"!", offset=1000, auth=("s01-lane1", "t"))).status_code == 401
        assert (await centre.patch(b"!", sha256="0" * 64, auth=LANE2)).status_code == 404
        assert (await centre.patch(b"!", offset=1000, auth=LANE2)).status_code == 404
        assert (await centre.head(auth=LANE2)).status_code == 404
        # It may name the digest in an entry of its own: then it has a partial of its own, and wrong bytes end it.
        declared[("s01-lane2", SHA)] = len(CLIP)
        assert (await centre.head(auth=LANE2)).headers["Upload-Offset"] == "0"
        assert (await centre.patch(b"!", offset=1000, auth=LANE2)).status_code == 409
        assert (await centre.patch(CLIP[:-1] + b"!", auth=LANE2)).status_code == 422
        assert (await centre.patch(CLIP + b"!", auth=LANE2)).status_code == 413
        assert centre.store.stored == []
        assert (await centre.patch(CLIP[1000:], offset=1000)).status_code == 200
    assert centre.store.stored == [("s01-lane1", SHA)]
    assert centre.blobs.path(SHA) is not None
    assert dict(centre.intake.refused) == {"s01-lane1": 1, "s01-lane2": 5}


async def test_what_one_box_leaves_unfinished_has_an_end(tmp_path: Path) -> None:
    one, other = "1" * 64, "2" * 64
    declared = {("s01-lane1", one): 900, ("s01-lane1", other): 900, ("s01-lane2", SHA): len(CLIP)}
    async with centre_of(tmp_path, declared, unfinished=1_000) as centre:
        assert (await centre.patch(bytes(800), sha256=one)).status_code == 204
        assert (await centre.patch(bytes(201), sha256=other)).status_code == 507
        assert (await centre.patch(bytes(200), sha256=other)).status_code == 204
        assert (await centre.patch(CLIP[:1_000], auth=LANE2)).status_code == 204
        # The count is of what is there: also after a restart, and less when wrong bytes are thrown away.
        assert BlobFolder(tmp_path).unfinished("s01-lane1") == 1_000
        assert (await centre.patch(bytes(1_000), sha256=one, offset=800)).status_code == 413
        assert (await centre.patch(bytes(700), sha256=other, offset=200)).status_code == 422
    assert centre.blobs.unfinished("s01-lane1") == 0


def test_what_is_erased_counts_no_more_as_unfinished(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    for box, sha256, size in (("s01-lane1", SHA, 10), ("s01-lane2", SHA, 20), ("s01-lane2", "1" * 64, 5)):
        blobs.grow(box, sha256, bytes(size))
    blobs.erase(SHA)
    assert (blobs.unfinished("s01-lane1"), blobs.unfinished("s01-lane2")) == (0, 5)
    assert blobs.offset("s01-lane1", SHA) == blobs.offset("s01-lane2", SHA) == 0


async def test_a_partial_that_nobody_goes_on_with_is_forgotten(tmp_path: Path) -> None:
    one, other = "1" * 64, "2" * 64
    declared = {("s01-lane1", one): 900, ("s01-lane1", other): 900}
    async with centre_of(tmp_path, declared) as centre:
        for sha256, age_days in ((one, 8), (other, 6)):
            await centre.patch(bytes(100), sha256=sha256)
            moment = (centre.clock.now_ms() - age_days * 86_400_000) / 1000
            os.utime(tmp_path / "partial" / "s01-lane1" / sha256, (moment, moment))
        centre.clock.ms += TIDY_EVERY_MS
        await centre.patch(b"", sha256=other, offset=100)
        assert (await centre.head(sha256=one)).headers["Upload-Offset"] == "0"
        assert (await centre.head(sha256=other)).headers["Upload-Offset"] == "100"
    assert centre.blobs.unfinished("s01-lane1") == 100


async def test_a_box_that_asks_too_often_waits_and_the_others_do_not(tmp_path: Path) -> None:
    declared = {("s01-lane1", SHA): 9, ("s01-lane2", SHA): 9}
    async with centre_of(tmp_path, declared, requests_per_s=10) as centre:
        answers = [(await centre.head()).status_code for _ in range(10 * BURST_S + 20)]
        assert answers == [200] * (10 * BURST_S) + [429] * 20
        assert (await centre.head(auth=LANE2)).status_code == 200
        centre.clock.ms += 1_000
        assert (await centre.head()).status_code == 200
    assert dict(centre.intake.refused) == {"s01-lane1": 20}


# --- what is out of danger -------------------------------------------------------------------------------------


async def test_a_receipt_says_later_what_has_become_safe(tmp_path: Path) -> None:
    gone = "3" * 64
    declared = {("s01-lane1", SHA): len(CLIP), ("s01-lane1", gone): 5}
    async with centre_of(tmp_path, declared, kept_after_ms=1_000) as centre:
        first = await centre.patch(CLIP)
        assert not FileReceipt.open(first.text, store="yiyuan-centre-1", public_key=KEY.public).kept
        assert (await centre.kept(SHA, gone)).status_code == 204
        centre.store.safe = {SHA, gone}  # even if the ledger says so: what is not here is not kept
        answer = await centre.kept(SHA, gone, "4" * 64)
        receipt = FileReceipt.open(answer.text, store="yiyuan-centre-1", public_key=KEY.public)
        assert (receipt.kept, receipt.files) == (True, ((SHA, len(CLIP)),))
        assert set(centre.store.asked_before_ms) == {centre.clock.now_ms() - 1_000}


async def test_without_an_age_only_a_backup_makes_safe(tmp_path: Path) -> None:
    async with centre_of(tmp_path, {("s01-lane1", SHA): len(CLIP)}) as centre:
        await centre.patch(CLIP)
        assert (await centre.kept(SHA)).status_code == 204
        centre.store.safe = {SHA}  # in a finished backup
        assert receipt_of(await centre.kept(SHA)).files == ((SHA, len(CLIP)),)
    assert centre.store.asked_before_ms == [0, 0], "nothing was stored before that"


async def test_a_store_that_knows_nothing_of_keeping_says_that_nothing_is_safe(
    client: httpx.AsyncClient,
) -> None:
    await patch(client, 0, CLIP)
    assert (await client.post("/v1/kept", content=f"{SHA}\n".encode())).status_code == 204


def receipt_of(answer: httpx.Response) -> FileReceipt:
    receipt = FileReceipt.open(answer.text, store="yiyuan-centre-1", public_key=KEY.public)
    assert receipt.kept
    return receipt


async def test_what_a_rule_has_erased_is_neither_taken_nor_refused_and_may_go(tmp_path: Path) -> None:
    async with centre_of(tmp_path, {("s01-lane1", SHA): len(CLIP)}) as centre:
        assert (await centre.patch(CLIP[:1000])).status_code == 204
        centre.store.gone = {("s01-lane1", SHA)}
        assert (await centre.head()).status_code == 410
        assert (await centre.patch(CLIP[1000:], offset=1000)).status_code == 410
        assert receipt_of(await centre.kept(SHA)).files == ((SHA, len(CLIP)),)
        assert centre.store.stored == []
        assert dict(centre.intake.refused) == {}
        # Of another box it never was: it is told as little as before.
        assert (await centre.head(auth=LANE2)).status_code == 404
        assert (await centre.kept("5" * 64)).status_code == 204


@pytest.mark.parametrize(
    "raw", [b"x" * 64, b"../../etc/passwd", b"\xff" * 70, (b"1" * 64 + b"\n") * 257, b"0" * 20_000]
)
async def test_what_is_no_list_of_digests(tmp_path: Path, raw: bytes) -> None:
    async with centre_of(tmp_path, {}, kept=True) as centre:
        assert (await centre.kept(raw=raw)).status_code == 422
        assert (await centre.kept()).status_code == 204


def test_age_is_known_by_the_small_store(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db", store_id="yiyuan-centre-1")) as store:
        row = ("s01-lane1", SHA, 5, "0" * 32, 3, "clip.mp4", None)
        store._db.execute("INSERT INTO declared VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        assert list(store.files_kept("s01-lane1", [SHA], before_ms=10_000)) == []
        store.file_stored("s01-lane1", SHA, at_ms=5_000)
        store.file_stored("s01-lane1", SHA, at_ms=9_000)  # receipted once more: it is no younger for that
        assert list(store.files_kept("s01-lane1", [SHA], before_ms=5_001)) == [SHA]
        assert list(store.files_kept("s01-lane1", [SHA], before_ms=5_000)) == []
        assert list(store.files_kept("s01-lane2", [SHA], before_ms=10_000)) == []
