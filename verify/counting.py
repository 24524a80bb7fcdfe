"""Trees, sets and stretches of numbers that stay small however long the journal is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from verify.package import node_hash, sha256

NAMED = 20  # stretches that are told one by one; all are counted


class Tree:
    """RFC 6962 over blocks of equally many leaves, a power of two: the full subtrees only."""

    def __init__(self) -> None:
        self._blocks = 0
        self._peaks: list[bytes] = []

    def add(self, block: bytes) -> None:
        index, peak = self._blocks, block
        while index & 1:
            peak = node_hash(self._peaks.pop(), peak)
            index >>= 1
        self._peaks.append(peak)
        self._blocks += 1

    def root(self, tail: Sequence[bytes] = ()) -> bytes:
        """With the `tail` leaves after the blocks, fewer than a block."""
        hashes = [*self._peaks, tree_root(tail)] if tail else list(self._peaks)
        if not hashes:
            return sha256(b"")
        total = hashes.pop()
        while hashes:
            total = node_hash(hashes.pop(), total)
        return total


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Pairs, then pairs of those; an odd one out goes up as it is, which is the tree of RFC 6962."""
    level = list(leaves)
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)] + odd
    return level[0]


class Bits:
    """A set of numbers below a size, a bit each."""

    def __init__(self, size: int) -> None:
        self._bits = bytearray(size // 8 + 1)

    def add(self, number: int) -> None:
        """A number beyond the size is not kept."""
        if 0 <= number < 8 * len(self._bits):
            self._bits[number >> 3] |= 1 << (number & 7)

    def without(self, other: Bits) -> Iterator[int]:
        """What is here and not in the other, of the same size, lowest first."""
        for place, (mine, theirs) in enumerate(zip(self._bits, other._bits, strict=True)):
            left = mine & ~theirs
            while left:
                lowest = left & -left
                yield 8 * place + lowest.bit_length() - 1
                left ^= lowest

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "big").bit_count()


@dataclass(slots=True, kw_only=True)
class Stretches:
    """Numbers that come in order: how many, the first of them, and the first stretches."""

    count: int = 0
    first: int | None = None
    _named: list[tuple[int, int]] = field(default_factory=list)

    def add(self, start: int, end: int | None = None) -> None:
        """[start, end), or one number."""
        end = start + 1 if end is None else end
        self.count += end - start
        self.first = start if self.first is None else self.first
        if self._named and self._named[-1][1] == start:
            self._named[-1] = (self._named[-1][0], end)
        elif len(self._named) < NAMED:
            self._named.append((start, end))

    def __str__(self) -> str:
        told = ", ".join(str(a) if b - a == 1 else f"{a}-{b - 1}" for a, b in self._named)
        return told if sum(b - a for a, b in self._named) == self.count else f"{told} ... ({self.count})"
