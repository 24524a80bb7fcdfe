from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.protocol import (
    Ack,
    Hello,
    Light,
    LightSet,
    Loop,
    Message,
    Parser,
    Sign,
    SignShown,
    Status,
    encode,
    stuff,
    unstuff,
)
from kernel.errors import ProtocolError

words = st.integers(0, 0xFFFF)
octets = st.integers(0, 0xFF)
ticks = st.integers(0, 2**64 - 1)
texts = st.text(max_size=12)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, seq=words, boot=st.integers(0, 2**32 - 1), loops=octets, firmware=texts),
    st.builds(Loop, seq=words, loop=octets, occupied=st.booleans(), mono_ms=ticks),
    st.builds(
        Sign,
        seq=words,
        lines=st.lists(texts, max_size=4).map(tuple),
        colour=st.sampled_from(["red", "green", "amber"]),
    ),
    st.builds(SignShown, seq=words, of=words),
    st.builds(Status, seq=words, mono_ms=ticks, occupied=octets, broken=octets, dropped=words),
    st.builds(Ack, seq=words, of=words),
    st.builds(
        Light, seq=words, fill=st.booleans(), exposure=st.sampled_from(["normal", "shorter", "longer"])
    ),
    st.builds(LightSet, seq=words, of=words),
)

GOLDEN = [
    (Hello(seq=1, boot=0xDEADBEEF, loops=2, firmware="1.0"), "000301010f01deadbeef0203312e30bc5207a300"),
    (Loop(seq=2, loop=1, occupied=True, mono_ms=123_456), "0003010204020101010101010801e240976b518f00"),
    (
        Sign(seq=3, lines=("疑似超限", "44120 kg"), colour="red"),
        "0003010302031c020ce79691e4bcbce8b685e99990083434313230206b674f6b532b00",
    ),
    (SignShown(seq=4, of=3), "0003010402040603111e2da000"),
    (
        Status(seq=5, mono_ms=200_000, occupied=1, broken=2, dropped=7),
        "0003010502050101010106030d40010206079ca2a0fe00",
    ),
    (Ack(seq=6, of=2), "00030106020606021f5d9a3800"),
    (Light(seq=7, fill=True, exposure="shorter"), "0003010708070101a3edb94400"),
    (LightSet(seq=8, of=7), "0003010802080607da99fddc00"),
]


@pytest.mark.parametrize(("message", "expected"), GOLDEN, ids=lambda item: type(item).__name__)
def test_golden_frames(message: Message, expected: str) -> None:
    assert encode(message).hex() == expected
    assert Parser().feed(bytes.fromhex(expected)) == [message]


@settings(max_examples=50)
@given(messages)
def test_round_trip(message: Message) -> None:
    assert Parser().feed(encode(message)) == [message]


@settings(max_examples=50)
@given(st.lists(st.one_of(messages.map(encode), st.binary(max_size=20)), max_size=6), st.data())
def test_any_split_gives_the_same_items(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cut = data.draw(st.integers(0, len(stream)))
    parser = Parser()
    assert list(map(repr, parser.feed(stream[:cut]) + parser.feed(stream[cut:]))) == list(
        map(repr, Parser().feed(stream))
    )


@settings(max_examples=50)
@given(st.binary(max_size=700), messages)
def test_noise_never_raises_and_never_eats_the_next_frame(noise: bytes, message: Message) -> None:
    parser = Parser()
    parser.feed(noise)
    assert parser.feed(encode(message))[-1:] == [message]


@settings(max_examples=50)
@given(messages, st.data())
def test_a_flipped_bit_is_dropped_not_believed(message: Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    frame[data.draw(st.integers(1, len(frame) - 2))] ^= 1 << data.draw(st.integers(0, 7))
    assert not [item for item in Parser().feed(bytes(frame)) if not isinstance(item, ProtocolError)]


@given(st.binary(max_size=600))
def test_stuffing_removes_every_zero_and_comes_back(data: bytes) -> None:
    assert b"\x00" not in stuff(data)
    assert unstuff(stuff(data)) == data


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "wrong checksum"),
        (b"\x02\x06\x00\x01\x00\x02", "unknown version 2"),
        (b"\x01\x63\x00\x01\x00\x02", "unknown message type 99"),
        (b"\x01\x06\x00\x01\x00", "bad body"),
        (b"\x01\x02\x00\x01\x01\x02" + bytes(8), "bad body"),
        (b"\x01\x03\x00\x01\x00\x05" + bytes(5), "bad body"),
        (b"\x01\x03\x00\x01\x09\x00", "bad body"),
        (b"\x01\x03\x00\x01\x00\x01\x09abc", "bad body"),
        (b"\x01\x03\x00\x01\x00\x01\x01\xff", "bad body"),
        (b"\x01\x03\x00\x01\x00\x00trailing", "bad body"),
        (b"\x01\x07\x00\x01\x02\x00", "bad body"),
        (b"\x01\x07\x00\x01\x01\x03", "bad body"),
        (b"\x01\x07\x00\x01\x01", "bad body"),
    ],
)
def test_a_good_checksum_over_nonsense_is_an_error(content: bytes, problem: str) -> None:
    check = zlib.crc32(content).to_bytes(4, "big")
    [item] = Parser().feed(stuff(content + check) + b"\x00")
    assert isinstance(item, ProtocolError)
    assert problem in item.problem


def test_an_endless_frame_is_one_error_and_takes_no_memory() -> None:
    parser = Parser()
    assert parser.feed(b"\x01" * 5_000) == []
    [item, ack] = parser.feed(b"\x00" + encode(Ack(seq=1, of=1)))
    assert isinstance(item, ProtocolError)
    assert ack == Ack(seq=1, of=1)


def test_texts_that_do_not_fit_are_refused_by_the_writer() -> None:
    with pytest.raises(ValueError, match="48 bytes"):
        encode(Sign(seq=1, lines=("超" * 17,)))
    with pytest.raises(ValueError, match="4 lines"):
        encode(Sign(seq=1, lines=("a",) * 5))
    with pytest.raises(ValueError, match="ubyte"):
        encode(Loop(seq=1, loop=300, occupied=True, mono_ms=0))
