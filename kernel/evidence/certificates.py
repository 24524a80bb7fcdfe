"""Certificates 证书 as signed notes: the county root signs the enrolment key, which signs everybody else's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.notes import Note, Sign, decode_base64, encode_base64, open_note, sign_note
from kernel.evidence.texts import number

CERTIFICATE = "weighpost-certificate/v1"

Kind = Literal["root", "enrolment", "box", "store", "cosigner", "witness", "command"]

ISSUED_BY: dict[Kind, Kind] = {
    "enrolment": "root",
    "witness": "root",
    "box": "enrolment",
    "store": "enrolment",
    "cosigner": "enrolment",
    "command": "enrolment",
}
_NAME = re.compile(r"[a-z0-9-]{3,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The issuer says: this key is that name's, for this purpose, from and until."""

    kind: Kind
    name: str
    public_key: bytes
    not_before_ms: int
    not_after_ms: int

    def text(self) -> str:
        return (
            f"{CERTIFICATE}\n{self.kind}\n{self.name}\n{encode_base64(self.public_key)}\n"
            f"{self.not_before_ms}\n{self.not_after_ms}\n"
        )

    def signed(self, *, issuer: str, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=issuer, public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> Certificate:
        lines = text.split("\n")
        if len(lines) != 7 or lines[0] != CERTIFICATE or lines[1] not in get_args(Kind) or lines[6]:
            raise ProtocolError("not a certificate", text[:64].encode())
        public_key = decode_base64(lines[3])
        if not _NAME.fullmatch(lines[2]) or len(public_key) != 32:
            raise ProtocolError("not a certificate", text[:64].encode())
        return cls(
            kind=cast(Kind, lines[1]),
            name=lines[2],
            public_key=public_key,
            not_before_ms=number(lines[4]),
            not_after_ms=number(lines[5]),
        )


def verify_chain(certs: Sequence[str], *, root_name: str, root_pub: bytes, now_ms: int | None) -> Certificate:
    """The first certificate of the chain, vouched for by the root; leaf first, root not included.

    `now_ms` None: whoever signed it, whether or not it has ended.
    ProtocolError for what is no certificate, RefusedError for what does not chain to this root or is out of date.
    """
    if not 1 <= len(certs) <= 2:
        raise RefusedError("a chain has one or two certificates")
    issuer = Certificate(kind="root", name=root_name, public_key=root_pub, not_before_ms=0, not_after_ms=0)
    for note in reversed(certs):
        issuer = _issued(note, issuer, now_ms)
    return issuer


def _issued(note: str, issuer: Certificate, now_ms: int | None) -> Certificate:
    text = open_note(note, name=issuer.name, public_key=issuer.public_key).text
    certificate = Certificate.parse(text)
    if ISSUED_BY.get(certificate.kind) != issuer.kind:
        raise RefusedError(f"a key of kind {issuer.kind} may not certify a {certificate.kind}")
    if now_ms is not None and not certificate.not_before_ms <= now_ms < certificate.not_after_ms:
        raise RefusedError(f"the certificate of {certificate.name} is out of date")
    return certificate
