"""Renews the certificates of a process before they end, or after: an expired key that is not revoked may do just this."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from journal import settings
from journal.enrolling import Pinned, Places, renew
from journal.keys import Identity
from journal.tls import Credentials, TlsTime
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ConfigError, FullError, LinkError, ProtocolError, RefusedError
from kernel.evidence import header
from kernel.evidence.notes import decode_base64

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
SHUT_OUT_MS = 6 * 3_600_000
LOOK_S = 3_600.0
RETRY_S = (30.0, LOOK_S)


class Ask(Protocol):
    """journal.enrolling.renew."""

    def __call__(
        self, url: str, *, identity: Identity, pinned: Pinned, context: ssl.SSLContext, places: Places
    ) -> None: ...


class Renewal:
    """`shut_out`: nobody lets us in.

    When that lasts, the certificates may have ended although our clock does not know it.
    """

    def __init__(
        self,
        box: settings.Identity,
        *,
        identity: Identity,
        tls: Credentials,
        clock: Clock,
        shut_out: Callable[[], bool] = lambda: False,
        ask: Ask = renew,
    ) -> None:
        self._box = box
        self._identity = identity
        self._tls = tls
        self._clock = clock
        self._shut_out = shut_out
        self._ask = ask
        self._tried_ms: int | None = None
        self._let_in_ms = clock.mono_ms()
        self._failed_s = RETRY_S[0]
        self._reason = ""

    @property
    def ends_ms(self) -> int:
        """When the first of our certificates ends."""
        return min(self._identity.not_after_ms, self._tls.not_after_ms)

    async def run(self) -> None:
        """For ever."""
        while self._box.renewal is not None:
            await self._clock.sleep(await self._look())

    async def _look(self) -> float:
        """Seconds until the next look."""
        if not self._due():
            return LOOK_S
        self._tried_ms = self._clock.mono_ms()
        try:
            await asyncio.to_thread(self._renew)
        except (LinkError, RefusedError, ProtocolError, ConfigError, FullError, OSError) as error:
            return self._not_now(error)
        self._failed_s, self._reason = RETRY_S[0], ""
        log.info("certificates renewed", extra={"box": self._box.name, "until_ms": self.ends_ms})
        return LOOK_S

    def _due(self) -> bool:
        """Once a day at most, unless it failed: with a clock that is far ahead they always seem to end."""
        if (
            self._tried_ms is not None
            and not self._reason
            and self._clock.mono_ms() - self._tried_ms < DAY_MS
        ):
            return False
        left_ms = self.ends_ms - self._tls.time.latest_ms()
        return left_ms <= self._box.renew_days * DAY_MS or self._long_shut_out()

    def _long_shut_out(self) -> bool:
        if not self._shut_out():
            self._let_in_ms = self._clock.mono_ms()
        return self._clock.mono_ms() - self._let_in_ms >= SHUT_OUT_MS

    def _renew(self) -> None:
        assert self._box.renewal and self._box.tls  # noqa: S101, PT018 - the settings see to it
        certificate, enrolment = (Path(path) for path in self._box.certificates)
        places = Places(
            certificate=certificate,
            enrolment=enrolment,
            tls=Path(self._box.tls.certificate),
            ca=Path(self._box.tls.authority),
        )
        self._ask(
            self._box.renewal.rstrip("/"),
            identity=self._identity,
            pinned=Pinned(name=self._box.root_name, public_key=decode_base64(self._box.root_public)),
            context=self._tls.anonymous(),
            places=places,
        )
        self._tls.reload()

    def _not_now(self, error: Exception) -> float:
        if str(error) != self._reason:
            log.warning("certificates not renewed", extra={"box": self._box.name, "reason": str(error)})
        self._reason = str(error)
        wait_s, self._failed_s = self._failed_s, min(2 * self._failed_s, RETRY_S[1])
        return wait_s


def credentials(box: settings.Identity, identity: Identity, *, time: TlsTime) -> Credentials | None:
    """As the settings of a process name them; ConfigError when the certificate is another box's."""
    time.heard(identity.not_before_ms)
    if box.tls is None:
        return None
    tls = Credentials(Path(box.tls.certificate), authority=Path(box.tls.authority), time=time)
    if tls.name != box.name:
        raise ConfigError.one("box.tls.certificate", f"is of {tls.name}, this is {box.name}")
    return tls


async def learn_time(journal: Journal, time: TlsTime) -> None:
    """The newest entry was written in the past, if the clock it was written by was one to trust."""
    entries = await journal.read(journal.size - 1, 1)
    for entry in entries:
        said = header.decode(entry.header)
        if said.clock.state == "ok":
            time.past(said.at)
