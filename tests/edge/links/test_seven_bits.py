"""7E1 read as 8N1: what the device sent comes out, and what was no such line comes out as it was."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import indicators
from edge.drivers.making import is_seven_bit_text
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator
from edge.links.sevenbits import BLOCK, Parity, SevenBitLink, SevenBits, said_of
from kernel.errors import LinkError
from kernel.settings import read

PARITIES: tuple[Parity, ...] = ("even", "odd")
texts = st.binary(min_size=1, max_size=200).map(lambda data: bytes(byte & 0x7F for byte in data))
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=60)


def with_parity(text: bytes, parity: Parity) -> bytes:
    """As an 8N1 port hears a 7-bit line."""
    odd = parity == "odd"
    return bytes(byte | 0x80 if (byte.bit_count() % 2 == 1) != odd else byte for byte in text)


def frames(count: int) -> bytes:
    return b"".join(b"ST,GS,%+08d.0kg\r\n" % (n * 7919 % 80_000) for n in range(count))


def in_pieces(data: bytes, sizes: Sequence[int]) -> bytes:
    seven, out, at = SevenBits(), b"", 0
    for size in [*sizes, len(data)]:
        out += seven.feed(data[at : at + size])
        at += size
    return out


@pytest.mark.parametrize("parity", PARITIES)
def test_after_the_first_block_every_byte_is_what_the_device_sent(parity: Parity) -> None:
    text = frames(40)
    seven = SevenBits()
    assert seven.feed(with_parity(text, parity))[BLOCK:] == text[BLOCK:]
    assert seven.parity == parity
    assert seven.masked == sum(byte >= 0x80 for byte in with_parity(text, parity)[BLOCK:])


@given(texts, cuts)
def test_text_passes_untouched(text: bytes, sizes: list[int]) -> None:
    assert in_pieces(text, sizes) == text


@given(st.integers(0, 2**32), st.integers(1, 3_000))
def test_binary_passes_untouched(seed: int, size: int) -> None:
    data = random.Random(seed).randbytes(size)
    assert SevenBits().feed(data) == data


@given(st.integers(0, 60), st.sampled_from(PARITIES), cuts)
def test_every_split_gives_the_same(count: int, parity: Parity, sizes: list[int]) -> None:
    data = with_parity(frames(count), parity) + frames(8) + bytes(range(256))
    assert in_pieces(data, sizes) == SevenBits().feed(data)


@given(texts.filter(lambda text: len(text) > 8), st.sampled_from(PARITIES))
def test_no_damaged_byte_ever_becomes_a_character(text: bytes, parity: Parity) -> None:
    seven = SevenBits()
    seven.feed(with_parity(frames(8)[: 2 * BLOCK], parity))
    assert seven.parity == parity
    flipped = bytes(byte ^ 0x01 for byte in with_parity(text, parity))[: BLOCK - 1]
    assert all(byte >= 0x80 for byte in seven.feed(flipped))


@pytest.mark.parametrize("parity", PARITIES)
def test_a_line_that_is_set_right_meanwhile_is_seen_within_a_block(parity: Parity) -> None:
    seven = SevenBits()
    seven.feed(with_parity(frames(20), parity))
    masked = seven.masked
    assert masked > 0
    text = frames(20)
    out = seven.feed(text)
    assert seven.parity is None
    assert out[2 * BLOCK :] == text[2 * BLOCK :]


def test_noise_on_a_line_of_eight_bits_is_no_parity() -> None:
    dice = random.Random(7)
    standing = b"=0003.000" * 4_000  # nearly all its bytes have even parity
    noisy = bytes(dice.randrange(256) if dice.random() < 0.02 else byte for byte in standing)
    assert SevenBits().feed(noisy) == noisy


def test_noise_on_a_line_of_seven_bits_changes_no_other_byte() -> None:
    dice = random.Random(8)
    text = frames(3_000)
    damaged = {at for at in range(BLOCK, len(text)) if dice.random() < 0.01}
    line = bytearray(with_parity(text, "even"))
    for at in damaged:
        line[at] ^= 1 << dice.randrange(8)
    out = SevenBits().feed(bytes(line))
    assert all(out[at] == text[at] for at in range(BLOCK, len(text)) if at not in damaged)
    assert all(out[at] >= 0x80 for at in damaged)


class Wire:
    """A link that gives these and ends."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = deque(chunks)

    async def read(self) -> bytes:
        if not self._chunks:
            raise LinkError("ended")
        return self._chunks.popleft()

    async def write(self, data: bytes) -> None:
        raise AssertionError(data)

    async def close(self) -> None:
        self._chunks.clear()


async def read_all(*chunks: bytes, always: bool = False) -> tuple[bytes, list[str]]:
    said: list[str] = []
    link = SevenBitLink(Wire(*chunks), always=always, tell=said.append)
    out = b"".join([await link.read() for _ in chunks])
    with pytest.raises(LinkError):
        await link.read()
    return out, said


async def test_the_link_says_once_what_it_found() -> None:
    text = frames(40)
    line = with_parity(text, "even")
    out, said = await read_all(line[:30], b"", line[30:300], line[300:], frames(30), frames(30))
    assert out[BLOCK : len(text)] == text[BLOCK:]
    assert said == ["7E1 line read as 8N1: set bits 7, parity even", ""]


async def test_nothing_is_said_before_anything_is_known() -> None:
    out, said = await read_all(b"", frames(1), b"")
    assert (out, said) == (frames(1), [])


async def test_always_needs_no_block() -> None:
    out, said = await read_all(with_parity(b"ST,GS,+00123.0kg\r\n", "odd"), always=True)
    assert (out, said) == (b"ST,GS,+00123.0kg\r\n", [])


def test_the_advice_names_the_setting() -> None:
    assert said_of("odd") == "7O1 line read as 8N1: set bits 7, parity odd"


TEXTS = [row for row in indicators() if row.write and is_seven_bit_text(row.name)]


@pytest.mark.parametrize("row", TEXTS, ids=lambda row: row.name)
def test_what_every_protocol_of_text_sends_comes_through(row: Indicator) -> None:
    assert row.write is not None
    options = read(row.options, dict(row.example))
    sent = b"".join(row.write(Display(mantissa=n * 20 % 60_000), options) for n in range(100))
    assert sent.isascii(), "a row whose bytes use the eighth bit says high_bit"
    assert SevenBits().feed(sent) == sent
    assert SevenBits().feed(with_parity(sent, "even"))[2 * BLOCK :] == sent[2 * BLOCK :]


def test_devices_with_records_are_never_taken_for_text() -> None:
    assert not is_seven_bit_text("wim-wj")
    assert is_seven_bit_text("yaohua-cont12")
