"""The QR clock as a recorder films it: out of focus, at an angle, in an unsteady hand, compressed; and what is no clock."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from kernel.footage.bodies import ClockAnchored, FootageImported
from kernel.footage.clockcode import filmings
from simulators.clock import VirtualClock
from station.footage.clockseen import Seen
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.qrscan import scan
from station.footage.scans import Remembered, Scans, in_own_process
from station.footage.times import true_start
from tests.support.filmed import Look, film

pytestmark = [pytest.mark.wire, pytest.mark.timeout(170)]

TRUE = 1_795_406_400_123
OWN = TRUE + 137_423  # the recorder's clock is ahead
STATION = "yiyuan/s01"
NOW = TRUE + 86_400_000


@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look(blur=1.6, tilt=0.2, kbit=3_000),
        Look(side_percent=22, blur=1.0, noise=8, kbit=3_000),
    ],
    ids=["near", "out of focus", "far"],
)
def test_offset_within_a_tenth_of_a_second(tmp_path: Path, look: Look) -> None:
    file = film(tmp_path / "a.mp4", true_start_ms=TRUE, look=look)
    [found] = filmings(scan(file).hits, station=STATION, before_ms=NOW)
    assert found.ignored is None
    assert abs(found.true_ms - found.in_file_ms - TRUE) <= min(found.err_ms, 100)
    assert found.err_ms <= 100


def taken_in(folder: DigestFolder, file: Path, **changes: object) -> FootageImported:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    part = folder.incoming / "1.part"
    shutil.copyfile(file, part)
    folder.take(part, digest)
    values: dict[str, object] = {
        "recorder": "3700123",
        "dock": "dock1",
        "state": "imported",
        "name": file.name,
        "sha256": digest,
    }
    values |= {
        "own_start_ms": OWN,
        "start_basis": "name",
        "start_err_ms": 1_000,
        "duration_ms": 6_000,
    } | changes
    return FootageImported(**values)  # type: ignore[arg-type]


async def test_a_file_that_was_taken_in_is_looked_at_once_and_its_clock_is_an_anchor(tmp_path: Path) -> None:
    ledger = LooseLedger(FootageIndex(tmp_path / "footage.db"), clock=VirtualClock(now_ms=NOW))
    folder = DigestFolder(tmp_path / "originals")
    small = Look(size=(640, 360), side_percent=50, fps=15, gop=15, kbit=1_500)
    good = taken_in(folder, film(tmp_path / "good.mp4", true_start_ms=TRUE, look=small))
    other = taken_in(
        folder, film(tmp_path / "other.mp4", station="yiyuan/s02", true_start_ms=TRUE, look=small)
    )
    broken = tmp_path / "broken.mp4"
    broken.write_bytes((tmp_path / "good.mp4").read_bytes()[:20_000])
    for body in (good, other, taken_in(folder, broken, state="damaged")):
        await ledger.say(body)
    remembered = Remembered(tmp_path / "scanned.db")

    def scans() -> Scans:
        return Scans(
            ledger, folder, remembered, station=STATION, clock=VirtualClock(now_ms=NOW), scan=in_own_process
        )

    assert await scans().look() == 3
    assert {one.sha256: one.result for one in remembered.all()} == {
        good.sha256: "anchored",
        other.sha256: "other_station",
        hashlib.sha256(broken.read_bytes()).hexdigest(): "nothing",
    }
    [anchored] = ledger.index.of(ClockAnchored)
    assert (anchored.body.recorder, anchored.body.anchor.kind) == ("3700123", "qr")
    assert abs(anchored.body.anchor.own_ms - anchored.body.anchor.true_ms - 137_423) <= 100
    [file] = ledger.index.of(FootageImported, sha256=good.sha256)
    start = true_start(ledger.index, file)
    assert start is not None
    # Its name says its start to a second only; what it shows says more.
    assert abs(start.true_ms - TRUE) <= start.err_ms <= 101
    assert await scans().look() == 0


async def test_the_clock_in_a_file_of_a_number_that_two_recorders_have_is_no_anchor(tmp_path: Path) -> None:
    ledger = LooseLedger(FootageIndex(tmp_path / "footage.db"), clock=VirtualClock(now_ms=NOW))
    folder = DigestFolder(tmp_path / "originals")
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a film")
    await ledger.say(taken_in(folder, path, problems=("number_twice",)))

    async def not_asked(_path: Path) -> Seen:
        raise AssertionError

    remembered = Remembered(tmp_path / "scanned.db")
    clock = VirtualClock(now_ms=NOW)
    await Scans(ledger, folder, remembered, station=STATION, clock=clock, scan=not_asked).look()
    assert [one.result for one in remembered.all()] == ["number_twice"]
    assert ledger.index.of(ClockAnchored) == []


@pytest.mark.parametrize(
    ("error", "result"), [(OSError("scan ended with -11"), "unreadable"), (TimeoutError(), "out_of_time")]
)
async def test_a_scan_that_dies_leaves_the_file_as_it_is_and_says_so(
    tmp_path: Path, error: OSError, result: str
) -> None:
    ledger = LooseLedger(FootageIndex(tmp_path / "footage.db"), clock=VirtualClock(now_ms=NOW))
    folder = DigestFolder(tmp_path / "originals")
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video")
    await ledger.say(taken_in(folder, path))

    async def dies(_path: Path) -> Seen:
        raise error

    remembered = Remembered(tmp_path / "scanned.db")
    clock = VirtualClock(now_ms=NOW)
    await Scans(ledger, folder, remembered, station=STATION, clock=clock, scan=dies).look()
    assert [one.result for one in remembered.all()] == [result]
