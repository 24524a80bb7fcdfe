"""Frames cut out of bytes: what may lie inside another is not lost, and what is no frame harms nobody."""

from __future__ import annotations

import random
from binascii import crc_hqx

import pytest

from edge.drivers.cutting import ChecksumError, Cutter
from kernel.errors import ProtocolError


def frame(body: bytes, *, record: bool = True) -> bytes:
    """FF 00, R for a record or S, the length of all, the body, the checksum."""
    head = b"\xff\x00" + (b"R" if record else b"S") + bytes([len(body) + 6]) + body
    return head + crc_hqx(head, 0).to_bytes(2, "big")


def judge(buffer: bytearray, at: int) -> tuple[int, bool] | None:
    if len(buffer) - at < 4:
        return None
    return (buffer[at + 3] if buffer[at + 2] in b"RS" else 0), buffer[at + 2] == ord("R")


def fed(data: bytes, step: int) -> list[bytes | ProtocolError]:
    cutter = Cutter(b"\xff\x00", judge)
    out = [item for at in range(0, len(data), step) for item in cutter.feed(data[at : at + step])]
    return out + cutter.finish()


def frames(data: bytes, step: int = 1_000) -> list[bytes]:
    return [item for item in fed(data, step) if isinstance(item, bytes)]


def test_a_record_is_taken_out_of_what_looks_like_a_longer_frame() -> None:
    whole = frame(b"weight")
    error, found = Cutter(b"\xff\x00", judge).feed(b"\xff\x00R\xf0" + whole)
    assert isinstance(error, ProtocolError)
    assert found == whole


def test_a_notice_waits_for_what_it_may_be_a_part_of() -> None:
    notice = frame(b"x", record=False)
    outer = frame(b"ab" + notice + b"cd")
    for step in (1, 3, 100):
        assert frames(outer, step) == [outer]
    cutter = Cutter(b"\xff\x00", judge)
    assert cutter.feed(b"\xff\x00R\xf0" + notice) == []
    assert [item for item in cutter.finish() if isinstance(item, bytes)] == [notice]


def test_a_bad_head_inside_a_frame_leaves_the_frame_as_it_is() -> None:
    outer = frame(b"ab\xff\x00R\x07...cd", record=False)
    for step in (1, 5, 100):
        items = fed(outer, step)
        assert [item for item in items if isinstance(item, bytes)] == [outer]
        assert any(isinstance(item, ChecksumError) for item in items)


def test_noise_before_a_head_makes_no_head() -> None:
    spoilt = bytearray(frame(b"weight"))
    spoilt[-1] ^= 1
    good = frame(b"other")
    for step in (1, 4, 100):
        assert frames(b"\xff" + bytes(spoilt) + good, step) == [good]


def test_one_error_is_told_for_many_bytes() -> None:
    assert len(fed(b"\x07" * 640, 7)) == 10
    assert len(fed(b"\x07", 1)) == 1


HOSTILE = {
    "whole notices with a wrong sum": b"\xff\x00S\x07\x01\x00\x00",
    "heads that reach into each other": b"\xff\x00S\x0b\x01\x00\x00",
    "records in each other": b"\xff\x00R\x0b\x01\x00\x00",
    "heads in a long one": b"\xff\x00S\xff\x01" + b"\xff\x00R\x06" * 40,
}


@pytest.mark.broad
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_frame_is_looked_at_so_often_and_not_more_in_a_longer_read(data: bytes) -> None:
    def looks(read: bytes) -> int:
        counted = 0

        def counting(buffer: bytearray, at: int) -> tuple[int, bool] | None:
            nonlocal counted
            counted += 1
            return judge(buffer, at)

        cutter = Cutter(b"\xff\x00", counting)
        cutter.feed(read)
        cutter.finish()
        return counted

    once = data * (4_000 // len(data))
    assert looks(once * 8) < 12 * looks(once)


@pytest.mark.parametrize("seed", range(20))
def test_any_split_of_heads_in_heads_gives_the_same_frames(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [*HOSTILE.values(), frame(b"weight"), frame(b"x", record=False), b"\xff", b"\xff\x00R", b"\x00"]
    pieces.append(frame(b"ab" + frame(b"y", record=False) + b"cd"))
    data = b"".join(dice.choices(pieces, k=60))
    whole = frames(data, len(data))
    assert all(frames(data, step) == whole for step in (1, 7, 64, 1_000))
