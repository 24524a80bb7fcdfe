"""Signed commands to this box 指令: verified, then an entry, and only then done; what is refused changes nothing.

A command counts when the pinned key signed it for this box and this session, and its number is larger than any before.
The numbers are in the journal: a cursor.db that is lost costs a walk through it, and lets nothing be said twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from journal.cursors import Cursors
from journal.database import StoredEntry
from journal.logs import is_worth_a_line
from journal.settings import Destination
from journal.volume import Volume
from journal.writer import Appended, Journal
from kernel.clock import Clock
from kernel.errors import FullError, LinkError, ProtocolError, RefusedError
from kernel.events import CommandAccepted, CommandRefused
from kernel.evidence import header
from kernel.evidence.commands import Command
from kernel.evidence.notes import decode_base64

log = logging.getLogger(__name__)

INBOX = 512  # commands that wait, 2 MB; whoever sent a true one repeats it
LARGEST = 4096  # bytes of one
REFUSALS_EVERY_MS = 60_000  # at most one entry: a flood fills neither journal nor link
BREATH_S = 0.05  # after a refusal: checking signatures may not become all that we do
WALK = 256  # entries looked at in one go
_MARK = CommandAccepted.stream.encode()

Arguments = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that can be commanded.

    `check` speaks before anything is written: False: nothing is left to do; RefusedError: not here, or not with these
    arguments.  `act` is called once the entry is durable, and again when a crash came between: it must bear that.
    `rising` names an argument, a whole number, that must be larger than in any command of this kind before it.
    """

    check: Callable[[Arguments], Awaitable[bool]]
    act: Callable[[Arguments], Awaitable[None]]
    rising: str | None = None


