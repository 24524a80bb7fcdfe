"""The upload endpoint against a store that knows one declared file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from journal.keys import SigningKey
from journal.receiving.blobs import BlobFolder
from journal.receiving.http import FileIntake
from journal.store import Declared, StoreTransaction
from kernel.errors import FullError
from kernel.evidence.texts import FileReceipt

CLIP = bytes(range(256)) * 2_000
SHA = hashlib.sha256(CLIP).hexdigest()
URL = f"/v1/files/{SHA}"


class OneFileStore:
    """Knows what s01-lane1 has declared."""

    def __init__(self, size: int = len(CLIP)) -> None:
        self.stored: list[tuple[str, str]] = []
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
