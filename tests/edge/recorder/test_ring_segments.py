import io
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cameras.bitstream import GopDigests
from edge.cameras.settings import RecorderSettings
from edge.cameras.stream import Coded, Session
from edge.recorder.boxes import whole_size
from edge.recorder.index import SCHEMA, Index, Lock
from edge.recorder.last import last_packets
from edge.recorder.ring import MB, Ring
from edge.recorder.segment import Segment, normaliser_of, open_segment, written
from kernel.errors import ConfigError, LinkError, RefusedError
from tests.support.videos import StillClock, make_video, replayed

START = 1_700_000_000_000
PLENTY = 10**12


@pytest.fixture(scope="module", params=[0, 2], ids=["no b-frames", "b-frames"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "lane.ts"
    return make_video(path, seconds=8, b_frames=request.param, container="mpegts")


def ring_in(folder: Path, *, free: int = PLENTY, keep_hours: int = 24, max_mb: int = 1_000) -> Ring:
    settings = RecorderSettings(
        folder=str(folder / "ring"), segment_ms=3_000, keep_hours=keep_hours, max_mb=max_mb, min_free_mb=10
    )
    return Ring(settings, clock=StillClock(START), disk_free=lambda _: free)


@contextmanager
def recording(
    ring: Ring, video: Path, *, start_ms: int = START, name: str = "front-1"
) -> Iterator[tuple[Session, list[Coded]]]:
    """The packets of a video went into the lane `front`, which still records."""
    with replayed(video, start_ms=start_ms, name=name) as (session, packets):
        lane = ring.lane("front")
        lane.begin(session)
        for packet in packets:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            lane.packet(session, packet)
        yield session, packets
        lane.end()


async def test_segments_are_cut_at_key_frames_named_by_time_and_hold_every_packet(
    tmp_path: Path, video: Path
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first_ms, count = session.at_ms(packets[0]), len(packets)
    rows = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert [row.start_ms for row in rows] == [first_ms, first_ms + 3_000, first_ms + 6_000]
    assert [len(row.gops) for row in rows] == [3, 3, 2]
    assert all(row.sha256 and row.path.suffix == ".mp4" for row in rows)
    assert sum(packets_in(row.path) for row in rows) == count
    await ring.stop()


async def test_a_clip_comes_from_the_growing_segment_and_its_bitstream_is_unchanged(
    tmp_path: Path, video: Path
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock(
            "p1", camera="front", at_ms=first + 4_000, from_ms=first + 2_500, to_ms=first + 7_500
        )
        clip = await ring.clip(lock, tags={"passage": "p1"})
        assert "open" in clip.sources[-1]
    rows = await ring.segments("front", from_ms=0, to_ms=START * 2)
    digests = [gop for row in rows for gop in row.gops]
    assert clip.requested_start_ms - clip.actual_start_ms == 500  # the key frame before
    assert list(clip.gop_sha256[:-1]) == digests[2:7]
    assert digests_in(clip.path, fragmented=False) == clip.gop_sha256, "read back from the file itself"
    assert clip.flags == ()
    assert shown(clip.path) == clip.frames
    await ring.stop()


async def test_a_clip_says_what_it_is_and_plays_from_the_front(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock("p1", camera="front", at_ms=first, from_ms=first, to_ms=first + 6_000)
        clip = await ring.clip(lock, tags={"passage": "p1", "station": "s01", "lane": "1"})
    data = clip.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(clip.path)) as file:
        tags = dict(file.metadata)
        distances = {b - a for a, b in pairwise(times(file))}
    assert tags["station"] == "s01"
    assert tags["actual_start_ms"] == str(clip.actual_start_ms)
    assert tags["sources"]
    assert distances <= {Fraction(1, 10)}
    assert tags["sources"].count(" ") == 2 * tags["sources"].count(";") + 1, "a name and a digest each"
    await ring.stop()


@pytest.mark.broad
@pytest.mark.parametrize(
    ("event_ms", "titles"),
    [(3_000, ["before", "EVENT", "after"]), (0, ["EVENT", "after"]), (5_500, ["before", "EVENT"])],
)
async def test_a_clip_has_a_chapter_before_at_and_after_its_event(
    tmp_path: Path, video: Path, event_ms: int, titles: list[str]
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock(
            "p1", camera="front", at_ms=first + event_ms, from_ms=first, to_ms=first + 6_000
        )
        clip = await ring.clip(lock, tags={})
    with av.open(str(clip.path)) as file:
        parts = file.chapters()
    assert [part["metadata"]["title"] for part in parts] == titles
    event = next(part for part in parts if part["metadata"]["title"] == "EVENT")
    assert event["start"] * (event["time_base"] or 1) == pytest.approx(event_ms / 1000, abs=0.3)
    assert all(a["end"] == b["start"] for a, b in pairwise(parts))
    await ring.stop()


async def test_footage_of_a_camera_whose_clock_is_off_is_kept_and_flagged(
    tmp_path: Path, video: Path
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with replayed(video, start_ms=START) as (session, packets):
        lane = ring.lane("front")
        lane.begin(session)
        for packet in packets:
            session.seen(replace(packet, own_ms=packet.arrived_ms - 3_600_000))
            lane.packet(session, packet)
        lane.end()
    (row, *_) = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert row.clock_err_ms == pytest.approx(3_600_000, abs=300)
    lock = await ring.lock("p1", camera="front", at_ms=START, from_ms=START, to_ms=START + 6_000)
    assert "clock_off" in (await ring.clip(lock, tags={})).flags
    await ring.stop()


async def test_an_index_of_before_is_taken_up(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "i.db")
    old.execute(SCHEMA.split(";")[0].replace(", clock_err_ms INTEGER", ""))
    old.execute("INSERT INTO segment VALUES ('a', 'front', 's', 0, 10, 1, 1000, 0, 5, 'x', '[]')")
    old.commit()
    old.close()
    index = Index(tmp_path / "i.db")
    assert [(row.path, row.clock_err_ms) for row in index.all()] == [(Path("a"), None)]
    index.close()


@pytest.mark.broad
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_hostile_bytes_beside_a_segment_are_no_packet(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1-x.last").write_bytes(data)
        assert last_packets(Path(folder) / "1-x.part") == []


async def test_a_segment_ends_though_no_key_frame_comes(tmp_path: Path, video: Path) -> None:
    settings = RecorderSettings(folder=str(tmp_path), segment_ms=1_000)
    ring = Ring(settings, clock=StillClock(START), disk_free=lambda _: PLENTY)
    await ring.start()
    with replayed(video, start_ms=START) as (session, packets):
        lane = ring.lane("front")
        for number, packet in enumerate(packets):
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            lane.packet(session, packet if number == 0 else replace(packet, key=False))
        assert not lane.recording
        assert ring.health().detail == "no key frame comes"
        last, later = packets[-1], 100_000
        lane.packet(session, replace(last, pts=last.pts + later, dts=last.dts + later, key=True))
        assert (lane.recording, ring.health().state) == (True, "up")
        lane.end()
    (row, _) = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert row.size > 0
    assert row.end_ms == pytest.approx(row.start_ms + 6_000, abs=300)
    await ring.stop()


async def test_a_full_disk_stops_the_footage_and_says_so(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path, free=0)
    await ring.start()
    with recording(ring, video):
        assert ring.lane("front").packets == 0
    assert ring.health().state == "full"
    await ring.stop()


@pytest.mark.parametrize(("keep_hours", "max_mb", "later_ms"), [(1, 1_000, 5 * 3_600_000), (24, 1, 0)])
async def test_only_unlocked_footage_is_removed_oldest_first(
    tmp_path: Path, video: Path, keep_hours: int, max_mb: int, later_ms: int
) -> None:
    clock = StillClock(START)
    settings = RecorderSettings(folder=str(tmp_path), segment_ms=3_000, keep_hours=keep_hours, max_mb=max_mb)
    ring = Ring(settings, clock=clock, disk_free=lambda _: PLENTY)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock("p1", camera="front", at_ms=first, from_ms=first + 3_100, to_ms=first + 3_200)
    rows = await ring.segments("front", from_ms=0, to_ms=START * 2)
    clock.now += later_ms
    if not later_ms:
        await swollen(ring, rows)
    await ring.tidy()
    left = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert [row.path for row in left] == [rows[1].path]
    assert await ring.locked_by(rows[1].path) == "p1"
    await ring.settle(lock)
    await ring.tidy()
    assert await ring.segments("front", from_ms=0, to_ms=START * 2) == []
    assert files_of(tmp_path / "front") == []
    await ring.stop()


async def swollen(ring: Ring, rows: list[Segment]) -> None:
    """As if each segment were larger than the whole ring may be."""
    for row in rows:
        await ring._ask(ring._open_index().put, replace(row, size=2 * MB))


async def test_footage_on_hold_stays_after_its_clip_is_settled(tmp_path: Path) -> None:
    index = Index(tmp_path / "i.db")
    row = Segment(camera="front", session="s", path=Path("a"), start_ms=0, end_ms=10, sha256="x")
    index.put(row)
    index.lock(Lock(passage="p", camera="front", at_ms=5, from_ms=4, to_ms=6, hold=True))
    index.settle("p", "front")
    assert index.pending() == []
    assert index.unlocked() == []
    index.close()


async def test_a_lock_outlives_the_process_and_is_cut_by_the_next(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        await ring.lock("p1", camera="front", at_ms=first, from_ms=first, to_ms=first + 5_000)
    await ring.stop()
    again = ring_in(tmp_path)
    await again.start()
    (lock,) = await again.pending()
    clip = await again.clip(lock, tags={})
    assert clip.frames in (50, 52)  # two that B-frames before them need
    await again.settle(lock)
    assert await again.pending() == []
    assert not clip.path.exists()
    await again.stop()


async def test_what_a_killed_process_left_is_taken_up_to_its_last_whole_fragment(
    tmp_path: Path, video: Path
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with replayed(video, start_ms=START) as (session, packets):
        lane = ring.lane("front")
        lane.begin(session)
        for packet in packets[:25]:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            lane.packet(session, packet)
        await ring.stop()  # the segment was never closed
        (part,) = (tmp_path / "ring" / "front").glob("*.part")
        with part.open("ab") as file:
            file.write(b"\0\0\x10\0moof" + b"torn")
        again = ring_in(tmp_path)
        await again.start()
    (row,) = await again.segments("front", from_ms=0, to_ms=START * 2)
    assert packets_in(row.path) == 25  # the one that the muxer held, too
    assert row.sha256
    assert row.gops == digests_in(row.path)
    assert len(row.gops) == 3
    assert [path.name for path in row.path.parent.iterdir()] == [row.path.name]
    await again.stop()


async def test_a_part_the_index_never_heard_of_is_taken_up_and_rubbish_is_removed(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, video: Path
) -> None:
    caplog.set_level("INFO", "edge.recorder")
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video):
        pass
    (first, *_) = await ring.segments("front", from_ms=0, to_ms=START * 2)
    await ring.stop()
    orphan = tmp_path / "ring" / "rear" / f"{START}-x.part"
    orphan.parent.mkdir()
    orphan.write_bytes(first.path.read_bytes())
    (orphan.parent / "1-y.part").write_bytes(b"nothing whole")
    again = ring_in(tmp_path)
    await again.start()
    assert [record.message for record in caplog.records] == [
        "segment without a packet removed",
        "segment recovered",
    ]
    (row,) = await again.segments("rear", from_ms=0, to_ms=START * 2)
    assert (row.start_ms, row.gops) == (START, first.gops)
    assert [p.name for p in orphan.parent.iterdir()] == [f"{START}-x.mp4"]
    await again.stop()


async def killed(tmp_path: Path, video: Path) -> Path:
    """A segment that was never closed."""
    ring = ring_in(tmp_path)
    await ring.start()
    with replayed(video, start_ms=START) as (session, packets):
        lane = ring.lane("front")
        lane.begin(session)
        for packet in packets[:25]:
            session.wall.seen(session.stamp_ms(packet.pts), packet.arrived_ms)
            lane.packet(session, packet)
        await ring.stop()
    (part,) = (tmp_path / "ring" / "front").glob("*.part")
    return part


def flipped(path: Path, word: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(word)] ^= 1
    path.write_bytes(data)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("word", [b"trak", b"moov", b"avcC"])
async def test_a_damaged_segment_is_set_aside_and_the_recorder_begins(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, video: Path, word: bytes
) -> None:
    part = await killed(tmp_path, video)
    flipped(part, word)
    data = part.read_bytes()
    again = ring_in(tmp_path)
    await again.start()
    assert again.health().state == "up"
    (kept,) = (path for path in part.parent.iterdir() if path.suffix != ".last")
    assert (kept.suffix, kept.read_bytes()[:2000]) == (".damaged", data[:2000])
    assert "segment damaged, set aside" in [record.message for record in caplog.records]
    await again.stop()
    later = Ring(again.settings, clock=StillClock(START + 25 * 3_600_000), disk_free=lambda _: PLENTY)
    await later.start()
    assert list(part.parent.iterdir()) == [], "no longer than other footage"
    await later.stop()


@pytest.mark.broad
@pytest.mark.timeout(60)
async def test_what_the_disk_refuses_is_left_as_it_is_and_tried_again(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, video: Path
) -> None:
    part = await killed(tmp_path, video)
    aside = part.rename(tmp_path / "aside")
    part.mkdir()  # refused, whoever asks
    again = ring_in(tmp_path)
    await again.start()
    assert again.health().state == "up"
    assert part.is_dir()
    assert part.with_suffix(".last").exists()
    assert "segment cannot be recovered now" in [record.message for record in caplog.records]
    await again.stop()
    part.rmdir()
    aside.rename(part)
    again = ring_in(tmp_path)
    await again.start()
    (row,) = await again.segments("front", from_ms=0, to_ms=START * 2)
    assert packets_in(row.path) == 25
    await again.stop()


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("word", [b"trak", b"avcC"])
async def test_a_finished_segment_that_is_damaged_costs_its_footage_and_not_the_lane(
    tmp_path: Path, video: Path, word: bytes
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
    rows = await ring.segments("front", from_ms=0, to_ms=START * 2)
    flipped(rows[0].path, word)
    lock = await ring.lock("p1", camera="front", at_ms=first + 4_000, from_ms=first, to_ms=first + 7_500)
    assert "starts_late" in (await ring.clip(lock, tags={})).flags
    for row in rows[1:]:
        flipped(row.path, word)
    with pytest.raises(LinkError):
        await ring.clip(lock, tags={})
    await ring.stop()


@pytest.mark.broad
@pytest.mark.timeout(60)
async def test_whatever_byte_is_wrong_the_recorder_begins(tmp_path: Path, video: Path) -> None:
    part = await killed(tmp_path, video)
    data, chance = part.read_bytes(), random.Random(1)
    for number in range(60):
        path = part.with_name(f"{START + number}-x.part")
        torn = bytearray(data)
        for _ in range(chance.choice([1, 2, 8])):
            torn[chance.randrange(chance.choice([1_200, len(torn)]))] = chance.randrange(256)
        path.write_bytes(torn)
    again = ring_in(tmp_path)
    await again.start()
    assert again.health().state == "up"
    names = {p.name.split(".")[0] for p in part.parent.iterdir() if p.suffix in (".mp4", ".damaged")}
    assert len(names) == 61
    await again.stop()


async def test_no_footage_of_that_time_is_said_and_is_no_clip(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    lock = await ring.lock("p1", camera="front", at_ms=START, from_ms=START - 5_000, to_ms=START + 7_000)
    with pytest.raises(LinkError, match="no footage"):
        await ring.clip(lock, tags={})
    await ring.stop()


async def test_a_reconnection_inside_a_clip_is_flagged_as_a_gap(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video):
        pass
    with recording(ring, video, start_ms=START + 12_000, name="front-2") as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock("p1", camera="front", at_ms=first, from_ms=first - 9_000, to_ms=first + 4_000)
        clip = await ring.clip(lock, tags={})
    assert clip.flags == ("gap",)
    assert 12_900 <= clip.duration_ms <= 14_100
    await ring.stop()


async def test_a_clip_that_lacks_its_begin_or_end_says_so(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
    lock = await ring.lock("p1", camera="front", at_ms=first, from_ms=first - 5_000, to_ms=first + 20_000)
    clip = await ring.clip(lock, tags={})
    assert clip.flags == ("starts_late", "ends_early")
    await ring.stop()


async def test_a_disk_that_refuses_stops_the_footage_and_not_the_camera(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    (tmp_path / "ring" / "front").write_bytes(b"a file where the folder should be")
    with recording(ring, video):
        assert ring.health().state == "down"
    assert ring.health().dropped > 0
    await ring.stop()


async def test_a_folder_that_cannot_be_used_is_the_operator_s_business(tmp_path: Path) -> None:
    (tmp_path / "ring").write_bytes(b"a file")
    ring = ring_in(tmp_path)
    with pytest.raises(ConfigError, match=r"recorder\.folder: cannot be used"):
        await ring.start()
    await ring.stop()


async def test_a_disk_that_is_away_at_the_start_is_waited_for(tmp_path: Path, video: Path) -> None:
    clock = StillClock(START)
    ring = Ring(ring_in(tmp_path).settings, clock=clock, disk_free=lambda _: PLENTY)
    index = tmp_path / "ring" / "ring.db"
    index.mkdir(parents=True)  # SQLite cannot open it, as on a disk without room
    await ring.start()
    with recording(ring, video):
        assert ring.health().state == "down"
    with pytest.raises(LinkError):
        await ring.lock("p1", camera="front", at_ms=START, from_ms=START - 1, to_ms=START + 1)
    with pytest.raises(LinkError):
        await ring.pending()
    index.rmdir()
    clock.now += 10_000
    with recording(ring, video, start_ms=START + 60_000, name="front-2"):
        pass  # its first key frame asks whether the disk is back
    assert await ring.pending() == []
    assert ring.health().state == "up"
    with recording(ring, video, start_ms=START + 120_000, name="front-3"):
        pass
    assert await ring.segments("front", from_ms=0, to_ms=START * 2)
    await ring.stop()


async def test_two_recorders_never_share_a_folder(tmp_path: Path) -> None:
    first = ring_in(tmp_path)
    await first.start()
    with pytest.raises(RefusedError, match=f"process {os.getpid()} records into"):
        await ring_in(tmp_path).start()
    await first.stop()
    again = ring_in(tmp_path)
    await again.start()
    await again.stop()


async def test_room_is_made_of_copies_first_then_of_the_oldest_unlocked_footage(
    tmp_path: Path, video: Path
) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video) as (session, packets):
        first = session.at_ms(packets[0])
        lock = await ring.lock("p1", camera="front", at_ms=first, from_ms=first, to_ms=first + 100)
        clip = await ring.clip(lock, tags={})
    stray = clip.path.with_name("nobody-waits-front.mp4")
    stray.write_bytes(bytes(1000))
    rows = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert await ring.make_room(1000) == 1000
    assert (clip.path.exists(), stray.exists()) == (True, False)
    assert await ring.make_room(1) == rows[1].size, "the first one is locked"
    assert await ring.make_room(10**9) == rows[2].size
    left = await ring.segments("front", from_ms=0, to_ms=START * 2)
    assert [row.path for row in left] == [rows[0].path]
    assert await ring.make_room(10**9) == 0
    await ring.stop()


async def test_a_camera_that_is_given_up_stops_at_once_and_begins_again(tmp_path: Path, video: Path) -> None:
    room = [True]
    settings = ring_in(tmp_path).settings
    ring = Ring(settings, clock=StillClock(START), disk_free=lambda _: PLENTY, may_write=lambda: room[0])
    await ring.start()
    with recording(ring, video):
        ring.shed(frozenset({"front"}))
        assert ring.health().state == "full"
        assert "front" in ring.health().detail
        with recording(ring, video, start_ms=START + 60_000, name="front-2"):
            assert not ring.lane("front").recording
    ring.shed(frozenset())
    assert ring.health().state == "up"
    room[0] = False
    with recording(ring, video, start_ms=START + 120_000, name="front-3"):
        assert (ring.lane("front").recording, ring.health().state) == (False, "full")
    room[0] = True
    with recording(ring, video, start_ms=START + 180_000, name="front-4"):
        assert ring.lane("front").recording
    rows = await ring.segments("front", from_ms=START + 30_000, to_ms=START + 150_000)
    assert rows == []
    await ring.stop()


async def test_the_index_and_the_folder_are_compared_both_ways(tmp_path: Path, video: Path) -> None:
    ring = ring_in(tmp_path)
    await ring.start()
    with recording(ring, video):
        pass
    assert await ring.reconcile() == ([], [])
    (row, *_) = await ring.segments("front", from_ms=0, to_ms=START * 2)
    stranger = row.path.with_name("holiday.mp4")
    stranger.write_bytes(b"x")
    row.path.unlink()
    assert await ring.reconcile() == (["front/holiday.mp4"], [f"front/{row.path.name}"])
    assert stranger.exists()
    await ring.stop()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_hostile_bytes_have_a_whole_size_within_them(data: bytes) -> None:
    assert 0 <= whole_size(io.BytesIO(data)) <= len(data)


def packets_in(path: Path) -> int:
    with open_segment(path) as container:
        return len(list(written(container)))


def digests_in(path: Path, *, fragmented: bool = True) -> tuple[str, ...]:
    """Of the packets as they lie in the file."""
    with open_segment(path) if fragmented else av.open(str(path)) as container:
        digests = GopDigests(normaliser_of(container))
        for packet in written(container):
            digests.add(packet.data, key=packet.key)
    return digests.finish()


def shown(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def times(file: av.container.InputContainer) -> list[Fraction]:
    file.seek(0)
    base = file.streams.video[0].time_base or Fraction(1)
    return sorted((packet.pts or 0) * base for packet in file.demux(video=0) if packet.size)


def files_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())
