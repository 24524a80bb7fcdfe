"""The smallest witness 见证方: cosigns a journal's checkpoint only if it continues everything it has cosigned before.

The size and root of every journal are durable before a cosignature leaves; a journal that shows two histories is
remembered as forked and gets no cosignature again.  How often it has moved a head stands a second time beside the key:
a memory that was set back does not fit it, and a witness with such a memory is retired, not started.
"""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verify.package import (
    COUNT,
    NAME,
    Checkpoint,
    Encoded,
    Key,
    Matching,
    Maybe,
    ProofError,
    ShapeError,
    check_shape,
    consistency_holds,
    cosignature_line,
    cosigned_message,
    prove_genesis,
    read_base64,
    read_certificate,
    read_checkpoint,
    read_genesis,
    read_json,
)

log = logging.getLogger(__name__)

MAX_REQUEST = 256 << 10
MAX_PROOF = 64
KEY_FILE = {
    "kind": Matching("witness", "witness"),
    "name": NAME,
    "private": Encoded(32),
    "public": Encoded(32),
}
REQUEST = {
    "old_size": COUNT,
    "proof": [Encoded(32)],
    "checkpoint": str,
    "genesis": Maybe({"header": str, "salt": str, "body": str}),
    "certs": Maybe([str]),
}
SCHEMA = """
CREATE TABLE IF NOT EXISTS head (
    journal TEXT PRIMARY KEY, box TEXT NOT NULL, public BLOB NOT NULL,
    size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, at_s INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS alarm (
    journal TEXT NOT NULL, at_s INTEGER NOT NULL, forked INTEGER NOT NULL, why TEXT NOT NULL,
    known TEXT NOT NULL, offered TEXT NOT NULL, UNIQUE (journal, why, offered)
) STRICT;
CREATE TABLE IF NOT EXISTS moved (id INTEGER PRIMARY KEY CHECK (id = 0), times INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO moved SELECT 0, count(*) FROM head;
"""
MAX_ALARMS = 100  # kept for each journal, forks apart; an attacker may not fill the disk


class UnusableError(Exception):
    """The witness must not start; the operator changes something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the witness has cosigned last of one journal."""

    journal: str
    box: str
    public: bytes
    size: int
    root: bytes
    note: str
    at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP status and its text."""

    status: int
    text: str


class RefusedError(Exception):
    """No cosignature, and what to answer instead."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(status=status, text=text + "\n")


# --- heads ------------------------------------------------------------------------------------------------------


class Mark:
    """How often a head was moved, in a file beside the key; locked for the life of the process."""

    WIDTH = 20
    SAYS = "\ntimes that this key has moved a head; without it, or with another memory, the key is used up\n"

    def __init__(self, path: Path) -> None:
        """UnusableError when another process has it, or it cannot be read."""
        made = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if made:
                os.pwrite(self._file, ("0" * self.WIDTH + self.SAYS).encode(), 0)
                os.fsync(self._file)
                _sync_folder(path.parent)
            self.times = int(os.pread(self._file, self.WIDTH, 0).decode("ascii"))
        except BlockingIOError as error:
            os.close(self._file)
            raise UnusableError(f"key: {path} is in use by another witness") from error
        except ValueError as error:
            os.close(self._file)
            raise UnusableError(f"key: {path} cannot be read: make a new witness key") from error

    def write(self, times: int) -> None:
        """Durable once it returns; one sector, so a power cut leaves the old number or the new one."""
        os.pwrite(self._file, f"{times:0{self.WIDTH}d}".encode(), 0)
        os.fsync(self._file)
        self.times = times

    def close(self) -> None:
        os.close(self._file)


