"""A county whose boxes come by certificate: its keys in one folder, made by the product."""

from __future__ import annotations

from pathlib import Path

from central import keyring
from journal.clock import SystemClock
from journal.enrolling import places_in
from journal.tls import Credentials, TlsTime
from kernel.clock import Clock

CENTRE = "yiyuan-centre"
LANE, OTHER = "s01-lane1", "s01-lane2"


class FixedClock:
    """A clock that somebody else sets."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


class CertifiedCounty:
    """`now_ms`: when everything was made; now, if not given."""

    def __init__(self, folder: Path, *, now_ms: int | None = None) -> None:
        self.folder = folder
        self.now_ms = SystemClock().now_ms() if now_ms is None else now_ms
        self.root = keyring.new_root(folder, name="yiyuan-root", now_ms=self.now_ms)

    def enrol(self, box: str, *hosts: str) -> None:
        keyring.enrol(self.folder, kind="box", name=box, now_ms=self.now_ms, hosts=hosts)

    def credentials(
        self, box: str, *, clock: Clock | None = None, time: TlsTime | None = None
    ) -> Credentials:
        places = places_in(self.folder, box)
        return Credentials(
            places.tls, authority=places.ca, time=time or TlsTime(clock=clock or FixedClock(self.now_ms))
        )


def quick_county(folder: Path, *, now_ms: int | None = None) -> CertifiedCounty:
    """A centre that can be found on this machine, and two lanes."""
    county = CertifiedCounty(folder, now_ms=now_ms)
    county.enrol(CENTRE, "127.0.0.1")
    county.enrol(LANE)
    county.enrol(OTHER)
    return county
