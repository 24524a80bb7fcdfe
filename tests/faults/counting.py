"""Holds what was accepted against what a receiver has on disk; nobody that could be wrong is asked.

Everything is read-only and from the files themselves.  An entry that a successor says again counts as the entry that it
first was.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central.store.engines import connect
from central.store.projections import Register
from central.store.rollups import recount
from journal.files import digest_of
from kernel.events import JournalDoubted, JournalRecovered, VehicleWeighed
from kernel.evidence import header
from tests.faults.rows import Counts
from tests.support.pictures import picture

Identity = tuple[str, int, str]  # journal, seq, leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One append that has returned, as a process outside of the box wrote it down."""

    passage: str
    journal: str
    seq: int
    leaf: str
    files: tuple[int, ...]  # their sizes

    @property
    def identity(self) -> Identity:
        return self.journal, self.seq, self.leaf

    def digests(self) -> list[str]:
        return [
            hashlib.sha256(picture(self.passage, number, size)).hexdigest()
            for number, size in enumerate(self.files)
        ]


@dataclass(slots=True)
class Held:
    """What a receiver's store says, entry by entry."""

    identities: set[Identity] = field(default_factory=set)  # first identities
    passages: dict[str, set[Identity]] = field(default_factory=dict)
    given_up: set[tuple[str, int]] = field(default_factory=set)  # named as lost by a successor
    altered: int = 0

    def take(self, identity: Identity, stream: str, body: dict[str, Any]) -> None:
        self.identities.add(identity)
        if stream == VehicleWeighed.stream and "passage" in body:
            self.passages.setdefault(body["passage"], set()).add(identity)
        if stream == JournalDoubted.stream:
            self.given_up.update((body["predecessor"]["id"], seq) for seq in body["lost"])

    def is_declared(self, accepted: Accepted) -> bool:
        return (accepted.journal, accepted.seq) in self.given_up


def read_accepted(path: Path) -> list[Accepted]:
    """Whole lines only: what was being written when somebody was killed was not yet written down."""
    if not path.exists():
        return []
    texts = path.read_text().split("\n")[:-1]
    return [Accepted(**(line | {"files": tuple(line["files"])})) for line in map(json.loads, texts)]


def held(database: Path) -> Held:
    """Of a centre's or a station's store; its columns have the same names."""
    found = Held()
    for journal, seq, leaf, head, salt, body in _rows(database):
        found.altered += not _whole(leaf, head, salt, body)
        stream = header.decode(head).stream
        said = _json(body)
        if stream == JournalRecovered.stream and said:
            found.altered += (
                hashlib.sha256(b"\0" + said["header"].encode()).hexdigest() != said["old"]["leaf"]
            )
            first = (said["old"]["journal"], said["old"]["seq"], said["old"]["leaf"])
            found.take(first, header.decode(said["header"].encode()).stream, _json(said["body"]))
        else:
            found.take((journal, seq, leaf.hex()), stream, said)
    return found


def is_held(database: Path, accepted: Accepted) -> bool:
    """Quickly, for who waits for one entry."""
    query = "SELECT leaf FROM entry WHERE journal = ? AND seq = ?"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        row = db.execute(query, (accepted.journal, accepted.seq)).fetchone()
    return row is not None and bytes(row[0]).hex() == accepted.leaf


def count(accepted: Sequence[Accepted], found: Held, *, blobs: Path, miscounted: int) -> Counts:
    """`blobs`: the receiver's folder of files; `miscounted`: how far its counts are from its entries."""
    declared = [one for one in accepted if one.identity not in found.identities and found.is_declared(one)]
    lost = [one for one in accepted if one.identity not in found.identities and not found.is_declared(one)]
    there = [one for one in accepted if one.identity in found.identities]
    twice = sum(len(identities) - 1 for identities in found.passages.values())
    return Counts(
        accepted=len(accepted),
        lost=len(lost),
        doubled=twice + miscounted,
        torn=found.altered
        + sum(1 for one in there for digest in one.digests() if not _stored(blobs, digest)),
        declared=len(declared),
    )


def is_settled(accepted: Sequence[Accepted], found: Held, *, blobs: Path) -> bool:
    """Everything is there, or is named as lost."""
    return all(
        found.is_declared(one)
        or (one.identity in found.identities and all(_stored(blobs, digest) for digest in one.digests()))
        for one in accepted
    )


def miscounted(database: Path, register: Register) -> int:
    """By how many crossings the centre's counts differ from its entries."""
    with closing(connect(f"sqlite:///{database}")) as centre, centre.reader.connect() as connection:
        differences = recount(connection, register=register).differences
    return sum(abs(each.counted - each.entries) for each in differences)


def count_naive(accepted: Sequence[Accepted], *, database: Path, blobs: Path, files: Path) -> Counts:
    """The same of the naive uplink: its messages have no identity but the passage that they tell."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        told = Counter(row[0] for row in db.execute("SELECT passage FROM message"))
    there = [one for one in accepted if told[one.passage]]
    return Counts(
        accepted=len(accepted),
        lost=len(accepted) - len(there),
        doubled=sum(times - 1 for times in told.values()),
        torn=sum(
            not (_is_whole(blobs / digest, digest) or _is_whole(files / digest, digest))
            for one in accepted
            for digest in one.digests()
        ),
    )


def in_order(database: Path) -> bool:
    """Every journal was taken in from its first entry on, one after the other."""
    taken: dict[str, list[int]] = {}
    for journal, seq in rows_of(database, "SELECT journal, seq FROM entry ORDER BY rowid"):
        taken.setdefault(journal, []).append(seq)
    return all(seqs == list(range(len(seqs))) for seqs in taken.values())


def rows_of(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Read-only."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def _rows(database: Path) -> Iterable[tuple[str, int, bytes, bytes, bytes | None, bytes | None]]:
    return rows_of(
        database,
        "SELECT entry.journal, entry.seq, leaf, header, salt, body FROM entry LEFT JOIN body"
        " ON body.journal = entry.journal AND body.seq = entry.seq ORDER BY entry.journal, entry.seq",
    )


def _whole(leaf: bytes, head: bytes, salt: bytes | None, body: bytes | None) -> bool:
    if hashlib.sha256(b"\0" + head).digest() != leaf:
        return False
    return salt is None or body is None or header.decode(head).body == hashlib.sha256(salt + body).hexdigest()


def _json(body: bytes | str | None) -> dict[str, Any]:
    """Empty when it is not there, or makes no sense: custody takes that too."""
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _stored(blobs: Path, digest: str) -> bool:
    return _is_whole(blobs / "sha256" / digest[:2] / digest, digest)


def _is_whole(path: Path, digest: str) -> bool:
    return path.exists() and digest_of(path)[0] == digest


def passages(prefix: str) -> Iterator[str]:
    """Names for crossings, never the same twice."""
    number = 0
    while True:
        number += 1
        yield f"{prefix}{number:06d}"
