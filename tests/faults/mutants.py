"""What may be left out of the system on purpose, so that the suite is known to see it missing.

receipts  any receipt moves the cursor, whoever signed it
folder    files are renamed and the folder is never fsynced
cosigner  whatever is offered is cosigned
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from journal.cursors import Cursor
from journal.files import FileStore, digest_of
from journal.sender import Sender
from journal.uplink import Uplink
from journal.witnessing import Cosigner, RootAt
from kernel.clock import Clock
from kernel.evidence import notes
from kernel.evidence.header import FileRef
from kernel.evidence.notes import Note, Signature
from kernel.evidence.texts import Receipt

Mutant = Literal["receipts", "folder", "cosigner"]
MUTANTS: tuple[Mutant, ...] = ("receipts", "folder", "cosigner")


class BelievingSender(Sender):
    """Takes every text that reads like a receipt for one."""

    async def _receipt(self, payload: bytes) -> None:
        said = Receipt.parse(Note.parse(payload.decode()).text)
        course = self._courses.get(said.journal)
        if course is not None:
            course.answered = self._established = True
            size = max(said.size, course.cursor.size)
            course.cursor = Cursor(store=said.store, sent=size, size=size, kept=said.kept)
            course.go_back()


class ForgetfulFiles(FileStore):
    """Whole files under names that nobody has made durable."""

    async def put(self, named: Sequence[tuple[str, bytes | Path]]) -> tuple[FileRef, ...]:
        return tuple([await asyncio.to_thread(self._put_one, name, content) for name, content in named])

    def _put_one(self, name: str, content: bytes | Path) -> FileRef:
        day = self._day()
        part = day / f"{name}.part"
        part.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        descriptor = os.open(part, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        digest, size = digest_of(part)
        part.replace(day / digest)
        return FileRef(name=name, sha256=digest, size=size)


class BlindCosigner(Cosigner):
    """Signs and compares with nothing."""

    def cosign(self, checkpoint: str, *, root_at: RootAt) -> Signature:
        return notes.cosign(
            Note.parse(checkpoint).text,
            name=self._key.name,
            public_key=self._key.public,
            sign=self._key.sign,
            at_s=self._clock.now_ms() // 1000,
        )


def believing(mutant: Mutant | None, uplink: Uplink) -> Uplink:
    """An uplink has no place to hand it another sender: the one that it has made changes its mind."""
    if mutant == "receipts":
        uplink._sender.__class__ = BelievingSender
    return uplink


def files_of(mutant: Mutant | None, folder: Path, *, clock: Clock) -> FileStore:
    return (ForgetfulFiles if mutant == "folder" else FileStore)(folder, clock=clock)


def cosigner_of(mutant: Mutant | None) -> type[Cosigner]:
    return BlindCosigner if mutant == "cosigner" else Cosigner
