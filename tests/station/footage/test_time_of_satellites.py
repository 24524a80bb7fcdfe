"""A recorder with a satellite receiver: its films, and files beside them, say how wrong its clock was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import pytest
from av.packet import Packet

from kernel.events import Body
from kernel.evidence import canonical
from kernel.footage.bodies import ClockAnchor, ClockAnchored, FootageImported, RecorderDocked
from kernel.footage.nmea import Rmc
from kernel.footage.satellites import Stamp
from simulators.clock import VirtualClock
from simulators.recorders.film import sentences
from simulators.recorders.recorder import Recorder
from station.docking.probing import probe
from station.docking.profiles import load_profiles
from station.footage.clockseen import Seen
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex, Said
from station.footage.ledger import LooseLedger
from station.footage.qrscan import scan
from station.footage.scans import Remembered, Scans, in_own_process
from station.footage.sidecars import beside, is_sidecar
from station.footage.times import true_start
from tests.station.docking.docks import Bench

TRUE = 1_795_406_400_000
WRONG_MS = 137_000
NOW = TRUE + 86_400_000
NAME = "DSJ-3700123_100001_20261123_120217_0001"
DAY_MS = 86_400_000
FAR_MS = 9_050_000_000_000_000  # with a time of ours it is more than an entry can hold
T = TypeVar("T", bound=Body)


class Ledger(LooseLedger):
    """Takes what a journal takes."""

    async def say(self, body: T, *, key: str | None = None) -> Said[T]:
        canonical.encode(body)
        return await super().say(body, key=key)


class Desk:
    """Files that were taken in, and what a search finds in each."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(now_ms=NOW)
        self.ledger = Ledger(FootageIndex(folder / "footage.db"), clock=self.clock)
        self.originals = DigestFolder(folder / "originals")
        self.remembered = Remembered(folder / "scanned.db")
        self.shows: dict[Path, Seen] = {}
        self.scans = Scans(
            self.ledger,
            self.originals,
            self.remembered,
            station="yiyuan/s01",
            clock=self.clock,
            scan=self._scan,
        )

    async def _scan(self, path: Path) -> Seen:
        return self.shows[path]

    async def take(self, name: str, shows: Seen, **more: Any) -> str:
        data = f"{name} {more}".encode()
        sha256 = hashlib.sha256(data).hexdigest()
        part = self.originals.incoming / "a.part"
        part.write_bytes(data)
        self.shows[self.originals.take(part, sha256)] = shows
        told: Mapping[str, Any] = {"recorder": "3700123", "folder": "DCIM", "duration_ms": 60_000}
        told = {"own_start_ms": TRUE + WRONG_MS, "start_err_ms": 1_000, **told, **more}
        await self.ledger.say(
            FootageImported(dock="dock1", state="imported", name=name, sha256=sha256, **told)
        )
        return sha256

    async def read(self, true_ms: int) -> None:
        """The dock holds the recorder's clock against its own."""
        held = ClockAnchor(kind="dock", own_ms=true_ms + WRONG_MS, true_ms=true_ms, err_ms=600)
        await self.ledger.say(ClockAnchored(recorder="3700123", anchor=held, by="dock1"))

    async def dock_again(self) -> None:
        await self.clock.run_for(86_400)
        docked = RecorderDocked(
            dock="dock1", recorder="3700123", model="unknown", state="open", at_ms=self.clock.now_ms()
        )
        await self.ledger.say(docked)
        await self.clock.run_for(1)

    def off_ms(self, film: str, true_ms: int) -> int:
        """How far it is from what is said of it; more than its error: -1."""
        [file] = self.ledger.index.of(FootageImported, sha256=film)
        start = true_start(self.ledger.index, file)
        assert start is not None
        off_ms = abs(start.true_ms - true_ms)
        return off_ms if off_ms <= start.err_ms else -1

    async def results(self) -> dict[str, str]:
        await self.scans.look()
        return {one.sha256: one.result for one in self.remembered.all()}

    def anchors(self) -> list[ClockAnchored]:
        return [one.body for one in self.ledger.index.of(ClockAnchored)]


