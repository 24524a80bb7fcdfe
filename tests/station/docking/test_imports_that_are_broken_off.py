"""Real files over a cable that is pulled, a process that is killed, a disk that fills: what is stored in the end is whole."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kernel.errors import FullError, LinkError
from simulators.demo.clock import RealClock
from simulators.recorders.recorder import Made, Recorder
from tests.station.docking.docks import Bench, WeakCable
from tests.support.disks import fill, tmpfs

pytestmark = pytest.mark.wire
PULLS = 50
KILLS = 12
BIG = 12 << 30


def commanded(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "station.main", "dock", *map(str, arguments)]


def progress(originals: Path) -> tuple[int, int]:
    """Files that are stored, and bytes of those that are under way."""
    sizes = []
    for part in originals.glob("incoming/*.part"):
        with suppress(FileNotFoundError):
            sizes.append(part.stat().st_size)
    return len(list(originals.glob("??/*"))), sum(sizes)


def rows(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def card(folder: Path, *, files: int, mb: int) -> dict[str, str]:
    """A recorder's card; digests by name."""
    chance, digests = random.Random(5), {}
    folder.mkdir()
    for number in range(files):
        data = chance.randbytes(mb << 20)
        name = f"3700123_100001_2026060110{number:02d}00_{number:04d}.mp4"
        (folder / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    return digests


async def test_a_cable_pulled_fifty_times_at_any_byte_ends_with_equal_digests(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "state", clock=RealClock())
    made = [recorder.record(1_790_000_000_000 + n * 60_000, 8_000 + n * 4_000) for n in range(4)]
    bench = Bench(tmp_path, flush_bytes=16_384)
    chance = random.Random(7)
    for number in range(PULLS):
        one = made[number % len(made)]
        volume = WeakCable(recorder.volume)
        volume.after = chance.randrange(one.path.stat().st_size)
        with pytest.raises(LinkError):
            await take(bench, volume, one)
        assert list(bench.originals.digests()) == []
    for one in made:
        assert await take(bench, WeakCable(recorder.volume), one) == one.sha256
    assert [(body.state, body.sha256) for body in bench.said()] == [("imported", one.sha256) for one in made]
    assert set(bench.originals.digests()) == {one.sha256 for one in made}
    assert not list(bench.originals.incoming.iterdir())


async def take(bench: Bench, volume: WeakCable, one: Made) -> str | None:
    found = next(file for file in volume.files() if file.name == one.path.name)
    return (await bench.importer.take(volume, found, bench.visit)).body.sha256


def test_a_process_killed_again_and_again_ends_with_equal_digests(tmp_path: Path) -> None:
    digests = card(tmp_path / "card", files=6, mb=24)
    command = commanded("--once", tmp_path / "card", "--data", tmp_path / "data", "--json")
    chance, killed = random.Random(11), 0
    for number in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        reached = (number * len(digests) // KILLS, chance.randrange(24 << 20))
        while process.poll() is None and progress(tmp_path / "data" / "originals") < reached:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.002)
        killed += process.poll() is None
        process.kill()
        process.wait(20)
    assert killed == KILLS
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert {row["name"]: row["digest"] for row in rows(done.stdout)} == digests
    stored = tmp_path / "data" / "originals"
    assert {path.name for path in stored.glob("??/*")} == set(digests.values())
    for path in stored.glob("??/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert not list((stored / "incoming").iterdir())


async def test_a_disk_that_fills_keeps_nothing_half_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    digests = card(tmp_path / "card", files=2, mb=12)
    with tmpfs(tmp_path / "disk", "size=64m") as disk:
        bench = Bench(disk)
        bench.top = tmp_path / "card"
        fill(disk, leave_kb=16_000)
        first, second = digests
        assert (await bench.take(first)).body.sha256 == digests[first]
        with pytest.raises(FullError, match="MB are needed"):  # seen before it is begun
            await bench.take(second)
        unseen = replace(bench.found(second), on_disk=4_096)  # others fill it meanwhile
        with pytest.raises(FullError, match="no room"):
            await bench.importer.take(WeakCable(bench.top), unseen, bench.visit)
        assert not list(bench.originals.incoming.iterdir())
        assert list(bench.originals.digests()) == [digests[first]]
        (disk / "filler").unlink()
        assert (await bench.take(second)).body.sha256 == digests[second]
        assert len(bench.said()) == 2


@pytest.mark.slow  # it writes them all
@pytest.mark.timeout(600)  # 24 GB are hashed
async def test_a_file_of_twelve_gigabytes_is_taken_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_bytes=1 << 30)
    path = bench.top / "3700123_100001_20260601100000_0001.mp4"
    with path.open("wb") as file:
        file.write(b"head")
        file.seek(BIG - 4)
        file.write(b"tail")
    outcome = await bench.take(path.name)
    assert (outcome.body.size, outcome.body.state) == (BIG, "imported")
    stored = bench.originals.path(outcome.body.sha256 or "")
    assert stored is not None
    assert stored.stat().st_size == BIG
    assert stored.stat().st_blocks * 512 < 64 << 20  # holes stay holes
    with stored.open("rb") as file:
        file.seek(BIG - 4)
        assert file.read() == b"tail"
