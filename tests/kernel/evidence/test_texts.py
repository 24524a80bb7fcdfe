"""Checkpoints, receipts, file receipts and absences: golden texts, and nothing looser is read."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.evidence.texts import Absent, Checkpoint, FileReceipt, Receipt

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
JOURNAL = "0f" * 16
ROOT = bytes(range(32))
ROOT_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

CHECKPOINT = Checkpoint(journal=JOURNAL, size=12, root=ROOT)
RECEIPT = Receipt(
    journal=JOURNAL, store="yiyuan-centre-1", size=12, root=ROOT, kept=10, time_ms=1_790_000_000_000
)
FILE_RECEIPT = FileReceipt(store="yiyuan-centre-1", kept=False, files=(("ab" * 32, 150_000), ("cd" * 32, 0)))
ABSENT = Absent(journal=JOURNAL, reasons=((3, "erased"), (5, "evicted")))


def test_golden_texts() -> None:
    assert CHECKPOINT.text() == f"weighpost/{JOURNAL}\n12\n{ROOT_TEXT}\n"
    assert RECEIPT.text() == (
        f"weighpost-receipt/v1\nweighpost/{JOURNAL}\nyiyuan-centre-1\n12\n{ROOT_TEXT}\n10\n1790000000000\n"
    )
    assert FILE_RECEIPT.text() == (
        f"weighpost-file-receipt/v1\nyiyuan-centre-1\n0\n{'ab' * 32} 150000\n{'cd' * 32} 0\n"
    )
    assert ABSENT.text() == f"weighpost-absent/v1\nweighpost/{JOURNAL}\n3 erased\n5 evicted\n"


def test_each_is_read_back() -> None:
    assert Checkpoint.parse(CHECKPOINT.text()) == CHECKPOINT
    assert Receipt.parse(RECEIPT.text()) == RECEIPT
    assert FileReceipt.parse(FILE_RECEIPT.text()) == FILE_RECEIPT
    assert Absent.parse(ABSENT.text()) == ABSENT


@given(size=st.integers(0, 2**53 - 1), root=st.binary(min_size=32, max_size=32))
def test_checkpoints_round_trip(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(journal=JOURNAL, size=size, root=root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


def test_signed_and_opened() -> None:
    for note in (
        CHECKPOINT.signed(public_key=PUBLIC, sign=KEY.sign),
        ABSENT.signed(public_key=PUBLIC, sign=KEY.sign),
    ):
        assert note.signatures[0].name == f"weighpost/{JOURNAL}"
    checkpoint = CHECKPOINT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    assert Checkpoint.open(checkpoint, journal=JOURNAL, public_key=PUBLIC) == CHECKPOINT
    absent = ABSENT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    assert Absent.open(absent, journal=JOURNAL, public_key=PUBLIC) == ABSENT
    receipt = RECEIPT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    assert Receipt.open(receipt, store="yiyuan-centre-1", public_key=PUBLIC) == RECEIPT
    files = FILE_RECEIPT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    assert FileReceipt.open(files, store="yiyuan-centre-1", public_key=PUBLIC) == FILE_RECEIPT


def test_not_opened_for_another_name_or_key() -> None:
    checkpoint = CHECKPOINT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    receipt = RECEIPT.signed(public_key=PUBLIC, sign=KEY.sign).format()
    with pytest.raises(ProtocolError):
        Checkpoint.open(checkpoint, journal="00" * 16, public_key=PUBLIC)
    with pytest.raises(ProtocolError):
        Checkpoint.open(checkpoint, journal=JOURNAL, public_key=bytes(32))
    with pytest.raises(ProtocolError):
        Receipt.open(receipt, store="yiyuan-centre-2", public_key=PUBLIC)
    with pytest.raises(ProtocolError):
        Checkpoint.open(receipt, journal=JOURNAL, public_key=PUBLIC)


@pytest.mark.parametrize(
    "size", ["-1", "01", "1.0", " 1", "1 ", "+1", "", "9007199254740992", "１", "9" * 400]
)
def test_numbers_have_one_form(size: str) -> None:
    with pytest.raises(ProtocolError):
        Checkpoint.parse(f"weighpost/{JOURNAL}\n{size}\n{ROOT_TEXT}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        f"weighpost/{JOURNAL}\n12\n{ROOT_TEXT}",
        f"weighpost/{JOURNAL}\n12\n{ROOT_TEXT}\nextension\n",
        f"weighpost/{JOURNAL.upper()}\n12\n{ROOT_TEXT}\n",
        f"weighpost/{JOURNAL}00\n12\n{ROOT_TEXT}\n",
        f"other/{JOURNAL}\n12\n{ROOT_TEXT}\n",
        f"weighpost/{JOURNAL}\n12\nAAAA\n",
        f"weighpost/{JOURNAL}\n12\n{ROOT_TEXT[:-1]}\n",
    ],
)
def test_not_a_checkpoint(text: str) -> None:
    with pytest.raises(ProtocolError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v1", "v2"),
        ("-centre-1", " centre"),
        ("\n10\n", "\n13\n"),
        ("\n1790000000000\n", "\n"),
        ("\n12\n", "\n"),
    ],
)
def test_not_a_receipt(old: str, new: str) -> None:
    assert old in RECEIPT.text()
    with pytest.raises(ProtocolError):
        Receipt.parse(RECEIPT.text().replace(old, new))


@pytest.mark.parametrize(
    "text",
    [
        "weighpost-file-receipt/v1\nstore\n1\n",
        f"weighpost-file-receipt/v1\nstore\n2\n{'ab' * 32} 1\n",
        f"weighpost-file-receipt/v1\nstore\n1\n{'AB' * 32} 1\n",
        f"weighpost-file-receipt/v1\nstore\n1\n{'ab' * 32}\n",
        f"weighpost-file-receipt/v1\nst\n1\n{'ab' * 32} 1\n",
    ],
)
def test_not_a_file_receipt(text: str) -> None:
    with pytest.raises(ProtocolError):
        FileReceipt.parse(text)


@pytest.mark.parametrize("line", ["", "3\n", "3 gone away\n", "x erased\n", "3 \n"])
def test_not_an_absence(line: str) -> None:
    with pytest.raises(ProtocolError):
        Absent.parse(f"weighpost-absent/v1\nweighpost/{JOURNAL}\n{line}")
