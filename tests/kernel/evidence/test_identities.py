"""Certificates, genesis and commands: who may say what, and to whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.errors import ProtocolError, RefusedError
from kernel.events import Predecessor
from kernel.evidence import canonical, genesis, header, notes
from kernel.evidence.certificates import Certificate, Kind, verify_chain
from kernel.evidence.commands import Command
from kernel.evidence.header import ClockState, Header

NOW = 1_790_000_000_000
DAY = 86_400_000


def _key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


ROOT, ENROLMENT, BOX, JOURNAL = _key(1), _key(2), _key(3), _key(4)


def _certificate(kind: Kind, name: str, key: Ed25519PrivateKey, *, by: str, signer: Ed25519PrivateKey) -> str:
    certificate = Certificate(
        kind=kind, name=name, public_key=_public(key), not_before_ms=NOW - DAY, not_after_ms=NOW + DAY
    )
    return certificate.signed(issuer=by, public_key=_public(signer), sign=signer.sign).format()


ENROLMENT_CERT = _certificate("enrolment", "yiyuan-enrolment", ENROLMENT, by="yiyuan-root", signer=ROOT)
BOX_CERT = _certificate("box", "s01-lane1", BOX, by="yiyuan-enrolment", signer=ENROLMENT)


def _verify(certs: list[str], *, now_ms: int = NOW, root: Ed25519PrivateKey = ROOT) -> Certificate:
    return verify_chain(certs, root_name="yiyuan-root", root_pub=_public(root), now_ms=now_ms)


def test_golden_certificate() -> None:
    certificate = Certificate(
        kind="box", name="s01-lane1", public_key=bytes(32), not_before_ms=1, not_after_ms=2
    )
    assert certificate.text() == f"weighpost-certificate/v1\nbox\ns01-lane1\n{'A' * 43}=\n1\n2\n"
    assert Certificate.parse(certificate.text()) == certificate


def test_box_chains_to_the_root() -> None:
    assert _verify([BOX_CERT, ENROLMENT_CERT]).name == "s01-lane1"
    assert _verify([ENROLMENT_CERT]).kind == "enrolment"


def test_witness_is_certified_by_the_root_alone() -> None:
    by_root = _certificate("witness", "court", _key(7), by="yiyuan-root", signer=ROOT)
    assert _verify([by_root]).kind == "witness"
    by_enrolment = _certificate("witness", "court", _key(7), by="yiyuan-enrolment", signer=ENROLMENT)
    with pytest.raises(RefusedError):
        _verify([by_enrolment, ENROLMENT_CERT])


def test_box_certified_by_another_box_is_refused() -> None:
    by_box = _certificate("box", "s01-lane2", _key(5), by="s01-lane1", signer=BOX)
    with pytest.raises((RefusedError, ProtocolError)):
        _verify([by_box, BOX_CERT])
    with pytest.raises(RefusedError):
        _verify([by_box, BOX_CERT, ENROLMENT_CERT])
    with pytest.raises(RefusedError):
        _verify([])


def test_box_certified_by_the_root_itself_is_refused() -> None:
    with pytest.raises(RefusedError):
        _verify([_certificate("box", "s01-lane1", BOX, by="yiyuan-root", signer=ROOT)])


def test_another_root_is_refused() -> None:
    with pytest.raises(ProtocolError):
        _verify([BOX_CERT, ENROLMENT_CERT], root=_key(9))


@pytest.mark.parametrize("now_ms", [NOW - 2 * DAY, NOW + DAY])
def test_out_of_date_is_refused(now_ms: int) -> None:
    with pytest.raises(RefusedError):
        _verify([BOX_CERT, ENROLMENT_CERT], now_ms=now_ms)


@pytest.mark.parametrize(
    ("old", "new"), [("box", "king"), ("s01-lane1", "S01"), ("/v1", "/v2"), ("A=", "="), ("\n2\n", "\n-2\n")]
)
def test_not_a_certificate(old: str, new: str) -> None:
    certificate = Certificate(
        kind="box", name="s01-lane1", public_key=bytes(32), not_before_ms=1, not_after_ms=2
    )
    assert old in certificate.text()
    with pytest.raises(ProtocolError):
        Certificate.parse(certificate.text().replace(old, new))


# --- genesis ---------------------------------------------------------------------------------------------------

SALT = b"s" * 16
OPENED = genesis.open_body(
    public_key=_public(JOURNAL),
    box="s01-lane1",
    process="edge",
    software="weighpost 0.1.0",
    predecessor=Predecessor(id="aa" * 16, size=5, root="bb" * 32),
    sign=BOX.sign,
)
BODY = canonical.encode(OPENED)


def _genesis_header(body: bytes, *, journal: bytes = _public(JOURNAL), seq: int = 0) -> Header:
    return Header(
        at=NOW,
        body=header.body_digest(SALT, body),
        boot="0" * 16,
        clock=ClockState(err_ms=None, state="unset"),
        files=(),
        journal=header.journal_id(journal),
        mono_ms=1,
        seq=seq,
        source="s01-lane1",
        stream="journal.opened",
    )


def test_genesis_verifies() -> None:
    entry = (header.encode(_genesis_header(BODY)), SALT, BODY)
    assert genesis.verify_entry(entry, box_key=_public(BOX)) == OPENED


def test_genesis_signature_covers_the_canonical_body_without_it() -> None:
    fields = canonical.decode(BODY)
    signature = notes.decode_base64(str(fields.pop("signature")))
    assert notes.verify_ed25519(_public(BOX), signature, canonical.encode(fields))


def test_genesis_with_any_field_changed_is_refused() -> None:
    for old, new in (("s01-lane1", "s01-lane2"), ("edge", "centre"), ('"size":5', '"size":4')):
        body = BODY.replace(old.encode(), new.encode())
        assert body != BODY
        with pytest.raises(ProtocolError):
            genesis.verify(_genesis_header(body), salt=SALT, body=body, box_key=_public(BOX))


def test_genesis_of_another_journal_box_or_place_is_refused() -> None:
    for wrong in (_genesis_header(BODY, journal=_public(_key(8))), _genesis_header(BODY, seq=1)):
        with pytest.raises(ProtocolError):
            genesis.verify(wrong, salt=SALT, body=BODY, box_key=_public(BOX))
    with pytest.raises(ProtocolError):
        genesis.verify(_genesis_header(BODY), salt=SALT, body=BODY, box_key=_public(_key(8)))
    with pytest.raises(ProtocolError):
        genesis.verify(_genesis_header(b"{}"), salt=SALT, body=b"{}", box_key=_public(BOX))
    with pytest.raises(ProtocolError):
        genesis.verify_entry((header.encode(_genesis_header(BODY)), None, None), box_key=_public(BOX))


# --- commands --------------------------------------------------------------------------------------------------

CENTRE = _key(6)
COMMAND = Command(
    box="s01-lane1",
    issuer="yiyuan-centre",
    counter=3,
    nonce=bytes(16),
    kind="fetch-file",
    args={"sha256": "ab" * 32},
)


def _open(note: str, *, box: str = "s01-lane1", nonce: bytes = bytes(16)) -> Command:
    return Command.open(note, box=box, issuer="yiyuan-centre", public_key=_public(CENTRE), nonce=nonce)


def test_golden_command() -> None:
    assert COMMAND.text() == (
        "weighpost-command/v1\ns01-lane1\nyiyuan-centre\n3\nAAAAAAAAAAAAAAAAAAAAAA==\nfetch-file\n"
        '{"sha256":"' + "ab" * 32 + '"}\n'
    )
    assert _open(COMMAND.signed(public_key=_public(CENTRE), sign=CENTRE.sign).format()) == COMMAND


def test_command_for_another_box_session_or_key_is_refused() -> None:
    note = COMMAND.signed(public_key=_public(CENTRE), sign=CENTRE.sign).format()
    with pytest.raises(ProtocolError):
        _open(note, box="s01-lane2")
    with pytest.raises(ProtocolError):
        _open(note, nonce=b"n" * 16)
    with pytest.raises(ProtocolError):
        _open(COMMAND.signed(public_key=_public(BOX), sign=BOX.sign).format())
    other = replace(COMMAND, issuer="somebody-else")
    with pytest.raises(ProtocolError):
        _open(other.signed(public_key=_public(CENTRE), sign=CENTRE.sign).format())


@pytest.mark.parametrize(
    ("old", "new"),
    [("/v1", "/v2"), ("\n3\n", "\n03\n"), ("AA==", "=="), ("fetch-file", "FETCH"), ('"}', '",}')],
)
def test_not_a_command(old: str, new: str) -> None:
    assert old in COMMAND.text()
    with pytest.raises(ProtocolError):
        Command.parse(COMMAND.text().replace(old, new, 1))
