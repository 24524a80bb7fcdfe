"""`enrol-token`, `revoke`, `boxes`, `crl` at the terminal: wrong words are named, and nothing secret is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from central.main import main
from tests.central.certified import CertifiedSite
from tests.central.county import LANE

pytestmark = pytest.mark.broad

BOX = "s02-lane1"


@pytest.fixture
def site(tmp_path: Path) -> CertifiedSite:
    return CertifiedSite(tmp_path)


def run(site: CertifiedSite, *arguments: str) -> int:
    return main([*arguments, "--settings", str(site.county.settings)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["enrol-token", "--box", "S02"], "--box: must be 3 to 40"),
        (["enrol-token", "--box", BOX], "--source: must be a device path"),
        (["enrol-token", "--box", BOX, "--source", "a/b", "--hours", "0"], "--hours: must be"),
        (["enrol-token", "--box", "yiyuan-centre", "--source", "a"], "is the centre itself"),
        (["revoke", "--box", LANE, "--reason", "x", "--size", "3"], "--size: goes with --journal"),
        (
            ["revoke", "--box", LANE, "--reason", "x", "--journal", "a" * 32, "--size", "3"],
            "not a journal of",
        ),
    ],
)
def test_wrong_words_are_named(
    site: CertifiedSite, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_revoked_name_is_not_given_again(site: CertifiedSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(site, "revoke", "--box", LANE, "--reason", "stolen", "--by", "li") == 0
    assert run(site, "enrol-token", "--box", LANE) == 2
    assert "is revoked; choose another name" in capsys.readouterr().err
    assert run(site, "boxes", "--json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["box"], row["state"], row["by"], row["reason"]) == (LANE, "revoked", "li", "stolen")


def test_a_list_for_mosquitto_has_every_certificate_of_the_revoked_and_no_other(
    site: CertifiedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> set[int]:
        capsys.readouterr()
        assert run(site, "crl", str(site.keys)) == 0
        found = x509.load_pem_x509_crl(capsys.readouterr().out.encode())
        authority = x509.load_pem_x509_certificate((site.keys / "ca.pem").read_bytes()).public_key()
        assert isinstance(authority, ec.EllipticCurvePublicKey)
        assert found.is_signature_valid(authority)
        return {one.serial_number for one in found}

    assert listed() == set()
    assert run(site, "revoke", "--box", LANE, "--reason", "stolen") == 0
    certificate = x509.load_pem_x509_certificate((site.keys / f"{LANE}.tls.pem").read_bytes())
    assert listed() == {certificate.serial_number}


def test_a_token_is_shown_once_and_kept_as_a_hash(
    site: CertifiedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(site, "enrol-token", "--box", BOX, "--source", "yiyuan/s02/lane1") == 0
    token, root = capsys.readouterr().out.splitlines()
    assert token.startswith(f"{BOX}.")
    assert root.startswith("root ")
    kept = b"".join(path.read_bytes() for path in (site.county.folder / "data").iterdir())
    assert token.encode() not in kept
    assert token.partition(".")[2].encode() not in kept
