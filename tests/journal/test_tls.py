"""TLS of a county: whom a context lets in, by which time it judges, and what is said about wrong files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.tls import BUILT_MS, Credentials, TlsTime, peer_name
from kernel.errors import ConfigError
from tests.support.certified import CENTRE, LANE, CertifiedCounty, FixedClock, quick_county

YEAR_MS = 366 * 86_400_000
MADE_MS = BUILT_MS + 30 * 86_400_000


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CertifiedCounty:
    return quick_county(tmp_path_factory.mktemp("county"), now_ms=MADE_MS)


def meet(client: ssl.SSLContext, server: ssl.SSLContext, *, host: str = "127.0.0.1") -> str | None:
    """Both ends of a handshake in memory, until both have finished; the name that the server reads."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=host),
        server.wrap_bio(up, down, server_side=True),
    ]
    done: set[int] = set()
    while len(done) < 2:
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                pass
    return peer_name(ends[1].getpeercert())


def test_each_side_knows_the_other(county: CertifiedCounty) -> None:
    server = county.credentials(CENTRE).server(demand=True)
    assert meet(county.credentials(LANE).client(), server) == LANE
    assert server.refused == 0


def test_without_a_certificate_only_a_server_that_does_not_demand_one_goes_on(
    county: CertifiedCounty,
) -> None:
    centre, lane = county.credentials(CENTRE), county.credentials(LANE)
    assert meet(lane.anonymous(), centre.server(demand=False)) is None
    demanding = centre.server(demand=True)
    with pytest.raises(ssl.SSLError):
        meet(lane.anonymous(), demanding)
    assert demanding.refused == 1


def test_a_lane_is_no_server_and_a_server_is_found_only_where_it_is(county: CertifiedCounty) -> None:
    lane = county.credentials(LANE)
    with pytest.raises(ssl.SSLError):
        meet(lane.client(), lane.server(demand=True))
    with pytest.raises(ssl.SSLError):
        meet(lane.client(), county.credentials(CENTRE).server(demand=True), host="10.0.0.9")


def test_another_countys_boxes_are_strangers(county: CertifiedCounty, quick_path: Path) -> None:
    other = quick_county(quick_path / "keys", now_ms=MADE_MS)
    forged = other.credentials(LANE).client()
    forged.load_verify_locations(county.folder / "ca.pem")
    centre = county.credentials(CENTRE)
    server = centre.server(demand=True)
    with pytest.raises(ssl.SSLError):
        meet(forged, server)
    assert server.refused == centre.refused == 1


def test_an_expired_certificate_is_refused_by_whoever_knows_the_time(county: CertifiedCounty) -> None:
    lane = county.credentials(LANE)
    for time in (
        TlsTime(clock=FixedClock(MADE_MS + 2 * YEAR_MS)),
        TlsTime(clock=FixedClock(0), known_ms=MADE_MS + 2 * YEAR_MS),
    ):
        server = county.credentials(CENTRE, time=time).server(demand=True)
        with pytest.raises(ssl.SSLCertVerificationError, match="out of date"):
            meet(lane.client(), server)
        assert server.refused == 1


@settings(max_examples=25, deadline=None)
@given(now_ms=st.integers(min_value=0, max_value=4_102_444_800_000))
def test_i15_no_clock_of_a_lane_keeps_it_from_its_centre(county: CertifiedCounty, now_ms: int) -> None:
    """From 1970 to 2100: a clock that nobody keeps is no evidence against a certificate."""
    time = TlsTime(clock=FixedClock(now_ms), kept=lambda: False)
    server = county.credentials(CENTRE).server(demand=True)
    assert meet(county.credentials(LANE, time=time).client(), server) == LANE


@pytest.mark.parametrize("now_ms", [0, BUILT_MS - 1, MADE_MS - YEAR_MS])
def test_a_clock_that_is_behind_shuts_out_nobody_even_where_it_is_believed(
    county: CertifiedCounty, now_ms: int
) -> None:
    server = county.credentials(CENTRE, clock=FixedClock(now_ms)).server(demand=True)
    assert meet(county.credentials(LANE, clock=FixedClock(now_ms)).client(), server) == LANE


@given(
    now_ms=st.integers(min_value=0, max_value=2**53),
    past=st.lists(st.integers(min_value=0, max_value=2**53)),
)
def test_time_is_the_latest_that_is_known_to_be_past(now_ms: int, past: list[int]) -> None:
    kept, free = TlsTime(clock=FixedClock(now_ms)), TlsTime(clock=FixedClock(now_ms), kept=lambda: False)
    for time in (kept, free):
        for at_ms in past:
            time.past(at_ms)
    for time in (kept, free):
        time.heard(2**53)
        assert time.latest_ms() == 2**53
    assert kept.now_ms() == max([now_ms, BUILT_MS, *past])
    assert free.now_ms() == max([BUILT_MS, *past])


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (((("commonName", "s01-lane1"),),), "s01-lane1"),
        (((("commonName", "S01/lane1"),),), None),
        (((("commonName", "s01-lane1\0.evil"),),), None),
        (((("commonName", "s01-lane1"),), (("commonName", "s01-lane2"),)), None),
        (((("organizationName", "s01-lane1"),),), None),
        ((), None),
    ],
)
def test_a_name_is_one_token_or_none(subject: object, name: str | None) -> None:
    assert peer_name({"subject": subject}) == name


def test_nobody_has_no_name() -> None:
    assert peer_name(None) is None
    assert peer_name({}) is None


def test_wrong_files_name_themselves(quick_path: Path) -> None:
    county = quick_county(quick_path / "keys", now_ms=MADE_MS)
    tls, ca = county.folder / f"{LANE}.tls.pem", county.folder / "ca.pem"
    time = TlsTime(clock=FixedClock(MADE_MS))
    whole = tls.read_text()
    key, _, certificate = whole.partition("-----BEGIN CERTIFICATE")
    foreign = (county.folder / f"{CENTRE}.tls.pem").read_text().partition("-----BEGIN CERTIFICATE")[2]

    def opened() -> Credentials:
        return Credentials(tls, authority=ca, time=time)

    tls.chmod(0o640)
    with pytest.raises(ConfigError, match=r"s01-lane1\.tls\.pem: may be read by others; chmod 600"):
        opened()
    tls.chmod(0o600)
    tls.write_text(f"{key}-----BEGIN CERTIFICATE{foreign}")
    with pytest.raises(ConfigError, match="key and certificate do not fit"):
        opened().client()
    tls.write_text("noise")
    with pytest.raises(ConfigError, match=r"is not an X\.509 certificate in PEM"):
        opened()
    tls.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        opened()
    tls.touch(mode=0o600)
    tls.write_text(whole)
    assert certificate
    ca.write_text("noise")
    with pytest.raises(ConfigError, match=r"ca\.pem: is no authority's certificate"):
        opened()