class Heads:
    """Heads and alarms in SQLite; a call that returned is on the disk.  `lock`: a descriptor to hold until close."""

    def __init__(
        self,
        path: Path,
        *,
        lock: int | None = None,
        mark: Mark | None = None,
        max_alarms: int = MAX_ALARMS,
    ) -> None:
        self._lock = lock
        self._mark = mark
        self._max_alarms = max_alarms
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._check(path)
        except BaseException:
            self._db.close()
            raise

    def _check(self, path: Path) -> None:
        """UnusableError when it is damaged, or older than the key's own mark says."""
        # Rollback journal and EXTRA: one writer, one row a commit, and the folder is synced too.
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=EXTRA")
        self._db.executescript(SCHEMA)
        if self._db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise UnusableError(f"{path}: damaged; retire this witness key and make a new one")
        if self._mark is not None and self._mark.times > self._moved():
            raise UnusableError(
                f"{path}: was set back: this key has moved heads {self._mark.times} times, here are"
                f" {self._moved()}; retire this witness key and make a new one"
            )

    def _moved(self) -> int:
        times: int = self._db.execute("SELECT times FROM moved").fetchone()[0]
        return times

    def settle(self) -> None:
        """Before any signature: the mark beside the key knows of every head that was moved."""
        if self._mark is not None and self._mark.times != (times := self._moved()):
            self._mark.write(times)

    def get(self, journal: str) -> Head | None:
        columns = "journal, box, public, size, root, note, at_s"
        row = self._db.execute(f"SELECT {columns} FROM head WHERE journal = ?", (journal,)).fetchone()  # noqa: S608
        return None if row is None else Head(**dict(zip(columns.split(", "), row, strict=True)))

    def save(self, head: Head) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO head VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (journal) DO UPDATE SET"
                " size = excluded.size, root = excluded.root, note = excluded.note, at_s = excluded.at_s",
                (head.journal, head.box, head.public, head.size, head.root, head.note, head.at_s),
            )
            self._db.execute("UPDATE moved SET times = times + 1")
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def alarm(self, head: Head, offered: str, *, why: str, forked: bool, at_s: int) -> None:
        """Keep both signed notes as proof."""
        kept = self._db.execute("SELECT count(*) FROM alarm WHERE journal = ?", (head.journal,)).fetchone()[0]
        if forked or kept < self._max_alarms:
            self._db.execute(
                "INSERT OR IGNORE INTO alarm VALUES (?, ?, ?, ?, ?, ?)",
                (head.journal, at_s, int(forked), why, head.note, offered),
            )

    def is_forked(self, journal: str) -> bool:
        found = self._db.execute("SELECT 1 FROM alarm WHERE journal = ? AND forked LIMIT 1", (journal,))
        return found.fetchone() is not None

    def counts(self) -> tuple[int, int]:
        """How many journals are known, and how many of them are forked."""
        heads: int = self._db.execute("SELECT count(*) FROM head").fetchone()[0]
        forked: int = self._db.execute("SELECT count(DISTINCT journal) FROM alarm WHERE forked").fetchone()[0]
        return heads, forked

    def close(self) -> None:
        self._db.close()
        if self._mark is not None:
            self._mark.close()
            self._mark = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def list_heads(state: Path, journal: str | None = None) -> Iterator[dict[str, Any]]:
    """Every head, or that of one journal, for listing beside a running witness."""
    with closing(sqlite3.connect(f"{(state / 'heads.db').absolute().as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT journal, box, size, hex(root), at_s,"
            " (SELECT count(*) FROM alarm WHERE alarm.journal = head.journal AND forked),"
            " (SELECT count(*) FROM alarm WHERE alarm.journal = head.journal)"
            " FROM head WHERE ?1 IS NULL OR journal = ?1 ORDER BY journal",
            (journal,),
        )
        for found, box, size, root, at_s, forked, alarms in rows:
            yield {
                "journal": found,
                "box": box,
                "size": size,
                "root": root.lower(),
                "cosigned_s": at_s,
                "forked": bool(forked),
                "alarms": alarms,
            }


# --- the rule ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: str
    genesis: tuple[bytes, bytes, bytes] | None
    certs: tuple[str, ...]


class Witness:
    """Answers cosign requests; safe to call from many threads."""

    def __init__(
        self, heads: Heads, *, name: str, private: Ed25519PrivateKey, root: Key, now_s: Callable[[], int]
    ) -> None:
        self.key = Key(name=name, public=private.public_key().public_bytes_raw())
        self._heads = heads
        self._private = private
        self._root = root
        self._now_s = now_s
        self._lock = threading.Lock()

    def cosign(self, body: bytes) -> Reply:
        """200 with the cosignature line, 409 with the known size, or why not."""
        try:
            request = _read_request(body)
            head = self._known(request)
            self._check_signature(request, head)
            with self._lock:
                return self._judge(request, head)
        except RefusedError as refused:
            return refused.reply
        except (sqlite3.Error, OSError) as error:
            log.error("the witness cannot remember", extra={"reason": str(error)})  # noqa: TRY400
            return Reply(status=503, text="cannot remember, so cannot sign\n")

    def head(self, journal: str) -> Reply:
        with self._lock:
            head = self._heads.get(journal)
            forked = self._heads.is_forked(journal)
        if head is None:
            return Reply(status=404, text="unknown\n")
        root = base64.b64encode(head.root).decode()
        return Reply(status=200, text=json.dumps({"size": head.size, "root": root, "forked": forked}) + "\n")

    def health(self) -> Reply:
        with self._lock:
            heads, forked = self._heads.counts()
        table = {"ok": forked == 0, "name": self.key.name, "journals": heads, "forked": forked}
        return Reply(status=200, text=json.dumps(table) + "\n")

    def close(self) -> None:
        with self._lock:
            self._heads.close()

    def _known(self, request: Request) -> Head:
        """The head of the journal; for a new one, size 0 and the key that its genesis proves."""
        with self._lock:
            head = self._heads.get(request.checkpoint.journal)
        if head is not None:
            return head
        if request.genesis is None:
            raise RefusedError(403, "unknown journal: genesis and certificates are needed")
        try:
            genesis = read_genesis(*request.genesis, request.checkpoint.journal)
            certificates = [read_certificate(text.encode()) for text in request.certs]
            prove_genesis(genesis, certificates, self._root, self._now_s() * 1000)
        except ProofError as error:
            log.warning(
                "refused an unknown box", extra={"journal": request.checkpoint.journal, "reason": error.en}
            )
            raise RefusedError(403, error.en) from error
        return Head(
            journal=request.checkpoint.journal,
            box=genesis.box,
            public=genesis.key.public,
            size=0,
            root=b"",
            note="",
            at_s=0,
        )

    def _check_signature(self, request: Request, head: Head) -> None:
        key = Key(name=request.checkpoint.origin, public=head.public)
        try:
            signed = request.checkpoint.note.signed_by(key)
        except ProofError as error:
            signed, reason = False, error.en
        else:
            reason = "not signed by the journal's key"
        if not signed:
            log.warning("refused a forged checkpoint", extra={"journal": head.journal, "reason": reason})
            raise RefusedError(422, reason)

    def _judge(self, request: Request, head: Head) -> Reply:
        """Under the lock: the head is read again, for another request may have moved it."""
        head = self._raised_by_own_signature(request, self._heads.get(head.journal) or head)
        if self._heads.is_forked(head.journal):
            raise RefusedError(422, "this journal has shown two histories")
        checkpoint = request.checkpoint
        if checkpoint.size != head.size and request.old_size != head.size:
            raise RefusedError(409, str(head.size))
        self._check_continues(request, head)
        at_s = self._now_s()
        if checkpoint.size > head.size:
            moved = replace(head, size=checkpoint.size, root=checkpoint.root, note=request.note, at_s=at_s)
            self._heads.save(moved)  # durable before the signature exists
        self._heads.settle()
        return Reply(status=200, text=self._line(checkpoint, at_s))

    def _check_continues(self, request: Request, head: Head) -> None:
        checkpoint = request.checkpoint
        if checkpoint.size < max(1, head.size):
            raise RefusedError(400, f"size {checkpoint.size} is smaller than the known {head.size}")
        if checkpoint.size == head.size:
            if checkpoint.root != head.root:
                self._raise_alarm(request, head, why="two roots at one size", forked=True)
            return
        if head.size and not consistency_holds(
            head.size, checkpoint.size, head.root, checkpoint.root, request.proof
        ):
            # No proof of a fork: the proof may be wrong and the checkpoint right.
            self._raise_alarm(request, head, why="not consistent with what was cosigned", forked=False)

    def _raise_alarm(self, request: Request, head: Head, *, why: str, forked: bool) -> None:
        self._heads.alarm(head, request.note, why=why, forked=forked, at_s=self._now_s())
        facts = {
            "journal": head.journal,
            "box": head.box,
            "size": request.checkpoint.size,
            "known": head.size,
        }
        log.error(
            "a checkpoint contradicts what was cosigned", extra={**facts, "reason": why, "forked": forked}
        )
        raise RefusedError(422, why)

    def _raised_by_own_signature(self, request: Request, head: Head) -> Head:
        """A valid cosignature of ours at a larger size than we remember: our memory was set back, so adopt it."""
        checkpoint = request.checkpoint
        try:
            seconds = checkpoint.note.cosigned_by(self.key)
        except ProofError:
            return head
        if seconds is None or checkpoint.size <= head.size:
            return head
        log.error(
            "the witness remembers less than it signed", extra={"journal": head.journal, "known": head.size}
        )
        raised = replace(head, size=checkpoint.size, root=checkpoint.root, note=request.note, at_s=seconds)
        self._heads.save(raised)
        return raised

    def _line(self, checkpoint: Checkpoint, at_s: int) -> str:
        return cosignature_line(
            self.key, at_s, self._private.sign(cosigned_message(checkpoint.note.text, at_s))
        )


def _read_request(body: bytes) -> Request:
    try:
        table = read_json(body)
        check_shape(table, REQUEST)
        genesis = table.get("genesis")
        request = Request(
            old_size=table["old_size"],
            proof=tuple(read_base64(step) for step in table["proof"]),
            checkpoint=read_checkpoint(table["checkpoint"].encode()),
            note=table["checkpoint"],
            genesis=_genesis_bytes(genesis) if genesis else None,
            certs=tuple(table.get("certs") or ()),
        )
    except (ProofError, ValueError) as error:
        raise RefusedError(400, str(error)) from error
    if len(request.proof) > MAX_PROOF or len(request.certs) > 4:
        raise RefusedError(400, "too long")
    if request.old_size > request.checkpoint.size:
        raise RefusedError(400, "old_size is larger than the checkpoint")
    return request


def _genesis_bytes(table: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    return read_base64(table["header"]), read_base64(table["salt"], 16), read_base64(table["body"])


# --- opening ----------------------------------------------------------------------------------------------------


def load_key(path: Path) -> tuple[str, Ed25519PrivateKey]:
    """Name and private key of the witness; nobody else may be able to read the file."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UnusableError(f"key: {path} can be read by others: chmod 600")
        table = read_json(path.read_bytes())
        check_shape(table, KEY_FILE)
    except (OSError, ProofError, ShapeError) as error:
        raise UnusableError(f"key: {path}: {error}") from error
    private = Ed25519PrivateKey.from_private_bytes(read_base64(table["private"]))
    if private.public_key().public_bytes_raw() != read_base64(table["public"]):
        raise UnusableError(f"key: {path}: public does not belong to private")
    return table["name"], private


def open_heads(state: Path, key_file: Path) -> Heads:
    """Open the memory that belongs to this key.  A witness that lost its memory is retired, not restarted."""
    path, used = state / "heads.db", key_file.with_suffix(".used")
    try:
        state.mkdir(parents=True, exist_ok=True)
        if used.exists() and not path.exists():
            raise UnusableError(
                f"state: {path} is gone, but this key has cosigned before ({used}): make a new witness key"
            )
        lock = _lock_folder(state)
        try:
            return _open_with_mark(path, used, lock)
        except BaseException:
            os.close(lock)
            raise
    except (OSError, sqlite3.Error) as error:
        raise UnusableError(f"state: {path}: {error}") from error


def _open_with_mark(path: Path, used: Path, lock: int) -> Heads:
    mark = Mark(used)
    try:
        return Heads(path, lock=lock, mark=mark)
    except BaseException:
        mark.close()
        raise


def _lock_folder(state: Path) -> int:
    """Hold the folder for the life of the process: two witnesses with one key could sign two histories."""
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 40).decode("ascii", "replace").strip()
        os.close(lock)
        raise UnusableError(f"state: {state} is in use by pid {holder}") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
