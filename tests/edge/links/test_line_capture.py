"""What passed over a line is remembered with its times, as long and as much as was said, and the line is as before."""

from __future__ import annotations

import pytest

from edge.links.capture import Captured, Ring
from kernel.captures import Passed, Way
from kernel.errors import LinkError
from simulators.clock import VirtualClock


class Wire:
    """A link that echoes, and breaks when told."""

    def __init__(self) -> None:
        self.said = b""
        self.closed = False

    async def read(self) -> bytes:
        if self.said == b"broken":
            raise LinkError("unplugged")
        data, self.said = self.said, b""
        return data

    async def write(self, data: bytes) -> None:
        self.said = data

    async def close(self) -> None:
        self.closed = True


async def test_both_directions_in_the_order_in_which_they_passed() -> None:
    clock, ring, wire = VirtualClock(mono_ms=5_000), Ring(), Wire()
    link = Captured(wire, ring=ring, clock=clock)
    await link.write(b"ask")
    await clock.run_for(0.02)
    assert await link.read() == b"ask"
    assert await link.read() == b""
    await link.write(b"broken")
    with pytest.raises(LinkError, match="unplugged"):
        await link.read()
    await link.close()
    assert wire.closed
    assert ring.since(0) == (
        Passed(5_000, "note", b"opened"),
        Passed(5_000, "out", b"ask"),
        Passed(5_020, "in", b"ask"),
        Passed(5_020, "out", b"broken"),
        Passed(5_020, "note", b"lost: unplugged"),
        Passed(5_020, "note", b"closed"),
    )


def test_the_newest_stay_by_age() -> None:
    ring = Ring(span_ms=60_000)
    for second in range(200):
        ring.add("in", bytes([second]), mono_ms=second * 1_000)
    assert [one.ms for one in ring.since(0)] == list(range(139_000, 200_000, 1_000))
    assert [one.ms for one in ring.since(198_000)] == [198_000, 199_000]


@pytest.mark.broad
@pytest.mark.parametrize("size", [1, 18, 4_096, 100_000])
@pytest.mark.parametrize("every_ms", [1, 50])
def test_memory_has_an_end_whatever_the_pieces_are(size: int, every_ms: int) -> None:
    limit = 1 << 15
    ring = Ring(limit=limit)
    last = 3 * limit // size + 3
    for n in range(last + 1):
        ring.add("in", bytes([n & 0xFF]) * size, mono_ms=n * every_ms)
        assert ring.size <= limit
    kept = ring.since(0)
    assert sum(len(one.data) for one in kept) <= limit
    assert len(kept) * 100 <= limit
    assert kept[-1].data[-1:] == bytes([last & 0xFF])


def test_bytes_that_follow_at_once_are_one_piece_and_directions_and_notes_stay_apart() -> None:
    ring = Ring()
    ways: tuple[Way, ...] = ("in", "in", "out", "in", "note", "note")
    for n, way in enumerate(ways):
        ring.add(way, b"abcdef"[n : n + 1], mono_ms=100 + n)
    ring.add("in", b"g", mono_ms=106)
    ring.add("in", b"h", mono_ms=116)
    assert [(one.ms, one.data) for one in ring.since(0)] == [
        (100, b"ab"),
        (102, b"c"),
        (103, b"d"),
        (104, b"e"),
        (105, b"f"),
        (106, b"g"),
        (116, b"h"),
    ]


@pytest.mark.parametrize(("baud", "size"), [(9_600, 1), (9_600, 18), (115_200, 12), (115_200, 400)])
def test_a_minute_of_a_full_line_fits_whatever_pieces_it_comes_in(baud: int, size: int) -> None:
    ring = Ring()
    total = 60 * baud // 10
    for n in range(total // size):
        ring.add("in", bytes(size), mono_ms=n * size * 10_000 // baud)
    assert sum(len(one.data) for one in ring.since(0)) == total // size * size
