"""The centre renews its own certificates, and its authority says no to files that are not right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography import x509

from central.authority import TlsAuthority
from central.enrolment.certifying import Certifier
from central.enrolment.own import OwnRenewal
from journal.enrolling import places_in
from journal.keys import Identity
from journal.tls import BUILT_MS, Credentials, read_pem
from kernel.errors import ConfigError, RefusedError
from kernel.evidence.certificates import verify_chain
from tests.support.certified import CENTRE, LANE, CertifiedCounty, FixedClock, quick_county

DAY_MS = 86_400_000
MADE_MS = BUILT_MS + 30 * DAY_MS
ENDS_MS = MADE_MS + 366 * DAY_MS


class OneLook(FixedClock):
    """Nobody wakes up after the first look."""

    async def sleep(self, seconds: float) -> None:
        raise asyncio.CancelledError


@pytest.fixture
def county(tmp_path: Path) -> CertifiedCounty:
    return quick_county(tmp_path, now_ms=MADE_MS)


async def look(county: CertifiedCounty, now_ms: int, *, on_line: bool = True) -> tuple[Identity, Credentials]:
    places = places_in(county.folder, CENTRE)
    identity = Identity.load(
        county.folder / f"{CENTRE}.key", certificates=(places.certificate, places.enrolment)
    )
    tls, clock = county.credentials(CENTRE), OneLook(now_ms)
    certifier = Certifier.load(county.folder) if on_line else None
    renewal = OwnRenewal(county.folder, identity=identity, tls=tls, certifier=certifier, clock=clock)
    with pytest.raises(asyncio.CancelledError):
        await renewal.run()
    return identity, tls


async def test_in_time_it_has_new_certificates_for_the_same_hosts(county: CertifiedCounty) -> None:
    before = read_pem(places_in(county.folder, CENTRE).tls)
    identity, tls = await look(county, ENDS_MS - 50 * DAY_MS)
    after = read_pem(places_in(county.folder, CENTRE).tls)
    assert after.public_key() != before.public_key()
    assert tls.not_after_ms == ENDS_MS - 50 * DAY_MS + 366 * DAY_MS
    pem = places_in(county.folder, CENTRE).tls.read_text()
    assert "127.0.0.1" in TlsAuthority.load(county.folder).hosts(pem, box=CENTRE)
    chained = verify_chain(
        identity.certs, root_name="yiyuan-root", root_pub=county.root.public_key, now_ms=ENDS_MS
    )
    assert chained.name == CENTRE


@pytest.mark.parametrize(("now_ms", "on_line"), [(ENDS_MS - 61 * DAY_MS, True), (ENDS_MS + 1, False)])
async def test_before_its_time_or_without_the_enrolment_key_nothing_changes(
    county: CertifiedCounty, now_ms: int, on_line: bool
) -> None:
    before = places_in(county.folder, CENTRE).tls.read_bytes()
    await look(county, now_ms, on_line=on_line)
    assert places_in(county.folder, CENTRE).tls.read_bytes() == before


def test_an_authority_is_made_once_and_loaded_whole(county: CertifiedCounty) -> None:
    certifier = Certifier.load(county.folder)
    assert certifier is not None
    with pytest.raises(ConfigError, match="never overwritten"):
        TlsAuthority.create(county.folder, enrolment=certifier.key, now_ms=MADE_MS)
    key = county.folder / "ca.key.pem"
    whole = key.read_bytes()
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by others"):
        TlsAuthority.load(county.folder)
    key.chmod(0o600)
    for wrong, words in (
        (b"noise", "is not a private key in PEM"),
        ((county.folder / f"{LANE}.tls.pem").read_bytes(), r"is not the key of ca\.pem"),
    ):
        key.write_bytes(wrong)
        with pytest.raises(ConfigError, match=words):
            TlsAuthority.load(county.folder)
    key.write_bytes(whole)
    (county.folder / "ca.note").unlink()
    with pytest.raises(ConfigError, match=r"ca\.note: cannot be read"):
        TlsAuthority.load(county.folder)
    (county.folder / "enrolment.key").unlink()
    assert Certifier.load(county.folder) is None


def test_the_authority_knows_its_own_certificates_only(county: CertifiedCounty, tmp_path: Path) -> None:
    authority = TlsAuthority.load(county.folder)
    pem = (county.folder / f"{LANE}.tls.pem").read_text()
    assert authority.hosts(pem, box=LANE) == ()
    with pytest.raises(RefusedError, match=f"not a TLS certificate of {CENTRE}"):
        authority.hosts(pem, box=CENTRE)
    other = quick_county(tmp_path / "other", now_ms=MADE_MS)
    foreign = (other.folder / f"{LANE}.tls.pem").read_text()
    with pytest.raises(RefusedError, match="not a TLS certificate of this county"):
        authority.hosts(foreign, box=LANE)


def test_a_line_that_a_power_cut_has_torn_hides_no_certificate(county: CertifiedCounty) -> None:
    with (county.folder / "ca.index").open("a") as index:
        index.write("1234")
    county.enrol("s03-lane1")
    made = read_pem(county.folder / "s03-lane1.tls.pem")
    pem = TlsAuthority.load(county.folder).revocations(["s03-lane1"], now_ms=MADE_MS)
    listed = x509.load_pem_x509_crl(pem.encode())
    assert [one.serial_number for one in listed] == [made.serial_number]
