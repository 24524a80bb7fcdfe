"""Turns a body into an entry: when and by which clock it was said, and then its place in the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from journal.database import DoubtError, NewEntry, StoredEntry
from journal.keys import SigningKey
from kernel.clock import Clock
from kernel.errors import ProtocolError
from kernel.events import Body, Predecessor
from kernel.evidence import canonical, genesis, header
from kernel.evidence.header import MAX_BODY, SALT_BYTES, ClockState, FileRef, Header


def unknown_clock() -> ClockState:
    """The state of a clock that nobody has compared with anything."""
    return ClockState(err_ms=None, state="unset")


class Stamped(msgspec.Struct, frozen=True, kw_only=True):
    """A body with everything of its header that does not depend on its place."""

    at: int
    boot: str
    clock: ClockState
    mono_ms: int
    source: str
    stream: str
    files: tuple[FileRef, ...]
    body: bytes

    def placed(self, *, journal: str, seq: int, key: str | None = None) -> NewEntry:
        salt = os.urandom(SALT_BYTES)
        head = header.encode(
            Header(
                at=self.at,
                body=header.body_digest(salt, self.body),
                boot=self.boot,
                clock=self.clock,
                files=self.files,
                journal=journal,
                mono_ms=self.mono_ms,
                seq=seq,
                source=self.source,
                stream=self.stream,
            )
        )
        return NewEntry(header=head, leaf=header.leaf(head), salt=salt, body=self.body, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamper:
    """Who writes, and by which clocks."""

    box: str
    process: str
    software: str
    identity: SigningKey
    clock: Clock
    boot: str
    source_clock: Callable[[], ClockState]

    def stamp(
        self, body: Body, *, source: str, at: int | None = None, files: Sequence[FileRef] = ()
    ) -> Stamped:
        """ProtocolError when the body has no canonical form or is too large."""
        data = canonical.encode(body)
        if len(data) > MAX_BODY:
            raise ProtocolError(f"body of {len(data)} bytes, at most {MAX_BODY} are taken")
        return Stamped(
            at=self.clock.now_ms() if at is None else at,
            boot=self.boot,
            clock=self.source_clock(),
            mono_ms=self.clock.mono_ms(),
            source=source,
            stream=body.stream,
            files=tuple(files),
            body=data,
        )

    def owns(self, first: StoredEntry) -> None:
        """DoubtError when this genesis is not ours: only whose key has signed it can introduce its journal."""
        try:
            opened = genesis.verify_entry(
                (first.header, first.salt, first.body), box_key=self.identity.public
            )
        except ProtocolError as error:
            raise DoubtError(f"the box has another key now: {error.problem}") from error
        if opened.box != self.box:
            raise DoubtError(f"the box was {opened.box} and is {self.box} now")

    def genesis(self, key: SigningKey, predecessor: Predecessor | None) -> NewEntry:
        body = genesis.open_body(
            public_key=key.public,
            box=self.box,
            process=self.process,
            software=self.software,
            predecessor=predecessor,
            sign=self.identity.sign,
        )
        return self.stamp(body, source=self.box).placed(journal=header.journal_id(key.public), seq=0)
