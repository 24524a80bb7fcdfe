"""Journals as files for the tests: the tables of a writer, filled from a log in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from tests.verify.making import BOX, Log, Signer, tree_root

TABLES = """
CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, header BLOB NOT NULL);
CREATE TABLE body (seq INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE block (i INTEGER PRIMARY KEY, root BLOB NOT NULL);
CREATE TABLE head (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, frontier BLOB NOT NULL, checkpoint TEXT NOT NULL);
CREATE TABLE note (note TEXT NOT NULL);
CREATE TABLE certificate (place INTEGER PRIMARY KEY, note TEXT NOT NULL);
"""


def long_log(count: int, *, box: Signer = BOX, seed: str = "long") -> Log:
    log = Log(box, seed)
    for number in range(count - 1):
        log.add("lane.health", {"devices": [], "disk_free_kb": number})
    return log


def save(
    log: Log,
    path: Path,
    *,
    erased: Iterable[int] = (),
    notes: Sequence[str] = (),
    certificates: Sequence[str] = (),
    blocks: bool = True,
) -> Path:
    """As its writer, or an export, would have it."""
    gone = set(erased)
    numbered = list(enumerate(log.entries))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(TABLES)
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", [(n, e.leaf, e.header) for n, e in numbered])
        db.executemany(
            "INSERT INTO body VALUES (?, ?, ?)", [(n, e.salt, e.body) for n, e in numbered if n not in gone]
        )
        leaves = log.leaves
        for place in range(len(leaves) // 256 if blocks else 0):
            root = tree_root(leaves[256 * place : 256 * place + 256])
            db.execute("INSERT INTO block VALUES (?, ?)", (place, root))
        db.execute("INSERT INTO head VALUES (0, ?, x'', ?)", (len(leaves), log.checkpoint()))
        db.executemany("INSERT INTO note VALUES (?)", [(note,) for note in notes])
        db.executemany("INSERT INTO certificate VALUES (?, ?)", list(enumerate(certificates)))
    return path


def change(path: Path, *statements: str) -> Path:
    """What somebody with the file did to it."""
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)
    return path
