"""kernel.evidence, which writes, and verify.package, which proves, mean the same bytes."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.events import Predecessor
from kernel.evidence import canonical as kernel_canonical
from kernel.evidence import certificates, genesis, header, notes, tree
from kernel.evidence.texts import Absent, Checkpoint
from tests.verify.making import (
    BOX,
    CENTRE,
    ENROLMENT,
    NOW_MS,
    ROOT,
    WITNESS,
    Signer,
    certificate,
    passage_log,
)
from verify import package

LEAVES = [sha256(bytes([n])).digest() for n in range(70)]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.broad
@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), VALUES, max_size=5))
def test_canonical_json(value: dict[str, object]) -> None:
    data = kernel_canonical.encode(value)
    assert package.canonical(value) == data
    assert package.read_json(data) == kernel_canonical.decode(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        '{"é":1}'.encode(),
        b'{"a":1}x',
        b"\xef\xbb\xbf{}",
        b"{",
        b'{"a":"\xff"}',
    ],
)
def test_both_refuse_the_same_json(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        kernel_canonical.decode(data)
    with pytest.raises(package.ProofError):
        package.read_json(data)


def test_headers_and_leaves() -> None:
    made = header.Header(
        at=NOW_MS,
        body=header.body_digest(b"s" * 16, b"{}"),
        boot="0" * 16,
        clock=header.ClockState(err_ms=None, state="unset"),
        files=(header.FileRef(name="a.jpg", sha256="0" * 64, size=3),),
        journal="0" * 32,
        mono_ms=5,
        seq=7,
        source="yiyuan/s01/lane1",
        stream="vehicle.weighed",
    )
    data = header.encode(made)
    assert package.read_header(data) == kernel_canonical.decode(data)
    assert package.leaf_hash(data) == header.leaf(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"seq":3', b'"seq":-3'),
        (b'"seq":3', b'"seq":"3"'),
        (b'"state":"ok"', b'"state":"fine"'),
        (b'"boot":"0011', b'"boot":"001'),
        (b'"body":"', b'"body":"x'),
        (b'"mono_ms":1003,', b""),
    ],
)
def test_both_refuse_the_same_headers(old: bytes, new: bytes) -> None:
    data = passage_log().entries[3].header
    assert header.decode(data).seq == package.read_header(data)["seq"] == 3
    spoiled = data.replace(old, new)
    assert spoiled != data
    with pytest.raises(ProtocolError):
        header.decode(spoiled)
    with pytest.raises(package.ProofError):
        package.read_header(spoiled)


def test_both_tolerate_a_field_of_a_later_version() -> None:
    data = passage_log().entries[3].header.replace(b',"v":1', b',"v":1,"x":1')
    assert header.decode(data).seq == package.read_header(data)["seq"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33, 64, 70])
def test_inclusion_proofs(size: int) -> None:
    root = tree.root(LEAVES[:size])
    for index in range(size):
        proof = tree.inclusion_proof(LEAVES[:size], index)
        assert package.inclusion_holds(LEAVES[index], index, size, proof, root)
        assert not package.inclusion_holds(LEAVES[index - 1], index, size, proof, root) or size == 1
        assert not package.inclusion_holds(LEAVES[index], index, size + 1, proof, root) or index < size - 1
        assert not package.inclusion_holds(LEAVES[index], index, size, [*proof, root], root)


@settings(max_examples=80, deadline=None)
@given(index=st.integers(0, 80), size=st.integers(0, 80), step=st.lists(st.sampled_from(LEAVES), max_size=8))
def test_both_judge_any_inclusion_alike(index: int, size: int, step: list[bytes]) -> None:
    root = tree.root(LEAVES)
    ours = package.inclusion_holds(LEAVES[0], index, size, step, root)
    assert ours == tree.verify_inclusion(leaf=LEAVES[0], index=index, size=size, proof=step, root=root)


def test_consistency_proofs() -> None:
    for new in (1, 2, 5, 8, 31, 64, 70):
        new_root = tree.root(LEAVES[:new])
        for old in range(1, new + 1):
            old_root = tree.root(LEAVES[:old])
            proof = tree.consistency_proof(LEAVES[:new], old)
            assert package.consistency_holds(old, new, old_root, new_root, proof)
            assert not package.consistency_holds(old, new, bytes(32), new_root, proof)
            assert not package.consistency_holds(old, new, old_root, bytes(32), proof)


@settings(max_examples=80, deadline=None)
@given(old=st.integers(1, 80), new=st.integers(0, 80), step=st.lists(st.sampled_from(LEAVES), max_size=8))
def test_both_judge_any_consistency_alike(old: int, new: int, step: list[bytes]) -> None:
    roots = (LEAVES[0], tree.root(LEAVES))
    ours = package.consistency_holds(old, new, *roots, step)
    assert ours == tree.verify_consistency(old=old, new=new, old_root=roots[0], new_root=roots[1], proof=step)


def key(signer: Signer) -> package.Key:
    return package.Key(name=signer.name, public=signer.public)


def test_signed_notes_and_cosignatures() -> None:
    made = Checkpoint(journal="a" * 32, size=8, root=LEAVES[0])
    note = made.signed(public_key=BOX.public, sign=BOX.private.sign)
    cosigned = note.with_signature(
        notes.cosign(
            note.text, name=WITNESS.name, public_key=WITNESS.public, sign=WITNESS.private.sign, at_s=77
        )
    )
    read = package.read_checkpoint(cosigned.format().encode())
    assert (read.journal, read.size, read.root) == (made.journal, made.size, made.root)
    assert read.note.signed_by(package.Key(name=read.origin, public=BOX.public))
    assert read.note.cosigned_by(key(WITNESS)) == 77
    assert read.note.cosigned_by(key(CENTRE)) is None


def test_a_line_of_the_witness_is_read_by_the_kernel() -> None:
    text = Checkpoint(journal="a" * 32, size=8, root=LEAVES[0]).text()
    line = package.cosignature_line(
        key(WITNESS), 99, WITNESS.private.sign(package.cosigned_message(text, 99))
    )
    note = notes.Note(text=text, signatures=(notes.Signature.parse(line),))
    assert notes.cosigned_at(note, name=WITNESS.name, public_key=WITNESS.public) == 99


NOTE = passage_log().checkpoint()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        NOTE[:-1],
        NOTE.replace("— ", "- "),
        NOTE.replace("\n\n", "\n"),
        NOTE + "\n",
        NOTE + NOTE.split("\n\n")[1],
        NOTE.replace("weighpost/", "weigh\tpost/"),
        NOTE + "— x AAAA\n",
        NOTE + "— x AAAAAAB=\n",
        NOTE + "x" * 70_000,
    ],
)
def test_both_refuse_the_same_notes(note: str) -> None:
    with pytest.raises(ProtocolError):
        notes.Note.parse(note)
    with pytest.raises(package.ProofError):
        package.read_note(note.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n8\n", "\n08\n"),
        ("\n8\n", "\n-8\n"),
        ("\n8\n", "\n8\n\n"),
        ("weighpost/", "weighpost/0"),
        ("=\n\n", "\n\n"),
    ],
)
def test_both_refuse_the_same_checkpoints(old: str, new: str) -> None:
    spoiled = NOTE.replace(old, new, 1)
    assert spoiled != NOTE
    with pytest.raises(ProtocolError):
        Checkpoint.parse(notes.Note.parse(spoiled).text)
    with pytest.raises(package.ProofError):
        package.read_checkpoint(spoiled.encode())


def test_certificates() -> None:
    ours = certificate("box", BOX, ENROLMENT, 5, 10)
    made = certificates.Certificate(
        kind="box", name=BOX.name, public_key=BOX.public, not_before_ms=5, not_after_ms=10
    )
    assert (
        made.signed(issuer=ENROLMENT.name, public_key=ENROLMENT.public, sign=ENROLMENT.private.sign).format()
        == ours
    )
    read = package.read_certificate(ours.encode())
    assert (read.kind, read.key, read.not_before_ms, read.not_after_ms) == ("box", key(BOX), 5, 10)


@pytest.mark.parametrize(("at_ms", "valid"), [(4, False), (5, True), (9, True), (10, False)])
def test_a_certificate_is_valid_for_both_at_the_same_times(at_ms: int, valid: bool) -> None:
    chain = [certificate("box", BOX, ENROLMENT, 5, 10), certificate("enrolment", ENROLMENT, ROOT, 0, 100)]
    read = [package.read_certificate(text.encode()) for text in chain]
    if valid:
        assert package.box_key(read, BOX.name, key(ROOT), at_ms) == key(BOX)
        assert (
            certificates.verify_chain(chain, root_name=ROOT.name, root_pub=ROOT.public, now_ms=at_ms).name
            == BOX.name
        )
    else:
        with pytest.raises(package.ProofError):
            package.box_key(read, BOX.name, key(ROOT), at_ms)
        with pytest.raises(Exception, match="out of date"):
            certificates.verify_chain(chain, root_name=ROOT.name, root_pub=ROOT.public, now_ms=at_ms)


def test_a_genesis_of_the_kernel_proves_the_box() -> None:
    journal_key = Signer("journal", "kernel")
    journal = header.journal_id(journal_key.public)
    body = kernel_canonical.encode(
        genesis.open_body(
            public_key=journal_key.public,
            box=BOX.name,
            process="edge",
            software="0.1.0 云",
            predecessor=Predecessor(id="0" * 32, size=5, root="0" * 64),
            sign=BOX.private.sign,
        )
    )
    salt = b"s" * 16
    log = passage_log()
    head = msgspec.structs.replace(
        header.decode(log.entries[0].header), journal=journal, body=header.body_digest(salt, body)
    )
    read = package.read_genesis(header.encode(head), salt, body, journal)
    chain = [certificate("box", BOX, ENROLMENT), certificate("enrolment", ENROLMENT, ROOT)]
    certs = [package.read_certificate(text.encode()) for text in chain]
    assert package.prove_genesis(read, certs, key(ROOT), NOW_MS) == key(BOX)
    assert read.key.public == journal_key.public


def test_absences() -> None:
    journal = passage_log().id
    text = Absent(journal=journal, reasons=((4, "erased"), (5, "evicted"))).text()
    assert text == f"weighpost-absent/v1\nweighpost/{journal}\n4 erased\n5 evicted\n"