def track(seconds: int = 60, *, ahead_ms: int = 0) -> Seen:
    rmc = [Rmc(utc_ms=TRUE + n * 1000 + ahead_ms, step_ms=10) for n in range(seconds)]
    return Seen(stamps=tuple(Stamp(in_file_ms=n * 1000 + 200, rmc=one) for n, one in enumerate(rmc)))


def lines(seconds: int = 60, *, ahead_ms: int = 0) -> Seen:
    return Seen(lines=tuple(Rmc(utc_ms=TRUE + n * 1000 + ahead_ms, step_ms=10) for n in range(seconds)))


async def test_sentences_in_a_film_are_an_anchor_of_its_recorder(quick_path: Path) -> None:
    desk = Desk(quick_path)
    film = await desk.take(f"{NAME}.mp4", track())
    assert await desk.results() == {film: "received"}
    [said] = desk.anchors()
    assert (said.recorder, said.sha256, said.anchor.kind, said.by) == ("3700123", film, "gps", "satellites")
    assert abs(said.anchor.own_ms - said.anchor.true_ms - WRONG_MS) <= said.anchor.err_ms
    [file] = desk.ledger.index.of(FootageImported, sha256=film)
    start = true_start(desk.ledger.index, file)
    assert start is not None
    assert abs(start.true_ms - TRUE) <= start.err_ms <= 520


@pytest.mark.parametrize(
    ("shows", "result"),
    [
        (Seen(stamps=tuple(Stamp(in_file_ms=n, rmc=Rmc(utc_ms=None)) for n in range(9))), "gps_no_fix"),
        (track(3), "gps_too_few"),
        (track(ahead_ms=-1024 * 7 * 86_400_000), "gps_time_impossible"),
        (Seen(late=True), "out_of_time"),
        (Seen(), "nothing"),
    ],
)
async def test_what_is_no_time_is_no_anchor_and_says_why(quick_path: Path, shows: Seen, result: str) -> None:
    desk = Desk(quick_path)
    film = await desk.take(f"{NAME}.mp4", shows)
    assert await desk.results() == {film: result}
    assert desk.anchors() == []


@pytest.mark.parametrize("first", ["film", "sidecar"])
async def test_a_file_beside_the_film_times_it_whichever_came_first(quick_path: Path, first: str) -> None:
    desk = Desk(quick_path)
    names = {"film": f"{NAME}.mp4", "sidecar": f"{NAME}.NMEA"}
    shows = {"film": Seen(), "sidecar": lines()}
    taken = {}
    for which in (first, *(names.keys() - {first})):
        taken[which] = await desk.take(names[which], shows[which])
        await desk.results()
    [said] = desk.anchors()
    assert (said.sha256, said.anchor.kind) == (taken["film"], "gps_beside")
    assert f"{NAME}.NMEA" in said.note
    assert abs(said.anchor.own_ms - said.anchor.true_ms - WRONG_MS) <= said.anchor.err_ms
    [film] = desk.ledger.index.of(FootageImported, sha256=taken["film"])
    assert [one.body.sha256 for one in beside(desk.ledger.index, film)] == [taken["sidecar"]]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (f"{NAME}.nmea", {"folder": "DCIM/other"}),
        ("DSJ-3700123_100001_20261123_130000_0002.nmea", {}),
        (f"{NAME}.nmea", {"recorder": "3700124"}),
        (f"{NAME}.nmea", {"recorder": None}),
        (f"{NAME}.nmea", {"media_type": "video/mp4"}),
        (f"{NAME}.bin", {}),
    ],
)
async def test_what_is_not_beside_the_film_does_not_time_it(
    quick_path: Path, name: str, more: dict[str, Any]
) -> None:
    desk = Desk(quick_path)
    await desk.take(f"{NAME}.mp4", Seen())
    await desk.take(name, lines(), **more)
    await desk.results()
    assert desk.anchors() == []


@pytest.mark.parametrize("ahead_ms", [-3_600_000, -600_000, -200 * DAY_MS])
async def test_a_file_beside_the_film_does_not_outvote_the_dock(quick_path: Path, ahead_ms: int) -> None:
    desk = Desk(quick_path)
    for true_ms in (TRUE - 8 * 3_600_000, TRUE + 8 * 3_600_000):
        await desk.read(true_ms)
    film = await desk.take(f"{NAME}.mp4", Seen())
    forged = await desk.take(f"{NAME}.txt", lines(ahead_ms=ahead_ms))
    assert (await desk.results())[forged] == "gps_against_measured"
    assert 0 <= desk.off_ms(film, TRUE) < 1_000


