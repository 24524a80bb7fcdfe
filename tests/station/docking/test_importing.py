"""Every file is taken in once, as what it is; nothing that was pulled, torn or torn away is ever stored for whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kernel.errors import FullError, LinkError, RestartError
from kernel.footage.bodies import ClockAnchor, FootageDisposed, FootageImported, RecorderIssued
from station.docking.describing import start_of
from station.docking.probing import Probe
from station.docking.volume import Found, Volume
from station.footage.stock import stock_of
from tests.station.docking.docks import NAME, Bench, WeakCable

OWN = 1_780_279_200_000  # what NAME says


@pytest.fixture
def bench(quick_path: Path) -> Bench:
    return Bench(quick_path)


async def test_a_file_is_stored_under_its_digest_and_said_once(bench: Bench) -> None:
    digest = bench.put(f"DCIM/{NAME}", b"film" * 1_000)
    outcome = await bench.take(NAME)
    assert outcome.body == FootageImported(
        recorder="3700123",
        dock="dock1",
        state="imported",
        name=NAME,
        folder="DCIM",
        sha256=digest,
        size=4_000,
        media_type="video/mp4",
        named_device="3700123",
        named_officer="100001",
        own_start_ms=OWN,
        start_basis="name",
        start_err_ms=1_000,
        duration_ms=60_000,
        sequence=1,
        codec="h264",
        width=1920,
        height=1080,
        problems=("holder_unknown",),
    )
    path = bench.originals.path(digest)
    assert path is not None
    assert path.read_bytes() == b"film" * 1_000
    assert not list(bench.originals.incoming.iterdir())
    again = await bench.take(NAME)
    assert again.again
    assert again.said == outcome.said
    assert len(bench.said()) == 1
    assert (bench.top / "DCIM" / NAME).exists()


async def test_without_its_own_memory_the_digest_tells_that_a_file_is_here(bench: Bench) -> None:
    bench.put(NAME, b"film")
    await bench.take(NAME)
    (bench.folder / "docking.db").unlink()
    bench = Bench(bench.folder)
    assert (await bench.take(NAME)).again
    assert len(bench.said()) == 1


async def test_what_comes_again_after_its_deletion_is_taken_in_as_new(bench: Bench) -> None:
    """Under another name, and under its own where the dock's memory was lost."""
    digest = bench.put(NAME, b"film")
    await bench.take(NAME)
    for name in ("other.mp4", NAME):
        bench.put(name, b"film")
        said = FootageDisposed(act="deleted", files=(digest,), rule="footage-unlinked", by="s01-station")
        await bench.importer.ledger.say(said, key=f"deleted before {name}")
        bench.originals.remove(digest)
        (bench.folder / "docking.db").unlink()
        ahead_ms = bench.clock.now_ms() + 1_000
        bench = Bench(bench.folder)
        await bench.clock.sleep((ahead_ms - bench.clock.now_ms()) / 1_000)
        outcome = await bench.take(name)
        assert (outcome.body.state, outcome.again) == ("imported", False)
        assert stock_of(bench.index)[digest].since_ms == bench.clock.now_ms()
        await bench.clock.sleep(1)
        assert (await bench.take(name)).again
    assert len(bench.said()) == 3


async def test_empty_torn_doubled_and_refused_files_are_said_with_the_reason(bench: Bench) -> None:
    bench.put("1 现场.mp4", b"film")
    bench.put("2 copy.mp4", b"film")
    bench.put("3.mp4", b"")
    bench.put("4.mp4", b"torn film")
    (bench.top / "5.mp4").symlink_to("/etc/passwd")
    for _ in range(2):
        outcomes = await bench.take_all()
    assert {one.body.name: (one.body.state, one.body.problems[0]) for one in outcomes} == {
        "1 现场.mp4": ("imported", "start_uncertain"),
        "2 copy.mp4": ("duplicate", "duplicate"),
        "3.mp4": ("empty", "empty"),
        "4.mp4": ("damaged", "truncated"),
        "5.mp4": ("refused", "link"),
    }
    assert len(bench.said()) == 5
    assert len(list(bench.originals.digests())) == 2


