"""C2SP signed notes: texts with Ed25519 signature lines, and cosignature/v1 lines that say when."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kernel.errors import ProtocolError

ED25519: Final = 0x01
COSIGNATURE_V1: Final = 0x04
MAX_NOTE = 64 * 1024

Sign = Callable[[bytes], bytes]
Algorithm = Literal[0x01, 0x04]

_LINE = re.compile("— (?P<name>[^ +\n]{1,200}) (?P<data>[A-Za-z0-9+/]{1,400}={0,2})")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f]")

_Y_BITS = 2**255 - 1
_PRIME = 2**255 - 19
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# Second coordinates of the eight points of small order, and spellings of numbers that have a shorter one.
_NO_KEYS = {0, 1, _PRIME - 1, _EIGHTH, _PRIME - _EIGHTH, *range(_PRIME, 2**255)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: whose, which key, and the bytes after the key id."""

    name: str
    key_id: bytes
    payload: bytes

    def line(self) -> str:
        return f"— {self.name} {encode_base64(self.key_id + self.payload)}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        match = _LINE.fullmatch(line.removesuffix("\n"))
        data = decode_base64(match["data"]) if match else b""
        if match is None or len(data) < 5:
            raise ProtocolError("not a signature line", line.encode())
        return cls(name=match["name"], key_id=data[:4], payload=data[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`text` ends with a newline and is what is signed."""

    text: str
    signatures: tuple[Signature, ...]

    def format(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    def with_signature(self, signature: Signature) -> Note:
        return replace(self, signatures=(*self.signatures, signature))

    @classmethod
    def parse(cls, note: str) -> Note:
        if len(note) > MAX_NOTE or not note.endswith("\n") or _CONTROL.search(note):
            raise ProtocolError("not a signed note", note[:64].encode(errors="replace"))
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not text or not lines:
            raise ProtocolError("not a signed note", note[:64].encode())
        signatures = tuple(Signature.parse(line) for line in lines[:-1].split("\n"))
        if len({(each.name, each.key_id) for each in signatures}) != len(signatures):
            raise ProtocolError("signed twice by one key", note[:64].encode())
        return cls(text=text + "\n", signatures=signatures)


@lru_cache(maxsize=1024)  # one process signs and checks with few keys, thousands of times
def key_id(name: str, public_key: bytes, *, algorithm: Algorithm = ED25519) -> bytes:
    return sha256(f"{name}\n".encode() + bytes([algorithm]) + public_key).digest()[:4]


def sign_note(text: str, *, name: str, public_key: bytes, sign: Sign) -> Note:
    """The text as a note with one Ed25519 signature."""
    signature = Signature(name=name, key_id=key_id(name, public_key), payload=sign(text.encode()))
    return Note(text=text, signatures=(signature,))


def verify(note: Note, *, name: str, public_key: bytes) -> bool:
    """True when the key's signature is there and right; signatures of others say nothing here."""
    wanted = key_id(name, public_key)
    for signature in note.signatures:
        if signature.name == name and signature.key_id == wanted:
            return verify_ed25519(public_key, signature.payload, note.text.encode())
    return False


def open_note(note: str, *, name: str, public_key: bytes) -> Note:
    """Parse and verify; ProtocolError when it is not this key's."""
    parsed = Note.parse(note)
    if not verify(parsed, name=name, public_key=public_key):
        raise ProtocolError(f"not signed by {name}")
    return parsed


def cosign(text: str, *, name: str, public_key: bytes, sign: Sign, at_s: int) -> Signature:
    """A cosignature/v1 over a checkpoint's text: seen, consistent, not later than `at_s`."""
    wanted = key_id(name, public_key, algorithm=COSIGNATURE_V1)
    payload = at_s.to_bytes(8, "big") + sign(_cosigned(text, at_s))
    return Signature(name=name, key_id=wanted, payload=payload)


def cosigned_at(note: Note, *, name: str, public_key: bytes) -> int | None:
    """When (UTC seconds) this cosigner signed the note, or None when it did not."""
    wanted = key_id(name, public_key, algorithm=COSIGNATURE_V1)
    for signature in note.signatures:
        if signature.name == name and signature.key_id == wanted:
            return _cosignature_time(signature.payload, note.text, public_key)
    return None


def verify_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """As strict as the verifier of packages: a key of small order accepts what nobody signed, so it is no key."""
    if int.from_bytes(public_key, "little") & _Y_BITS in _NO_KEYS:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """Standard base64 in its one canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("not base64", text[:64].encode(errors="replace")) from error
    if encode_base64(data) != text:
        raise ProtocolError("not canonical base64", text[:64].encode(errors="replace"))
    return data


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _cosignature_time(payload: bytes, text: str, public_key: bytes) -> int | None:
    if len(payload) != 72:
        return None
    at_s = int.from_bytes(payload[:8], "big")
    return at_s if verify_ed25519(public_key, payload[8:], _cosigned(text, at_s)) else None
