"""Cosignatures 共签: the receiver's own, and those of witnesses outside, over checkpoints that continue the last.

A cosigner makes (size, root) durable in a small file of its own, excluded from every restore, before the signature
exists; it never signs two histories of one journal, restored or not (invariant I10).
"""

from __future__ import annotations

import asyncio
import base64
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from journal.keys import SigningKey
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError, RefusedError
from kernel.evidence import notes, tree
from kernel.evidence.notes import Note, Signature
from kernel.evidence.texts import Checkpoint, number

log = logging.getLogger(__name__)

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS head (journal TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL)"
)
RootAt = Callable[[int], bytes]  # the root of a journal's first n leaves, as the receiver computes it


class Cosigner:
    """The receiver's own cosignature.  Blocking; safe from several threads."""

    def __init__(self, path: Path, *, key: SigningKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=EXTRA")
        self._db.execute(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def cosign(self, checkpoint: str, *, root_at: RootAt) -> Signature:
        """Sign a checkpoint whose journal signature the caller has checked; RefusedError when it contradicts."""
        note = Note.parse(checkpoint)
        said = Checkpoint.parse(note.text)
        with self._lock:
            remembered = self._head(said.journal)
            size, root = self._floor(note, said, remembered)
            _check(said, size, root, root_at)
            if said.size > remembered[0]:
                self._remember(said)
        return notes.cosign(
            note.text,
            name=self._key.name,
            public_key=self._key.public,
            sign=self._key.sign,
            at_s=self._clock.now_ms() // 1000,
        )

    def adopt(self, notes_: Iterable[str]) -> int:
        """Notes that we have signed ourselves: where our memory was set back, they are the floor; how many were new.

        One that cannot be read says nothing, and keeps nobody from starting.
        """
        met = 0
        for text in notes_:
            try:
                met += self._adopt(Note.parse(text))
            except ProtocolError as error:
                log.error("a cosigned note cannot be read", extra={"reason": str(error)})  # noqa: TRY400
        return met

    def _adopt(self, note: Note) -> bool:
        said = Checkpoint.parse(note.text)
        with self._lock:
            remembered = self._head(said.journal)
            if self._floor(note, said, remembered) == remembered:
                return False
            self._remember(said)
        return True

    def _head(self, journal: str) -> tuple[int, bytes]:
        row = self._db.execute("SELECT size, root FROM head WHERE journal = ?", (journal,)).fetchone()
        return (int(row[0]), bytes(row[1])) if row else (0, b"")

    def _floor(self, note: Note, said: Checkpoint, remembered: tuple[int, bytes]) -> tuple[int, bytes]:
        """Our own valid signature at a larger size than we remember: our memory was set back, so that is the floor."""
        own = notes.cosigned_at(note, name=self._key.name, public_key=self._key.public)
        return (said.size, said.root) if own is not None and said.size > remembered[0] else remembered

    def _remember(self, said: Checkpoint) -> None:
        self._db.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (said.journal, said.size, said.root))


def remembers(path: Path) -> bool:
    """Whether a cosigner's memory lies here, and can be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM head").fetchone() is not None
    except sqlite3.Error:
        return False


def _check(said: Checkpoint, size: int, root: bytes, root_at: RootAt) -> None:
    if said.size < size:
        raise RefusedError(f"size {said.size} is smaller than the {size} cosigned before")
    if said.size == size and said.root != root:
        raise RefusedError("two roots at one size")
    if root_at(said.size) != said.root or (size and root_at(size) != root):
        raise RefusedError("not consistent with what was cosigned before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a witness needs the first time: who opened this journal, and who vouches for that."""

    genesis: tuple[bytes, bytes, bytes]  # header, salt, body
    certificates: tuple[str, ...]

    def table(self) -> dict[str, object]:
        header, salt, body = (base64.b64encode(part).decode() for part in self.genesis)
        return {"genesis": {"header": header, "salt": salt, "body": body}, "certs": list(self.certificates)}


class WitnessClient:
    """Asks one witness for its cosignature; remembers how far that witness is."""

    def __init__(self, *, name: str, public_key: bytes, url: str, http: httpx.AsyncClient) -> None:
        self.name = name
        self._public_key = public_key
        self._url = url.rstrip("/")
        self._http = http
        self._sizes: dict[str, int] = {}

    async def cosign(
        self,
        checkpoint: str,
        *,
        proof: Callable[[int, int], list[bytes]],
        introduce: Callable[[], Introduction],
        cosigned: Callable[[], str | None] = lambda: None,
    ) -> Signature:
        """Its signature line for this checkpoint.

        `proof(old, new)` is an RFC 6962 consistency proof, `cosigned()` the newest note that it is known to have signed
        (both blocking): a witness that remembers less than that is shown its own signature first.  LinkError: ask again
        later; RefusedError: the witness will not sign, which a person must look into; ProtocolError: what came is no
        signature of its.
        """
        said = Checkpoint.parse(Note.parse(checkpoint).text)
        old = self._sizes.get(said.journal, 0)
        introduction: dict[str, object] = {}
        for _ in range(4):  # an unknown size, an introduction, and one race with somebody else who asks
            answer = await self._post(checkpoint, said, old, proof, introduction)
            if answer.status_code == 200:
                self._sizes[said.journal] = said.size
                return self._signature(checkpoint, answer.text)
            if answer.status_code == 409:
                known = _known_size(answer.text, said)
                old = await self._reminded(known, said, cosigned, introduction)
            elif answer.status_code == 403 and not introduction:
                introduction = (await asyncio.to_thread(introduce)).table()
            else:
                break
        if answer.status_code in (400, 403, 422):
            raise RefusedError(f"witness {self.name}: {answer.text.strip()[:200]}")
        raise LinkError(f"witness {self.name} answers {answer.status_code}")

    async def _reminded(
        self,
        known: int,
        said: Checkpoint,
        cosigned: Callable[[], str | None],
        introduction: dict[str, object],
    ) -> int:
        """The size that it remembers once it has seen its own newest signature."""
        note = await asyncio.to_thread(cosigned)
        if note is None:
            return known
        signed = Note.parse(note)
        size = Checkpoint.parse(signed.text).size
        own = notes.cosigned_at(signed, name=self.name, public_key=self._public_key)
        if own is None or not known < size <= said.size:
            return known
        log.error("a witness remembers less than it signed", extra={"witness": self.name, "known": known})
        answer = await self._send({"old_size": known, "proof": [], "checkpoint": note, **introduction})
        return size if answer.status_code == 200 else known

    async def _post(
        self,
        checkpoint: str,
        said: Checkpoint,
        old: int,
        proof: Callable[[int, int], list[bytes]],
        introduction: dict[str, object],
    ) -> httpx.Response:
        hashes = await asyncio.to_thread(proof, old, said.size) if 0 < old < said.size else []
        return await self._send(
            {
                "old_size": old,
                "proof": [base64.b64encode(piece).decode() for piece in hashes],
                "checkpoint": checkpoint,
                **introduction,
            }
        )

    async def _send(self, request: dict[str, object]) -> httpx.Response:
        try:
            return await self._http.post(f"{self._url}/v1/cosign", json=request)
        except httpx.HTTPError as error:
            raise LinkError(f"witness {self.name}: {error}") from error

    def _signature(self, checkpoint: str, text: str) -> Signature:
        signature = Signature.parse(text.strip())
        note = Note.parse(checkpoint).with_signature(signature)
        if notes.cosigned_at(note, name=self.name, public_key=self._public_key) is None:
            raise ProtocolError(f"not a cosignature of witness {self.name}", text.encode())
        return signature


def _known_size(text: str, said: Checkpoint) -> int:
    """The size that the witness remembers; more than we have is its word against ours, for a person to look at."""
    size = number(text.strip())
    if size > said.size:
        raise RefusedError(f"the witness has seen {size} entries, we have {said.size}")
    return size


def proof_of(leaves: Callable[[int, int], Sequence[bytes]]) -> Callable[[int, int], list[bytes]]:
    """A consistency proof from a function that reads `count` leaves from `start`."""

    def prove(old: int, new: int) -> list[bytes]:
        return [tree.root(leaves(start, end - start)) for start, end in tree.consistency_spans(old, new)]

    return prove
