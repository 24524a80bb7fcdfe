"""Proves or refutes one evidence package 证据包 offline, with the standard library alone and trust from outside it.

Run it by itself:  python verify_package.py FILE --trust trust.toml [--json] [--lang zh|en|both]

Every line is PROVEN, NOT PROVEN (why) or FALSE (where).  Exit 0 only if every line is PROVEN, 1 otherwise, 2 when the
command or the trust file cannot be used.  Nothing inside the package is ever trusted for its own sake: the root key,
the centre's and the witness's keys come from trust.toml.  Formats: docs/verify.md.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import functools
import hashlib
import io
import json
import re
import struct
import sys
import time
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PROVEN, NOT_PROVEN, FALSE = "PROVEN", "NOT PROVEN", "FALSE"
ZH = {PROVEN: "已证实", NOT_PROVEN: "未能证实", FALSE: "不实"}
EXTRAS = ("README.txt", "verify.html", "verify_package.py")
LARGEST_INTEGER = 2**53 - 1
CLOCK_SLACK_MS = 5 * 60 * 1000

MAX_PARTS = 4_000
MAX_DIRECTORY = 1 << 20
MAX_MANIFEST = 4 << 20
MAX_KEPT = 64 << 20  # of all parts that stay in memory: package.json, notes, headers, bodies
MAX_CHAPTERS = 64
MAX_HEADER = 4 << 10
MAX_BODY = 28 << 10
MAX_NOTE = 64 << 10
MAX_SIGNATURES = 64
MAX_CERTIFICATES = 16
MAX_DEPTH = 50


class ProofError(Exception):
    """Why a line is not PROVEN, in both languages."""

    verdict = FALSE

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


class RefutedError(ProofError):
    """The package contradicts itself, the mathematics or the trust file."""


class UnprovenError(ProofError):
    """Nothing contradicts, but something needed is not there."""

    verdict = NOT_PROVEN


class ShapeError(ValueError):
    """A table has not the shape it must have; carries every fault as (path, problem)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for path, problem in faults))
        self.faults = tuple(faults)


# --- Ed25519 (RFC 8032), checking only, strict ------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T = XY/Z
Ready = tuple[int, int, int, int]  # a point made ready for adding: Y+X, Y-X, 2Z, 2dT
NEUTRAL: Point = (0, 1, 1, 0)


@functools.lru_cache(maxsize=256)  # one signature serves several lines of a report
def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is good: canonical encodings, S < L, cofactorless, no key of small order."""
    if len(public) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    odd_multiples = _negated_multiples(public)
    if scalar >= L or odd_multiples is None:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return _encode(_two_products(scalar, hashed, odd_multiples)) == signature[:32]


def _double(p: Point) -> Point:
    x, y, z, _ = p
    a, b = x * x % P, y * y % P
    h = a + b
    e = h - (x + y) * (x + y) % P
    g = a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _add(p: Point, q: Ready) -> Point:
    x, y, z, t = p
    a = (y - x) * q[1] % P
    b = (y + x) * q[0] % P
    c = t * q[3] % P
    d = z * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _ready(p: Point) -> Ready:
    x, y, z, t = p
    return (y + x) % P, (y - x) % P, 2 * z % P, 2 * D * t % P


def _minus(q: Ready) -> Ready:
    return q[1], q[0], q[2], -q[3]


def _odd_multiples(p: Point, count: int) -> list[Ready]:
    """1p, 3p, 5p ... each ready for adding."""
    twice = _ready(_double(p))
    points = [p]
    while len(points) < count:
        points.append(_add(points[-1], twice))
    return [_ready(point) for point in points]


@functools.cache
def _base_multiples() -> list[Ready]:
    base = _decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    if base is None:
        raise AssertionError("the base point is on the curve")
    return _odd_multiples(base, 64)


@functools.lru_cache(maxsize=256)
def _negated_multiples(public: bytes) -> list[Ready] | None:
    """Odd multiples of minus the public key, None when the key is not one: off the curve, or of small order."""
    point = _decode(public)
    if point is None:
        return None
    eightfold = _double(_double(_double(point)))
    if eightfold[0] == 0 and eightfold[1] == eightfold[2]:
        return None  # such a key accepts signatures that nobody made
    x, y, z, t = point
    return _odd_multiples((-x % P, y, z, -t % P), 8)


def _decode(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _encode(p: Point) -> bytes:
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _two_products(base_scalar: int, point_scalar: int, multiples: list[Ready]) -> Point:
    """base_scalar * B + point_scalar * (the point whose odd multiples are given), doublings shared."""
    first, second = _signed_digits(base_scalar, 8), _signed_digits(point_scalar, 5)
    base = _base_multiples()
    total = NEUTRAL
    for place in range(max(len(first), len(second)) - 1, -1, -1):
        total = _double(total)
        total = _add_digit(total, base, first[place] if place < len(first) else 0)
        total = _add_digit(total, multiples, second[place] if place < len(second) else 0)
    return total


def _add_digit(total: Point, multiples: list[Ready], digit: int) -> Point:
    if digit > 0:
        return _add(total, multiples[digit >> 1])
    if digit < 0:
        return _add(total, _minus(multiples[-digit >> 1]))
    return total


def _signed_digits(number: int, width: int) -> list[int]:
    """Digits of the width-w non-adjacent form, lowest first: odd or zero, and rarely not zero."""
    digits = []
    half, whole = 1 << (width - 1), 1 << width
    while number:
        digit = 0
        if number & 1:
            digit = number & (whole - 1)
            digit = digit - whole if digit >= half else digit
            number -= digit
        digits.append(digit)
        number >>= 1
    return digits


# --- trees (RFC 6962) -------------------------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf_hash(header: bytes) -> bytes:
    return sha256(b"\x00" + header)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def inclusion_holds(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 2.1.3.2: `leaf` is number `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    place, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = node_hash(step, value)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, step)
        place, last = place >> 1, last >> 1
    return last == 0 and value == root


def consistency_holds(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162 2.1.4.2: the tree of `old_size` leaves is the beginning of the tree of `new_size`."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 < old_size < new_size or not proof:
        return False
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, step)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


# --- strict reading ---------------------------------------------------------------------------------------------


def read_json(data: bytes) -> Any:
    """JSON without duplicate keys, floats, integers over 2^53-1, keys or numbers that readers disagree about."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_table_of_pairs,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_small_integer,
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise RefutedError(f"不是严格的 JSON:{error}", f"not strict JSON: {error}") from error
    return value


def _table_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("duplicate key")
    if not all(key.isascii() for key in table):
        raise ValueError("key is not ASCII")
    return table


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_float(text: str) -> Any:
    raise ValueError(f"not an integer: {text[:20]}")


def _small_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER or text == "-0":
        raise ValueError(f"integer too large: {text[:20]}")
    return int(text)


def canonical(value: Any) -> bytes:
    """The canonical JSON that writers sign: sorted keys, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def read_base64(text: str, size: int | None = None) -> bytes:
    """Standard base64, in its one canonical spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    if size is not None and len(data) != size:
        raise ValueError(f"{len(data)} bytes, {size} wanted")
    return data


