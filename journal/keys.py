"""Signing keys on disk: readable by their owner only, never half-written; and the certificates that vouch for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from journal import settings
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.evidence.certificates import Certificate, Kind, verify_chain
from kernel.evidence.notes import Note, decode_base64, encode_base64

KeyKind = Literal["root", "enrolment", "box", "store", "cosigner", "witness", "command", "journal"]


class _KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    kind: KeyKind
    name: str
    private: str
    public: str


class SigningKey:
    """An Ed25519 key with the name and purpose it was made for."""

    __slots__ = ("_private", "kind", "name", "public")

    def __init__(self, *, kind: KeyKind, name: str, private: bytes) -> None:
        self.kind = kind
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"SigningKey({self.kind} {self.name})"

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    @classmethod
    def generate(cls, *, kind: KeyKind, name: str) -> SigningKey:
        return cls(kind=kind, name=name, private=os.urandom(32))

    @classmethod
    def create(cls, path: Path, *, kind: KeyKind, name: str) -> SigningKey:
        """Make a new key and write it; a file that is there already is never overwritten."""
        key = cls.generate(kind=kind, name=name)
        key.save(path)
        return key

    def save(self, path: Path) -> None:
        if path.exists():
            raise ConfigError.one(str(path), "exists already; a key is never overwritten")
        stored = _KeyFile(
            kind=self.kind,
            name=self.name,
            private=encode_base64(self._private.private_bytes_raw()),
            public=encode_base64(self.public),
        )
        write_durably(path, msgspec.json.format(msgspec.json.encode(stored)) + b"\n", mode=0o600)

    @classmethod
    def load(cls, path: Path, *, kind: KeyKind | None = None) -> SigningKey:
        """ConfigError names the file and what is wrong with it."""
        check_private(path)
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
            key = cls(kind=stored.kind, name=stored.name, private=decode_base64(stored.private))
        except OSError as error:
            raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, ProtocolError, ValueError) as error:
            raise ConfigError.one(str(path), "is not a key file") from error
        if encode_base64(key.public) != stored.public:
            raise ConfigError.one(str(path), "public and private key do not belong together")
        if kind is not None and key.kind != kind:
            raise ConfigError.one(str(path), f"is a {key.kind} key; a {kind} key is needed")
        return key


class Identity:
    """Who a process is to others: its box key, and the certificates from the box up to, not including, the root.

    `renewed` replaces the certificates while it runs; the key is for life.
    """

    __slots__ = ("certs", "key", "root_name", "root_public")

    def __init__(
        self, *, key: SigningKey, certs: tuple[str, ...], root_name: str = "", root_public: bytes = b""
    ) -> None:
        self.key = key
        self.certs = certs
        self.root_name = (
            root_name  # the county's root as it is pinned here; empty: nobody is believed through it
        )
        self.root_public = root_public

    @property
    def box(self) -> str:
        return self.key.name

    @property
    def not_after_ms(self) -> int:
        """When the first of its certificates ends."""
        return min(parse_certificate(note).not_after_ms for note in self.certs)

    @property
    def not_before_ms(self) -> int:
        """A time that is past for certain: then the newest of its certificates was made."""
        return max(parse_certificate(note).not_before_ms for note in self.certs)

    def renewed(self, certs: tuple[str, ...]) -> None:
        """For whoever is greeted from now on; ConfigError when they are another key's."""
        if parse_certificate(certs[0]).public_key != self.key.public:
            raise ConfigError.one(self.box, "was given the certificate of another key")
        self.certs = certs

    @classmethod
    def load(cls, key: Path, *, certificates: tuple[Path, ...]) -> Identity:
        identity = cls(
            key=SigningKey.load(key, kind="box"),
            certs=tuple(read_certificate(path) for path in certificates),
        )
        if identity.certs and parse_certificate(identity.certs[0]).public_key != identity.key.public:
            raise ConfigError.one(str(certificates[0]), f"is not the certificate of {key}")
        return identity

    @classmethod
    def of(cls, box: settings.Identity) -> Identity:
        """As the settings of a process name it.

        ConfigError when the key is another box's, or when its certificates do not lead to the pinned root.  Whether
        they are still in date is for the receiver to say: a box that was long away may have to renew.
        """
        try:
            identity = cls.load(Path(box.key), certificates=tuple(Path(path) for path in box.certificates))
            public = decode_base64(box.root_public)
            verify_chain(identity.certs, root_name=box.root_name, root_pub=public, now_ms=None)
        except (ProtocolError, RefusedError) as error:
            raise ConfigError.one("box.certificates", f"do not lead to {box.root_name}: {error}") from error
        if identity.box != box.name:
            raise ConfigError.one("box.key", f"is the key of {identity.box}, this is {box.name}")
        return identity.pinning(box.root_name, decode_base64(box.root_public))

    def pinning(self, root_name: str, root_public: bytes) -> Identity:
        """With the root that stores are vouched for by."""
        return Identity(key=self.key, certs=self.certs, root_name=root_name, root_public=root_public)


def issue(
    *, kind: Kind, name: str, public_key: bytes, issuer: SigningKey, not_before_ms: int, not_after_ms: int
) -> str:
    """A certificate as the note it is stored and sent as."""
    certificate = Certificate(
        kind=kind, name=name, public_key=public_key, not_before_ms=not_before_ms, not_after_ms=not_after_ms
    )
    return certificate.signed(issuer=issuer.name, public_key=issuer.public, sign=issuer.sign).format()


def parse_certificate(note: str) -> Certificate:
    """What the certificate says, its signature not checked."""
    return Certificate.parse(Note.parse(note).text)


def read_certificate(path: Path) -> str:
    try:
        note = path.read_text(encoding="utf-8")
        parse_certificate(note)
    except OSError as error:
        raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
    except (ProtocolError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), "is not a certificate") from error
    return note


def check_private(path: Path, *, user: int | None = None) -> None:
    """ConfigError when others than `user`, us if not given, may read or have made the file of a key."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError.one(str(path), f"cannot be read: {error.strerror}") from error
    if found.st_mode & 0o077:
        raise ConfigError.one(str(path), "may be read by others; chmod 600")
    if found.st_uid not in (0, os.geteuid() if user is None else user):
        raise ConfigError.one(str(path), "belongs to another user; whoever owns a key can change it")


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """The file is there whole, after a power cut too, or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)  # what a crash left there may have another mode
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names in a folder survive a power cut only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
