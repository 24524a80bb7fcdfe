"""Signed notes: the format is C2SP's, and nothing but the right key over the right text verifies."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.evidence import notes
from kernel.evidence.notes import Note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
TEXT = "weighpost/test\n3\nroot\n"
NOTE = notes.sign_note(TEXT, name="key-one", public_key=PUBLIC, sign=KEY.sign)
GOLDEN = (
    "weighpost/test\n3\nroot\n\n"
    "— key-one TjxMgryUkqQ40jXTL7ncC+9h7S4NDzAdvh4Dl5W4b3ORAulfe6KRzzphx9YurLzZRZjtkmLn8cdhOjFv9Qb0MexjJAA=\n"
)


def test_golden_note() -> None:
    assert NOTE.format() == GOLDEN
    assert Note.parse(GOLDEN) == NOTE


def test_the_published_example_of_the_format_verifies() -> None:
    """The signed note of the Go checksum database's package documentation."""
    public = notes.decode_base64("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    name = "PeterNeumann"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert public[0] == notes.ED25519
    assert notes.open_note(note, name=name, public_key=public[1:]).signatures[0].key_id.hex() == "c74f20a3"


def test_only_the_right_name_key_and_text_verify() -> None:
    assert notes.verify(NOTE, name="key-one", public_key=PUBLIC)
    assert not notes.verify(NOTE, name="key-two", public_key=PUBLIC)
    assert not notes.verify(NOTE, name="key-one", public_key=OTHER.public_key().public_bytes_raw())
    assert not notes.verify(
        Note(text=TEXT.replace("3", "4"), signatures=NOTE.signatures), name="key-one", public_key=PUBLIC
    )


def test_signatures_of_strangers_do_not_disturb() -> None:
    stranger = notes.sign_note(TEXT, name="stranger", public_key=bytes(32), sign=OTHER.sign).signatures[0]
    both = Note(text=TEXT, signatures=(stranger, *NOTE.signatures))
    assert notes.verify(Note.parse(both.format()), name="key-one", public_key=PUBLIC)


def test_cosignature_says_when_and_over_what() -> None:
    line = notes.cosign(TEXT, name="witness", public_key=PUBLIC, sign=KEY.sign, at_s=1_700_000_000)
    note = Note.parse(NOTE.with_signature(line).format())
    assert notes.cosigned_at(note, name="witness", public_key=PUBLIC) == 1_700_000_000
    assert notes.cosigned_at(note, name="other", public_key=PUBLIC) is None
    later = notes.Signature(
        name=line.name, key_id=line.key_id, payload=(1_800_000_000).to_bytes(8, "big") + line.payload[8:]
    )
    assert notes.cosigned_at(NOTE.with_signature(later), name="witness", public_key=PUBLIC) is None
    # A cosignature is no signature, and a signature is no cosignature, even of one key under one name.
    assert not notes.verify(note, name="witness", public_key=PUBLIC)
    assert notes.cosigned_at(NOTE, name="key-one", public_key=PUBLIC) is None
    assert line.payload[8:] == KEY.sign(b"cosignature/v1\ntime 1700000000\n" + TEXT.encode())


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        TEXT + "\n",
        "\n\n— key-one AAAAAAA=\n",
        GOLDEN[:-1],
        GOLDEN + "\n",
        GOLDEN.replace("—", "-"),
        GOLDEN.replace("key-one", "key one"),
        GOLDEN.replace("key-one", "key+one"),
        GOLDEN.replace("weighpost", "weigh\x00post"),
        GOLDEN.replace("weighpost", "weigh\rpost"),
        GOLDEN + GOLDEN.splitlines(keepends=True)[-1],
        TEXT + "\n— key-one AAAA\n",
        TEXT + "\n— key-one A\n",
        "x" * 70_000 + "\n\n— key-one AAAAAAA=\n",
    ],
)
def test_not_a_note(note: str) -> None:
    with pytest.raises(ProtocolError):
        Note.parse(note)


@given(st.integers(0, len(GOLDEN) - 1), st.characters(exclude_categories=["Cs"]))
def test_a_changed_character_never_verifies(at: int, character: str) -> None:
    changed = GOLDEN[:at] + character + GOLDEN[at + 1 :]
    if changed == GOLDEN:
        return
    with pytest.raises(ProtocolError):
        notes.open_note(changed, name="key-one", public_key=PUBLIC)


@given(st.text(max_size=80))
def test_noise_is_never_a_note_of_ours(noise: str) -> None:
    with pytest.raises(ProtocolError):
        notes.open_note(noise, name="key-one", public_key=PUBLIC)


@pytest.mark.parametrize("text", ["AAA", "AAB=", "A A=", "AA==\n", "é", "AAE"])
def test_base64_has_one_form(text: str) -> None:
    with pytest.raises(ProtocolError):
        notes.decode_base64(text)
