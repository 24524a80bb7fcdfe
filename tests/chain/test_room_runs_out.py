"""A lane whose disk fills up: pictures are given up first, weighings wait and are all there once room is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.files import FileStore
from kernel.errors import FullError
from simulators.world import Truth
from tests.support.camera_server import serving
from tests.support.chain import CLOCK, Chain, rigs_of
from tests.support.disks import fill, tmpfs
from tests.support.stills import still_camera
from tests.support.videos import make_video

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

SIZE_MB = 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as an operator's disk would be; needs root, as `make test` in CI has."""
    with tmpfs(tmp_path / "disk", f"size={SIZE_MB}m") as folder:
        yield folder


async def test_a_full_disk_costs_pictures_and_no_weighing(chain: Chain, small_disk: Path) -> None:
    lane = chain.tables["lane1"]
    with still_camera() as camera:
        lane["data"] = str(small_disk / "lane1")
        lane["health"] = {"disk_low_mb": 4, "every_s": 2}
        lane["vision"] = {"cameras": [{"name": "front", "role": "front", "url": camera.url, "record": False}]}
        async with rigs_of(chain, "lane1") as rigs:
            rig = rigs["lane1"]
            await chain.up("central")
            chain.start("lane1")
            await chain.heard("lane1")
            await chain.becomes("lane1", "front", "up")
            pictured = await rig.drive()
            await chain.until(lambda: pictures(chain, pictured), "pictures while there is room")

            fill(small_disk, leave_kb=400)
            await chain.becomes("lane1", "disk", "full")
            plain = await rig.drive()
            assert await chain.until(lambda: missing(chain, plain), "the event without pictures")
            # Nothing at all: the weighings wait.
            fill(small_disk, leave_kb=0)
            waiting = [await rig.drive(), await rig.drive()]
            await CLOCK.sleep(1.0)
            assert chain.children["lane1"].exit_code is None, chain.children["lane1"].last_words()

            (small_disk / "filler").unlink()
            for truth in [pictured, plain, *waiting]:
                detail = await chain.weighed(truth)
                assert detail["weighed"]["gross_kg"] == truth.wire_gross_kg
            await chain.becomes("lane1", "disk", "up")
            again = await rig.drive()
            await chain.until(lambda: pictures(chain, again), "pictures again")
            assert chain.children["lane1"].exit_code is None
            records = [one["weighed"]["record_hex"] for one in await chain.details()]
            assert sorted(records) == sorted(truth.record_hex for truth in rig.truths)


async def test_a_day_that_begins_on_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=1m,nr_inodes=3") as disk:
        files = FileStore(disk / "files", clock=CLOCK)
        (disk / "last").touch()
        with pytest.raises(FullError):
            await files.put([("front.jpg", b"x")])
        (disk / "last").unlink()


async def test_a_recorder_without_room_goes_on_when_there_is_some(chain: Chain, small_disk: Path) -> None:
    video = make_video(small_disk.parent / "lane.mp4", seconds=70, fps=12, gop=12, size=(320, 192))
    with serving(video, []) as camera:
        lane = chain.tables["lane1"]
        lane["data"] = str(small_disk / "lane1")
        lane["health"] = {"disk_low_mb": 4, "every_s": 2}
        lane["vision"] = {
            "cameras": [{"name": "front", "role": "front", "url": camera.url("ts")}],
            "recorder": {
                "folder": str(small_disk / "lane1" / "ring"),
                "pre_ms": 1_000,
                "post_ms": 1_000,
                "segment_ms": 2_000,
                "max_mb": 4,
                "min_free_mb": 0,
            },
            "burst": {"frames": 1, "patience_s": 1.0},
        }
        async with rigs_of(chain, "lane1") as rigs:
            rig = rigs["lane1"]
            await chain.up("central")
            chain.start("lane1")
            await chain.heard("lane1")
            await chain.becomes("lane1", "front", "up")
            first = await rig.drive()
            await chain.until(lambda: clip(chain, first), "a clip while there is room")
            fill(small_disk, leave_kb=0)
            blind = [await rig.drive(), await rig.drive()]
            await CLOCK.sleep(3.0)
            assert chain.children["lane1"].exit_code is None, chain.children["lane1"].last_words(40)
            (small_disk / "filler").unlink()
            for truth in blind:
                assert (await chain.weighed(truth))["weighed"]["gross_kg"] == truth.wire_gross_kg
            await chain.becomes("lane1", "disk", "up")
            await CLOCK.sleep(3.0)
            last = await rig.drive()
            await chain.until(lambda: clip(chain, last), "a clip again")
            assert chain.children["lane1"].exit_code is None
            assert chain.children["lane1"].starts == 1


async def clip(chain: Chain, truth: Truth) -> bool:
    detail = await chain._weighed(truth)
    return bool(detail and detail["clips"])


async def pictures(chain: Chain, truth: Truth) -> bool:
    detail = await chain._weighed(truth)
    return bool(detail and detail["pictured"] and detail["pictured"][0]["pictures"])


async def missing(chain: Chain, truth: Truth) -> bool:
    detail = await chain._weighed(truth)
    return bool(detail and detail["pictured"] and "pictures: disk full" in detail["pictured"][0]["missing"])
