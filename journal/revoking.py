"""What the centre has revoked, known to a station too: asked for over TLS, kept on its disk, and only ever more."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from journal.keys import write_durably
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError
from kernel.evidence.notes import MAX_NOTE
from kernel.evidence.revoked import Revoked

log = logging.getLogger(__name__)

PATH = "/v1/revoked"
LOOK_S = 20.0


class Door(Protocol):
    def shut_out(self, box: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose list counts: the centre's command key."""

    name: str
    public_key: bytes


class RevokedList:
    """`bound` is what custody asks, in any thread."""

    def __init__(self, file: Path, *, issuer: Issuer, door: Door) -> None:
        self._file = file
        self._issuer = issuer
        self._door = door
        self._known = Revoked()
        self._bounds: dict[str, int] = {}
        # An older list stays: what was revoked once is revoked, whatever a centre that forgot says.
        self._lists = self._kept()
        self._saved = len(self._lists)
        for note in self._lists:
            self._learn(note)

    def bound(self, box: str, journal: str) -> int | None:
        """How many entries of this journal may be taken at most; None: there is no bound."""
        return 0 if box in self._known.boxes else self._bounds.get(journal)

    async def run(self, url: str, *, http: httpx.AsyncClient, clock: Clock) -> None:
        """For ever; a centre that is away changes nothing."""
        was = ""
        while True:
            try:
                await self._look(url, http)
                was = ""
            except (LinkError, ProtocolError, OSError) as error:
                if str(error) != was:
                    log.warning("revocations not known", extra={"reason": str(error)})
                was = str(error)
            await clock.sleep(LOOK_S)

    async def _look(self, url: str, http: httpx.AsyncClient) -> None:
        try:
            answer = await http.get(f"{url.rstrip('/')}{PATH}")
        except httpx.HTTPError as error:
            raise LinkError(f"{url}: {error!r}") from error
        if answer.status_code != 200:
            raise LinkError(f"{url}: {answer.status_code}")
        note = answer.text[: MAX_NOTE + 1]
        before = self._known
        self._learn(note)
        if self._known != before:
            self._lists.append(note)
        if self._saved < len(self._lists):  # now, or since the disk was full
            await asyncio.to_thread(write_durably, self._file, "\0".join(self._lists).encode())
            self._saved = len(self._lists)

    def _learn(self, note: str) -> None:
        said = Revoked.open(note, issuer=self._issuer.name, public_key=self._issuer.public_key)
        self._known |= said
        self._bounds = dict(self._known.journals)
        for box in said.boxes:
            self._door.shut_out(box)

    def _kept(self) -> list[str]:
        return self._file.read_text(encoding="utf-8").split("\0") if self._file.exists() else []