@pytest.mark.parametrize("after", [0, 1, 70_000, 200_000, 299_999])
async def test_a_pulled_cable_leaves_nothing_and_the_next_time_goes_on(bench: Bench, after: int) -> None:
    data = bytes(range(250)) * 1_200
    digest = bench.put(NAME, data)
    bench = Bench(bench.folder, flush_bytes=65_536)
    volume = WeakCable(bench.top)
    volume.after = after
    with pytest.raises(LinkError):
        await bench.take(NAME, volume=volume)
    assert bench.said() == []
    assert list(bench.originals.digests()) == []
    volume.after = None
    assert (await bench.take(NAME, volume=volume)).body.sha256 == digest
    assert not list(bench.originals.incoming.iterdir())


async def test_what_is_not_known_to_be_on_the_disk_is_copied_again(bench: Bench) -> None:
    """After a power cut the end of a copy may be zeros, or be missing."""
    data = bytes(range(1, 251)) * 20_000
    digest = bench.put(NAME, data)
    bench = Bench(bench.folder, flush_bytes=1 << 20)
    volume = WeakCable(bench.top)
    volume.after = 3 << 20
    with pytest.raises(LinkError):
        await bench.take(NAME, volume=volume)
    (part,) = bench.originals.incoming.iterdir()
    with part.open("r+b") as file:
        file.seek(3 << 20)
        file.write(bytes(500_000))
    volume.after = None
    assert (await bench.take(NAME, volume=volume)).body.sha256 == digest


async def test_a_file_that_cannot_be_read_is_said_and_tried_again_next_time(bench: Bench) -> None:
    digest = bench.put(NAME, b"film" * 50_000)

    class BadSector(WeakCable):
        def there(self) -> bool:
            return True

    volume = BadSector(bench.top)
    volume.after = 100_000
    outcome = await bench.take(NAME, volume=volume)
    assert (outcome.body.state, outcome.body.sha256) == ("damaged", None)
    assert "unreadable" in outcome.body.problems
    volume.after = None
    assert (await bench.take(NAME, volume=volume)).body.sha256 == digest


async def test_a_file_that_still_grows_is_left_for_the_next_time(bench: Bench) -> None:
    bench.put(NAME, b"film")
    early = bench.found(NAME)
    bench.put(NAME, b"film and more")
    outcome = await bench.importer.take(WeakCable(bench.top), early, bench.visit)
    assert (outcome.body.state, outcome.body.problems[0]) == ("damaged", "changed")
    assert (await bench.take(NAME)).body.state == "imported"


async def test_without_room_nothing_is_begun(bench: Bench) -> None:
    bench.put(NAME, b"film")
    full = Bench(bench.folder, reserve_mb=1 << 30)
    with pytest.raises(FullError, match="MB are needed"):
        await full.take(NAME)
    assert not list(bench.originals.incoming.iterdir())
    assert (await bench.take(NAME)).body.state == "imported"


async def test_the_officer_is_who_held_it_then_and_differences_are_told(bench: Bench) -> None:
    issued = RecorderIssued(recorder="3700123", act="issued", officer="li", at_ms=OWN - 60_000, by="wang")
    back = msgspec.structs.replace(issued, act="returned", at_ms=OWN + 60_000)
    for said in (issued, back):
        await bench.importer.ledger.say(said)
    bench.put(NAME, b"film")
    body = (await bench.take(NAME)).body
    assert (body.officer, body.named_officer) == ("li", "100001")
    assert body.problems == ()  # nobody has told li's number
    for name, number, problems in (("b", "100001", ()), ("c", "100002", ("officer_differs",))):
        bench.visit = replace(bench.visit, officers={"li": number})
        bench.put(f"{name}/{NAME}", name.encode())
        assert (await bench.take_all())[-1].body.problems == problems
    bench.put(late := "3700999_100001_20260601100500_0002.mp4", b"film 2")
    body = (await bench.take(late)).body
    assert body.officer is None
    assert body.problems == ("device_differs", "holder_unknown")


