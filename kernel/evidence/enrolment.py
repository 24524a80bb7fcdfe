"""What is signed when keys are certified: a box's request for certificates, and which authority vouches on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernel.errors import ProtocolError
from kernel.evidence.notes import Note, Sign, decode_base64, encode_base64, open_note, sign_note, verify

REQUEST = "weighpost-certificate-request/v1"
AUTHORITY = "weighpost-authority/v1"
_NAME = re.compile(r"[a-z0-9-]{3,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """This box has this identity key and wants a TLS certificate for the request with this SHA-256.

    Whoever repeats it gets certificates for keys that he does not have.
    """

    box: str
    public_key: bytes
    csr_sha256: str  # of its DER

    def signed(self, sign: Sign) -> Note:
        return sign_note(self._text(), name=self.box, public_key=self.public_key, sign=sign)

    @classmethod
    def open(cls, note: str) -> KeyRequest:
        """Signed by the very key it names; ProtocolError when it is not.  Whose key that is, is for the caller."""
        parsed = Note.parse(note)
        lines = parsed.text.split("\n")
        if len(lines) != 5 or lines[0] != REQUEST or lines[4]:
            raise ProtocolError("not a request for certificates", parsed.text[:64].encode())
        request = cls(box=lines[1], public_key=decode_base64(lines[2]), csr_sha256=lines[3])
        if not _NAME.fullmatch(request.box) or not _DIGEST.fullmatch(request.csr_sha256):
            raise ProtocolError("not a request for certificates", parsed.text[:64].encode())
        if not verify(parsed, name=request.box, public_key=request.public_key):
            raise ProtocolError(f"not signed by {request.box}")
        return request

    def _text(self) -> str:
        return f"{REQUEST}\n{self.box}\n{encode_base64(self.public_key)}\n{self.csr_sha256}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The county's TLS authority is the one whose PEM has this SHA-256; signed by the enrolment key."""

    sha256: str

    def signed(self, *, issuer: str, public_key: bytes, sign: Sign) -> Note:
        return sign_note(f"{AUTHORITY}\n{self.sha256}\n", name=issuer, public_key=public_key, sign=sign)

    @classmethod
    def open(cls, note: str, *, issuer: str, public_key: bytes) -> Authority:
        lines = open_note(note, name=issuer, public_key=public_key).text.split("\n")
        if len(lines) != 3 or lines[0] != AUTHORITY or not _DIGEST.fullmatch(lines[1]) or lines[2]:
            raise ProtocolError("not a note about an authority")
        return cls(sha256=lines[1])
