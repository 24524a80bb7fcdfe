"""Frames and hellos: what hostile bytes can claim is bounded before anything is believed."""

from __future__ import annotations

import resource

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.evidence import frames
from kernel.evidence.frames import MAX_FRAME, Frame, Hello, HelloJournal

FRAME = Frame(
    journal="0f" * 16, start=7, entries=((b"{}", b"s" * 16, b"{}"), (b"{}", None, None)), checkpoint="note"
)
GOLDEN = (
    b"\x86\xa7journal\xd9\x20" + b"0f" * 16 + b"\xa4from\x07"
    b"\xa7entries\x92\x93\xc4\x02{}\xc4\x10" + b"s" * 16 + b"\xc4\x02{}\x93\xc4\x02{}\xc0\xc0"
    b"\xaacheckpoint\xa4note\xa6absent\xc0\xa1v\x01"
)
HELLO = Hello(nonce=bytes(16), software="x", journals=(HelloJournal(checkpoint="c"),), certs=("a", "b"))


def test_golden_frame() -> None:
    assert frames.encode(FRAME) == GOLDEN
    assert frames.decode(GOLDEN) == FRAME
    assert FRAME.end == 9


def test_hello_round_trip() -> None:
    assert frames.decode_hello(frames.encode_hello(HELLO)) == HELLO


def _frame(**changes: object) -> bytes:
    return msgspec.msgpack.encode({**msgspec.to_builtins(FRAME, builtin_types=(bytes,)), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"from": -1},
        {"from": 2**60},
        {"from": 1.0},
        {"journal": "0F" * 16},
        {"entries": []},
        {"entries": [[b"{}", b"s" * 16, b"{}"]] * 257},
        {"entries": [[b"x" * 4097, b"s" * 16, b"{}"]]},
        {"entries": [[b"{}", b"s" * 15, b"{}"]]},
        {"entries": [[b"{}", b"s" * 16, b"x" * (28 * 1024 + 1)]]},
        {"entries": [[b"{}", b"s" * 16]]},
        {"entries": [["{}", b"s" * 16, b"{}"]]},
        {"checkpoint": None},
        {"checkpoint": b"note"},
        {"checkpoint": "x" * 66_000},
    ],
)
def test_not_a_frame(changes: dict[str, object]) -> None:
    assert frames.decode(_frame()) == FRAME
    with pytest.raises(ProtocolError):
        frames.decode(_frame(**changes))


def test_larger_than_the_limit_is_neither_written_nor_read() -> None:
    entry = (b"h" * 4096, b"s" * 16, b"b" * 28 * 1024)
    big = Frame(journal="0f" * 16, start=0, entries=(entry,) * 4, checkpoint="note")
    with pytest.raises(ProtocolError):
        frames.encode(big)
    with pytest.raises(ProtocolError):
        frames.decode(GOLDEN + bytes(MAX_FRAME))


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x81\xa7entries\xdd\xff\xff\xff\xff",
        b"\x81\xa7entries\x91\x93\xc6\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1x\xdd\xff\xff\xff\xff",
        b"\x81\xa1x" + b"\x91" * 90_000 + b"\xc0",
        b"\x91" * 90_000,
        b"\x81" * 90_000,
    ],
)
def test_bomb_costs_nothing(bomb: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (frames.decode, frames.decode_hello):
        with pytest.raises(ProtocolError):
            read(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        frames.decode(noise)
    with pytest.raises(ProtocolError):
        frames.decode_hello(noise)


@given(st.integers(0, len(GOLDEN) - 1))
def test_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError):
        frames.decode(GOLDEN[:length])
