"""Files by digest: whole or not there, a given path is taken over, a full disk leaves nothing behind."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from journal.files import FileStore
from tests.journal.making import TestClock


@pytest.fixture
def store(quick_path: Path) -> FileStore:
    return FileStore(quick_path / "files", clock=TestClock())


def _names(quick_path: Path) -> list[str]:
    return sorted(str(path.relative_to(quick_path)) for path in quick_path.rglob("*") if path.is_file())


async def test_bytes_and_paths_are_kept_under_their_digest(store: FileStore, quick_path: Path) -> None:
    clip = quick_path / "clip.mp4"
    clip.write_bytes(b"clip" * 1_000_000)
    front, taken = await store.put([("front.jpg", b"picture"), ("clip.mp4", clip)])
    assert (front.name, front.size, front.sha256) == ("front.jpg", 7, sha256(b"picture").hexdigest())
    assert (taken.name, taken.size) == ("clip.mp4", 4_000_000)
    assert _names(quick_path) == sorted(f"files/20260921/{ref.sha256}" for ref in (front, taken))
    found = store.path(taken.sha256)
    assert found is not None
    assert sha256(found.read_bytes()).hexdigest() == taken.sha256


async def test_same_bytes_twice_are_one_file(store: FileStore, quick_path: Path) -> None:
    first, second = await store.put([("a.jpg", b"same"), ("b.jpg", b"same")])
    again = (await store.put([("c.jpg", b"same")]))[0]
    assert first.sha256 == second.sha256 == again.sha256
    assert len(_names(quick_path)) == 1


async def test_failure_leaves_nothing_and_takes_nothing(store: FileStore, quick_path: Path) -> None:
    clip = quick_path / "clip.mp4"
    clip.write_bytes(b"clip")
    with pytest.raises(FileNotFoundError):
        await store.put([("a.jpg", b"picture"), ("clip.mp4", clip), ("lost.mp4", quick_path / "lost.mp4")])
    assert _names(quick_path) == ["clip.mp4"]


async def test_unknown_digest_has_no_path(store: FileStore) -> None:
    assert store.path("ab" * 32) is None
    await store.put([("a.jpg", b"picture")])
    assert store.path("ab" * 32) is None


async def test_what_a_crash_left_half_written_is_removed(quick_path: Path) -> None:
    day = quick_path / "files" / "20260921"
    day.mkdir(parents=True)
    (day / "1-0.part").write_bytes(b"half")
    (day / ("ab" * 32)).write_bytes(b"whole")
    store = FileStore(quick_path / "files", clock=TestClock())
    assert _names(quick_path) == [f"files/20260921/{'ab' * 32}"]
    assert store.path("ab" * 32) is not None


async def test_removed_files_are_gone_from_every_day_and_empty_days_too(quick_path: Path) -> None:
    clock = TestClock()
    store = FileStore(quick_path / "files", clock=clock)
    (first,) = await store.put([("a.jpg", b"same")])
    clock.ms += 86_400_000
    await store.put([("b.jpg", b"same"), ("c.jpg", b"other")])
    assert store.remove([first.sha256, "ab" * 32]) == 8
    assert [path.name for path in store.names()] == [sha256(b"other").hexdigest()]
    assert [path.name for path in (quick_path / "files").iterdir()] == ["20260922"]
    assert store.remove([]) == 0