@dataclass(frozen=True, slots=True)
class Maybe:
    """A key that may be left out, or a value that may be null."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Open:
    """A table that may hold keys of later versions too."""

    shape: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Matching:
    """Text that fits a pattern as a whole."""

    pattern: str
    says: str


@dataclass(frozen=True, slots=True)
class Between:
    """An integer from `low` to `high`."""

    low: int
    high: int = LARGEST_INTEGER


@dataclass(frozen=True, slots=True)
class Encoded:
    """Base64 of so many bytes."""

    size: int


HEX32 = Matching("[0-9a-f]{32}", "32 hex digits")
HEX64 = Matching("[0-9a-f]{64}", "64 hex digits")
TOKEN = Matching("[a-z0-9-]{3,40}", "a token of a-z, 0-9 and -")
NAME = Matching(r"[^\s+/]{1,80}", "a name without blanks, / and +")
COUNT = Between(0)


def check_shape(value: object, shape: Any) -> None:
    """Raise ShapeError with every fault and its path."""
    faults = list(_shape_faults(value, shape, ""))
    if faults:
        raise ShapeError(sorted(faults))


def _shape_faults(value: object, shape: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(shape, Maybe):
        if value is not None:
            yield from _shape_faults(value, shape.shape, at)
    elif isinstance(shape, dict):
        yield from _unknown_keys(value, shape, at)
        yield from _table_faults(value, shape, at)
    elif isinstance(shape, Open):
        yield from _table_faults(value, shape.shape, at)
    elif isinstance(shape, list):
        yield from _list_faults(value, shape[0], at)
    elif problem := _scalar_problem(value, shape):
        yield at or "top level", problem


def _table_faults(value: object, shape: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield at or "top level", f"must be a table, is {value!r:.60}"
        return
    for key, inner in shape.items():
        if key in value:
            yield from _shape_faults(value[key], inner, _path(at, key))
        elif not isinstance(inner, Maybe):
            yield _path(at, key), "is required"


def _unknown_keys(value: object, shape: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key in sorted(value.keys() - shape.keys()):
            yield _path(at, key), f"unknown; known here: {', '.join(sorted(shape))}"


def _list_faults(value: object, shape: Any, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield at, f"must be a list, is {value!r:.60}"
        return
    for number, item in enumerate(value):
        yield from _shape_faults(item, shape, f"{at}[{number}]")


def _scalar_problem(value: object, shape: Any) -> str | None:
    if isinstance(shape, Between):
        good = type(value) is int and shape.low <= value <= shape.high
        return None if good else f"must be an integer from {shape.low} to {shape.high}, is {value!r:.60}"
    if isinstance(shape, Matching):
        good = isinstance(value, str) and re.fullmatch(shape.pattern, value) is not None
        return None if good else f"must be {shape.says}, is {value!r:.60}"
    if isinstance(shape, Encoded):
        return _base64_problem(value, shape.size)
    return None if type(value) is shape else f"must be {shape.__name__}, is {value!r:.60}"


def _base64_problem(value: object, size: int) -> str | None:
    if not isinstance(value, str):
        return f"must be base64 of {size} bytes, is {value!r:.60}"
    try:
        read_base64(value, size)
    except ValueError as error:
        return f"must be base64 of {size} bytes: {error}"
    return None


def _path(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


# --- signed notes (C2SP), cosignatures, certificates ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key and the name it signs under."""

    name: str
    public: bytes

    def key_id(self, algorithm: int) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([algorithm]) + self.public)[:4]

    @property
    def fingerprint(self) -> str:
        return sha256(self.public).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    name: str
    key_id: bytes
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A signed note: text, and who says they signed it."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def signed_by(self, key: Key) -> bool:
        """Whether the key signed; a line that claims this key but does not verify is refuted."""
        lines = self.lines_of(key, 1)
        for line in lines:
            if not ed25519_verify(key.public, self.text.encode(), line.payload):
                raise RefutedError(f"{key.name} 的签名无效", f"the signature of {key.name} is wrong")
        return bool(lines)

    def cosigned_by(self, key: Key) -> int | None:
        """The UTC second at which this key cosigned (cosignature/v1), None if it did not."""
        times = [_cosignature_time(self, key, line) for line in self.lines_of(key, 4)]
        return min(times, default=None)

    def lines_of(self, key: Key, algorithm: int) -> list[SignatureLine]:
        wanted = key.key_id(algorithm)
        return [line for line in self.signatures if line.name == key.name and line.key_id == wanted]


def _cosignature_time(note: Note, key: Key, line: SignatureLine) -> int:
    if len(line.payload) != 72:
        raise RefutedError(f"{key.name} 的会签长度不对", f"the cosignature of {key.name} has a wrong length")
    seconds = int.from_bytes(line.payload[:8], "big")
    if not ed25519_verify(key.public, cosigned_message(note.text, seconds), line.payload[8:]):
        raise RefutedError(f"{key.name} 的会签无效", f"the cosignature of {key.name} is wrong")
    return seconds


def cosigned_message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosignature_line(key: Key, seconds: int, signature: bytes) -> str:
    payload = key.key_id(4) + seconds.to_bytes(8, "big") + signature
    return f"— {key.name} {base64.b64encode(payload).decode()}\n"


def read_note(data: bytes) -> Note:
    """Parse a signed note; nothing is verified yet."""
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefutedError("签名文本不是 UTF-8", "the signed note is not UTF-8") from error
    text, separator, tail = whole.rpartition("\n\n")
    lines = tail.split("\n")
    if len(data) > MAX_NOTE or not separator or lines.pop() != "" or not lines or len(lines) > MAX_SIGNATURES:
        raise RefutedError("签名文本格式不对", "not a signed note")
    if re.search("[\x00-\x09\x0b-\x1f\x7f]", whole):
        raise RefutedError("签名文本含控制字符", "the signed note has control characters")
    signatures = tuple(_signature_line(line) for line in lines)
    if len({(line.name, line.key_id) for line in signatures}) != len(signatures):
        raise RefutedError("同一密钥签了两次", "signed twice by one key")
    return Note(text=text + "\n", signatures=signatures)


