"""How a box comes by its certificates: it makes its own keys, asks the centre over HTTPS, and believes only the root.

The first question is asked of a stranger: its answer is good when it leads to the root whose fingerprint a person
typed, and it names the authority by which the stranger must then prove himself before it is told the token.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from journal.keys import Identity, SigningKey, parse_certificate, write_durably
from journal.tls import read_pem
from kernel.errors import LinkError, ProtocolError, RefusedError
from kernel.evidence.certificates import Certificate, verify_chain
from kernel.evidence.enrolment import Authority, KeyRequest
from kernel.evidence.notes import open_note

PATH = "/v1/enrolment"
RENEW = f"{PATH}/renew"
PATIENCE_S = 20.0
LARGEST = 64 * 1024  # bytes of an answer
_REFUSALS = (400, 401, 403, 409, 429)

T = TypeVar("T")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may know: the root's own certificate, the enrolment key's, and the authority of TLS."""

    root: str
    enrolment: str
    authority: str  # note of the enrolment key
    ca: str  # PEM


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The first time with a token; a renewal shows the certificates that end."""

    request: str  # KeyRequest
    csr: str  # PEM
    token: str = ""
    certificates: tuple[str, ...] = ()
    tls: str = ""  # PEM, without the key


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """The certificates of one box."""

    certificate: str
    enrolment: str
    authority: str
    ca: str
    tls: str  # PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The root that is believed."""

    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRequest:
    """A new TLS key and the request for its certificate, both in PEM."""

    private: bytes
    csr: str
    csr_sha256: str

    @classmethod
    def make(cls, box: str) -> TlsRequest:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return cls(
            private=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            csr=csr.public_bytes(Encoding.PEM).decode(),
            csr_sha256=sha256(csr.public_bytes(Encoding.DER)).hexdigest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the certificates of a box lie."""

    certificate: Path
    enrolment: Path
    tls: Path  # key and certificate: one file, so that a renewal replaces both at once
    ca: Path


def check_offer(offer: Offer, *, fingerprint: str) -> Pinned:
    """RefusedError when it does not lead to the root with this fingerprint (SHA-256 of its public key, hex)."""
    root = parse_certificate(offer.root)
    if root.kind != "root" or sha256(root.public_key).hexdigest() != fingerprint.lower():
        raise RefusedError("the centre shows another root than the one whose fingerprint was given")
    open_note(offer.root, name=root.name, public_key=root.public_key)
    pinned = Pinned(name=root.name, public_key=root.public_key)
    _check_authority(offer.enrolment, offer.authority, offer.ca, pinned=pinned)
    return pinned


def check_granted(granted: Granted, *, key: SigningKey, request: TlsRequest, pinned: Pinned) -> Certificate:
    """The new note certificate; RefusedError or ProtocolError when any of it is not what was asked for."""
    chain = (granted.certificate, granted.enrolment)
    own = verify_chain(chain, root_name=pinned.name, root_pub=pinned.public_key, now_ms=None)
    if (own.kind, own.name, own.public_key) != ("box", key.name, key.public):
        raise RefusedError(f"the certificate is of {own.kind} {own.name}, or of another key")
    _check_authority(granted.enrolment, granted.authority, granted.ca, pinned=pinned)
    _check_tls(granted, request)
    return own


def save(granted: Granted, request: TlsRequest, places: Places) -> None:
    """Each file whole or not at all.  Whatever is old when the power goes between two is renewed again."""
    write_durably(places.ca, granted.ca.encode())
    write_durably(places.enrolment, granted.enrolment.encode())
    write_durably(places.certificate, granted.certificate.encode())
    write_durably(places.tls, request.private + granted.tls.encode(), mode=0o600)


def enrol(url: str, *, token: str, fingerprint: str, folder: Path) -> Identity:
    """Blocking: keys and certificates in `folder`.

    A key that is there from an earlier try is used again, so that an answer that got lost costs nothing.
    RefusedError is the centre's word, LinkError: it does not answer.
    """
    box = token.partition(".")[0]
    folder.mkdir(parents=True, exist_ok=True)
    stranger = ssl.create_default_context()
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    offer = _ask(stranger, "GET", f"{url}{PATH}", b"", Offer)
    pinned = check_offer(offer, fingerprint=fingerprint)
    path = folder / f"{box}.key"
    key = (
        SigningKey.load(path, kind="box") if path.exists() else SigningKey.create(path, kind="box", name=box)
    )
    request = TlsRequest.make(box)
    context = ssl.create_default_context(cadata=offer.ca)
    granted = _ask(context, "POST", f"{url}{PATH}", _encode(key, request, token=token), Granted)
    check_granted(granted, key=key, request=request, pinned=pinned)
    save(granted, request, places_in(folder, box))
    write_durably(folder / "root.cert", offer.root.encode())
    return Identity(key=key, certs=(granted.certificate, granted.enrolment))


def renew(url: str, *, identity: Identity, pinned: Pinned, context: ssl.SSLContext, places: Places) -> None:
    """Blocking: new certificates and a new TLS key, asked for under the identity key; files and identity are new."""
    request = TlsRequest.make(identity.box)
    old = read_pem(places.tls).public_bytes(Encoding.PEM).decode()
    asked = _encode(identity.key, request, certificates=identity.certs, tls=old)
    granted = _ask(context, "POST", f"{url}{RENEW}", asked, Granted)
    check_granted(granted, key=identity.key, request=request, pinned=pinned)
    save(granted, request, places)
    identity.renewed((granted.certificate, granted.enrolment))


def places_in(folder: Path, box: str) -> Places:
    return Places(
        certificate=folder / f"{box}.cert",
        enrolment=folder / "enrolment.cert",
        tls=folder / f"{box}.tls.pem",
        ca=folder / "ca.pem",
    )


def _encode(
    key: SigningKey,
    request: TlsRequest,
    *,
    token: str = "",
    certificates: tuple[str, ...] = (),
    tls: str = "",
) -> bytes:
    note = KeyRequest(box=key.name, public_key=key.public, csr_sha256=request.csr_sha256).signed(key.sign)
    asked = Asked(request=note.format(), csr=request.csr, token=token, certificates=certificates, tls=tls)
    return msgspec.json.encode(asked)


def _ask(context: ssl.SSLContext, method: str, url: str, content: bytes, kind: type[T]) -> T:
    try:
        with httpx.Client(verify=context, timeout=PATIENCE_S, trust_env=False) as http:
            answer = http.request(method, url, content=content or None)
    except httpx.HTTPError as error:
        raise LinkError(f"the centre does not answer at {url}: {error}") from error
    if answer.status_code in _REFUSALS:
        raise RefusedError(f"the centre says: {answer.text[:400].strip()}")
    if answer.status_code != 200:
        raise LinkError(f"the centre says: {answer.status_code} {answer.text[:400].strip()}")
    try:
        return msgspec.json.decode(answer.content[:LARGEST], type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not what a centre answers ({error})", answer.content) from error


def _check_authority(enrolment: str, note: str, ca: str, *, pinned: Pinned) -> None:
    issuer = verify_chain((enrolment,), root_name=pinned.name, root_pub=pinned.public_key, now_ms=None)
    authority = Authority.open(note, issuer=issuer.name, public_key=issuer.public_key)
    if authority.sha256 != sha256(ca.encode()).hexdigest():
        raise RefusedError("the authority of TLS is not the one that the enrolment key names")


def _check_tls(granted: Granted, request: TlsRequest) -> None:
    try:
        wanted = x509.load_pem_x509_csr(request.csr.encode())
        made = x509.load_pem_x509_certificate(granted.tls.encode())
        made.verify_directly_issued_by(x509.load_pem_x509_certificate(granted.ca.encode()))
    except (ValueError, TypeError, InvalidSignature) as error:
        raise RefusedError(f"the TLS certificate is not of this county: {error!r}") from error
    if made.subject != wanted.subject or made.public_key() != wanted.public_key():
        raise RefusedError("the TLS certificate is of another key or another box")