@pytest.mark.parametrize("received", [True, False])
async def test_a_file_of_another_day_does_not_time_a_film_of_the_same_name(
    quick_path: Path, received: bool
) -> None:
    desk = Desk(quick_path)
    first = await desk.take("REC0001.mp4", Seen())
    await desk.take("REC0001.nmea", lines())
    await desk.results()
    await desk.dock_again()
    second = await desk.take("REC0001.mp4", Seen(), own_start_ms=TRUE + DAY_MS + WRONG_MS)
    if received:
        await desk.take("REC0001.nmea", lines(ahead_ms=DAY_MS), size=2)
    await desk.results()
    assert [one.sha256 for one in desk.anchors()] == [first, second][: 1 + received]
    assert (desk.off_ms(first, TRUE), desk.off_ms(second, TRUE + DAY_MS)) == (505, 505)


async def test_a_file_that_came_with_another_docking_than_its_film_says_so(quick_path: Path) -> None:
    desk = Desk(quick_path)
    await desk.take(f"{NAME}.mp4", Seen())
    await desk.dock_again()
    sidecar = await desk.take(f"{NAME}.nmea", lines())
    assert (await desk.results())[sidecar] == "gps_other_docking"
    assert desk.anchors() == []


async def test_two_films_of_one_name_get_no_time_of_the_file_beside_them(quick_path: Path) -> None:
    desk = Desk(quick_path)
    for name in (f"{NAME}.mp4", f"{NAME}.avi"):
        await desk.take(name, Seen())
    sidecar = await desk.take(f"{NAME}.nmea", lines())
    assert (await desk.results())[sidecar] == "gps_two_films"
    assert desk.anchors() == []


@pytest.mark.parametrize(
    ("other", "result"), [(lines(ahead_ms=9_000), "gps_files_differ"), (Seen(), "received")]
)
async def test_of_two_files_beside_a_film_none_counts_where_they_differ(
    quick_path: Path, other: Seen, result: str
) -> None:
    desk = Desk(quick_path)
    await desk.take(f"{NAME}.mp4", Seen())
    sidecar = await desk.take(f"{NAME}.nmea", lines())
    await desk.take(f"{NAME}.log", other)
    assert (await desk.results())[sidecar] == result
    assert len(desk.anchors()) == (result == "received")


async def test_a_file_that_is_not_as_long_as_its_film_says_so(quick_path: Path) -> None:
    desk = Desk(quick_path)
    await desk.take(f"{NAME}.mp4", Seen())
    sidecar = await desk.take(f"{NAME}.log", lines(50))
    assert (await desk.results())[sidecar] == "gps_not_of_this_length"
    assert desk.anchors() == []


async def test_a_number_that_two_recorders_have_gets_no_anchor(quick_path: Path) -> None:
    desk = Desk(quick_path)
    await desk.take(f"{NAME}.mp4", track(), problems=("number_twice",))
    await desk.take(f"{NAME}.txt", lines())
    await desk.results()
    assert desk.anchors() == []


async def test_a_time_that_no_entry_can_hold_costs_no_other_file_its_turn(quick_path: Path) -> None:
    desk = Desk(quick_path)
    stamps = tuple(replace(one, in_file_ms=one.in_file_ms + FAR_MS) for one in track().stamps)
    hostile = await desk.take("DSJ-3700123_100001_20261123_100217_0000.mp4", Seen(stamps=stamps))
    good = await desk.take(f"{NAME}.mp4", track())
    assert await desk.results() == {hostile: "unreadable", good: "received"}
    assert [one.sha256 for one in desk.anchors()] == [good]


