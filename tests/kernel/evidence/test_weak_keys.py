"""Keys that accept what nobody signed are no keys, here as in the verifier of packages."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kernel.evidence.notes import verify_ed25519
from verify.package import ed25519_verify

PRIME = 2**255 - 19
SMALL = [0, 1, PRIME - 1, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826]
LOOSE = [PRIME, PRIME + 1, 2**255 - 1]
NEUTRAL = (1).to_bytes(32, "little")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("number", [*SMALL, PRIME - SMALL[3], *LOOSE])
@pytest.mark.parametrize("nonce", [NEUTRAL, bytes(32), (PRIME - 1).to_bytes(32, "little")])
def test_a_key_of_small_order_or_in_a_loose_spelling_accepts_nothing(
    number: int, sign: int, nonce: bytes
) -> None:
    public = (number | sign << 255).to_bytes(32, "little")
    for attempt in range(16):  # one in eight messages would do for the others than the neutral point
        message = b"weighpost/%d\n" % attempt
        assert not verify_ed25519(public, nonce + bytes(32), message)
        assert not ed25519_verify(public, message, nonce + bytes(32))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_a_good_key_and_both_verifiers_agree(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify_ed25519(public, signature, message)
    assert ed25519_verify(public, message, signature)
    assert not verify_ed25519(public, signature, message + b"x")
