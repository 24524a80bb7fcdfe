"""The county's X.509 authority: who may speak TLS as which box, and at which hosts it may be found.

Certificates begin in 1970, whatever the clock said when they were made, so that a box whose clock is behind can connect.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from journal.keys import SigningKey, check_private, write_durably
from journal.tls import read_pem
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.evidence.enrolment import Authority

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CA_DAYS = 3660
LOOPBACK = ("127.0.0.1", "localhost")  # a process speaks to its own broker there


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsAuthority:
    """Certifies the TLS keys of boxes and keeps a list of what it has certified.

    `note` is the enrolment key's word that this is the county's.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: str
    note: str
    index: Path  # one line a certificate: serial number and box

    @classmethod
    def create(cls, folder: Path, *, enrolment: SigningKey, now_ms: int) -> TlsAuthority:
        """ca.key.pem, ca.pem and ca.note; nothing that is there is overwritten."""
        if (folder / "ca.key.pem").exists():
            raise ConfigError.one(str(folder / "ca.key.pem"), "exists already; a key is never overwritten")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{enrolment.name}-tls")])
        certificate = _self_signed(name, key, _at(now_ms) + timedelta(days=_CA_DAYS))
        pem = certificate.public_bytes(Encoding.PEM).decode()
        said = Authority(sha256=sha256(pem.encode()).hexdigest())
        note = said.signed(issuer=enrolment.name, public_key=enrolment.public, sign=enrolment.sign)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_durably(folder / "ca.pem", pem.encode())
        write_durably(folder / "ca.note", note.format().encode())
        write_durably(folder / "ca.key.pem", private, mode=0o600)
        return cls(certificate=certificate, key=key, pem=pem, note=note.format(), index=folder / "ca.index")

    @classmethod
    def load(cls, folder: Path) -> TlsAuthority:
        """ConfigError names the file and what is wrong with it."""
        path = folder / "ca.key.pem"
        check_private(path)
        certificate = read_pem(folder / "ca.pem")
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            raise ConfigError.one(str(path), "is not a private key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ConfigError.one(str(path), "is not the key of ca.pem")
        return cls(
            certificate=certificate,
            key=key,
            pem=(folder / "ca.pem").read_text(),
            note=_note(folder / "ca.note"),
            index=folder / "ca.index",
        )

    def certify(self, csr: x509.CertificateSigningRequest, *, hosts: Sequence[str], until_ms: int) -> str:
        """The certificate of the box that the request names, as PEM; with `hosts` it may also be spoken to there."""
        [box] = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        serial = x509.random_serial_number()
        # Before it exists: a certificate that is not on the list could not be revoked.
        _add_line(self.index, f"{serial:x} {box.value!s}\n")
        until = min(_at(until_ms), self.certificate.not_valid_after_utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(csr.subject)
            .issuer_name(self.certificate.subject)
            .public_key(csr.public_key())
            .serial_number(serial)
            .not_valid_before(_EPOCH)
            .not_valid_after(until)
        )
        for extension, critical in self._extensions(csr, hosts):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def hosts(self, pem: str, *, box: str) -> tuple[str, ...]:
        """Where an earlier certificate of ours let this box be found; RefusedError when it is none."""
        try:
            earlier = x509.load_pem_x509_certificate(pem.encode())
            earlier.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise RefusedError("not a TLS certificate of this county") from error
        if earlier.subject != _subject(box):
            raise RefusedError(f"not a TLS certificate of {box}")
        try:
            names = earlier.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        return tuple(str(name.value) for name in names)

    def revocations(self, boxes: Collection[str], *, now_ms: int) -> str:
        """The list, in PEM, by which a broker of its own refuses every certificate that these boxes were given.

        It does not expire: one that did would shut out everybody.
        """
        at = _at(now_ms)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(_EPOCH)
            .next_update(self.certificate.not_valid_after_utc)
        )
        for serial, box in _lines(self.index):
            if box in boxes:
                one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
                builder = builder.add_revoked_certificate(one)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _extensions(
        self, csr: x509.CertificateSigningRequest, hosts: Sequence[str]
    ) -> list[tuple[x509.ExtensionType, bool]]:
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        found: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(certifies=False), True),
            (x509.ExtendedKeyUsage(purposes), False),
            (x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), False),
        ]
        if hosts:
            names = dict.fromkeys([*hosts, *LOOPBACK])
            found.append((x509.SubjectAlternativeName([_host(name) for name in names]), False))
        return found


def read_request(pem: str, *, box: str, csr_sha256: str) -> x509.CertificateSigningRequest:
    """ProtocolError unless it is the request that was signed for, names this box and no more, and has its key."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        good = csr.is_signature_valid and isinstance(csr.public_key(), ec.EllipticCurvePublicKey)
        digest = sha256(csr.public_bytes(Encoding.DER)).hexdigest()
    except (ValueError, UnicodeError) as error:
        raise ProtocolError(
            "not a request for a TLS certificate", pem[:64].encode(errors="replace")
        ) from error
    if not good or digest != csr_sha256 or csr.subject != _subject(box):
        raise ProtocolError(f"not the request that {box} has signed for")
    return csr


def _self_signed(name: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_EPOCH)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certifies=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(box: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])


def _add_line(path: Path, line: str) -> None:
    before = path.read_bytes() if path.exists() else b""
    torn = bool(before) and not before.endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}" if torn else line)
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[tuple[int, str]]:
    """A last line that a power cut has torn belongs to no certificate."""
    if not path.exists():
        return []
    parts = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [(int(part[0], 16), part[1]) for part in parts if len(part) == 2]


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), "cannot be read; it says that ca.pem is the county's") from error


def _at(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms // 1000, UTC)
