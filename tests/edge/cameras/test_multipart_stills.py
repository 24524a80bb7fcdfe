from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cameras.multipart import MAX_HEAD, Parts, is_jpeg, jpeg_size
from kernel.errors import ProtocolError

STILL = b"\xff\xd8\xff\xc0\x00\x11\x08\x02\xd0\x05\x00\x03" + bytes(9) + b"\xff\xd9"


def part(body: bytes, *, length: bool = True, mark: str = "frame") -> bytes:
    said = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"--{mark}\r\nContent-Type: image/jpeg\r\n{said}\r\n".encode() + body + b"\r\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4), st.lists(st.integers(0, 400), max_size=12))
def test_any_split_gives_the_same_stills(lengths: list[bool], cuts: list[int]) -> None:
    stream = b"".join(part(STILL, length=length) for length in lengths) + b"--frame--"
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parts = Parts("frame")
    found = [item for begin, end in pairwise(places) for item in parts.feed(stream[begin:end])]
    assert found == [STILL] * len(lengths)


def test_byte_by_byte_gives_the_same_stills() -> None:
    stream, parts = part(STILL, length=False) + part(STILL) + b"--frame--", Parts("frame")
    assert [item for byte in stream for item in parts.feed(bytes([byte]))] == [STILL] * 2


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_noise_never_raises_nor_eats_the_next_still(noise: bytes) -> None:
    noise = noise.replace(b"--", b"__")
    parts = Parts('"--frame"')
    found = parts.feed(noise + part(STILL) + b"--frame")
    assert [item for item in found if isinstance(item, bytes)] == [STILL]


def test_a_part_that_is_no_jpeg_is_counted_and_the_next_one_taken() -> None:
    parts = Parts("frame")
    found = parts.feed(part(b"<html>busy</html>") + part(STILL) + b"--frame")
    assert isinstance(found[0], ProtocolError)
    assert found[1:] == [STILL]
    assert parts.dropped == 1


def test_a_head_without_end_is_dropped_instead_of_kept_for_ever() -> None:
    parts = Parts("frame")
    found = parts.feed(b"--frame\r\n" + b"x" * (MAX_HEAD + 10))
    assert [type(item) for item in found] == [ProtocolError]
    assert parts.feed(part(STILL) + b"--frame") == [STILL]


def test_a_length_beyond_reason_is_not_believed() -> None:
    head = b"--frame\r\nContent-Length: 999999999\r\n\r\n"
    assert Parts("frame").feed(head + STILL + b"\r\n--frame") == [STILL]


def test_size_is_read_from_the_frame_header() -> None:
    assert jpeg_size(STILL) == (1280, 720)
    assert jpeg_size(b"\xff\xd8\xff\xe0\x00\x04ab" + STILL[2:]) == (1280, 720)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=64))
def test_hostile_bytes_have_no_size_or_some_but_never_raise(data: bytes) -> None:
    width, height = jpeg_size(data)
    assert 0 <= width <= 0xFFFF
    assert 0 <= height <= 0xFFFF


def test_a_torn_still_is_no_jpeg() -> None:
    assert not is_jpeg(STILL[:-1])
    assert is_jpeg(STILL + b"\0\0")


@pytest.mark.parametrize("said", [0, 5, len(STILL) - 1, len(STILL) + 1, len(STILL) + 40, 5_000])
def test_a_length_that_lies_costs_no_still(said: int) -> None:
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {said}\r\n\r\n".encode()
    stream = (head + STILL + b"\r\n") * 3 + b"--frame"
    parts = Parts("frame")
    found = [item for at in range(0, len(stream), 7) for item in parts.feed(stream[at : at + 7])]
    assert found == [STILL] * 3


def test_stills_without_their_boundary_are_dropped_and_take_no_memory() -> None:
    parts = Parts("frame")
    for _ in range(20):
        assert not [item for item in parts.feed(bytes(1_000_000)) if isinstance(item, bytes)]
    assert parts.dropped == 1
    assert parts.feed(part(STILL) + b"--frame") == [STILL]


def test_a_picture_of_a_thousand_scans_is_none() -> None:
    scans = b"\xff\xda\x00\x08" * 1_000
    assert not is_jpeg(STILL[:-2] + scans + b"\xff\xd9")
    parts = Parts("frame")
    found = parts.feed(part(STILL[:-2] + scans + b"\xff\xd9") + part(STILL) + b"--frame")
    assert [type(item) for item in found] == [ProtocolError, bytes]


class Counted(bytearray):
    """Counts the bytes in which somebody searched, or that somebody took out."""

    handled = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        end = len(self) if end is None else min(end, len(self))
        found = super().find(sub, start, end)
        self.handled += max(0, (end if found < 0 else found) - (start or 0))
        return found

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.handled += len(found)
        return found


@pytest.mark.parametrize(
    "begin",
    [b"", b"--frame\r\n\r\n", b"--frame\r\nContent-Length: 900\r\n\r\n"],
    ids=["no boundary", "no end", "a length that lies"],
)
def test_each_byte_is_searched_once_and_not_with_each_that_comes(begin: bytes) -> None:
    parts = Parts("frame")
    parts._buffer = counted = Counted()
    parts.feed(begin)
    for _ in range(200):
        parts.feed(bytes(1_000))
    assert counted.handled < 1_000_000, "of 200 000 bytes"
