"""The texts that get signed: checkpoints, receipts, file receipts and statements that a body is gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kernel.errors import ProtocolError
from kernel.evidence.canonical import LARGEST
from kernel.evidence.header import origin
from kernel.evidence.notes import Note, Sign, decode_base64, encode_base64, open_note, sign_note

ABSENT = "weighpost-absent/v1"
RECEIPT = "weighpost-receipt/v1"
FILE_RECEIPT = "weighpost-file-receipt/v1"

_JOURNAL_ORIGIN = re.compile(r"weighpost/([0-9a-f]{32})")
_TOKEN = re.compile(r"[a-z0-9-]{3,40}")
_REASON = re.compile(r"[a-z0-9_-]{1,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A journal says: my first `size` leaves have this root."""

    journal: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{origin(self.journal)}\n{self.size}\n{encode_base64(self.root)}\n"

    def signed(self, *, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=origin(self.journal), public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        first, size, root = _lines(text, 3)
        return cls(journal=_journal(first), size=number(size), root=_root(root))

    @classmethod
    def open(cls, note: str, *, journal: str, public_key: bytes) -> Checkpoint:
        """Parse and verify a journal's own checkpoint."""
        checkpoint = cls.parse(open_note(note, name=origin(journal), public_key=public_key).text)
        if checkpoint.journal != journal:
            raise ProtocolError("a checkpoint of another journal")
        return checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A store says: I have committed `size` entries with this root, and `kept` of them are out of danger."""

    journal: str
    store: str
    size: int
    root: bytes
    kept: int
    time_ms: int

    def text(self) -> str:
        return (
            f"{RECEIPT}\n{origin(self.journal)}\n{self.store}\n{self.size}\n{encode_base64(self.root)}\n"
            f"{self.kept}\n{self.time_ms}\n"
        )

    def signed(self, *, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=self.store, public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> Receipt:
        kind, journal, store, size, root, kept, time_ms = _lines(text, 7)
        _expect(kind == RECEIPT and number(kept) <= number(size), "not a receipt", text)
        return cls(
            journal=_journal(journal),
            store=_token(store),
            size=number(size),
            root=_root(root),
            kept=number(kept),
            time_ms=number(time_ms),
        )

    @classmethod
    def open(cls, note: str, *, store: str, public_key: bytes) -> Receipt:
        """Parse and verify a receipt of the pinned store."""
        receipt = cls.parse(open_note(note, name=store, public_key=public_key).text)
        _expect(receipt.store == store, "a receipt of another store", note)
        return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReceipt:
    """A store says: these files are here, whole; `kept` when also out of danger."""

    store: str
    kept: bool
    files: tuple[tuple[str, int], ...]  # (sha256, size)

    def text(self) -> str:
        lines = "".join(f"{sha256} {size}\n" for sha256, size in self.files)
        return f"{FILE_RECEIPT}\n{self.store}\n{int(self.kept)}\n{lines}"

    def signed(self, *, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=self.store, public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> FileReceipt:
        kind, store, kept, *files = _lines(text, None)
        _expect(kind == FILE_RECEIPT and kept in ("0", "1") and bool(files), "not a file receipt", text)
        return cls(store=_token(store), kept=kept == "1", files=tuple(_pair(line, _file) for line in files))

    @classmethod
    def open(cls, note: str, *, store: str, public_key: bytes) -> FileReceipt:
        receipt = cls.parse(open_note(note, name=store, public_key=public_key).text)
        _expect(receipt.store == store, "a file receipt of another store", note)
        return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A journal says why these bodies are not sent; without it a nil body refuses the frame."""

    journal: str
    reasons: tuple[tuple[int, str], ...]  # (seq, reason)

    def text(self) -> str:
        lines = "".join(f"{seq} {reason}\n" for seq, reason in self.reasons)
        return f"{ABSENT}\n{origin(self.journal)}\n{lines}"

    def signed(self, *, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=origin(self.journal), public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> Absent:
        kind, journal, *reasons = _lines(text, None)
        _expect(kind == ABSENT and bool(reasons), "not a statement of absence", text)
        return cls(journal=_journal(journal), reasons=tuple(_pair(line, _reason) for line in reasons))

    @classmethod
    def open(cls, note: str, *, journal: str, public_key: bytes) -> Absent:
        absent = cls.parse(open_note(note, name=origin(journal), public_key=public_key).text)
        _expect(absent.journal == journal, "absences of another journal", note)
        return absent


def number(text: str) -> int:
    """A natural number in its one decimal form."""
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST:
        raise ProtocolError("not a number", text.encode())
    return int(text)


def _lines(text: str, count: int | None) -> list[str]:
    lines = text.split("\n")
    wrong_count = len(lines) - 1 != count if count else len(lines) < 4
    if lines.pop() or wrong_count:
        raise ProtocolError("not the lines of this text", text[:64].encode())
    return lines


def _pair(line: str, read: Callable[[str, str], T]) -> T:
    left, space, right = line.partition(" ")
    _expect(bool(space), "not a pair", line)
    return read(left, right)


def _file(sha256: str, size: str) -> tuple[str, int]:
    _expect(bool(_DIGEST.fullmatch(sha256)), "not a digest", sha256)
    return sha256, number(size)


def _reason(seq: str, reason: str) -> tuple[int, str]:
    _expect(bool(_REASON.fullmatch(reason)), "not a reason", reason)
    return number(seq), reason


def _journal(text: str) -> str:
    match = _JOURNAL_ORIGIN.fullmatch(text)
    if match is None:
        raise ProtocolError("not the origin of a journal", text.encode())
    return match[1]


def _token(text: str) -> str:
    _expect(bool(_TOKEN.fullmatch(text)), "not a name", text)
    return text


def _root(text: str) -> bytes:
    root = decode_base64(text)
    _expect(len(root) == 32, "not a root", text)
    return root


def _expect(condition: bool, problem: str, text: str) -> None:
    if not condition:
        raise ProtocolError(problem, text[:64].encode())