async def test_a_length_that_cannot_be_is_not_repeated_and_says_no_start_either(bench: Bench) -> None:
    bench.put(NAME, b"long film")
    body = (await bench.take(NAME)).body
    assert (body.state, body.duration_ms, body.own_start_ms) == ("imported", None, OWN)
    assert "length_uncertain" in body.problems
    bench.put("no time.mp4", b"long film of somebody")
    body = (await bench.take("no time.mp4")).body
    assert (body.own_start_ms, body.start_basis) == (None, "none")


async def test_a_clock_in_the_year_2000_is_told_and_its_true_start_is_known(bench: Bench) -> None:
    at_ms = bench.clock.now_ms()
    own_ms = 946_684_800_000 + 3_600_000  # an hour after its battery was empty, 08:00 in China
    anchor = ClockAnchor(kind="dock", own_ms=own_ms, true_ms=at_ms, err_ms=60)
    bench.visit = replace(bench.visit, anchor=anchor)
    bench.put(name := "3700123_100001_20000101083000_0001.mp4", b"film")
    outcome = await bench.take(name)
    assert "clock_lost" in outcome.body.problems
    assert outcome.true is not None
    assert abs(outcome.true.true_ms - (at_ms - 1_800_000)) <= outcome.true.err_ms


async def test_parts_of_one_recording_are_one_group(bench: Bench) -> None:
    names = [
        f"3700123_100001_2026060110{minute:02d}00_{n:04d}.mp4" for n, minute in enumerate((0, 1, 2, 9), 1)
    ]
    for number, name in enumerate(names):
        bench.put(name, b"film %d" % number)
    groups = [(await bench.take(name)).body.group for name in names]
    assert groups == ["", names[0], names[0], ""]


async def test_copies_that_nobody_came_back_for_are_taken_away(bench: Bench) -> None:
    bench.put(NAME, b"film" * 100_000)
    bench = Bench(bench.folder, flush_bytes=65_536)
    volume = WeakCable(bench.top)
    volume.after = 1 << 18
    with pytest.raises(LinkError):
        await bench.take(NAME, volume=volume)
    await bench.importer.tidy()
    assert list(bench.originals.incoming.iterdir())
    await bench.clock.sleep(31 * 86_400)
    await bench.importer.tidy()
    assert not list(bench.originals.incoming.iterdir())


async def test_a_station_that_ends_stops_a_copy_and_goes_on_there_later(bench: Bench) -> None:
    digest = bench.put(NAME, bytes(range(250)) * 20_000)
    early = Bench(bench.folder, flush_bytes=1 << 20)

    def told(done: int) -> None:
        if done > 2 << 20:
            early.importer.close()

    with pytest.raises(RestartError, match="the station ends"):
        await early.importer.take(Volume(bench.top), early.found(NAME), early.visit, told)
    assert bench.said() == []
    assert (await bench.take(NAME)).body.sha256 == digest


async def test_the_log_of_a_recorder_is_kept_once(bench: Bench) -> None:
    for _ in range(2):
        await bench.importer.take_log(b"power on\n", bench.visit)
    (said,) = bench.said()
    assert (said.name, said.media_type) == ("device.log", "text/plain")
    assert said.sha256 == hashlib.sha256(b"power on\n").hexdigest()


async def test_an_original_that_was_lost_here_is_fetched_again_and_one_that_was_deleted_is_not(
    bench: Bench,
) -> None:
    digest = bench.put(NAME, b"film")
    await bench.take(NAME)
    bench.originals.remove(digest)
    again = await bench.take(NAME)
    assert again.again
    assert bench.originals.path(digest) is not None
    bench.originals.remove(digest)
    await bench.importer.ledger.say(FootageDisposed(act="deleted", files=(digest,), rule="keep", by="rule"))
    await bench.take(NAME)
    assert len(bench.said()) == 1


@pytest.mark.parametrize("at_ns", [-62_135_596_800_000_000_000, 0, 253_402_300_799_000_000_000])
def test_a_time_of_no_recorder_is_no_start(bench: Bench, at_ns: int) -> None:
    found = Found(place="a.mp4", size=1, mtime_ns=at_ns)
    assert start_of(None, Probe(), found, bench.visit).basis == "none"
    late = Probe(created_ms=253_402_300_799_000)
    assert start_of(None, late, found, bench.visit).basis == "none"
