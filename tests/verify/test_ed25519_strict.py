"""Our Ed25519 says what the library says, and refuses what must never pass."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.package import L, P, ed25519_verify

# RFC 8032 7.1: (public key, message, signature)
RFC8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# All eight points of small order, y in canonical form where there is one.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def library_says(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(("public", "message", "signature"), RFC8032)
def test_accepts_the_vectors_of_the_rfc(public: str, message: str, signature: str) -> None:
    assert ed25519_verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=40, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), flip=st.integers(0, 511))
def test_agrees_with_the_library(seed: bytes, message: bytes, flip: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519_verify(public, message, signature)
    spoiled = (int.from_bytes(signature, "little") ^ 1 << flip).to_bytes(64, "little")
    assert ed25519_verify(public, message, spoiled) == library_says(public, message, spoiled) is False
    assert not ed25519_verify(public, message + b"\x00", signature)


@settings(max_examples=40, deadline=None)
@given(public=st.binary(max_size=40), signature=st.binary(max_size=70))
def test_noise_is_refused_and_never_raises(public: bytes, signature: bytes) -> None:
    assert not ed25519_verify(public, b"m", signature)


def signed() -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return key.public_key().public_bytes_raw(), key.sign(b"weight")


def test_the_same_signature_with_s_plus_l_is_refused() -> None:
    public, signature = signed()
    larger = int.from_bytes(signature[32:], "little") + L
    assert not ed25519_verify(public, b"weight", signature[:32] + larger.to_bytes(32, "little"))


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_key_of_small_order_signs_nothing(key: str) -> None:
    # With S = 0 and R a multiple of the key the equation can hold for messages that nobody signed.
    public = bytes.fromhex(key)
    assert not any(
        ed25519_verify(public, b"any %d" % n, bytes.fromhex(commitment) + bytes(32))
        for n in range(3)
        for commitment in SMALL_ORDER
    )


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_key_outside_the_field_is_refused(y: int, sign: int) -> None:
    public = (y | sign << 255).to_bytes(32, "little")
    assert not ed25519_verify(public, b"m", bytes.fromhex(SMALL_ORDER[0]) + bytes(32))


def test_a_commitment_in_a_second_spelling_is_refused() -> None:
    # R = neutral element, S = 0 under a key of order 2 would hold cofactored; its y + P spelling never may.
    public, signature = signed()
    assert not ed25519_verify(public, b"weight", (P + 1).to_bytes(32, "little") + signature[32:])


def test_wrong_lengths_are_refused() -> None:
    public, signature = signed()
    assert ed25519_verify(public, b"weight", signature)
    assert not ed25519_verify(public[:-1], b"weight", signature)
    assert not ed25519_verify(public, b"weight", signature + b"\x00")
