"""The folder of keys 密钥: who is certified by whom, under which file names, and what outsiders are told to trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from central.authority import TlsAuthority, read_request
from central.settings import Settings
from central.store.projections import Register
from journal.enrolling import TlsRequest, places_in
from journal.keys import Identity, SigningKey, issue, parse_certificate, read_certificate, write_durably
from journal.tls import Credentials, TlsTime
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError
from kernel.evidence.certificates import ISSUED_BY, Certificate, Kind
from kernel.evidence.notes import decode_base64, encode_base64

_YEAR_MS = 366 * 86_400_000
_LIFE_YEARS: dict[Kind, int] = {"root": 30, "enrolment": 10, "witness": 10}
_BOX_YEARS = 3
_TLS_YEARS = 1

SHORTEST_PLATE_KEY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreKeys:
    """The keys the centre works with; root and enrolment are not among them."""

    identity: Identity
    store: SigningKey
    cosigner: SigningKey
    command: SigningKey
    root_name: str
    root_public: bytes
    store_certs: tuple[str, ...] = ()  # for boxes that knew the store under an older name


def stem(kind: Kind, name: str) -> str:
    """File name before .key and .cert: a box and a cosigner may have one name, never one file."""
    if kind in ("root", "enrolment"):
        return kind
    return name if kind == "box" else f"{name}.{kind}"


def new_root(folder: Path, *, name: str, now_ms: int) -> Certificate:
    """The county's root key and its own certificate.  To be kept off line by two persons."""
    folder.mkdir(parents=True, exist_ok=True)
    root = SigningKey.create(folder / "root.key", kind="root", name=name)
    return _certify(folder, root, issuer=root, kind="root", now_ms=now_ms)


def enrol(folder: Path, *, kind: Kind, name: str, now_ms: int, hosts: Sequence[str] = ()) -> Certificate:
    """A new key of this kind, certified by whoever may; the enrolment key is made at the first need.

    A box gets a TLS key as well; with `hosts` it may be spoken to there.
    """
    issuer = _issuer(folder, ISSUED_BY[kind], now_ms)
    key = SigningKey.create(folder / f"{stem(kind, name)}.key", kind=kind, name=name)
    if kind == "box":
        _enrol_tls(folder, name, enrolment=issuer, hosts=hosts, now_ms=now_ms)
    return _certify(folder, key, issuer=issuer, kind=kind, now_ms=now_ms)


def trust(folder: Path, *, revoked: Mapping[str, int] | None = None) -> str:
    """trust.toml: what a verifier outside needs, and nothing secret.  `revoked` are journals and their bounds."""
    lines = ["required_witnesses = 1", "", "[root]", *_named(_certificate(folder / "root.cert"))]
    for box in _centres(folder):
        lines += ["", "[centre]", f'box = "{box}"']
    for kind in ("cosigner", "witness"):
        for path in sorted(folder.glob(f"*.{kind}.cert")):
            lines += ["", f"[[{kind}]]", *_named(_certificate(path))]
    for journal, size in sorted((revoked or {}).items()):
        lines += ["", "[[revoked]]", f'journal = "{journal}"', f"size = {size}"]
    return "\n".join(lines) + "\n"


def load(settings: Settings) -> CentreKeys:
    """Every key the settings name; ConfigError with every file that is missing or wrong."""
    folder = Path(settings.keys.folder)
    faults: list[tuple[str, str]] = []
    wanted: tuple[tuple[Kind, str], ...] = (
        ("store", settings.store_id),
        ("cosigner", settings.cosigner),
        ("command", settings.command),
    )
    keys = {kind: _load(folder / f"{stem(kind, name)}.key", kind, faults) for kind, name in wanted}
    identity = _load_identity(folder, settings.box, faults)
    root = _root_public(settings, faults)
    if faults or identity is None or any(key is None for key in keys.values()):
        raise ConfigError(faults)
    found = {kind: key for kind, key in keys.items() if key is not None}
    return CentreKeys(
        identity=identity,
        store=found["store"],
        cosigner=found["cosigner"],
        command=found["command"],
        root_name=settings.keys.root.name,
        root_public=root,
        store_certs=_certificates(folder, "store", settings.store_id),
    )


def plate_key(settings: Settings) -> bytes | None:
    """The key of the hashes in the place of plates, None when they are kept as texts; ConfigError: it is no key."""
    path = settings.plates.hash_key
    if path is None:
        return None
    try:
        key = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError.one("plates.hash_key", f"cannot be read: {error.strerror}") from error
    if len(key) < SHORTEST_PLATE_KEY:
        raise ConfigError.one(
            "plates.hash_key", f"has {len(key)} bytes, must have {SHORTEST_PLATE_KEY} or more"
        )
    return key