class Commands:
    """What one destination may command.  `heard` takes what arrives, `run` does it in that order."""

    def __init__(
        self,
        journal: Journal,
        cursors: Cursors,
        *,
        box: str,
        destination: Destination,
        source: str,
        clock: Clock,
        kinds: Mapping[str, Kind],
    ) -> None:
        self.refused = 0
        self._journal = journal
        self._cursors = cursors
        self._box = box
        self._destination = destination
        self._source = source
        self._clock = clock
        self._kinds = kinds
        self._inbox: deque[tuple[bytes, bytes]] = deque()
        self._wake = asyncio.Event()
        self._numbers: dict[str, int] = {}  # the largest, also when cursor.db cannot be written
        self._undeclared = 0
        self._last: tuple[str, str] = ("", "")  # reason and digest of the newest refusal
        self._declared_ms: int | None = None

    def heard(self, payload: bytes, nonce: bytes) -> None:
        """A message of the command topic in the session of `nonce`; called on the loop."""
        if len(payload) > LARGEST:
            self._count(payload, f"larger than {LARGEST} bytes")
        elif len(self._inbox) >= INBOX:
            self._count(payload, "too many at once")
        else:
            self._inbox.append((payload, nonce))
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; RestartError when the journal fails."""
        await self._catch_up()
        while True:
            self._wake.clear()
            while self._inbox:
                await self._take(*self._inbox.popleft())
            await self._declare()
            await self._rest()

    # --- what is accepted --------------------------------------------------------------------------------------

    async def _take(self, payload: bytes, nonce: bytes) -> None:
        try:
            await self._obey(self._verified(payload, nonce))
        except (ProtocolError, RefusedError) as error:
            self._count(payload, error.problem if isinstance(error, ProtocolError) else str(error))
            await self._declare()
            await self._clock.sleep(BREATH_S)
        except FullError as error:  # what cannot be written is not done; it is asked for again
            log.error("no room for a command", extra={"reason": str(error)})  # noqa: TRY400

    def _verified(self, payload: bytes, nonce: bytes) -> Command:
        issuer, public = self._destination.command_issuer, self._destination.command_public
        if issuer is None or public is None:
            raise RefusedError(f"{self._destination.name} may not command")
        try:
            note = payload.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("not a text") from error
        return Command.open(note, box=self._box, issuer=issuer, public_key=decode_base64(public), nonce=nonce)

    async def _obey(self, command: Command) -> None:
        kind = self._kinds.get(command.kind)
        if kind is None:
            raise RefusedError(f"a command that is not known here: {command.kind}")
        arguments = _as_text(command.args)
        if command.counter <= await self._number(command.issuer):
            raise RefusedError("a command that was obeyed before, or older than one that was")
        if kind.rising and _whole(arguments, kind.rising) <= await self._number(_key(command, kind)):
            raise RefusedError(f"{kind.rising} only goes upwards")
        if not await kind.check(arguments):
            return
        appended = await self._write(command, arguments)
        await _act(kind, arguments)
        await self._done(appended.journal, appended.seq + 1)

    async def _write(self, command: Command, arguments: Arguments) -> Appended:
        body = CommandAccepted(
            issuer=command.issuer,
            counter=command.counter,
            kind=command.kind,
            args=tuple(sorted(arguments.items())),
        )
        appended = await self._journal.append(
            body, source=self._source, key=f"command/{command.issuer}/{command.counter}"
        )
        if appended.known:
            raise RefusedError("a command that was obeyed before")
        await self._remember(body)
        log.info("command accepted", extra={"kind": command.kind, "counter": command.counter})
        return appended

    # --- what was accepted before ------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Learn the numbers of what was accepted, and do what a crash may have left undone."""
        for volume in self._journal.volumes:
            await self._catch_up_with(volume)

    async def _catch_up_with(self, volume: Volume) -> None:
        start = await asyncio.to_thread(
            self._cursors.obeyed, journal=volume.id, destination=self._destination.name
        )
        while start < volume.size:
            entries = await volume.read(start, WALK)
            for body in filter(None, map(_accepted, entries)):
                await self._again(body)
            start += len(entries)
        await self._done(volume.id, start)

    async def _again(self, body: CommandAccepted) -> None:
        if body.issuer != self._destination.command_issuer:
            return
        kind = self._kinds.get(body.kind)
        await self._remember(body)
        if kind is not None:
            await _act(kind, dict(body.args))

    async def _remember(self, body: CommandAccepted) -> None:
        await self._grow(body.issuer, body.counter)
        kind, arguments = self._kinds.get(body.kind), dict(body.args)
        if kind is not None and kind.rising in arguments:
            await self._grow(_key(body, kind), int(arguments[kind.rising]))

    async def _grow(self, key: str, number: int) -> None:
        if number > await self._number(key):
            self._numbers[key] = number
            await asyncio.to_thread(self._cursors.count_command, number, issuer=key)

    async def _number(self, key: str) -> int:
        saved = await asyncio.to_thread(self._cursors.counter, issuer=key)
        return max(saved, self._numbers.get(key, 0))

    async def _done(self, journal: str, seq: int) -> None:
        await asyncio.to_thread(
            self._cursors.obey_up_to, seq, journal=journal, destination=self._destination.name
        )

    # --- what is refused ---------------------------------------------------------------------------------------

    def _count(self, payload: bytes, reason: str) -> None:
        self.refused += 1
        self._undeclared += 1
        self._last = (reason[:200], hashlib.sha256(payload).hexdigest())
        if is_worth_a_line(self.refused):
            extra = {"from": self._destination.name, "reason": reason, "count": self.refused}
            log.warning("command refused", extra=extra)

    async def _declare(self) -> None:
        if not self._undeclared or self._until_declaring_ms() > 0:
            return
        count, (reason, digest) = self._undeclared, self._last
        body = CommandRefused(destination=self._destination.name, reason=reason, sha256=digest, count=count)
        self._declared_ms = self._clock.mono_ms()
        try:
            await self._journal.append(body, source=self._source)
        except FullError as error:
            log.error("no room for a refusal", extra={"reason": str(error)})  # noqa: TRY400
            return
        self._undeclared -= count

    def _until_declaring_ms(self) -> int:
        if self._declared_ms is None:
            return 0
        return self._declared_ms + REFUSALS_EVERY_MS - self._clock.mono_ms()

    async def _rest(self) -> None:
        """Until something is heard, or what was refused is due to be said."""
        if not self._undeclared:
            await self._wake.wait()
            return
        due = asyncio.ensure_future(self._clock.sleep(max(self._until_declaring_ms(), 1) / 1000))
        heard = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((due, heard), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in (due, heard):
                wait.cancel()
            await asyncio.gather(due, heard, return_exceptions=True)


async def _act(kind: Kind, arguments: Arguments) -> None:
    """What cannot be done after all is said, and does not hold up the next one."""
    try:
        await kind.act(arguments)
    except (LinkError, ProtocolError, RefusedError, FullError) as error:
        log.error("command not carried out", extra={"reason": str(error)})  # noqa: TRY400


def _key(said: Command | CommandAccepted, kind: Kind) -> str:
    return f"{said.issuer}/{said.kind}/{kind.rising}"


def _as_text(args: Mapping[str, Any]) -> dict[str, str]:
    """As the entry keeps them."""
    if not all(isinstance(value, str) or type(value) is int for value in args.values()):
        raise ProtocolError("arguments of a command are texts and whole numbers")
    return {name: str(value) for name, value in args.items()}


def _whole(arguments: Arguments, name: str) -> int:
    value = arguments.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= 16):
        raise RefusedError(f"{name} must be a whole number")
    return int(value)


def _accepted(entry: StoredEntry) -> CommandAccepted | None:
    if _MARK not in entry.header or entry.body is None:
        return None
    if header.decode(entry.header).stream != CommandAccepted.stream:
        return None
    return msgspec.json.decode(entry.body, type=CommandAccepted)
