"""Who vouches for what is held: the centre's cosignature and those of witnesses, about once a second a journal."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from sqlalchemy.exc import SQLAlchemyError

from central.store.custody import CustodyStore, Newest
from journal.store import Accepted
from journal.witnessing import Cosigner, Introduction, WitnessClient
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError, RefusedError
from kernel.evidence import header
from kernel.evidence.notes import Note

log = logging.getLogger(__name__)

EVERY_S = 1.0
_RETRY_ROUNDS = 5
_DATABASE = "database"
_COSIGNER = "cosigner"


class Cosigning:
    """`committed` marks journals, `run` signs and asks; a witness that is away is asked again every few seconds."""

    def __init__(
        self, custody: CustodyStore, cosigner: Cosigner, witnesses: Sequence[WitnessClient], *, clock: Clock
    ) -> None:
        self.failing: dict[str, str] = {}  # witness or journal: why
        self._custody = custody
        self._cosigner = cosigner
        self._witnesses = witnesses
        self._clock = clock
        self._grown: set[str] = set()

    def committed(self, entries: Sequence[Accepted]) -> None:
        self._grown.update(entry.header.journal for entry in entries)

    async def run(self) -> None:
        for number in count():
            try:
                await self._round(look_back=number % _RETRY_ROUNDS == 0)
                self.failing.pop(_DATABASE, None)
            except SQLAlchemyError as error:  # the receiver meets the same; both go on when it is back
                self._failed(_DATABASE, str(error))
            await self._clock.sleep(EVERY_S)

    async def _round(self, *, look_back: bool) -> None:
        if look_back:
            late = await asyncio.to_thread(self._custody.unvouched, witnesses=bool(self._witnesses))
            self._grown.update(late)
        journals, self._grown = self._grown, set()
        for journal in sorted(journals):
            try:
                await self._vouch(journal)
                self.failing.pop(_COSIGNER, None)
            except (sqlite3.Error, ProtocolError) as error:  # its own file is full, or leaves are unreadable
                self._failed(_COSIGNER, str(error))

    async def _vouch(self, journal: str) -> None:
        newest = await asyncio.to_thread(self._custody.newest, journal)
        if newest is None:
            return
        newest = _own(journal, newest)
        try:
            note = await asyncio.to_thread(self._cosign, journal, newest)
        except RefusedError as error:
            self._failed(journal, str(error))
            return
        witnessed = False
        for witness in self._witnesses:
            signed = await self._ask(witness, journal, newest, note)
            witnessed = witnessed or signed is not None
            note = signed or note
        await asyncio.to_thread(
            self._custody.save_note,
            journal,
            note.format(),
            size=newest.size,
            witnessed=witnessed,
            refused=self.failing.get(journal),
        )

    def _cosign(self, journal: str, newest: Newest) -> Note:
        def root_at(size: int) -> bytes:
            return self._custody.root(journal, size)

        return Note.parse(newest.checkpoint).with_signature(
            self._cosigner.cosign(newest.checkpoint, root_at=root_at)
        )

    async def _ask(self, witness: WitnessClient, journal: str, newest: Newest, note: Note) -> Note | None:
        def proof(old: int, new: int) -> list[bytes]:
            return self._custody.consistency(journal, old, new)

        try:
            signature = await witness.cosign(
                newest.checkpoint,
                proof=proof,
                introduce=lambda: self._introduction(journal),
                cosigned=lambda: self._witnessed(journal),
            )
        except (LinkError, ProtocolError) as error:
            self._failed(witness.name, str(error))
            return None
        except RefusedError as error:
            self._failed(journal, str(error))
            return None
        if self.failing.pop(witness.name, None) is not None:
            log.info("witness back", extra={"witness": witness.name})
        self.failing.pop(journal, None)
        return note.with_signature(signature)

    def _witnessed(self, journal: str) -> str | None:
        vouched = self._custody.vouched(journal)
        return vouched.witnessed_note if vouched else None

    def _introduction(self, journal: str) -> Introduction:
        [genesis] = self._custody.stored(journal, [0])
        chain = self._custody.chain(journal)
        if genesis.salt is None or genesis.body is None or not chain:
            raise LinkError("the journal's certificates are not here yet")
        return Introduction(genesis=(genesis.header, genesis.salt, genesis.body), certificates=chain)

    def _failed(self, name: str, reason: str) -> None:
        if self.failing.get(name) is None:
            log.error("not cosigned", extra={"by": name, "reason": reason})
        self.failing[name] = reason


def _own(journal: str, newest: Newest) -> Newest:
    """Without lines in the names of others, which a receiver has not always taken off."""
    note, name = Note.parse(newest.checkpoint), header.origin(journal)
    lines = tuple(each for each in note.signatures if each.name == name)
    return replace(newest, checkpoint=replace(note, signatures=lines).format())
