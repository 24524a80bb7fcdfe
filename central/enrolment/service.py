"""The rules of enrolment 登记 and renewal 续期: who gets certificates, and what becomes an entry because of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from central.authority import read_request
from central.enrolment.admission import Admission, Standing
from central.enrolment.certifying import Certifier
from central.store.speakers import Enrolled, EnrolmentToken, Revocation, Speakers
from journal.enrolling import Asked, Granted, Offer
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError, RefusedError
from kernel.events import Body, BoxEnrolled, BoxRevoked
from kernel.evidence.certificates import Certificate, verify_chain
from kernel.evidence.enrolment import KeyRequest
from kernel.evidence.notes import encode_base64
from web.throttle import Throttle

log = logging.getLogger(__name__)

LOOK_S = 2.0  # a revocation typed at the terminal takes effect within this
AGAIN_MS = 60_000  # between two renewals of one box
STRANGERS = "?"  # in the counts


class Append(Protocol):
    def __call__(self, body: Body, *, key: str | None = None) -> Awaitable[object]: ...


class TooManyError(RefusedError):
    """Come back after `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many tries; wait {wait_s} s")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Whom certificates must lead to."""

    name: str
    public: bytes


def new_token(
    *, box: str, source: str, hosts: Sequence[str], life_ms: int, by: str, now_ms: int
) -> tuple[str, EnrolmentToken]:
    """What is told to whoever sets up the box, once, and what is kept of it."""
    token = f"{box}.{secrets.token_urlsafe(32)}"
    kept = EnrolmentToken(
        token_hash=_hash(token),
        box=box,
        source=source,
        hosts=tuple(hosts),
        made_ms=now_ms,
        expires_ms=now_ms + life_ms,
        by=by,
    )
    return token, kept


class Enrolment:
    """Answers boxes; and tells the centre's own journal of everything that the store has and it has not."""

    def __init__(
        self,
        speakers: Speakers,
        admission: Admission,
        *,
        certifier: Certifier | None,
        root: Root,
        append: Append,
        clock: Clock,
    ) -> None:
        self.refused: Counter[str] = Counter()  # by box
        self._speakers = speakers
        self._admission = admission
        self._certifier = certifier
        self._root = root
        self._append = append
        self._clock = clock
        self._throttle = Throttle(clock)

    def offer(self) -> Offer:
        """RefusedError when the enrolment key is not here."""
        return self._on_line().offer()

    async def enrol(self, asked: Asked, *, address: str) -> Granted:
        """Certificates for whoever has the token of a box.  RefusedError says why not."""
        return await self._guarded(self._enrol, asked, address)

    async def renew(self, asked: Asked, *, address: str) -> Granted:
        """New certificates for a box that shows old ones, expired or not, unless it is revoked."""
        return await self._guarded(self._renew, asked, address)

    async def run(self) -> None:
        """For ever: revocations typed elsewhere take effect, and everything becomes an entry.

        What fails now is tried again at the next look; who may speak stays as it was last read.
        """
        failed = False
        while True:
            try:
                await self._tell()
                failed = False
            except (SQLAlchemyError, FullError, RefusedError) as error:
                if not failed:
                    log.warning("enrolments not looked at", extra={"reason": str(error)})
                failed = True
            await self._clock.sleep(LOOK_S)

    # --- inside ------------------------------------------------------------------------------------------------

    async def _guarded(
        self, work: Callable[[Asked, KeyRequest], Awaitable[Granted]], asked: Asked, address: str
    ) -> Granted:
        keys = [f"address/{address}"]
        wait_s = self._throttle.wait_s(keys)
        if wait_s:
            raise TooManyError(wait_s)
        box = STRANGERS
        try:
            request = KeyRequest.open(asked.request)
            box = request.box if self._admission.register.sources.get(request.box) else STRANGERS
            granted = await work(asked, request)
        except (ProtocolError, RefusedError) as error:
            self._throttle.missed(keys)
            self.refused[box] += 1
            log.warning("no certificate", extra={"box": box, "address": address, "reason": str(error)})
            raise
        self._throttle.succeeded(keys[0])
        return granted

    async def _enrol(self, asked: Asked, request: KeyRequest) -> Granted:
        certifier, now_ms = self._on_line(), self._clock.now_ms()
        csr = read_request(asked.csr, box=request.box, csr_sha256=request.csr_sha256)
        token = await asyncio.to_thread(self._speakers.token, _hash(asked.token))
        if token is None or token.box != request.box:
            raise RefusedError(f"this is no token of {request.box}")
        if now_ms >= token.expires_ms:
            raise RefusedError("the token has expired")
        self._check_not_revoked(request.box)
        granted, certificate = await asyncio.to_thread(
            certifier.grant, request, csr, hosts=token.hosts, now_ms=now_ms
        )
        enrolled = _listed(certificate, source=token.source, by=token.by, now_ms=now_ms)
        if not await asyncio.to_thread(self._speakers.redeem, token.token_hash, enrolled):
            raise RefusedError("the token has been used")
        await self._tell()
        return granted

    async def _renew(self, asked: Asked, request: KeyRequest) -> Granted:
        certifier, now_ms = self._on_line(), self._clock.now_ms()
        csr = read_request(asked.csr, box=request.box, csr_sha256=request.csr_sha256)
        self._check_chain(asked, request)
        self._check_not_revoked(request.box)
        if not self._admission.admits(request.box):
            raise RefusedError(f"{request.box} is not registered here")
        before = await asyncio.to_thread(self._latest, request.box)
        if before and before.public_key != encode_base64(request.public_key):
            raise RefusedError(f"{request.box} was enrolled with another key since")
        if before and before.renewed and 0 <= now_ms - before.at_ms < AGAIN_MS:
            raise RefusedError(f"{request.box} has renewed a moment ago")
        hosts = certifier.authority.hosts(asked.tls, box=request.box)
        granted, certificate = await asyncio.to_thread(
            certifier.grant, request, csr, hosts=hosts, now_ms=now_ms
        )
        source = self._admission.register.sources[request.box]
        enrolled = _listed(certificate, source=source, by=before.by if before else "renewal", now_ms=now_ms)
        await asyncio.to_thread(self._speakers.save, replace(enrolled, renewed=True))
        await self._tell()
        return granted

    def _check_chain(self, asked: Asked, request: KeyRequest) -> None:
        """Right when it was made is enough: that it has ended is why he is here."""
        if not asked.certificates:
            raise RefusedError("a renewal without the certificates that end")
        own = verify_chain(
            asked.certificates, root_name=self._root.name, root_pub=self._root.public, now_ms=None
        )
        if (own.kind, own.name, own.public_key) != ("box", request.box, request.public_key):
            raise RefusedError(f"the certificates are not of {request.box} and its key")

    def _check_not_revoked(self, box: str) -> None:
        if self._admission.revoked(box):
            raise RefusedError(f"{box} is revoked; a machine that replaces it gets another name")

    def _latest(self, box: str) -> Enrolled | None:
        return next((one for one in self._speakers.enrolled() if one.box == box), None)

    def _on_line(self) -> Certifier:
        if self._certifier is None:
            raise RefusedError("the enrolment key is kept off line; certificates are made by hand")
        return self._certifier

    async def _tell(self) -> None:
        """Whoever has a certificate is on the list and in the journal; before the answer leaves, too."""
        standing = await asyncio.to_thread(Standing.read, self._speakers)
        self._admission.learn(standing)
        await self._say(standing)

    async def _say(self, standing: Standing) -> None:
        for one in standing.enrolled:
            if not one.said:
                await self._append(_as_enrolled(one), key=f"enrolled/{one.box}/{one.not_after_ms}")
                await asyncio.to_thread(self._speakers.said, one)
        for gone in standing.revocations:
            if not gone.said:
                log.warning("revoked", extra={"box": gone.box, "journal": gone.journal, "size": gone.size})
                await self._append(_as_revoked(gone), key=f"revoked/{gone.id}/{gone.at_ms}")
                await asyncio.to_thread(self._speakers.revocation_said, gone)


def _listed(certificate: Certificate, *, source: str, by: str, now_ms: int) -> Enrolled:
    return Enrolled(
        box=certificate.name,
        source=source,
        public_key=encode_base64(certificate.public_key),
        not_after_ms=certificate.not_after_ms,
        by=by,
        at_ms=now_ms,
    )


def _as_enrolled(one: Enrolled) -> BoxEnrolled:
    return BoxEnrolled(
        box=one.box,
        kind="box",
        public_key=one.public_key,
        not_after_ms=one.not_after_ms,
        by=one.by,
        renewed=one.renewed,
    )


def _as_revoked(one: Revocation) -> BoxRevoked:
    return BoxRevoked(box=one.box, reason=one.reason, by=one.by, journal=one.journal, size=one.size)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
