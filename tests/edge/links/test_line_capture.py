"""What passed over a line is remembered with its times, as long and as much as was said, and the line is as before."""

from __future__ import annotations

import pytest

from edge.links.capture import Captured, Ring
from kernel.captures import Passed
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


@pytest.mark.parametrize("size", [1, 18, 4_096, 100_000])
def test_memory_has_an_end_whatever_the_pieces_are(size: int) -> None:
    limit = 1 << 15
    ring = Ring(limit=limit)
    for n in range(3 * limit // size + 3):
        ring.add("in", bytes([n & 0xFF]) * size, mono_ms=n)
        assert ring.size <= limit
    kept = ring.since(0)
    assert sum(len(one.data) for one in kept) <= limit
    assert len(kept) * 100 <= limit
    assert kept[-1].data[-1:] == bytes([(3 * limit // size + 2) & 0xFF])


def test_a_minute_of_a_full_line_of_115200_baud_fits() -> None:
    ring = Ring()
    for tick in range(6_000):  # the reader hands over what came in 10 ms
        ring.add("in", bytes(115), mono_ms=tick * 10)
    assert len(ring.since(0)) >= 4_000
    second = Ring()
    for tick in range(600):
        second.add("in", bytes(1_152), mono_ms=tick * 100)
    assert sum(len(one.data) for one in second.since(0)) == 691_200
