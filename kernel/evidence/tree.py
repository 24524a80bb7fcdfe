"""RFC 6962 Merkle tree over leaf hashes: roots, a frontier that grows by one leaf, proofs and their checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from kernel.errors import ProtocolError

HASH_BYTES = 32
BLOCK = 256  # leaves under one stored root
EMPTY_ROOT = sha256(b"").digest()

Span = tuple[int, int]  # leaves [start, end) whose subtree hash is one step of a proof


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The full subtrees of a tree that only grows; enough for its root and for the next leaf."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        self._merge(leaf, self._size, 1)

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.append(leaf)

    def append_block(self, root: bytes) -> None:
        """Take the root of BLOCK leaves at once."""
        if self._size % BLOCK:
            raise ProtocolError("a block begins at a multiple of its size")
        self._merge(root, self._size // BLOCK, BLOCK)

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        total = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            total = node(peak, total)
        return total

    def copy(self) -> Frontier:
        other = Frontier()
        other._size, other._peaks = self._size, list(self._peaks)
        return other

    def to_bytes(self) -> bytes:
        return self._size.to_bytes(8, "big") + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        frontier = cls()
        frontier._size = int.from_bytes(data[:8], "big")
        rest = data[8:]
        if len(data) < 8 or len(rest) != HASH_BYTES * frontier._size.bit_count():
            raise ProtocolError("not a frontier", data)
        frontier._peaks = [rest[at : at + HASH_BYTES] for at in range(0, len(rest), HASH_BYTES)]
        return frontier

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> Frontier:
        frontier = cls()
        frontier.extend(leaves)
        return frontier

    @classmethod
    def from_blocks(cls, roots: Iterable[bytes], tail: Iterable[bytes]) -> Frontier:
        """From the roots of all full blocks and the leaves after them."""
        frontier = cls()
        for root in roots:
            frontier.append_block(root)
        frontier.extend(tail)
        return frontier

    def _merge(self, peak: bytes, index: int, leaves: int) -> None:
        while index & 1:
            peak = node(self._peaks.pop(), peak)
            index >>= 1
        self._peaks.append(peak)
        self._size += leaves


def root(leaves: Iterable[bytes]) -> bytes:
    return Frontier.of(leaves).root()


# --- proofs ----------------------------------------------------------------------------------------------------


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees whose hashes prove that leaf `index` is in the tree of `size`, lowest first."""
    if not 0 <= index < size:
        raise ProtocolError(f"leaf {index} is not in a tree of {size}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """The subtrees whose hashes prove that the tree of `old` leaves is a beginning of the tree of `new`."""
    if not 0 <= old <= new:
        raise ProtocolError(f"a tree of {new} does not continue one of {old}")
    if old in (0, new):
        return []
    spans: list[Span] = []
    start, end, whole = 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, whole = middle, False
    if not whole:
        spans.append((start, end))
    return spans[::-1]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    return [root(leaves[start:end]) for start, end in inclusion_spans(index, len(leaves))]


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    return [root(leaves[start:end]) for start, end in consistency_spans(old, len(leaves))]


def span_root(
    span: Span,
    *,
    leaves: Callable[[int, int], Iterable[bytes]],
    blocks: Callable[[int, int], Iterable[bytes]],
) -> bytes:
    """The hash of one span out of block roots [i, j) where it covers whole blocks, out of leaves elsewhere."""
    start, end = span
    if start % BLOCK or end - start < BLOCK:
        return root(leaves(start, end))
    last = end // BLOCK
    frontier = Frontier.from_blocks(blocks(start // BLOCK, last), leaves(last * BLOCK, end))
    return frontier.root()


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 2.1.3.2."""
    if not 0 <= index < size or any(len(step) != HASH_BYTES for step in proof):
        return False
    at, last, total = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            total = node(step, total)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            total = node(total, step)
        at, last = at >> 1, last >> 1
    return last == 0 and total == root


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162 2.1.4.2; every tree continues the empty one."""
    if not 0 <= old <= new or any(len(step) != HASH_BYTES for step in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    return bool(path) and _walk(old, new, path) == (old_root, new_root)


def _walk(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots as the path says, or None when it is too short or too long."""
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            first, second = node(step, first), node(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, step)
        at, last = at >> 1, last >> 1
    return (first, second) if last == 0 else None


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
