"""The keys that certify boxes, where they are on line: note certificate and TLS certificate in one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from central.authority import TlsAuthority
from journal.enrolling import Granted, Offer
from journal.keys import SigningKey, issue, parse_certificate, read_certificate
from kernel.evidence.certificates import Certificate
from kernel.evidence.enrolment import KeyRequest

DAY_MS = 86_400_000
BOX_DAYS = 3 * 366
TLS_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Certifier:
    """Whom to certify is decided elsewhere."""

    root: str
    enrolment: str
    key: SigningKey
    authority: TlsAuthority

    @classmethod
    def load(cls, folder: Path) -> Certifier | None:
        """From the folder of keys; None when the enrolment key is not in it: it is kept off line."""
        if not (folder / "enrolment.key").exists() or not (folder / "ca.key.pem").exists():
            return None
        return cls(
            root=read_certificate(folder / "root.cert"),
            enrolment=read_certificate(folder / "enrolment.cert"),
            key=SigningKey.load(folder / "enrolment.key", kind="enrolment"),
            authority=TlsAuthority.load(folder),
        )

    def offer(self) -> Offer:
        return Offer(
            root=self.root, enrolment=self.enrolment, authority=self.authority.note, ca=self.authority.pem
        )

    def grant(
        self,
        request: KeyRequest,
        csr: x509.CertificateSigningRequest,
        *,
        hosts: Sequence[str],
        now_ms: int,
    ) -> tuple[Granted, Certificate]:
        """Both certificates, and what the first one says."""
        note = issue(
            kind="box",
            name=request.box,
            public_key=request.public_key,
            issuer=self.key,
            # A box whose clock is a little behind must not be refused on its first day.
            not_before_ms=now_ms - DAY_MS,
            not_after_ms=now_ms + BOX_DAYS * DAY_MS,
        )
        granted = Granted(
            certificate=note,
            enrolment=self.enrolment,
            authority=self.authority.note,
            ca=self.authority.pem,
            tls=self.authority.certify(csr, hosts=hosts, until_ms=now_ms + TLS_DAYS * DAY_MS),
        )
        return granted, parse_certificate(note)
