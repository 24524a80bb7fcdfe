"""TLS within a county: one authority, names that are boxes, and a time to judge certificates by that no bad clock spoils.

Certificates of a county have no beginning, so a clock that is behind shuts nobody out.  Their end is judged here and not
by OpenSSL, which knows the system's clock only: after the handshake, before a byte of anything else.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from journal.keys import check_private
from kernel.clock import Clock
from kernel.errors import ConfigError

BUILT_MS = (
    1_793_491_200_000  # 2026-11-01: no certificate is judged by an earlier time; moved with each release
)
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for
_NAME = re.compile(r"[a-z0-9-]{3,40}")

Peer = Mapping[str, Any]  # what getpeercert() says


@dataclass(slots=True, kw_only=True)
class TlsTime:
    """max(system clock, newest time that is known to be past); of a clock that nobody keeps only what is known.

    What others say of the time counts for renewing and never against a certificate: one centre whose clock runs ahead
    would shut out every box that has heard it.
    """

    clock: Clock
    known_ms: int = BUILT_MS
    heard_ms: int = 0
    kept: Callable[[], bool] = lambda: True

    def past(self, at_ms: int) -> None:
        self.known_ms = max(self.known_ms, at_ms)

    def heard(self, at_ms: int) -> None:
        self.heard_ms = max(self.heard_ms, at_ms)

    def latest_ms(self) -> int:
        """By which it may be time to renew."""
        return max(self.clock.now_ms(), self.known_ms, self.heard_ms)

    def now_ms(self) -> int:
        """By which certificates are judged."""
        return max(self.clock.now_ms(), self.known_ms) if self.kept() else self.known_ms


@dataclass(slots=True)
class _Judge:
    time: TlsTime
    refused: int = field(default=0)

    def look(self, peer: Peer | None) -> None:
        if peer and ssl.cert_time_to_seconds(peer["notAfter"]) * 1000 <= self.time.now_ms():
            raise ssl.SSLCertVerificationError("the certificate is out of date")


class CountyContext(ssl.SSLContext):
    """A context whose connections are judged by the county's time; `refused` counts the handshakes that failed."""

    judge: _Judge

    @property
    def refused(self) -> int:
        return self.judge.refused


class _Socket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        try:
            _judged(self.context, lambda: super(_Socket, self).do_handshake(block), self.getpeercert)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()  # paho lets go of it without closing
            raise


class _Object(ssl.SSLObject):
    def do_handshake(self) -> None:
        _judged(self.context, super().do_handshake, self.getpeercert)


class Credentials:
    """TLS key and certificate of one process, and the contexts made of them; `reload` is for connections to come."""

    def __init__(self, certificate: Path, *, authority: Path, time: TlsTime) -> None:
        """ConfigError names the file and what is wrong with it."""
        self.time = time
        self._certificate = certificate
        self._authority = authority
        self._held: list[CountyContext] = []
        self.name = ""
        self.not_after_ms = 0
        self._read()
        self.anonymous()  # the authority's file is looked at now and not at the first connection

    def client(self) -> CountyContext:
        """For connections that show who we are."""
        return self._with_own(self.anonymous())

    def anonymous(self) -> CountyContext:
        """For connections that ask for a new certificate: an expired one would not be let in."""
        return self._trusting(CountyContext(ssl.PROTOCOL_TLS_CLIENT))

    def server(self, *, demand: bool) -> CountyContext:
        """`demand`: whoever shows no certificate of the county is not let in."""
        context = self._with_own(self._trusting(CountyContext(ssl.PROTOCOL_TLS_SERVER)))
        context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
        return context

    @property
    def refused(self) -> int:
        """Handshakes that failed, ours with others included."""
        return sum(context.refused for context in self._held)

    def reload(self) -> None:
        """A renewed file; connections that are open stay as they are."""
        self._read()
        for context in self._held:
            context.load_cert_chain(self._certificate)

    def _read(self) -> None:
        check_private(self._certificate)
        certificate = read_pem(self._certificate)
        self.name = _common_name(certificate)
        if not _NAME.fullmatch(self.name):
            raise ConfigError.one(str(self._certificate), "is the certificate of no box")
        self.not_after_ms = int(certificate.not_valid_after_utc.timestamp() * 1000)

    def _trusting(self, context: CountyContext) -> CountyContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.judge = _Judge(self.time)
        context.sslsocket_class = _Socket
        context.sslobject_class = _Object
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        try:
            context.load_verify_locations(self._authority)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError.one(str(self._authority), f"is no authority's certificate: {error}") from error
        return context

    def _with_own(self, context: CountyContext) -> CountyContext:
        try:
            context.load_cert_chain(self._certificate)
        except ssl.SSLError as error:
            raise ConfigError.one(str(self._certificate), "key and certificate do not fit") from error
        self._held.append(context)
        return context


def peer_name(peer: Peer | None) -> str | None:
    """The box that a verified certificate names; None when there is none, or not exactly one."""
    names = [value for part in (peer or {}).get("subject", ()) for key, value in part if key == "commonName"]
    return names[0] if len(names) == 1 and _NAME.fullmatch(names[0]) else None


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def read_pem(path: Path) -> x509.Certificate:
    """ConfigError names the file and what is wrong with it."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError.one(str(path), "is not an X.509 certificate in PEM") from error


def _judged(context: ssl.SSLContext, handshake: Callable[[], None], peer: Callable[[], Peer | None]) -> None:
    assert isinstance(context, CountyContext)  # noqa: S101 - nobody else makes these
    try:
        handshake()
        context.judge.look(peer())
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise
    except ssl.SSLError:
        context.judge.refused += 1
        raise
