"""A recording is what its container says and no more: whole, torn, or nothing of the kind; whoever looks may die of it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.recorders.film import film
from station.docking.boxes import fault_of, media_type
from station.docking.probing import look, may_last, probe
from tests.station.footage.claps import clap_film
from tests.station.footage.movies import movie

START = 1_780_279_200_000


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


WHOLE = box(b"ftyp", b"isom") + box(b"mdat", bytes(90)) + box(b"moov", bytes(50))
RIFF = b"RIFF" + struct.pack("<I", 104) + b"AVI " + bytes(100)


@pytest.mark.parametrize(
    ("data", "kind", "fault"),
    [
        (WHOLE, "video/mp4", None),
        (WHOLE[:-1], "video/mp4", "truncated"),
        (WHOLE[:60], "video/mp4", "no_index"),
        (box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", bytes(90))[:40], "video/mp4", "truncated"),
        (box(b"ftyp", b"isom") + b"\0\0\0\1mdat" + struct.pack(">Q", 5 << 30), "video/mp4", "no_index"),
        (box(b"ftyp", b"isom") + box(b"moov") + b"\0\0\0\0mdat" + bytes(9), "video/mp4", None),
        (RIFF, "video/x-msvideo", None),
        (RIFF[:-1], "video/x-msvideo", "truncated"),
        (b"\x47" + bytes(187) + b"\x47" + bytes(187), "video/mp2t", None),
        (b"\xff\xd8\xff\xe0", "image/jpeg", None),
        (b"hello", "", None),
        (b"", "", None),
    ],
)
def test_a_container_tells_whether_it_is_whole(data: bytes, kind: str, fault: str | None) -> None:
    assert media_type(data[:256]) == kind
    assert fault_of(io.BytesIO(data), kind) == fault


@given(st.binary(max_size=400), st.integers(0, len(WHOLE)))
@settings(max_examples=60, deadline=None)
def test_no_bytes_make_it_fail_or_never_end(noise: bytes, cut: int) -> None:
    for data in (noise, WHOLE[:cut] + noise):
        fault_of(io.BytesIO(data), "video/mp4")
        fault_of(io.BytesIO(data), "video/x-msvideo")


@pytest.mark.broad
@pytest.mark.timeout(60)
def test_a_film_tells_its_length_its_picture_and_when_it_began(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, own_start_ms=START, duration_ms=4_000, says="3700123")
    seen = look(path)
    assert (seen.media_type, seen.codec, seen.width, seen.height, seen.fault) == (
        "video/mp4",
        "h264",
        640,
        360,
        "",
    )
    assert (seen.duration_ms, seen.created_ms) == (4_000, START)
    assert probe(path) == seen


@pytest.mark.broad
def test_a_film_tells_what_its_sound_is(tmp_path: Path) -> None:
    assert look(clap_film(tmp_path / "a.avi", audio="pcm_mulaw", seconds=1)).audio == "pcm_mulaw"
    assert look(movie(tmp_path / "b.mp4", seconds=1)).audio == ""


@pytest.mark.parametrize(
    ("duration_ms", "size", "may"),
    [
        (1, 1, True),
        (24 * 3_600_000, 5 << 30, True),
        (24 * 3_600_000 + 1, 5 << 30, False),
        (4_294_967_294_000, 12_000, False),
        (3_600_000, 12_000, False),
        (3_600_000, 2_000_000, True),  # an hour of speech
        (0, 12_000, False),
        (-1, 12_000, False),
    ],
)
def test_a_length_is_believed_only_if_its_bytes_can_be_so_long(
    duration_ms: int, size: int, may: bool
) -> None:
    assert may_last(duration_ms, size) == may


@pytest.mark.broad
@pytest.mark.timeout(60)
def test_a_header_that_states_a_hundred_years_has_no_length(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for level in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level * 20, np.uint8), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert (look(path).duration_ms, look(path).length_uncertain) == (2_000, False)
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 20 : header + 24] = struct.pack("<I", 0x7FFFFFFF)  # seconds a picture
    path.write_bytes(data)
    assert (look(path).duration_ms, look(path).length_uncertain, look(path).fault) == (None, True, "")


@pytest.mark.broad
@pytest.mark.timeout(60)
def test_what_is_torn_or_no_film_says_so(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, own_start_ms=START, duration_ms=1_000, says="3700123")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert probe(path).fault == "no_index"
    path.write_bytes(WHOLE)
    assert probe(path).fault == "not_playable"
    path.write_bytes(b"hello")
    assert (probe(path).media_type, probe(path).fault) == ("", "")
