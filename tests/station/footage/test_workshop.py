"""What is ordered is made once, said once, and survives the death of whoever makes it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from kernel.errors import FullError, ProtocolError
from kernel.events import RecordHeld
from kernel.evidence import header
from kernel.footage.bodies import FootageDerived, FootageDisposed, FootageLinked
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.making import Work, work
from station.footage.orders import Box, Order, Orders, Redaction
from station.footage.spans import in_pieces, without
from tests.station.footage.movies import frames, movie
from tests.station.footage.workplace import Workplace, workplace

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]


def made(place: Workplace) -> list[FootageDerived]:
    return [one.body for one in place.room.index.of(FootageDerived)]


def workers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children(recursive=True) if is_worker(one)]


def is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it has ended since it was listed
        return "station.footage.worker" in process.cmdline()
    return False


async def test_a_working_copy_is_made_beside_its_original_and_said(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place, place.working():
        source = await place.original(movie(tmp_path / "a.avi", codec="mpeg4"), codec="mpeg4")
        before = place.room.library.path(source)
        assert before is not None
        first = await place.room.workshop.order("working_copy", source, by="li", again=False)
        second = await place.room.workshop.order("working_copy", source, by="wang", again=False)
        assert first == second
        await place.until(lambda: not place.room.workshop.standing())
        [copy] = made(place)
        assert (copy.kind, copy.sources, copy.by) == ("working_copy", (source,), "li")
        path = place.room.library.path(copy.sha256)
        assert path is not None
        assert path.parent.parent.name == "derived"
        assert len(frames(path)) == 20
        assert place.room.library.copy_of(source) == copy.sha256
        assert hashlib.sha256(before.read_bytes()).hexdigest() == source


async def test_a_corrupt_file_is_a_clear_failure_and_not_the_end(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place, place.working():
        (tmp_path / "bad.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + os.urandom(50_000))
        bad = await place.original(tmp_path / "bad.mp4", codec="hevc")
        good = await place.original(movie(tmp_path / "a.ts", container="mpegts"), codec="h264")
        await place.room.workshop.order("working_copy", bad, by="li")
        await place.room.workshop.order("working_copy", good, by="li")
        await place.room.workshop.order("working_copy", "ee" * 32, by="li")
        await place.until(lambda: all(one.state == "failed" for one in place.room.workshop.standing()))
        failed = {one.order.sha256: one.order.problem for one in place.room.workshop.standing()}
        assert "cannot be read as a video" in failed[bad]
        assert failed["ee" * 32] == "the file is not here"
        assert [one.sources for one in made(place)] == [(good,)]
        assert not list(place.room.library.derived.incoming.iterdir())
        gone = place.room.workshop.standing()[0].order.id
        assert await place.room.workshop.drop(gone)
        assert not await place.room.workshop.drop(gone)


async def test_a_worker_that_is_killed_is_said_to_have_died_and_one_of_a_dead_station_begins_anew(
    tmp_path: Path,
) -> None:
    source_movie = movie(tmp_path / "a.avi", codec="mpeg4", seconds=90, size=(320, 240), still=True)
    async with workplace(tmp_path / "s") as place:
        source = await place.original(source_movie, codec="mpeg4", duration_ms=60_000)
        await place.room.workshop.order("working_copy", source, by="li")
        async with place.working():
            await place.until(lambda: bool(workers()))
            workers()[0].send_signal(signal.SIGKILL)
            await place.until(lambda: bool(place.room.workshop.standing()[0].order.problem))
        assert "died" in place.room.workshop.standing()[0].order.problem
        await place.room.workshop.order("working_copy", source, by="li")
        async with place.working():
            await place.until(lambda: any(one.done_permille > 20 for one in place.room.workshop.standing()))
        await place.until(lambda: not workers())
        # As after kill -9: the order and a part are there, and nobody works on them.
        (place.room.library.derived.incoming / "made-0.mp4").write_bytes(b"half")
    async with workplace(tmp_path / "s") as place:
        assert not list(place.room.library.derived.incoming.iterdir())
        assert [bool(one.order.problem) for one in place.room.workshop.standing()] == [True, False]
        assert made(place) == []


def test_a_station_that_is_killed_makes_its_copy_after_the_next_start(tmp_path: Path) -> None:
    film = movie(tmp_path / "a.avi", codec="mpeg4", seconds=90, size=(320, 240), still=True)
    command = [sys.executable, "-m", "tests.station.footage.workshop_process", str(tmp_path / "s")]
    incoming = tmp_path / "s" / "footage" / "derived" / "incoming"
    pause = threading.Event()
    for kills in range(3):
        with subprocess.Popen(
            [*command, *([str(film)] if not kills else [])], stdout=subprocess.PIPE
        ) as station:
            deadline = time.monotonic() + 40
            while not any(part.stat().st_size for part in incoming.glob("made-*")):
                assert time.monotonic() < deadline
                assert station.poll() is None
                pause.wait(0.01)
            station.kill()
    subprocess.run(command, check=True, timeout=60)
    index = FootageIndex(tmp_path / "s" / "footage" / "footage.db")
    [copy] = [one.body for one in index.of(FootageDerived)]
    path = DigestFolder(tmp_path / "s" / "footage" / "derived").path(copy.sha256)
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == copy.sha256
    assert len(frames(path)) == 900
    assert not list(incoming.iterdir())


async def test_what_was_said_before_the_death_is_not_made_twice(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        source = await place.original(movie(tmp_path / "a.ts", container="mpegts"))
        order = await place.room.workshop.order("working_copy", source, by="li")
        await place.room.workshop.make(order)
        Orders(place.room.folder / "orders").put(order)
        await place.room.workshop.make(order)
        assert len(made(place)) == 1
        assert place.room.workshop.standing() == []


@pytest.mark.parametrize("stored", [False, True])
async def test_what_was_finished_before_the_death_is_said_and_not_made_anew(
    tmp_path: Path, stored: bool
) -> None:
    async with workplace(tmp_path / "s") as place:
        source = await place.original(movie(tmp_path / "a.ts", container="mpegts"))
        order = await place.room.workshop.order("working_copy", source, by="li")
        derived = place.room.library.derived
        part = derived.incoming / f"made-{order.id}.mp4"
        part.write_bytes(b"finished")
        sha256 = hashlib.sha256(b"finished").hexdigest()
        body = FootageDerived(kind="working_copy", sha256=sha256, size=8, sources=(source,), by="li")
        Orders(place.room.folder / "orders").put(msgspec.structs.replace(order, made=body))
        if stored:
            derived.take(part, sha256)
    async with workplace(tmp_path / "s") as place, place.working():
        await place.until(lambda: not place.room.workshop.standing())
        assert made(place) == [body]
        assert place.room.library.path(sha256) is not None
        assert not list(place.room.library.derived.incoming.iterdir())


async def test_working_copies_have_their_room_and_the_oldest_goes_first(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        shop = place.room.workshop
        shop._most_bytes = 1
        for number in range(2):
            source = await place.original(
                movie(tmp_path / f"{number}.ts", seconds=1 + number, container="mpegts")
            )
            await shop.make(await shop.order("working_copy", source, by="li"))
        first, second = made(place)
        assert place.room.library.path(first.sha256) is None
        assert place.room.library.path(second.sha256) is not None
        [disposed] = place.room.index.of(FootageDisposed)
        assert (disposed.body.files, disposed.body.rule) == ((first.sha256,), "copies.room")


async def test_a_copy_whose_original_is_held_keeps_its_room(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        place.room.workshop._most_bytes = 1
        for number in range(3):
            source = await place.original(
                movie(tmp_path / f"{number}.ts", seconds=1 + number, container="mpegts")
            )
            if not number:
                held = RecordHeld(act="held", files=(source,), by="wang", reason="复议")
                await place.room.keeping.hold(held)
            await place.room.workshop.make(await place.room.workshop.order("working_copy", source, by="li"))
        here = [place.room.library.path(one.sha256) is not None for one in made(place)]
        assert here == [True, False, True]


async def test_a_redacted_copy_names_its_boxes_and_its_reason(tmp_path: Path) -> None:
    box = Box(at_ms=0, left_permille=100, top_permille=100, width_permille=200, height_permille=200)
    async with workplace(tmp_path / "s") as place:
        source = await place.original(movie(tmp_path / "a.mp4", sound=True))
        order = await place.room.workshop.order(
            "redacted", source, by="li", reason="public notice", redaction=Redaction(tracks=((box,),))
        )
        await place.room.workshop.make(order)
        [copy] = made(place)
        assert (copy.kind, copy.reason, copy.sources) == ("redacted", "public notice", (source,))
        assert {"mode", "block_px", "audio", "boxes"} == set(dict(copy.how))
        assert (await place.room.workshop.follow(source, box, until_ms=900))[0] == box


def linked(
    sha256: str, from_ms: int, to_ms: int, *, box: str | None = None, parts: tuple[tuple[int, int], ...] = ()
) -> FootageLinked:
    return FootageLinked(
        link="l-1",
        act="linked",
        sha256=sha256,
        from_ms=from_ms,
        to_ms=to_ms,
        by="rule:time",
        reason="officer_acted",
        box=box,
        passage="p-1",
        parts=parts,
    )


async def test_a_link_cuts_its_span_once_and_names_it_in_the_journal(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        source = await place.original(movie(tmp_path / "a.mp4", seconds=5), duration_ms=5_000)
        await place.room.ledger.say(linked(source, 1_500, 3_000, box="s01-lane2"))
        proposed = FootageLinked(
            link="l-2", act="proposed", sha256=source, from_ms=0, to_ms=1, by="rule", reason="near"
        )
        await place.room.ledger.say(proposed)
        async with place.working():
            await place.until(lambda: bool(made(place)))
        [span] = made(place)
        assert (span.kind, span.link, span.box, span.passage) == ("span", "l-1", "s01-lane2", "p-1")
        assert (span.from_ms, span.to_ms) == (1_000, 3_000)
        path = place.own_files.path(span.sha256)
        assert path is not None
        assert len(frames(path)) == 20
        newest = header.decode((await place.journal.read(place.journal.size - 1, 1))[0].header)
        assert [file.sha256 for file in newest.files] == [span.sha256]
    async with workplace(tmp_path / "s") as place, place.working():
        await place.until(lambda: not place.room.workshop.standing())
        assert len(made(place)) == 1


async def test_of_a_span_that_browsers_do_not_play_a_second_one_travels_that_they_do(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        film = movie(tmp_path / "a.mp4", codec="libx265", seconds=5)
        source = await place.original(film, codec="hevc", duration_ms=5_000)
        await place.room.ledger.say(linked(source, 1_500, 3_000))
        async with place.working():
            await place.until(lambda: len(made(place)) == 2)
            await place.until(lambda: not place.room.workshop.standing())
        own, encoded = made(place)
        assert [dict(one.how)["video"] for one in (own, encoded)] == ["hevc", "h264"]
        assert (own.kind, own.link, own.from_ms, own.sources) == ("span", "l-1", 1_000, (source,))
        assert (encoded.kind, encoded.link, encoded.from_ms, encoded.sources) == (
            "span",
            "l-1",
            1_000,
            (source,),
        )
        assert place.own_files.path(encoded.sha256) is not None
    async with workplace(tmp_path / "s") as place, place.working():
        await place.until(lambda: not place.room.workshop.standing())
        assert len(made(place)) == 2


async def test_a_link_is_cut_in_its_parts_and_what_it_moves_to_is_cut_then(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        film = movie(tmp_path / "a.mp4", seconds=40, still=True)
        source = await place.original(film, duration_ms=40_000)
        parts = ((1_000, 3_000), (20_000, 30_000))
        said = linked(source, 1_000, 30_000, parts=parts)
        await place.room.ledger.say(said)
        async with place.working():
            await place.until(lambda: len(made(place)) == 2)
            assert [(span.from_ms, span.to_ms) for span in made(place)] == [(1_000, 3_000), (20_000, 30_000)]
            moved = msgspec.structs.replace(said, to_ms=31_000, parts=((1_000, 3_000), (21_000, 31_000)))
            await place.room.ledger.say(moved)
            await place.until(lambda: len(made(place)) == 3)
        assert (made(place)[2].from_ms, made(place)[2].to_ms) == (30_000, 31_000)
    async with workplace(tmp_path / "s") as place, place.working():
        await place.until(lambda: not place.room.workshop.standing())
        assert len(made(place)) == 3


async def test_a_span_that_came_out_too_large_is_cut_in_two(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        shop = place.room.workshop
        shop._most_span_bytes = 1
        source = await place.original(movie(tmp_path / "a.mp4", seconds=30, still=True), duration_ms=30_000)
        await shop.order("span", source, by="li", from_ms=0, to_ms=30_000)
        async with place.working():
            await place.until(lambda: len(made(place)) == 2)
        assert [(span.from_ms, span.to_ms) for span in made(place)] == [(0, 15_000), (15_000, 30_000)]


def test_a_part_is_cut_in_pieces_that_the_centre_takes_and_only_where_it_was_not_cut_yet() -> None:
    assert in_pieces((0, 100), 40) == [(0, 33), (33, 66), (66, 100)]
    assert in_pieces((0, 100), None) == [(0, 100)]
    assert without((0, 100), [(10, 20), (15, 40), (90, 120)]) == [(0, 10), (40, 90)]
    assert without((0, 100), [(0, 50), (50, 100)]) == []


async def test_what_is_unlinked_before_its_turn_is_not_cut(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        source = await place.original(movie(tmp_path / "a.mp4"))
        said = linked(source, 0, 900)
        await place.room.ledger.say(said)
        order = await place.room.workshop.order(
            "span", source, by="rule", link="l-1", from_ms=0, to_ms=900, reason="near"
        )
        await place.room.ledger.say(msgspec.structs.replace(said, act="unlinked", by="li"))
        await place.room.workshop.make(order)
        assert (made(place), place.room.workshop.standing()) == ([], [])


async def test_what_finds_no_room_lets_the_next_one_go_first(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        shop = place.room.workshop
        shop._reserve_bytes = 1 << 60
        source = await place.original(movie(tmp_path / "a.mp4", seconds=5), duration_ms=5_000)
        await shop.order("working_copy", source, by="li")
        await shop.order("span", source, by="li", from_ms=1_000, to_ms=2_000)
        async with place.working():
            await place.until(lambda: len(shop.standing()) == 1)
        assert [one.kind for one in made(place)] == ["span"]
        assert [(one.order.kind, one.state) for one in shop.standing()] == [("working_copy", "waiting")]


async def test_a_process_that_stands_still_is_ended(tmp_path: Path) -> None:
    hangs = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(ProtocolError, match="stands still"):
        await work(Work(source=str(tmp_path / "a")), still_s=0.2, command=hangs)


async def test_a_process_that_goes_on_for_ever_is_ended(tmp_path: Path) -> None:
    heard: list[int] = []
    with pytest.raises(ProtocolError, match="took too long"):
        await work(
            Work(source=str(tmp_path / "a")),
            heard.append,
            limit_s=0.5,
            command=("yes", '{"done_permille": 1}'),
        )
    assert set(heard) <= {1}


async def test_a_span_has_the_time_of_its_own_length(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place:
        asked: list[int | None] = []
        place.room.workshop._limit_of = lambda duration_ms: asked.append(duration_ms) or 60.0  # type: ignore[func-returns-value]
        source = await place.original(movie(tmp_path / "a.ts", container="mpegts"), duration_ms=86_400_000)
        shop = place.room.workshop
        await shop.make(await shop.order("span", source, by="li", from_ms=0, to_ms=1_000))
        await shop.make(await shop.order("working_copy", source, by="li"))
        assert asked == [61_000, 86_400_000]


async def test_a_file_that_takes_too_long_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with workplace(tmp_path / "s") as place, place.working():
        shop = place.room.workshop
        shop._limit_of = lambda duration_ms: 0.0 if duration_ms == 1_000 else 60.0
        slow = await place.original(
            movie(tmp_path / "a.ts", seconds=1, container="mpegts"), duration_ms=1_000
        )
        good = await place.original(movie(tmp_path / "b.ts", container="mpegts"))
        await shop.order("working_copy", slow, by="li")
        await shop.order("working_copy", good, by="li")
        await place.until(lambda: len(made(place)) == 1 and len(shop.standing()) == 1)
        assert made(place)[0].sources == (good,)
        assert [(one.state, one.order.problem) for one in shop.standing()] == [("failed", "it took too long")]
        assert not workers()
        assert not list(place.room.library.derived.incoming.iterdir())


async def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path) -> None:
    source = movie(tmp_path / "a.mp4", seconds=1)
    order = Order(id="1", kind="working_copy", sha256="ab" * 32, by="li")
    with pytest.raises(FullError):
        await work(Work(source=str(source), to="/dev/full", order=order))


def test_an_order_that_is_torn_is_none(tmp_path: Path) -> None:
    orders = Orders(tmp_path)
    order = Order(id="1", kind="working_copy", sha256="ab" * 32, by="li")
    orders.put(order)
    (tmp_path / "2.json").write_bytes(b"{half")
    (tmp_path / "3.part").write_bytes(b"{half")
    assert Orders(tmp_path).all() == [order]
    assert not list(tmp_path.glob("*.part"))