def tracked(path: Path, container: str, said: bytes, *, seconds: int = 12) -> Path:
    """A film with a track of data, a piece of `said` a second."""
    with av.open(str(path), "w", format=container) as file:
        video = file.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        data = file.add_data_stream()
        data.time_base = Fraction(1, 5)  # AVI counts in steps
        packets: list[Packet[Any]] = []
        for number in range(seconds * 5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            packets += video.encode(frame)
        packets += video.encode(None)
        for number, line in enumerate(said.splitlines(keepends=True)):
            one = Packet(line)
            one.pts = one.dts = number * 1000
            one.duration, one.time_base, one.stream = 1000, Fraction(1, 1000), data
            packets.append(one)
        for packet in sorted(packets, key=lambda one: (one.dts or 0) * one.time_base):
            file.mux(packet)
    return path


@pytest.mark.broad
@pytest.mark.parametrize("container", ["mpegts", "avi"])
def test_tracks_of_other_containers_are_read_too(tmp_path: Path, container: str) -> None:
    seen = scan(tracked(tmp_path / "a", container, sentences(TRUE, 12)))
    assert [one.rmc.utc_ms for one in seen.stamps] == [
        None,
        None,
        *(TRUE + (n - 1) * 1000 for n in range(2, 12)),
    ]
    ahead = [(one.rmc.utc_ms or 0) - one.in_file_ms for one in seen.stamps[2:]]
    assert max(ahead) - min(ahead) <= 1_000


@pytest.mark.broad
def test_sentences_further_into_a_film_than_any_is_long_are_not_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w", format="matroska") as file:
        video = file.add_stream("mjpeg", rate=5)
        video.width, video.height, video.pix_fmt = 64, 64, "yuvj420p"
        text = file.add_stream("ass")
        text.codec_context.subtitle_header = b"[Script Info]\r\n"
        [picture] = video.encode(av.VideoFrame(64, 64, "yuvj420p"))
        for at_ms, of, data in [
            (0, video, bytes(picture)),
            (FAR_MS, video, bytes(picture)),
            *((FAR_MS + n * 1000, text, one.rmc.to_bytes()) for n, one in enumerate(track(12).stamps)),
        ]:
            packet = Packet(data)
            packet.pts = packet.dts = at_ms
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 1000), of, True
            file.mux(packet)
    seen = scan(tmp_path / "a.mkv")
    assert (seen.stamps, seen.hits) == ((), ())


@pytest.mark.broad
@pytest.mark.parametrize(
    "said", [b"$GPRMC," + b"9" * 3_000_000, bytes(range(256)) * 400, sentences(TRUE, 12).replace(b"*", b"*0")]
)
def test_a_hostile_track_is_no_time(tmp_path: Path, said: bytes) -> None:
    assert scan(tracked(tmp_path / "a.ts", "mpegts", said)).stamps == ()
    (tmp_path / "a.nmea").write_bytes(said)
    assert scan(tmp_path / "a.nmea").lines == ()


@pytest.mark.wire
@pytest.mark.timeout(60)
async def test_a_recorder_with_a_receiver_is_docked_and_its_clock_is_known(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    recorder = Recorder(tmp_path / "r", clock=bench.clock, clock_off_ms=WRONG_MS, model="dsj-series")
    made = recorder.record(bench.clock.now_ms() - 3_600_300, 12_000)
    made.path.with_suffix(".nmea").write_bytes(sentences(made.start_ms, 12))
    bench.importer._look = probe
    bench.top = recorder.volume
    bench.visit = type(bench.visit)(
        dock="dock1",
        recorder="3700123",
        profile=load_profiles().models["dsj-series"],
        docked_ms=bench.clock.now_ms(),
    )
    taken = await bench.take_all()
    assert [(one.body.state, is_sidecar(one.body)) for one in taken] == [
        ("imported", False),
        ("imported", True),
    ]
    await Scans(
        bench.importer.ledger,
        bench.originals,
        Remembered(tmp_path / "scanned.db"),
        station="yiyuan/s01",
        clock=bench.clock,
        scan=in_own_process,
    ).look()
    said = [one.body for one in bench.index.of(ClockAnchored)]
    assert [one.note for one in said] == ["10 sentences", f"10 sentences of {made.path.stem}.nmea"]
    film = taken[0].said
    start = true_start(bench.index, film)
    assert start is not None
    assert abs(start.true_ms - made.start_ms) <= start.err_ms <= 600
