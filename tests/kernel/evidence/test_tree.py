"""The tree is RFC 6962's: an independent implementation is the oracle for roots and inclusion paths."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from kernel.errors import ProtocolError
from kernel.evidence import tree
from kernel.evidence.tree import BLOCK, Frontier

DATA = [n.to_bytes(4, "big") for n in range(600)]
LEAVES = [sha256(b"\x00" + data).digest() for data in DATA]
SIZES = st.integers(1, 140)


@pytest.fixture(scope="module")
def oracle() -> InmemoryTree:
    peer = InmemoryTree(algorithm="sha256")
    for data in DATA:
        peer.append_entry(data)
    return peer


def test_empty_and_known_roots() -> None:
    assert tree.root([]) == tree.EMPTY_ROOT == sha256(b"").digest()
    assert tree.root(LEAVES[:1]) == LEAVES[0]
    assert tree.root(LEAVES[:3]) == tree.node(tree.node(LEAVES[0], LEAVES[1]), LEAVES[2])


@given(size=st.integers(1, len(LEAVES)))
def test_root_is_the_oracles(oracle: InmemoryTree, size: int) -> None:
    assert tree.root(LEAVES[:size]) == oracle.get_root(size)


@given(size=SIZES, data=st.data())
def test_inclusion_path_is_the_oracles(oracle: InmemoryTree, size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = [bytes.fromhex(step) for step in oracle.prove_inclusion(index + 1, size).serialize()["path"]]
    assert path == [LEAVES[index], *tree.inclusion_proof(LEAVES[:size], index)]


def test_every_inclusion_proof_holds_and_for_its_own_leaf_only() -> None:
    for size in range(1, 40):
        root = tree.root(LEAVES[:size])
        for index in range(size):
            proof = tree.inclusion_proof(LEAVES[:size], index)
            for claimed in range(size):
                held = tree.verify_inclusion(
                    leaf=LEAVES[index], index=claimed, size=size, proof=proof, root=root
                )
                assert held == (claimed == index)


def test_every_consistency_proof_holds_and_for_its_own_sizes_only() -> None:
    roots = [tree.root(LEAVES[:size]) for size in range(40)]
    for new in range(1, 40):
        for old in range(new + 1):
            proof = tree.consistency_proof(LEAVES[:new], old)
            for claimed in range(new + 1):
                held = tree.verify_consistency(
                    old=claimed, new=new, old_root=roots[claimed], new_root=roots[new], proof=proof
                )
                assert held == (claimed == old) or (not proof and claimed in (0, new))


@given(size=SIZES, data=st.data())
def test_a_mutated_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = tree.root(LEAVES[:size])
    for mutant in _mutants(tree.inclusion_proof(LEAVES[:size], index)):
        assert not tree.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=mutant, root=root)


@given(new=SIZES, data=st.data())
def test_a_mutated_consistency_proof_is_refused(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    first, second = tree.root(LEAVES[:old]), tree.root(LEAVES[:new])
    for mutant in _mutants(tree.consistency_proof(LEAVES[:new], old)):
        assert not tree.verify_consistency(old=old, new=new, old_root=first, new_root=second, proof=mutant)


@given(new=st.integers(2, 140), data=st.data())
def test_a_rewritten_past_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    at = data.draw(st.integers(0, old - 1))
    forged = [*LEAVES[:at], sha256(b"forged").digest(), *LEAVES[at + 1 : new]]
    assert not tree.verify_consistency(
        old=old,
        new=new,
        old_root=tree.root(LEAVES[:old]),
        new_root=tree.root(forged),
        proof=tree.consistency_proof(forged, old),
    )


@given(size=st.integers(0, len(LEAVES)))
def test_frontier_survives_bytes_and_goes_on(size: int) -> None:
    frontier = Frontier.from_bytes(Frontier.of(LEAVES[:size]).to_bytes())
    assert frontier.size == size
    frontier.extend(LEAVES[size:])
    assert frontier.root() == tree.root(LEAVES)


def test_a_copy_goes_its_own_way() -> None:
    frontier = Frontier.of(LEAVES[:5])
    other = frontier.copy()
    other.append(LEAVES[5])
    assert (frontier.size, frontier.root()) == (5, tree.root(LEAVES[:5]))


def test_frontier_from_blocks_is_the_frontier_from_leaves() -> None:
    blocks = [tree.root(LEAVES[at : at + BLOCK]) for at in (0, BLOCK)]
    frontier = Frontier.from_blocks(blocks, LEAVES[2 * BLOCK :])
    assert frontier.to_bytes() == Frontier.of(LEAVES).to_bytes()
    with pytest.raises(ProtocolError):
        frontier.append_block(blocks[0])


def test_span_roots_out_of_blocks_are_those_out_of_leaves() -> None:
    blocks = [tree.root(LEAVES[at : at + BLOCK]) for at in (0, BLOCK)]
    spans = tree.consistency_spans(256, 600) + tree.inclusion_spans(3, 600) + tree.inclusion_spans(599, 600)
    for start, end in spans:
        found = tree.span_root((start, end), leaves=lambda a, b: LEAVES[a:b], blocks=lambda a, b: blocks[a:b])
        assert found == tree.root(LEAVES[start:end])


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(8) + b"x", (3).to_bytes(8, "big") + bytes(32)])
def test_not_a_frontier(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Frontier.from_bytes(data)


def test_spans_outside_the_tree() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 3)):
        with pytest.raises(ProtocolError):
            tree.inclusion_spans(index, size)
    with pytest.raises(ProtocolError):
        tree.consistency_spans(4, 3)
    assert not tree.verify_inclusion(leaf=LEAVES[0], index=0, size=0, proof=[], root=tree.EMPTY_ROOT)
    assert not tree.verify_consistency(old=3, new=2, old_root=b"", new_root=b"", proof=[])


def _mutants(proof: list[bytes]) -> list[list[bytes]]:
    longer = [[*proof, bytes(32)], [bytes(32), *proof]]
    if not proof:
        return longer
    flipped = [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]
    return [*longer, proof[1:], proof[:-1], flipped, [proof[0][:-1], *proof[1:]]]