def register(settings: Settings) -> Register:
    """Who stands where, for who reads the store beside the centre."""
    return replace(settings.register, plate_key=plate_key(settings))


def credentials(settings: Settings, *, clock: Clock) -> Credentials | None:
    """What the centre shows on the wire, where somebody comes by certificate; ConfigError says what is wrong."""
    if not settings.certified:
        return None
    places = places_in(Path(settings.keys.folder), settings.box)
    tls = Credentials(places.tls, authority=places.ca, time=TlsTime(clock=clock))
    if tls.name != settings.box:
        raise ConfigError.one(str(places.tls), f"is of {tls.name}, this is {settings.box}")
    return tls


def _enrol_tls(folder: Path, box: str, *, enrolment: SigningKey, hosts: Sequence[str], now_ms: int) -> None:
    if (folder / "ca.key.pem").exists():
        authority = TlsAuthority.load(folder)
    else:
        authority = TlsAuthority.create(folder, enrolment=enrolment, now_ms=now_ms)
    request = TlsRequest.make(box)
    csr = read_request(request.csr, box=box, csr_sha256=request.csr_sha256)
    pem = authority.certify(csr, hosts=hosts, until_ms=now_ms + _TLS_YEARS * _YEAR_MS)
    write_durably(places_in(folder, box).tls, request.private + pem.encode(), mode=0o600)


def _certify(folder: Path, key: SigningKey, *, issuer: SigningKey, kind: Kind, now_ms: int) -> Certificate:
    years = _LIFE_YEARS.get(kind, _BOX_YEARS)
    note = issue(
        kind=kind,
        name=key.name,
        public_key=key.public,
        issuer=issuer,
        # A box whose clock is a little behind must not be refused on its first day.
        not_before_ms=now_ms - 86_400_000,
        not_after_ms=now_ms + years * _YEAR_MS,
    )
    write_durably(folder / f"{stem(kind, key.name)}.cert", note.encode())
    return parse_certificate(note)


def _issuer(folder: Path, kind: Kind, now_ms: int) -> SigningKey:
    path = folder / f"{stem(kind, '')}.key"
    if kind == "enrolment" and not path.exists():
        root = SigningKey.load(folder / "root.key", kind="root")
        key = SigningKey.create(path, kind="enrolment", name=f"{root.name}-enrolment"[:40])
        _certify(folder, key, issuer=root, kind="enrolment", now_ms=now_ms)
        return key
    return SigningKey.load(path, kind=kind)


def _centres(folder: Path) -> list[str]:
    """The box under whose name the centre cosigns; none where no one box does."""
    cosigners = [_certificate(path).name for path in sorted(folder.glob("*.cosigner.cert"))]
    boxes = [name for name in cosigners if (folder / f"{stem('box', name)}.cert").exists()]
    return boxes if len(boxes) == 1 else []


def _certificate(path: Path) -> Certificate:
    return parse_certificate(read_certificate(path))


def _certificates(folder: Path, kind: Kind, name: str) -> tuple[str, ...]:
    """Its own and the enrolment key's; a store whose certificate is not here must be pinned by every box."""
    paths = (folder / f"{stem(kind, name)}.cert", folder / "enrolment.cert")
    return tuple(map(read_certificate, paths)) if all(path.exists() for path in paths) else ()


def _named(certificate: Certificate) -> Sequence[str]:
    return f'name = "{certificate.name}"', f'public = "{encode_base64(certificate.public_key)}"'


def _load(path: Path, kind: Kind, faults: list[tuple[str, str]]) -> SigningKey | None:
    try:
        return SigningKey.load(path, kind=kind)
    except ConfigError as error:
        faults += error.faults
        return None


def _load_identity(folder: Path, box: str, faults: list[tuple[str, str]]) -> Identity | None:
    try:
        certificates = folder / f"{box}.cert", folder / "enrolment.cert"
        return Identity.load(folder / f"{box}.key", certificates=certificates)
    except ConfigError as error:
        faults += error.faults
        return None


def _root_public(settings: Settings, faults: list[tuple[str, str]]) -> bytes:
    try:
        public = decode_base64(settings.keys.root.public)
    except ProtocolError:
        public = b""
    if len(public) != 32:
        faults.append(("keys.root.public", "is not an Ed25519 public key in base64"))
    return public
