"""When a process asks for new certificates: in time, not too often, and also when its clock does not know better."""

from __future__ import annotations

import asyncio
import ssl
from itertools import pairwise
from pathlib import Path

import pytest

from journal import settings
from journal.enrolling import Pinned, Places
from journal.keys import Identity
from journal.renewing import SHUT_OUT_MS, Renewal, credentials, learn_time
from journal.settings import Tls
from journal.tls import BUILT_MS, TlsTime
from kernel.errors import ConfigError, LinkError
from kernel.evidence.notes import encode_base64
from tests.journal.making import NOW, County, open_journal, said
from tests.support.certified import CENTRE, LANE, CertifiedCounty, FixedClock, quick_county

DAY_MS = 86_400_000
MADE_MS = BUILT_MS + 30 * DAY_MS
ENDS_MS = MADE_MS + 366 * DAY_MS


class WakingClock(FixedClock):
    """Sleeps take no time; after `until_ms` nobody wakes up any more."""

    def __init__(self, now_ms: int, *, for_ms: int) -> None:
        super().__init__(now_ms)
        self._until_mono_ms = now_ms + for_ms
        self.mono = now_ms

    def mono_ms(self) -> int:
        return self.mono

    async def sleep(self, seconds: float) -> None:
        self.mono += int(seconds * 1000)
        self.ms += int(seconds * 1000)
        if self.mono > self._until_mono_ms:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


class Centre:
    """Writes down when it was asked, and fails as often as it is told."""

    def __init__(self, clock: WakingClock, *, failures: int = 0) -> None:
        self.asked_ms: list[int] = []
        self._clock = clock
        self._failures = failures

    def __call__(
        self, url: str, *, identity: Identity, pinned: Pinned, context: ssl.SSLContext, places: Places
    ) -> None:
        self.asked_ms.append(self._clock.mono_ms())
        if len(self.asked_ms) <= self._failures:
            raise LinkError("the centre does not answer")


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CertifiedCounty:
    return quick_county(tmp_path_factory.mktemp("county"), now_ms=MADE_MS)


def box(county: CertifiedCounty, name: str = LANE) -> settings.Identity:
    folder = county.folder
    return settings.Identity(
        name=name,
        key=str(folder / f"{name}.key"),
        certificates=(str(folder / f"{name}.cert"), str(folder / "enrolment.cert")),
        root_name=county.root.name,
        root_public=encode_base64(county.root.public_key),
        tls=Tls(certificate=str(folder / f"{name}.tls.pem"), authority=str(folder / "ca.pem")),
        renewal="https://127.0.0.1:1",
    )


async def live(
    county: CertifiedCounty, clock: WakingClock, centre: Centre, *, shut_out: bool = False
) -> list[int]:
    """A life of this process; when it asked, in ms since its start."""
    began_ms, said = clock.mono_ms(), box(county)
    identity = Identity.of(said)
    tls = credentials(said, identity, time=TlsTime(clock=clock))
    assert tls is not None
    renewal = Renewal(said, identity=identity, tls=tls, clock=clock, shut_out=lambda: shut_out, ask=centre)
    with pytest.raises(asyncio.CancelledError):
        await renewal.run()
    return [asked_ms - began_ms for asked_ms in centre.asked_ms]


async def test_nobody_is_asked_before_it_is_time(county: CertifiedCounty) -> None:
    clock = WakingClock(ENDS_MS - 61 * DAY_MS, for_ms=DAY_MS // 2)
    assert await live(county, clock, Centre(clock)) == []


async def test_sixty_days_before_the_end_it_asks(county: CertifiedCounty) -> None:
    clock = WakingClock(ENDS_MS - 60 * DAY_MS, for_ms=DAY_MS // 2)
    assert await live(county, clock, Centre(clock)) == [0]


async def test_after_the_end_it_asks_at_once(county: CertifiedCounty) -> None:
    clock = WakingClock(ENDS_MS + 30 * DAY_MS, for_ms=DAY_MS // 2)
    assert await live(county, clock, Centre(clock)) == [0]


async def test_a_centre_that_is_away_is_asked_again_with_growing_patience(county: CertifiedCounty) -> None:
    clock = WakingClock(ENDS_MS, for_ms=DAY_MS // 2)
    asked = await live(county, clock, Centre(clock, failures=9))
    pauses = [(later - before) // 1000 for before, later in pairwise(asked)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_clock_that_is_far_ahead_asks_once_a_day(county: CertifiedCounty) -> None:
    clock = WakingClock(ENDS_MS + 70 * 366 * DAY_MS, for_ms=3 * DAY_MS)
    asked = await live(county, clock, Centre(clock))
    assert asked == [0, DAY_MS, 2 * DAY_MS, 3 * DAY_MS]


async def test_a_clock_that_is_behind_asks_when_nobody_lets_it_in(county: CertifiedCounty) -> None:
    clock = WakingClock(0, for_ms=DAY_MS // 2)
    assert await live(county, clock, Centre(clock), shut_out=True) == [SHUT_OUT_MS]
    clock = WakingClock(0, for_ms=DAY_MS // 2)
    assert await live(county, clock, Centre(clock), shut_out=False) == []


async def test_a_time_from_a_signed_receipt_is_enough_to_know_that_it_is_time(
    county: CertifiedCounty,
) -> None:
    clock = WakingClock(0, for_ms=DAY_MS // 4)
    said = box(county)
    identity, centre = Identity.of(said), Centre(clock)
    tls = credentials(said, identity, time=TlsTime(clock=clock))
    assert tls is not None
    tls.time.heard(ENDS_MS - DAY_MS)
    renewal = Renewal(said, identity=identity, tls=tls, clock=clock, ask=centre)
    with pytest.raises(asyncio.CancelledError):
        await renewal.run()
    assert centre.asked_ms == [0]


def test_the_certificate_of_another_box_is_a_fault(county: CertifiedCounty) -> None:
    said = box(county)
    wrong = settings.Identity(
        name=LANE,
        key=said.key,
        certificates=said.certificates,
        root_name=said.root_name,
        root_public=said.root_public,
        tls=Tls(
            certificate=str(county.folder / f"{CENTRE}.tls.pem"), authority=str(county.folder / "ca.pem")
        ),
    )
    with pytest.raises(ConfigError, match=r"box\.tls\.certificate: is of yiyuan-centre, this is s01-lane1"):
        credentials(wrong, Identity.of(said), time=TlsTime(clock=FixedClock(MADE_MS)))


async def test_a_time_that_no_good_clock_has_said_is_not_learned(quick_path: Path) -> None:
    journal = open_journal(quick_path / "journal", identity=County().identity(LANE).key)
    try:
        await journal.append(said(1), source="yiyuan/s01/lane1")
        time = TlsTime(clock=FixedClock(0), known_ms=0)
        await learn_time(journal, time)
        assert time.known_ms == 0, f"its clock is unset, whatever it says: {NOW}"
    finally:
        await asyncio.to_thread(journal.close)
