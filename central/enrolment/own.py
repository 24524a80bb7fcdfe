"""The centre renews its own certificates, where the keys that certify are on line."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from central.authority import read_request
from central.enrolment.certifying import DAY_MS, Certifier
from journal.enrolling import TlsRequest, places_in, save
from journal.keys import Identity
from journal.tls import Credentials
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.enrolment import KeyRequest

log = logging.getLogger(__name__)

AHEAD_MS = 60 * DAY_MS
LOOK_S = 6 * 3_600.0


class OwnRenewal:
    """Looks for as long as the centre runs."""

    def __init__(
        self,
        folder: Path,
        *,
        identity: Identity,
        tls: Credentials,
        certifier: Certifier | None,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._tls = tls
        self._certifier = certifier
        self._clock = clock

    async def run(self) -> None:
        """For ever."""
        while True:
            ends_ms = min(self._identity.not_after_ms, self._tls.not_after_ms)
            if ends_ms - self._clock.now_ms() <= AHEAD_MS:
                await self._try(ends_ms)
            await self._clock.sleep(LOOK_S)

    async def _try(self, ends_ms: int) -> None:
        box = self._identity.box
        if self._certifier is None:
            log.warning("certificates end and the enrolment key is off line", extra={"until_ms": ends_ms})
            return
        try:
            await asyncio.to_thread(self._renew, self._certifier)
        except (RefusedError, ProtocolError, OSError) as error:
            log.warning("certificates not renewed", extra={"box": box, "reason": str(error)})
            return
        log.info("certificates renewed", extra={"box": box, "until_ms": self._tls.not_after_ms})

    def _renew(self, certifier: Certifier) -> None:
        key, places = self._identity.key, places_in(self._folder, self._identity.box)
        made = TlsRequest.make(key.name)
        request = KeyRequest(box=key.name, public_key=key.public, csr_sha256=made.csr_sha256)
        csr = read_request(made.csr, box=key.name, csr_sha256=made.csr_sha256)
        hosts = certifier.authority.hosts(places.tls.read_text(encoding="ascii"), box=key.name)
        granted, _ = certifier.grant(request, csr, hosts=hosts, now_ms=self._clock.now_ms())
        save(granted, made, places)
        self._identity.renewed((granted.certificate, granted.enrolment))
        self._tls.reload()
