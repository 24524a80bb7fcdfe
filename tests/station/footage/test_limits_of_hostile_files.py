"""A file that is made to take for ever, or to take all memory, is ended, said, and holds up no other."""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

import av
import pytest

from kernel.errors import ProtocolError
from station.docking.probing import probe
from station.footage.copying import copy
from station.footage.limits import Deadline, making_s
from station.footage.media import open_media
from station.footage.qrscan import scan
from station.footage.scans import in_own_process
from tests.station.footage.movies import movie
from tests.support.filmed import Look, film
from tests.support.videos import huge_pictures

wire = pytest.mark.wire
broad = pytest.mark.broad
HANGS = (sys.executable, "-c", "import signal; signal.pause()")
TRUE = 1_795_406_400_123


def ticking(most: int) -> Deadline:
    """A clock that goes on by one at every look."""
    ticks = count()
    return Deadline(mono_ms=lambda: next(ticks), at_ms=most)


def test_what_making_a_file_may_take_grows_with_its_length() -> None:
    assert [making_s(ms, times=10) for ms in (0, 3_600_000)] == [600, 36_600]
    assert making_s(None) > making_s(3_600_000)
    assert making_s(24 * 3_600_000) == making_s(24 * 3_600_000, times=99) == 12 * 3_600
    deadline = ticking(2)
    assert [deadline.over for _ in range(3)] == [False, False, True]


@broad
def test_pictures_that_are_too_large_are_not_decoded(tmp_path: Path) -> None:
    source = huge_pictures(tmp_path / "a.avi")
    with pytest.raises(ProtocolError, match="decoded"):
        copy(source, tmp_path / "c.mp4", lambda _permille: None)
    assert scan(source).hits == ()
    whole = movie(tmp_path / "b.mp4", codec="mpeg4", seconds=1)
    with open_media(whole, most_pixels=192 * 96 - 1) as file, pytest.raises(av.FFmpegError):
        next(file.decode(video=0))


def test_a_text_that_names_another_film_is_not_that_film(tmp_path: Path) -> None:
    movie(tmp_path / "b.mp4", seconds=1)
    (tmp_path / "a.mp4").write_text("ffconcat version 1.0\nfile b.mp4\n")
    with pytest.raises(ProtocolError, match="cannot be read as a video"):
        copy(tmp_path / "a.mp4", tmp_path / "c.mp4", lambda _permille: None)


@broad
def test_a_search_for_a_clock_ends_at_its_deadline(tmp_path: Path) -> None:
    path = movie(tmp_path / "a.mp4", seconds=5)
    assert scan(path, deadline=ticking(10)).late
    assert not scan(path, deadline=ticking(10_000)).late


@wire
def test_what_was_read_before_the_deadline_counts(tmp_path: Path) -> None:
    look = Look(size=(640, 360), side_percent=50, fps=15, gop=15, kbit=1_500)
    path = film(tmp_path / "a.mp4", true_start_ms=TRUE, look=look)
    whole = scan(path)
    packets = 4 * 15 + 2  # its key frames are looked for first
    part = scan(path, deadline=ticking(packets + 20))
    assert part.late
    assert not whole.late
    assert part.hits == whole.hits[: len(part.hits)]
    assert 0 < len(part.hits) < len(whole.hits)


@wire
async def test_a_search_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await in_own_process(tmp_path, patience_s=0.1, grace_s=0.1, command=HANGS)


@wire
def test_a_file_that_gives_no_byte_is_looked_at_no_longer_than_is_set(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    assert probe(tmp_path / "a.mp4", patience_s=0.5).fault == "took_too_long"


@wire
def test_a_stream_of_nothing_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes((b"\x47\x1f\xff\x10" + b"\xff" * 184) * 100_000)
    seen = probe(path)
    assert (seen.media_type, seen.codec) == ("video/mp2t", "")
    with pytest.raises(ProtocolError, match="cannot be read as a video"):
        copy(path, tmp_path / "c.mp4", lambda _permille: None)
