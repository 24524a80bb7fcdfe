"""A real disk that runs full: who leaves, in which order, who never does, and that the lane's entries go on."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge.keeping.settings import KeepingSettings
from journal.disk import Room, on_one_disk, room_of
from kernel.errors import FullError
from kernel.events import FileEvicted
from tests.edge.keeping.box import MB, LaneBox, Passed

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]


class DiskBox(LaneBox):
    """On a file system of its own, as full as it really is."""

    def room(self) -> Room:
        return room_of(self.folder)

    def fill(self, *, leave: int) -> None:
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            while self.room().free > leave:
                filler.write(bytes(min(64 * 1024, self.room().free - leave)))

    async def evicted(self) -> list[str]:
        return [
            name for one in await self.said(FileEvicted) if isinstance(one, FileEvicted) for name in one.files
        ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Needs root, as `make test` in CI has."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
async def box(small_disk: Path) -> AsyncIterator[DiskBox]:
    made = DiskBox(small_disk, settings=KeepingSettings(every_s=10**9), reserve_bytes=2 * MB)
    yield made
    await made.close()


async def traffic(box: DiskBox) -> tuple[list[Passed], list[Passed], list[Passed]]:
    """Compliant vehicles, such over their limit that are kept, and such that are not; a megabyte each."""
    within = [await box.drive(f"w{n}", clip=MB) for n in range(6)]
    kept = [await box.drive(f"k{n}", "over_limit", clip=MB) for n in range(6)]
    unacked = [await box.drive(f"u{n}", "over_limit", clip=MB) for n in range(6)]
    box.uploaded(*(name for one in kept for name in (one.picture, one.clip)))
    box.kept()
    await box.run()
    box.days(31)
    return within, kept, unacked


async def test_i7_a_full_disk_is_relieved_in_order_and_never_of_what_is_not_kept(box: DiskBox) -> None:
    within, kept, unacked = await traffic(box)
    box.fill(leave=3 * MB)
    assert box.room().used_percent >= 92
    await box.run()
    assert box.room().used_percent <= 85
    gone = await box.evicted()
    assert gone[: len(within)] == [one.clip for one in within][: len(gone)]
    box.fill(leave=2 * MB)
    await box.run()
    box.fill(leave=1 * MB)
    await box.run()
    order = [one.clip for one in (*within, *kept)]
    gone = await box.evicted()
    assert gone[: len(order)] == order[: len(gone)], "the oldest first, compliant vehicles before the others"
    assert all(box.here(*(name for one in unacked for name in (one.picture, one.clip))))


async def test_with_only_the_unkept_left_entries_go_on_from_the_reserve_and_frames_are_cut(
    box: DiskBox,
) -> None:
    _within, _kept, unacked = await traffic(box)
    for _ in range(5):
        box.fill(leave=0)
        box.clock.ms += 60_000
        await box.run()
    assert box.ring.not_recorded, "the least important camera is given up"
    size = box.journal.size
    for n in range(20):
        await box.drive_blind(f"b{n}")
    assert box.journal.size == size + 20
    frame = await box.journal.frame(size)
    assert frame is not None
    with pytest.raises(FullError):
        await box.files.put([("front.jpg", bytes(MB))])
    assert all(box.here(*(name for one in unacked for name in (one.picture, one.clip))))
    (box.folder / "filler").unlink()
    await box.run()
    assert box.reserve.held
    assert (await box.drive("again")).pictured.seq > size


def test_what_is_not_there_yet_lies_on_the_disk_of_its_folder(box: DiskBox, tmp_path: Path) -> None:
    assert on_one_disk(box.folder / "ring" / "not" / "yet", box.folder)
    assert not on_one_disk(tmp_path, box.folder)