def _signature_line(line: str) -> SignatureLine:
    words = line.split(" ")
    if len(words) != 3 or words[0] != "—" or not re.fullmatch(r"[^\s+]{1,100}", words[1]):
        raise RefutedError("签名行格式不对", "a signature line is malformed")
    try:
        payload = read_base64(words[2])
    except ValueError as error:
        raise RefutedError(f"签名行不是规范的 base64:{error}", f"a signature line: {error}") from error
    if len(payload) < 5:
        raise RefutedError("签名行过短", "a signature line is too short")
    return SignatureLine(name=words[1], key_id=payload[:4], payload=payload[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    journal: str
    size: int
    root: bytes
    note: Note

    @property
    def origin(self) -> str:
        return f"weighpost/{self.journal}"


def read_checkpoint(data: bytes) -> Checkpoint:
    note = read_note(data)
    found = re.fullmatch(r"weighpost/([0-9a-f]{32})\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n", note.text)
    if found is None:
        raise RefutedError("日志检查点格式不对", "not a checkpoint")
    try:
        root = read_base64(found[3], 32)
    except ValueError as error:
        raise RefutedError("日志检查点的根不规范", f"the checkpoint's root: {error}") from error
    return Checkpoint(journal=found[1], size=int(found[2]), root=root, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """That a name of some kind owns a key between two times; `note` carries who says so."""

    kind: str
    key: Key
    not_before_ms: int
    not_after_ms: int
    note: Note

    def covers(self, at_ms: int) -> bool:
        return self.not_before_ms <= at_ms < self.not_after_ms


def read_certificate(data: bytes) -> Certificate:
    note = read_note(data)
    kinds = "root|enrolment|box|store|cosigner|witness|command"
    found = re.fullmatch(
        rf"weighpost-certificate/v1\n({kinds})\n([a-z0-9-]{{3,40}})\n([A-Za-z0-9+/]{{43}}=)\n"
        r"(0|[1-9][0-9]{0,15})\n(0|[1-9][0-9]{0,15})\n",
        note.text,
    )
    if found is None:
        raise RefutedError("证书格式不对", "not a certificate")
    try:
        key = Key(name=found[2], public=read_base64(found[3], 32))
    except ValueError as error:
        raise RefutedError("证书公钥不规范", f"the certificate's key: {error}") from error
    return Certificate(
        kind=found[1], key=key, not_before_ms=int(found[4]), not_after_ms=int(found[5]), note=note
    )


def box_key(certificates: Sequence[Certificate], box: str, root: Key, at_ms: int) -> Key:
    """The identity key of `box`, if enrolment says so, the root says so of enrolment, and both were valid then."""
    candidates = [one for one in certificates if one.kind == "box" and one.key.name == box]
    if not candidates:
        named = ", ".join(f"{one.kind} {one.key.name}" for one in certificates) or "-"
        raise RefutedError(
            f"没有设备 {box} 的证书(现有:{named})",
            f"no certificate of kind box for {box} (there are: {named})",
        )
    return _first_good(candidates, lambda one: _issued_by_enrolment(one, certificates, root, at_ms)).key


def _issued_by_enrolment(
    certificate: Certificate, certificates: Sequence[Certificate], root: Key, at_ms: int
) -> Certificate:
    enrolments = [one for one in certificates if one.kind == "enrolment"]
    if not enrolments:
        raise UnprovenError("缺少登记证书", "the enrolment certificate is not there")

    def judge(enrolment: Certificate) -> Certificate:
        return _issued_by(certificate, _issued_by(enrolment, root, at_ms).key, at_ms)

    return _first_good(enrolments, judge)


def _issued_by(certificate: Certificate, issuer: Key, at_ms: int) -> Certificate:
    what = f"{certificate.kind} {certificate.key.name}"
    if not certificate.note.signed_by(issuer):
        others = ", ".join(f"{line.name} ({line.key_id.hex()})" for line in certificate.note.signatures)
        trusted = f"{issuer.name} ({issuer.key_id(1).hex()})"
        raise RefutedError(
            f"证书 {what} 由不受信任的密钥签发:{others},受信任的是 {trusted}",
            f"certificate {what} is signed by an untrusted key: {others}; trusted is {trusted}",
        )
    if not certificate.covers(at_ms):
        raise UnprovenError(
            f"证书 {what} 在 {utc(at_ms)} 不在有效期内",
            f"certificate {what} was not valid at {utc(at_ms)}",
        )
    return certificate


def _first_good(
    candidates: Iterable[Certificate], judge: Callable[[Certificate], Certificate]
) -> Certificate:
    """The first that passes; otherwise the fault of the first, for a renewed certificate sits beside its old one."""
    first: ProofError | None = None
    for candidate in candidates:
        try:
            return judge(candidate)
        except ProofError as fault:
            first = first or fault
    raise first or UnprovenError("没有证书", "no certificate")


def utc(at_ms: int) -> str:
    seconds = at_ms // 1000
    if not 0 <= seconds <= 253_402_300_799:
        return f"{at_ms} ms"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# --- header and genesis -----------------------------------------------------------------------------------------

FILE_NAME = Matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "a plain file name")
HEADER = Open(
    {
        "at": Between(-LARGEST_INTEGER),
        "body": HEX64,
        "boot": Matching("[0-9a-f]{16}", "16 hex digits"),
        "clock": Open(
            {"err_ms": Maybe(COUNT), "state": Matching("ok|holdover|unset", "ok, holdover or unset")}
        ),
        "files": [Open({"name": FILE_NAME, "sha256": HEX64, "size": COUNT})],
        "journal": HEX32,
        "mono_ms": COUNT,
        "seq": COUNT,
        "source": Matching(r"(?=.{1,100}\Z)[a-z0-9-]+(/[a-z0-9-]+)*", "a device path"),
        "stream": Matching(r"(?=.{1,60}\Z)[a-z0-9_]+(\.[a-z0-9_]+)*", "the name of a stream"),
        "v": Between(1, 1),
    }
)
GENESIS = Open(
    {
        "public_key": Encoded(32),
        "box": TOKEN,
        "process": Matching("[a-z]{1,20}", "the name of a process"),
        "predecessor": Maybe(Open({"id": HEX32, "size": COUNT, "root": HEX64})),
        "signature": Encoded(64),
    }
)


def read_header(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_HEADER:
        raise RefutedError("记录头过大", "the header is too large")
    header = _shaped(read_json(data), HEADER, "记录头", "header")
    if len({row["name"] for row in header["files"]}) != len(header["files"]):
        raise RefutedError("记录头中文件名重复", "header: a file name is used twice")
    return header


def _shaped(value: Any, shape: Any, zh: str, en: str) -> dict[str, Any]:
    try:
        check_shape(value, shape)
    except ShapeError as error:
        told = "; ".join(f"{path}: {problem}" for path, problem in error.faults[:5])
        raise RefutedError(f"{zh}格式不对:{told}", f"{en}: {told}") from error
    found: dict[str, Any] = value
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Entry 0: whose journal this is; `statement` is what the box identity signed."""

    key: Key
    box: str
    process: str
    predecessor: tuple[str, int, str] | None  # journal, size, root in hex
    statement: bytes
    signature: bytes


def read_genesis(header: bytes, salt: bytes, body: bytes, journal: str) -> Genesis:
    """Parse entry 0 and check that it opens this very journal; the box's signature is not checked yet."""
    head = read_header(header)
    if head["seq"] != 0 or head["stream"] != "journal.opened" or head["journal"] != journal:
        raise RefutedError("第 0 条不是本日志的开卷记录", "entry 0 does not open this journal")
    if len(body) > MAX_BODY or sha256(salt + body).hex() != head["body"]:
        raise RefutedError("开卷记录正文与摘要不符", "the genesis body does not match its digest")
    table = read_json(body)
    _shaped(table, GENESIS, "开卷记录", "genesis")
    public = read_base64(table["public_key"])
    if sha256(public).hex()[:32] != journal:
        raise RefutedError("日志编号不是其公钥的摘要", "the journal id is not the hash of its key")
    statement = canonical({key: value for key, value in table.items() if key != "signature"})
    before = table.get("predecessor")
    return Genesis(
        key=Key(name=f"weighpost/{journal}", public=public),
        box=table["box"],
        process=table["process"],
        predecessor=(before["id"], before["size"], before["root"]) if before else None,
        statement=statement,
        signature=read_base64(table["signature"]),
    )


def prove_genesis(genesis: Genesis, certificates: Sequence[Certificate], root: Key, at_ms: int) -> Key:
    """The box identity that opened the journal, chained to the root."""
    identity = box_key(certificates, genesis.box, root, at_ms)
    if not ed25519_verify(identity.public, genesis.statement, genesis.signature):
        raise RefutedError(
            f"开卷记录不是设备 {genesis.box} 的身份密钥所签",
            f"the genesis is not signed by the identity key of {genesis.box}",
        )
    return identity


# --- trust ------------------------------------------------------------------------------------------------------

CENTRAL_PROCESS = "central"
TRUSTED_KEY = {"name": NAME, "public": Encoded(32)}
TRUST = {
    "root": TRUSTED_KEY,
    "centre": Maybe({"box": TOKEN}),
    "cosigner": Maybe([TRUSTED_KEY]),
    "witness": Maybe([TRUSTED_KEY]),
    "required_witnesses": Maybe(Between(1, 100)),
    "revoked": Maybe([{"journal": Maybe(HEX32), "size": Maybe(COUNT), "box": Maybe(TOKEN)}]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the verifier believes before it opens any package.

    `revoked` bounds single journals; of a box in `revoked_boxes` only journals with a bound are believed.
    `centres`: the boxes that may be the centre, whatever others call themselves.
    """

    root: Key
    cosigners: tuple[Key, ...]
    witnesses: tuple[Key, ...]
    required_witnesses: int
    revoked: Mapping[str, int]
    revoked_boxes: frozenset[str] = frozenset()
    centres: frozenset[str] = frozenset()

    def is_centre(self, genesis: Genesis) -> bool:
        """The process is what the box says of itself; only the box is certified."""
        return genesis.process == CENTRAL_PROCESS and genesis.box in self.centres


def read_trust(text: str) -> Trust:
    """Parse trust.toml; ValueError (ShapeError with every fault) when it cannot be used."""
    table = tomllib.loads(text)
    check_shape(table, TRUST)
    rows = table.get("revoked", [])
    _check_revocations(rows)
    trust = Trust(
        root=_trusted(table["root"]),
        cosigners=tuple(_trusted(row) for row in table.get("cosigner", [])),
        witnesses=tuple(_trusted(row) for row in table.get("witness", [])),
        required_witnesses=table.get("required_witnesses", 1),
        revoked=_lowest_bounds(row for row in rows if "journal" in row),
        revoked_boxes=frozenset(row["box"] for row in rows if "box" in row),
        centres=_centres(table),
    )
    _check_separate(trust)
    return trust


def _centres(table: Mapping[str, Any]) -> frozenset[str]:
    """The centre cosigns under the name of its box, unless somebody has said otherwise."""
    if "centre" in table:
        return frozenset((table["centre"]["box"],))
    return frozenset(row["name"] for row in table.get("cosigner", []))


def _trusted(row: Mapping[str, str]) -> Key:
    return Key(name=row["name"], public=read_base64(row["public"]))


def _check_revocations(rows: Sequence[Mapping[str, Any]]) -> None:
    faults = [
        (f"revoked[{number}]", "must have journal and size, or box")
        for number, row in enumerate(rows)
        if row.keys() not in ({"journal", "size"}, {"box"})
    ]
    if faults:
        raise ShapeError(faults)


def _lowest_bounds(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    bounds: dict[str, int] = {}
    for row in rows:
        bounds[row["journal"]] = min(row["size"], bounds.get(row["journal"], row["size"]))
    return bounds


def _check_separate(trust: Trust) -> None:
    """One key counts once: a centre cannot be its own witness, nor a witness two."""
    keys = (trust.root, *trust.cosigners, *trust.witnesses)
    faults = []
    if len({key.public for key in keys}) != len(keys):
        faults.append(("public", "the same key is given twice; root, cosigners and witnesses must differ"))
    if len({key.name for key in keys}) != len(keys):
        faults.append(("name", "the same name is given twice"))
    if faults:
        raise ShapeError(faults)


# --- the zip ----------------------------------------------------------------------------------------------------

LOCAL = struct.Struct("<4sHHHHHIIIHH")
CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
END = struct.Struct("<4sHHHHIIH")
STORED_HEAD = (20, 0, 0, 0, 0x21)  # version needed, flags, method, time, date (1980-01-01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the zip as found: its digest, and its bytes when it is small."""

    size: int
    sha256: str
    data: bytes | None


def read_parts(file: BinaryIO) -> dict[str, Part]:
    """Read a zip in which every byte is accounted for, so that no two readers can see different files in it.

    Only the layout that the builder writes is read: stored, no gaps, no comments, no second names.
    """
    rows, directory_at = _directory(file)
    parts: dict[str, Part] = {}
    at = kept = 0
    for name, crc, size in rows:
        _check_name(name, parts)
        expected = LOCAL.pack(b"PK\x03\x04", *STORED_HEAD, crc, size, size, len(name), 0) + name
        file.seek(at)
        if file.read(len(expected)) != expected:
            raise _repacked(f"{name.decode()}: local header")
        part = parts[name.decode()] = _read_part(file, name.decode(), crc, size)
        at += len(expected) + size
        kept += len(part.data or b"")
        if kept > MAX_KEPT:
            raise RefutedError("zip 中文字部分过大", "too much text in the zip")
    if at != directory_at:
        raise _repacked("bytes that belong to no file")
    return parts


def _directory(file: BinaryIO) -> tuple[list[tuple[bytes, int, int]], int]:
    length = file.seek(0, 2)
    if length < END.size:
        raise RefutedError("不是 zip 文件", "not a zip file")
    file.seek(length - END.size)
    mark, disk, first, here, count, size, at, comment = END.unpack(file.read(END.size))
    if mark != b"PK\x05\x06":
        raise RefutedError("不是 zip 文件,或末尾有多余字节", "not a zip file, or something follows it")
    if disk or first or comment or here != count or at + size + END.size != length:
        raise _repacked("end record")
    if count > MAX_PARTS or size > MAX_DIRECTORY:
        raise RefutedError("zip 目录过大", "the zip directory is too large")
    file.seek(at)
    return list(_rows(file.read(size), count)), at


def _rows(directory: bytes, count: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, crc, size) of each row; each row must be, byte for byte, the one that the builder writes."""
    at = offset = 0
    for _ in range(count):
        if len(directory) < at + CENTRAL.size:
            raise _repacked("directory")
        fields = CENTRAL.unpack_from(directory, at)
        crc, size, name_size = fields[7], fields[8], fields[10]
        name = directory[at + CENTRAL.size : at + CENTRAL.size + name_size]
        if fields != _row_fields(crc, size, name_size, offset) or len(name) != name_size:
            raise _repacked(f"directory row of {name[:60]!r}")
        yield name, crc, size
        at += CENTRAL.size + name_size
        offset += LOCAL.size + name_size + size
    if at != len(directory):
        raise _repacked("directory")


def _row_fields(crc: int, size: int, name_size: int, offset: int) -> tuple[bytes | int, ...]:
    # made by 2.0 on Unix; sizes twice, for nothing is compressed; mode rw-------; no extra field, no comment
    sizes = (crc, size, size, name_size, 0, 0, 0, 0)
    return (b"PK\x01\x02", 0x0314, *STORED_HEAD, *sizes, 0o600 << 16, offset)


def _check_name(name: bytes, parts: Mapping[str, Part]) -> None:
    if not re.fullmatch(rb"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*", name):
        raise RefutedError(
            f"zip 中的文件名不可接受:{name[:60]!r}", f"a file name that is not allowed: {name[:60]!r}"
        )
    if name.decode() in parts:
        raise RefutedError(f"zip 中文件名重复:{name.decode()}", f"the name {name.decode()} is there twice")


def _read_part(file: BinaryIO, name: str, crc: int, size: int) -> Part:
    digest, check, left = hashlib.sha256(), 0, size
    limit = MAX_MANIFEST if name == "package.json" else MAX_NOTE
    kept: list[bytes] | None = [] if size <= limit and not name.startswith("files/") else None
    while left:
        piece = file.read(min(left, 1 << 20))
        if not piece:
            raise RefutedError(f"{name} 不完整", f"{name} is cut short")
        digest.update(piece)
        check = zlib.crc32(piece, check)
        left -= len(piece)
        if kept is not None:
            kept.append(piece)
    if check != crc:
        raise RefutedError(f"{name} 的 CRC 不符", f"the CRC of {name} is wrong")
    return Part(size=size, sha256=digest.hexdigest(), data=None if kept is None else b"".join(kept))


def _repacked(where: str) -> UnprovenError:
    return UnprovenError(
        f"不是原样的证据包 zip(是否重新打包过?):{where}",
        f"not the zip as it was made (packed again?): {where}",
    )


# --- package.json -----------------------------------------------------------------------------------------------

CASE = Matching(r"[^\x00-\x1f\x7f-\x9f]{1,80}", "the number of a case")
ENTRY_ROW = {
    "seq": COUNT,
    "header": str,
    "salt": Maybe(HEX32),
    "body": Maybe(str),
    "inclusion": [Encoded(32)],
}
CHAPTER = {"journal": HEX32, "entries": [ENTRY_ROW], "checkpoint": str, "certificates": [str]}
MANIFEST = {
    "v": Between(1, 1),
    "made_ms": COUNT,
    "seq": COUNT,
    "case": Maybe(CASE),
    **CHAPTER,
    "also": Maybe([CHAPTER]),  # what other journals say of the same passage or case
    "files": [
        {
            "sha256": HEX64,
            "size": COUNT,
            "path": Matching(r"files/[0-9a-f]{64}\.[a-z0-9]{1,8}", "files/DIGEST.EXTENSION"),
            "name": str,
            "entry_seq": COUNT,
            "entry_journal": Maybe(HEX32),
        }
    ],
    "outside": [{"journal": HEX32, "seq": COUNT, "leaf": HEX64, "why": str}],
    "extras": [Matching("|".join(map(re.escape, EXTRAS)), f"one of {', '.join(EXTRAS)}")],
}

Identity = tuple[str, int, str]  # journal, seq, leaf in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the package as given; nothing about it is proven yet."""

    seq: int
    header: bytes
    salt: bytes | None
    body: bytes | None
    inclusion: tuple[bytes, ...] = ()

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What the package has of one journal, read but not believed; genesis first."""

    journal: str
    entries: tuple[Entry, ...]
    checkpoint: bytes
    certificates: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Everything a package says, read but not believed.  The first chapter has entry `seq`, what this is about."""

    seq: int
    case: str | None
    chapters: tuple[Chapter, ...]
    files: tuple[Mapping[str, Any], ...]
    outside: tuple[Mapping[str, Any], ...]
    extras: tuple[str, ...]
    parts: Mapping[str, Part]
    named: frozenset[str]

    @property
    def journal(self) -> str:
        return self.chapters[0].journal


def read_package(file: BinaryIO) -> Package:
    """Read zip and package.json; a ProofError says what is wrong with the container itself."""
    parts = read_parts(file)
    table = _shaped(
        read_json(_bytes(parts, "package.json", MAX_MANIFEST)), MANIFEST, "package.json ", "package.json"
    )
    _check_manifest(table)
    main = {key: table[key] for key in CHAPTER}
    also = table.get("also") or ()
    return Package(
        seq=table["seq"],
        case=table.get("case"),
        chapters=(
            _chapter(parts, main, ""),
            *(_chapter(parts, row, f"journals/{row['journal']}/") for row in also),
        ),
        files=tuple(
            {**row, "entry_journal": row.get("entry_journal") or table["journal"]} for row in table["files"]
        ),
        outside=tuple(table["outside"]),
        extras=tuple(table["extras"]),
        parts=parts,
        named=frozenset(_named(table)),
    )


def _named(table: Mapping[str, Any]) -> Iterator[str]:
    yield "package.json"
    yield from table["extras"]
    yield from (row["path"] for row in table["files"])
    for chapter in (table, *(table.get("also") or ())):
        yield chapter["checkpoint"]
        yield from chapter["certificates"]
        for row in chapter["entries"]:
            yield row["header"]
            if row.get("body"):
                yield row["body"]


def _check_manifest(table: Mapping[str, Any]) -> None:
    chapters = [table, *(table.get("also") or ())]
    journals = [chapter["journal"] for chapter in chapters]
    if len(chapters) > MAX_CHAPTERS or len(set(journals)) != len(journals):
        raise RefutedError("日志重复或过多", "package.json: a journal is there twice, or too many are")
    if table["seq"] not in [row["seq"] for row in table["entries"]]:
        raise RefutedError("缺少主记录", "package.json: the entry itself is not there")
    for chapter in chapters:
        _check_chapter(chapter)
    if len(set(table["extras"])) != len(table["extras"]):
        raise RefutedError("extras 重复", "package.json: extras has doubles")


def _check_chapter(table: Mapping[str, Any]) -> None:
    seqs = [row["seq"] for row in table["entries"]]
    if seqs != sorted(set(seqs)):
        raise RefutedError("记录重复或次序不对", "package.json: entries are doubled or out of order")
    if 0 not in seqs:
        raise RefutedError("缺少开卷记录", "package.json: the genesis is not there")
    certificates = table["certificates"]
    if len(certificates) > MAX_CERTIFICATES or len(set(certificates)) != len(certificates):
        raise RefutedError(
            "证书过多或重复", "package.json: too many certificates, or certificates has doubles"
        )


def _chapter(parts: Mapping[str, Part], table: Mapping[str, Any], folder: str) -> Chapter:
    """Every path has its one place, below `folder`."""
    if table["checkpoint"] != f"{folder}checkpoint.txt":
        raise RefutedError("日志检查点路径不对", "package.json: checkpoint path")
    for path in table["certificates"]:
        if not re.fullmatch(rf"{folder}certs/[a-z0-9-]{{1,60}}\.cert", path):
            raise RefutedError(
                "证书路径不对", f"package.json: certificates: {path[:100]!r} is not certs/NAME.cert"
            )
    return Chapter(
        journal=table["journal"],
        entries=tuple(_entry(parts, row, folder) for row in table["entries"]),
        checkpoint=_bytes(parts, table["checkpoint"], MAX_NOTE),
        certificates={path: _bytes(parts, path, MAX_NOTE) for path in table["certificates"]},
    )


def _entry(parts: Mapping[str, Part], row: Mapping[str, Any], folder: str) -> Entry:
    stem = f"{folder}entries/{row['seq']:06d}"
    for key, path in (("header", f"{stem}.header.json"), ("body", f"{stem}.body.json")):
        if row.get(key) not in (None, path):
            raise RefutedError(
                f"记录 {row['seq']} 的 {key} 路径不对", f"package.json: entry {row['seq']}: {key} path"
            )
    return Entry(
        seq=row["seq"],
        header=_bytes(parts, row["header"], MAX_HEADER),
        salt=bytes.fromhex(row["salt"]) if row.get("salt") else None,
        body=_bytes(parts, row["body"], MAX_BODY) if row.get("body") else None,
        inclusion=tuple(read_base64(step) for step in row["inclusion"]),
    )


def _bytes(parts: Mapping[str, Part], path: str, limit: int) -> bytes:
    part = parts.get(path)
    if part is None:
        raise RefutedError(f"缺少 {path}", f"{path} is missing")
    if part.data is None or part.size > limit:
        raise RefutedError(f"{path} 过大", f"{path} is too large")
    return part.data


# --- what entries say -------------------------------------------------------------------------------------------

ERASED, RECOVERED = "record.erased", "journal.recovered"
CASE_RECORDED, REVIEWED = "case.recorded", "passage.reviewed"
RECOVERED_BODY = Open(
    {
        "old": {"journal": HEX32, "seq": COUNT, "leaf": HEX64},
        "header": str,
        "salt": Maybe(HEX32),
        "body": Maybe(str),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an entry says, under the identity that it had first; `body` is None when it is not there.

    `place` is where it stands here: another identity if it was recovered.
    """

    identity: Identity
    place: Identity
    stream: str
    at_ms: int
    body: Any


def unwrap(body: bytes) -> tuple[dict[str, Any], Entry, Identity]:
    """(header, entry, identity) of the entry that a `journal.recovered` says again; refuted when it is another."""
    table = _shaped(read_json(body), RECOVERED_BODY, "恢复记录", "recovered")
    old = table["old"]
    inner, salt = table.get("body"), table.get("salt")
    entry = Entry(
        seq=old["seq"],
        header=table["header"].encode(),
        salt=None if salt is None else bytes.fromhex(salt),
        body=None if inner is None else inner.encode(),
    )
    header = read_header(entry.header)
    named = (old["journal"], old["seq"], old["leaf"])
    if (header["journal"], header["seq"], entry.leaf.hex()) != named or header["stream"] == RECOVERED:
        raise RefutedError("恢复的不是所称的那条记录", "what is recovered is not the entry that it names")
    _check_binding(header, entry)
    return header, entry, named


def _check_binding(header: Mapping[str, Any], entry: Entry) -> None:
    if (entry.body is None) != (entry.salt is None):
        raise RefutedError("有正文无盐,或有盐无正文", "a body without its salt, or a salt without its body")
    if entry.body is None or entry.salt is None:
        return
    if len(entry.body) > MAX_BODY or sha256(entry.salt + entry.body).hex() != header["body"]:
        raise RefutedError("正文与记录头的摘要不符", "the body does not match the header's digest")


def said_by(journal: str, entry: Entry) -> list[Said]:
    """The entry and, if it says another one again, that one; refuted when a digest does not hold."""
    header = read_header(entry.header)
    _check_binding(header, entry)
    body = None if entry.body is None else read_json(entry.body)
    identity = (journal, entry.seq, entry.leaf.hex())
    found = [Said(identity=identity, place=identity, stream=header["stream"], at_ms=header["at"], body=body)]
    if header["stream"] == RECOVERED and entry.body is not None:
        first, inner, named = unwrap(entry.body)
        told = None if inner.body is None else read_json(inner.body)
        found.append(
            Said(identity=named, place=identity, stream=first["stream"], at_ms=first["at"], body=told)
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """That an entry says what was removed, when and by which rule, and whose journal says so."""

    rule: str
    at_ms: int
    journal: str
    seq: int
    box: str
    is_centre: bool

    def may(self, box: str) -> bool:
        """A box speaks for what it wrote itself, the centre for everything."""
        return self.is_centre or self.box == box

    @property
    def told(self) -> Say:
        zh = f"于 {utc(self.at_ms)} 按规则 {self.rule} 删除,由 {self.box} 的日志 {self.journal[:8]} 第 {self.seq} 条声明"
        en = (
            f"erased on {utc(self.at_ms)} by rule {self.rule}, "
            f"as entry {self.seq} of journal {self.journal[:8]} of {self.box} says"
        )
        return zh, en


def removed_by(said: Said) -> tuple[str, list[Identity], list[str]] | None:
    """(rule, entries, files) that this entry declares as removed for good, None if it declares nothing."""
    body = said.body
    if said.stream != ERASED or not isinstance(body, dict) or not isinstance(body.get("rule"), str):
        return None
    return body["rule"], list(references(body.get("entries"))), _texts(body.get("files"))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def references(value: Any) -> Iterator[Identity]:
    """Every (journal, seq, leaf) anywhere in a body."""
    if isinstance(value, dict) and value.keys() == {"journal", "seq", "leaf"} and type(value["seq"]) is int:
        yield str(value["journal"]), value["seq"], str(value["leaf"])
    for inner in _children(value):
        yield from references(inner)


# --- the checks v1 to v6 ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One statement about the package."""

    check: str
    where: str
    verdict: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result, line by line.  `witnessed_ms`: all of it existed not later than this, None if no witness says."""

    lines: tuple[Line, ...]
    journal: str | None
    seq: int | None
    witnessed_ms: int | None
    case: str | None = None

    @property
    def proven(self) -> bool:
        return result_of(self.lines) == PROVEN


Say = tuple[str, str]


def verify(path: Path, trust: Trust, now_ms: int) -> Report:
    """Check one package; never raises for what is in it."""
    try:
        with path.open("rb") as file:
            package = read_package(file)
    except ProofError as fault:
        line = Line(check="package", where=path.name, verdict=fault.verdict, zh=fault.zh, en=fault.en)
        return Report(lines=(line,), journal=None, seq=None, witnessed_ms=None)
    return Verification(package, trust, now_ms).report()


class Signed:
    """v2 and v3 of one journal: its checkpoint, who opened it, who else signed."""

    def __init__(
        self,
        journal: str,
        *,
        genesis: Entry | None,
        checkpoint: bytes,
        certificates: Iterable[bytes],
        trust: Trust,
        now_ms: int,
    ) -> None:
        self.journal = journal
        self._first = genesis
        self._note = checkpoint
        self._certificates = tuple(certificates)
        self.trust = trust
        self.now_ms = now_ms
        self.witnessed_ms = self._witnessed_ms()

    def checkpoint(self) -> Checkpoint:
        checkpoint = read_checkpoint(self._note)
        if checkpoint.journal != self.journal:
            raise RefutedError("日志检查点属于另一日志", "the checkpoint is of another journal")
        return checkpoint

    def genesis(self) -> Genesis:
        first = self._first
        if first is None or first.body is None or first.salt is None:
            raise UnprovenError("开卷记录没有正文", "the genesis has no body")
        return read_genesis(first.header, first.salt, first.body, self.journal)

    # v2
    def own_signature(self) -> Say:
        key = self.genesis().key
        note = self.checkpoint().note
        if not note.signed_by(key):
            raise RefutedError(
                "日志检查点没有本日志密钥的签名", f"not signed by the journal's key{_strangers(note, [key])}"
            )
        return ("日志检查点由本日志的密钥签名", "the checkpoint is signed by the journal's own key")

    def chain(self) -> Say:
        genesis = self.genesis()
        certificates = [read_certificate(data) for data in self._certificates]
        at_ms = self.now_ms if self.witnessed_ms is None else self.witnessed_ms
        prove_genesis(genesis, certificates, self.trust.root, at_ms)
        return (
            f"日志由设备 {genesis.box} 开立,其证书链到根 {self.trust.root.name}",
            f"opened by {genesis.box}, whose certificate chains to the root {self.trust.root.name}",
        )

    def not_revoked(self, held: int = 0) -> Say:
        """`held`: how many entries are about to be believed, where that is not what the checkpoint covers."""
        bound = self.trust.revoked.get(self.journal)
        size = max(self.checkpoint().size, held)
        if bound is None and self.genesis().box in self.trust.revoked_boxes:
            raise UnprovenError(
                f"设备 {self.genesis().box} 已吊销,本日志没有吊销界限",
                f"the box {self.genesis().box} is revoked and this journal has no bound",
            )
        if bound is None:
            return ("本日志的密钥未被吊销", "the journal's key is not revoked")
        if size > bound:
            raise UnprovenError(
                f"密钥已吊销,仅 {bound} 条以内有效,此处有 {size} 条",
                f"the key is revoked beyond size {bound}, and here are {size} entries",
            )
        return (
            f"{size} 条在吊销界限 {bound} 以内",
            f"size {size} is within the revocation bound {bound}",
        )

    # v3
    def _cosigned(self, keys: Sequence[Key]) -> dict[str, int]:
        """Name -> UTC second of every trusted cosignature; a trusted name with another key is refuted."""
        note = self.checkpoint().note
        for line in note.signatures:
            for key in keys:
                if line.name == key.name and line.key_id != key.key_id(4):
                    raise RefutedError(
                        f"{line.name} 的会签用的是不受信任的密钥 ({line.key_id.hex()})",
                        f"{line.name} cosigned with an untrusted key ({line.key_id.hex()})",
                    )
        times = {key.name: note.cosigned_by(key) for key in keys}
        return {name: seconds for name, seconds in times.items() if seconds is not None}

    def _witnessed_ms(self) -> int | None:
        try:
            times = self._cosigned(self.trust.witnesses).values()
        except ProofError:
            return None
        earliest = min(times, default=None)
        return None if earliest is None else earliest * 1000

    def centre(self) -> Say:
        times = self._cosigned(self.trust.cosigners)
        if not times:
            raise UnprovenError(
                f"没有受信任的中心会签{self._others()}",
                f"no cosignature of a trusted centre{self._others()}",
            )
        names = ", ".join(times)
        return (f"中心已会签:{names}", f"cosigned by the centre: {names}")

    def witnesses(self) -> Say:
        times = self._cosigned(self.trust.witnesses)
        needed = self.trust.required_witnesses
        if len(times) < needed:
            raise UnprovenError(
                f"见证方会签 {len(times)} 个,需要 {needed} 个;对站点和中心自身不能证实{self._others()}",
                f"{len(times)} of {needed} witnesses: not proven against the station and the centre{self._others()}",
            )
        earliest = min(times.values()) * 1000
        if earliest > self.now_ms + CLOCK_SLACK_MS:
            raise UnprovenError(
                f"见证时间在将来:{utc(earliest)}", f"the witness time is in the future: {utc(earliest)}"
            )
        names = ", ".join(times)
        return (
            f"{names} 见证,不晚于 {utc(earliest)} 已存在",
            f"{names}: existed not later than {utc(earliest)}",
        )

    def _others(self) -> str:
        return _strangers(self.checkpoint().note, [*self.trust.cosigners, *self.trust.witnesses])


class Verification:
    """One package under test."""

    def __init__(self, package: Package, trust: Trust, now_ms: int) -> None:
        self.package = package
        self.trust = trust
        self.signed = {
            chapter.journal: Signed(
                chapter.journal,
                genesis=chapter.entries[0],
                checkpoint=chapter.checkpoint,
                certificates=chapter.certificates.values(),
                trust=trust,
                now_ms=now_ms,
            )
            for chapter in package.chapters
        }
        self.unreadable: list[ProofError] = []
        self.said = list(self._told())
        self.removed_entries: dict[Identity, list[Removal]] = {}
        self.removed_files: dict[str, list[Removal]] = {}
        self._gather_removals()

    def report(self) -> Report:
        times = [signed.witnessed_ms for signed in self.signed.values()]
        known = [each for each in times if each is not None]
        return Report(
            lines=tuple(self._lines()),
            journal=self.package.journal,
            seq=self.package.seq,
            witnessed_ms=max(known) if len(known) == len(times) else None,
            case=self.package.case,
        )

    def _lines(self) -> Iterator[Line]:
        chapters = self.package.chapters
        for chapter in chapters:
            for entry in chapter.entries:
                where = self._at(chapter.journal, f"entry {entry.seq}")
                yield line_of("v1", where, functools.partial(self._included, chapter, entry))
        for chapter in chapters:
            yield from self._signed_lines(chapter)
        for chapter in chapters:
            for entry in chapter.entries:
                where = self._at(chapter.journal, f"entry {entry.seq}")
                yield line_of("v4", where, functools.partial(self._body, chapter, entry))
        yield line_of("v5", "package", self._nothing_unnamed)
        for promised in self._promised_files():
            where = self._at(promised[0], promised[1])
            yield line_of("v5", where, functools.partial(self._file, *promised))
        yield line_of("v6", "references", self._references)
        yield line_of("v6", "case" if self.package.case else "passage", self._belongs_together)

    def _signed_lines(self, chapter: Chapter) -> Iterator[Line]:
        signed = self.signed[chapter.journal]
        yield line_of("v2", self._at(chapter.journal, "checkpoint.txt"), signed.own_signature)
        yield line_of("v2", self._at(chapter.journal, "entry 0"), signed.chain)
        if self._names_predecessor(signed):
            yield line_of(
                "v2", self._at(chapter.journal, "predecessor"), functools.partial(self._continues, signed)
            )
        yield line_of("v2", self._at(chapter.journal, "revocation"), signed.not_revoked)
        yield line_of("v3", self._at(chapter.journal, "centre"), signed.centre)
        yield line_of("v3", self._at(chapter.journal, "witness"), signed.witnesses)

    def _at(self, journal: str, where: str) -> str:
        """Names the journal too, unless it is the one that the package is about."""
        return where if journal == self.package.journal else f"{journal[:8]} {where}"

    def _told(self) -> Iterator[Said]:
        for chapter in self.package.chapters:
            for entry in chapter.entries:
                try:
                    yield from said_by(chapter.journal, entry)
                except ProofError as fault:
                    self.unreadable.append(fault)

    def _gather_removals(self) -> None:
        for chapter in self.package.chapters:
            for entry in chapter.entries:
                try:
                    self._note_removals(chapter, entry)
                except ProofError:
                    continue  # what is not proven itself excuses nothing

    def _note_removals(self, chapter: Chapter, entry: Entry) -> None:
        for said in said_by(chapter.journal, entry):
            found = removed_by(said)
            if found is None:
                continue
            self._included(chapter, entry)
            genesis = self.signed[chapter.journal].genesis()
            rule, entries, files = found
            removal = Removal(
                rule=rule,
                at_ms=said.at_ms,
                journal=chapter.journal,
                seq=entry.seq,
                box=genesis.box,
                is_centre=self.trust.is_centre(genesis),
            )
            for identity in entries:
                self.removed_entries.setdefault(identity, []).append(removal)
            for digest in files:
                self.removed_files.setdefault(digest, []).append(removal)

    # v1
    def _included(self, chapter: Chapter, entry: Entry) -> Say:
        header = read_header(entry.header)
        if header["seq"] != entry.seq or header["journal"] != chapter.journal:
            raise RefutedError("记录头的日志或序号不符", "the header has another journal or seq")
        checkpoint = self.signed[chapter.journal].checkpoint()
        if not inclusion_holds(entry.leaf, entry.seq, checkpoint.size, entry.inclusion, checkpoint.root):
            raise RefutedError("记录不在日志检查点之内", "the entry is not in the checkpoint's tree")
        what = f"{header['stream']} {header['source']}"
        return (
            f"第 {entry.seq} 条({what})在日志检查点之内,总数 {checkpoint.size}",
            f"entry {entry.seq} ({what}) is in the journal of {checkpoint.size} entries",
        )

    # v2
    def _names_predecessor(self, signed: Signed) -> bool:
        try:
            return signed.genesis().predecessor is not None
        except ProofError:
            return False  # the line above says why

    def _continues(self, signed: Signed) -> Say:
        genesis = signed.genesis()
        if genesis.predecessor is None:
            raise UnprovenError("没有前一日志", "there is no predecessor")
        journal, size, root = genesis.predecessor
        before = self.signed.get(journal)
        if before is None:
            return (
                f"接续日志 {journal}(至 {size} 条,不在包内)",
                f"continues {journal} at {size}, not in the package",
            )
        known = before.checkpoint()
        if known.size == size and known.root.hex() != root:
            raise RefutedError(
                f"所称前一日志 {journal} 的根与其检查点不符",
                f"the root of {journal} is not the one that it names",
            )
        if before.genesis().box != genesis.box:
            raise RefutedError("前一日志属于另一设备", f"the predecessor {journal} is of another box")
        return (f"接续日志 {journal}(至 {size} 条)", f"continues {journal} at {size}")

    def _ancestors(self, journal: str) -> set[str]:
        """The journals that this one says it continues, as far as the package knows them."""
        found: set[str] = set()
        at: str | None = journal
        while at is not None and at in self.signed:
            before = self.signed[at].genesis().predecessor
            at = before[0] if before and before[0] not in found else None
            found |= {at} if at else set()
        return found

    # v4
    def _body(self, chapter: Chapter, entry: Entry) -> Say:
        header = read_header(entry.header)
        _check_binding(header, entry)
        if entry.body is None:
            return self._erased(chapter, (chapter.journal, entry.seq, entry.leaf.hex()))
        if header["stream"] == RECOVERED:
            return self._recovered(chapter, entry.body)
        return ("正文与记录头一致", "the body is the one the header binds")

    def _erased(self, chapter: Chapter, identity: Identity) -> Say:
        box = self.signed[chapter.journal].genesis().box
        removals = self.removed_entries.get(identity, [])
        for removal in removals:
            if removal.may(box):
                zh, en = removal.told
                return f"正文已{zh.removeprefix('于')}", f"body {en}"
        if removals:
            other = removals[0].box
            raise UnprovenError(
                f"正文缺失,而 {other} 无权声明删除", f"the body is missing, and {other} may not erase it"
            )
        raise UnprovenError(
            "正文缺失,包内没有声明删除的记录",
            "the body is missing and no entry in the package says it was erased",
        )

    def _recovered(self, chapter: Chapter, body: bytes) -> Say:
        _header, entry, named = unwrap(body)
        if named[0] not in self._ancestors(chapter.journal):
            raise UnprovenError(
                f"恢复自日志 {named[0]},包内没有说明本日志接续它",
                f"recovered from {named[0]}, and nothing here says that this journal continues it",
            )
        if entry.body is None:
            return self._erased(chapter, named)
        return (
            f"恢复的是日志 {named[0][:8]} 第 {named[1]} 条,逐字节相符",
            f"says entry {named[1]} of journal {named[0][:8]} again, byte for byte",
        )

    # v5
    def _promised_files(self) -> list[tuple[str, str, str, int, int]]:
        """(journal, name, sha256, size, seq) of every file that a header names."""
        found = []
        for chapter in self.package.chapters:
            for entry in chapter.entries:
                try:
                    header = read_header(entry.header)
                except ProofError:
                    continue  # v1 has refuted it
                found += [
                    (chapter.journal, row["name"], row["sha256"], row["size"], entry.seq)
                    for row in header["files"]
                ]
        return found

    def _nothing_unnamed(self) -> Say:
        unnamed = sorted(self.package.parts.keys() - self.package.named)
        if unnamed:
            raise RefutedError(
                f"有未列名的文件:{', '.join(unnamed[:5])}", f"unnamed file: {', '.join(unnamed[:5])}"
            )
        promised = set(self._promised_files())
        for row in self.package.files:
            claim = (row["entry_journal"], row["name"], row["sha256"], row["size"], row["entry_seq"])
            if claim not in promised:
                raise RefutedError(
                    f"没有记录提到文件 {row['path']}", f"unnamed file: no entry names {row['path']}"
                )
            if not row["path"].startswith(f"files/{row['sha256']}."):
                raise RefutedError(
                    f"文件路径不符:{row['path']}", f"the path of {row['path']} is not its digest"
                )
        missing = sorted(self.package.named - self.package.parts.keys())
        if missing:
            raise RefutedError(f"缺少:{', '.join(missing[:5])}", f"missing: {', '.join(missing[:5])}")
        return ("没有未列名的文件", "no file that is not named")

    def _file(self, journal: str, name: str, sha256_hex: str, size: int, seq: int) -> Say:
        place = (journal, name, seq)
        rows = [
            row
            for row in self.package.files
            if (row["entry_journal"], row["name"], row["entry_seq"]) == place
        ]
        part = self.package.parts.get(rows[0]["path"]) if rows else None
        if part is None:
            return self._removed_file(journal, sha256_hex, seq)
        if len(rows) != 1 or part.size != size or part.sha256 != sha256_hex:
            raise RefutedError("文件大小或 SHA-256 不符", "size or SHA-256 is not what the entry names")
        return (f"{size} 字节,SHA-256 相符", f"{size} bytes, SHA-256 as entry {seq} names it")

    def _removed_file(self, journal: str, sha256_hex: str, seq: int) -> Say:
        box = self.signed[journal].genesis().box
        for removal in self.removed_files.get(sha256_hex, []):
            if removal.may(box):
                zh, en = removal.told
                return f"文件已{zh.removeprefix('于')}", f"file {en}"
        raise UnprovenError(
            f"第 {seq} 条提到的文件不在包内,也没有声明删除的记录",
            f"entry {seq} names it, the package does not have it, and no entry says it was erased",
        )

    # v6
    def _references(self) -> Say:
        for fault in self.unreadable:
            raise fault  # what it refers to cannot be known
        inside = {said.identity for said in self.said}
        inside |= {
            (chapter.journal, entry.seq, entry.leaf.hex())
            for chapter in self.package.chapters
            for entry in chapter.entries
        }
        outside = {(row["journal"], row["seq"], row["leaf"]) for row in self.package.outside}
        made = {reference for said in self.said for reference in references(said.body)}
        for journal, seq, leaf in sorted(made - inside - outside):
            raise RefutedError(
                f"引用 {journal} 第 {seq} 条({leaf[:16]})不在包内也未列为包外",
                f"a reference to {journal} seq {seq} ({leaf[:16]}) is neither inside nor listed as outside",
            )
        if outside - made or len(outside) != len(self.package.outside):
            raise RefutedError(
                "列为包外的记录无人引用", "something is listed as outside that nothing refers to"
            )
        if outside & inside:
            raise RefutedError("列为包外的记录在包内", "something is listed as outside that is inside")
        return (
            f"引用 {len(made)} 处全部落实,其中包外 {len(outside)} 处",
            f"{len(made)} references resolve, {len(outside)} of them outside the package",
        )

    def _belongs_together(self) -> Say:
        """All entries are of one passage, or all are of the one case that the centre has recorded."""
        passages = self._passages()
        if self.package.case is None:
            if len(passages) > 1:
                raise RefutedError(
                    "包内记录不属于同一次通过", f"entries of different passages: {sorted(passages)[:5]}"
                )
            return ("包内记录属于同一次通过", "all entries are of one passage")
        case = self.package.case
        recorded = self._recorded(case)
        strangers = sorted(name for name, places in passages.items() if not places & recorded)
        if strangers:
            raise RefutedError(
                f"不属于案件 {case}:{strangers[:5]}", f"not of case {case}: passages {strangers[:5]}"
            )
        return (
            f"案件 {case}:通过 {len(passages)} 次,均经案件记录列入",
            f"case {case}: {len(passages)} passages, all of them recorded as part of it",
        )

    def _passages(self) -> dict[str, set[Identity]]:
        """The entries that speak of each passage, and the weighings that those name."""
        found: dict[str, set[Identity]] = {}
        for said in self.said:
            if isinstance(said.body, dict) and said.body.get("passage") is not None:
                places = found.setdefault(str(said.body["passage"]), set())
                places |= {said.identity, said.place, *references(said.body.get("weighed"))}
        return found

    def _recorded(self, case: str) -> set[Identity]:
        """The entries that the centre has put into the case, and those by which it did."""
        found: set[Identity] = set()
        for said in self.said:
            of = said.body.get("case") if isinstance(said.body, dict) else None
            if of not in (None, case) and said.stream == CASE_RECORDED:
                raise RefutedError(f"有另一案件的记录:{of}", f"an entry of another case: {of!r:.60}")
            if of == case and said.stream in (CASE_RECORDED, REVIEWED) and self._is_central(said.place[0]):
                found |= {said.identity, *references(said.body)}
        if not found:
            raise UnprovenError(
                f"包内没有中心将记录列入案件 {case} 的记录",
                f"no entry of the centre here records the case {case}",
            )
        return found

    def _is_central(self, journal: str) -> bool:
        try:
            return self.trust.is_centre(self.signed[journal].genesis())
        except ProofError:
            return False


def line_of(check: str, where: str, prove: Callable[[], Say]) -> Line:
    try:
        zh, en = prove()
    except ProofError as fault:
        return Line(check=check, where=where, verdict=fault.verdict, zh=fault.zh, en=fault.en)
    return Line(check=check, where=where, verdict=PROVEN, zh=zh, en=en)


def _strangers(note: Note, trusted: Sequence[Key]) -> str:
    """Who else signed, for the reader to see: " (untrusted key: NAME (ID))"."""
    known = {(key.name, key.key_id(algorithm)) for key in trusted for algorithm in (1, 4)}
    origin = note.text.partition("\n")[0]
    others = [
        f"{line.name} ({line.key_id.hex()})"
        for line in note.signatures
        if (line.name, line.key_id) not in known and line.name != origin
    ]
    return f" (untrusted key: {', '.join(others)})" if others else ""


# --- command line -----------------------------------------------------------------------------------------------


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="evidence package 证据包 (.zip)")
    parser.add_argument("--trust", type=Path, required=True, help="trust.toml: the keys you trust 信任文件")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--lang", choices=("zh", "en", "both"), default="both")


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks; the exit code."""
    try:
        trust = read_trust(options.trust.read_text("utf-8"))
    except (OSError, ValueError) as error:
        return unusable(options.trust, error)
    try:
        report = verify(options.file, trust, time.time_ns() // 1_000_000)
    except OSError as error:
        return unusable(options.file, error)
    say(as_json(report, trust) if options.json else as_text(report, trust, options.lang))
    return 0 if report.proven else 1


def say(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # a console that cannot show Chinese must not stop the answer
    sys.stdout.write(text)


def unusable(path: Path, error: Exception) -> int:
    told = "\n".join(f"weighpost-verify: {path}: {line}" for line in str(error).splitlines())
    sys.stderr.write(told + "\n")
    return 2


def as_json(report: Report, trust: Trust) -> str:
    about = {
        "journal": report.journal,
        "seq": report.seq,
        "case": report.case,
        "witnessed_ms": report.witnessed_ms,
    }
    return json_of(report.lines, trust, about)


def json_of(lines: Sequence[Line], trust: Trust | None, about: Mapping[str, Any]) -> str:
    """Lines, keys and `about` as one JSON object."""
    rows = [
        {"check": line.check, "where": line.where, "result": line.verdict, "zh": line.zh, "en": line.en}
        for line in lines
    ]
    keys = [{"name": key.name, "fingerprint": key.fingerprint} for key in _trusted_keys(trust)]
    table = {"proven": result_of(lines) == PROVEN, **about, "trusted": keys, "lines": rows}
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def as_text(report: Report, trust: Trust, lang: str) -> str:
    return text_of(report.lines, trust, lang)


def text_of(lines: Sequence[Line], trust: Trust | None, lang: str, more: Sequence[Say] = ()) -> str:
    """Lines, what `more` there is to say, the keys that were used, and what it comes to."""
    rows = [_row(line, lang) for line in lines]
    rows += [_plain(_pick(zh, en, lang)) for zh, en in more]
    rows += [
        _pick(f"信任 {key.name} {key.fingerprint}", f"trusting {key.name} {key.fingerprint}", lang)
        for key in _trusted_keys(trust)
    ]
    done = result_of(lines)
    rows.append(_pick(f"结论:{ZH[done]}", f"Result: {done}", lang))
    return "\n".join(rows) + "\n"


def result_of(lines: Sequence[Line]) -> str:
    """FALSE if any line is, PROVEN if every line is."""
    verdicts = {line.verdict for line in lines} or {NOT_PROVEN}
    if FALSE in verdicts:
        return FALSE
    return PROVEN if verdicts == {PROVEN} else NOT_PROVEN


def _row(line: Line, lang: str) -> str:
    word = {"zh": ZH[line.verdict], "en": line.verdict, "both": f"{line.verdict} {ZH[line.verdict]}"}[lang]
    return _plain(f"{line.check}  {word}  {line.where}: {_pick(line.zh, line.en, lang)}")


def _plain(text: str) -> str:
    """Without what would move a cursor, hide a line or turn its letters round: some of it comes from the package."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _pick(zh: str, en: str, lang: str) -> str:
    return {"zh": zh, "en": en, "both": f"{zh} | {en}"}[lang]


def _trusted_keys(trust: Trust | None) -> tuple[Key, ...]:
    return () if trust is None else (trust.root, *trust.cosigners, *trust.witnesses)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="verify_package.py", description="Check one evidence package 核验证据包"
    )
    arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
