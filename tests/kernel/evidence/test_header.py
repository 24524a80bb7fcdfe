"""Headers, leaves and body digests, byte for byte."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.evidence import header
from kernel.evidence.header import ClockState, FileRef, Header

HEADER = Header(
    at=1_790_000_000_000,
    body="ab" * 32,
    boot="0123456789abcdef",
    clock=ClockState(err_ms=12, state="ok"),
    files=(FileRef(name="front.jpg", sha256="cd" * 32, size=150_000),),
    journal="11" * 16,
    mono_ms=1_000,
    seq=7,
    source="yiyuan/s01/lane1",
    stream="vehicle.weighed",
)
GOLDEN = (
    b'{"at":1790000000000,"body":"' + b"ab" * 32 + b'","boot":"0123456789abcdef",'
    b'"clock":{"err_ms":12,"state":"ok"},'
    b'"files":[{"name":"front.jpg","sha256":"' + b"cd" * 32 + b'","size":150000}],'
    b'"journal":"' + b"11" * 16 + b'","mono_ms":1000,"seq":7,'
    b'"source":"yiyuan/s01/lane1","stream":"vehicle.weighed","v":1}'
)


def test_golden_bytes() -> None:
    assert header.encode(HEADER) == GOLDEN
    assert header.decode(GOLDEN) == HEADER


def test_golden_leaf_and_digest() -> None:
    assert header.leaf(GOLDEN) == sha256(b"\x00" + GOLDEN).digest()
    assert header.leaf(GOLDEN).hex() == "2a5a29e146ed32159908be7212339194782e236ed87a0a3db44826287095c2d6"
    assert header.body_digest(b"s" * 16, b"{}") == sha256(b"s" * 16 + b"{}").hexdigest()
    assert header.journal_id(bytes(32)) == sha256(bytes(32)).hexdigest()[:32]
    assert header.origin("11" * 16) == "weighpost/" + "11" * 16


def test_body_matches_only_its_own_salt_and_bytes() -> None:
    salt, body = b"s" * 16, b'{"a":1}'
    ours = msgspec.structs.replace(HEADER, body=header.body_digest(salt, body))
    assert header.body_matches(ours, salt=salt, body=body)
    assert not header.body_matches(ours, salt=b"t" * 16, body=body)
    assert not header.body_matches(ours, salt=salt, body=body + b" ")
    # The digest does not say where the salt ends, so its length must be checked.
    assert not header.body_matches(ours, salt=salt + body[:1], body=body[1:])


def test_field_of_a_later_version_is_tolerated() -> None:
    assert header.decode(GOLDEN.replace(b'"v":1}', b'"v":1,"weather":"rain"}')) == HEADER


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":7', b'"seq":7,"seq":7'),
        (b'"seq":7', b'"seq":7.0'),
        (b'"seq":7', b'"seq":-1'),
        (b'"seq":7', b'"seq":9007199254740993'),
        (b'"seq":7', b'"seq":"7"'),
        (b'"seq":7,', b""),
        (b'"at":1790000000000', b'"at":1.79e12'),
        (b'"v":1', b'"v":2'),
        (b'"state":"ok"', b'"state":"good"'),
        (b'"journal":"11', b'"journal":"1G'),
        (b'"body":"ab', b'"body":"AB'),
        (b"lane1", b"lane 1"),
        (b"vehicle.weighed", b"vehicle weighed"),
        (b"front.jpg", b"../front.jpg"),
        (b"front.jpg", b"front\\n.jpg"),
        (b'"v":1}', b'"v":1,"later":1.5}'),
        (b'"v":1}', b'"v":1,"later":{"a":1,"a":1}}'),
        (b'"v":1}', b'"v":1,"later":"' + b"x" * 4096 + b'"}'),
        (b'"v":1}', b'"v":1,"later":' + b"[" * 3_000),
    ],
)
def test_refuses(old: bytes, new: bytes) -> None:
    assert old in GOLDEN
    with pytest.raises(ProtocolError):
        header.decode(GOLDEN.replace(old, new, 1))


def test_refuses_one_name_for_two_files() -> None:
    twice = msgspec.structs.replace(HEADER, files=HEADER.files * 2)
    with pytest.raises(ProtocolError):
        header.encode(twice)


def test_writer_refuses_what_a_receiver_would() -> None:
    for wrong in (
        msgspec.structs.replace(HEADER, seq=-1),
        msgspec.structs.replace(HEADER, source="Lane 1"),
        msgspec.structs.replace(HEADER, at=2**53),
        msgspec.structs.replace(
            HEADER, files=tuple(FileRef(name=f"f{n}", sha256="cd" * 32, size=1) for n in range(60))
        ),
    ):
        with pytest.raises(ProtocolError):
            header.encode(wrong)


def test_journal_id_wants_a_key() -> None:
    with pytest.raises(ProtocolError):
        header.journal_id(b"short")


@given(st.integers(0, len(GOLDEN) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_the_leaf(at: int, mask: int) -> None:
    broken = bytearray(GOLDEN)
    broken[at] ^= mask
    assert header.leaf(bytes(broken)) != header.leaf(GOLDEN)
    try:
        decoded = header.decode(bytes(broken))
    except ProtocolError:
        return
    assert decoded != HEADER
