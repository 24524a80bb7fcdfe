"""What is typed at the command line: the running station alone writes its journal, so a verb leaves it an order."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from kernel.clock import Clock
from kernel.errors import FullError, RefusedError
from kernel.events import Body
from kernel.footage.bodies import FOOTAGE

log = logging.getLogger(__name__)

LOOK_S = 0.5
AFTER_FAULT_S = 30.0
BODIES = {body.stream: body for body in FOOTAGE}
_NAME = re.compile(r"[0-9a-f]{32}")

Do = Callable[[Body, str], Awaitable[object]]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that somebody wants said."""

    stream: str
    body: msgspec.Raw


class Orders:
    """A folder: `<name>.order` waits, `<name>.refused` says why not, and what was done is gone.  Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, body: Body) -> str:
        """Durable when it returns; the name under which to ask for it.  RefusedError: no station was ever here."""
        name = secrets.token_hex(16)
        order = Order(stream=body.stream, body=msgspec.Raw(msgspec.json.encode(body)))
        try:
            self._write(name, "order", msgspec.json.encode(order))
        except OSError as error:
            raise RefusedError(f"{self._folder}: {error.strerror}") from error
        return name

    def waiting(self) -> list[str]:
        found = sorted(self._folder.glob("*.order"), key=lambda path: path.stat().st_mtime_ns)
        return [path.stem for path in found if _NAME.fullmatch(path.stem)]

    def read(self, name: str) -> Body:
        """RefusedError: it is no order."""
        try:
            order = msgspec.json.decode((self._folder / f"{name}.order").read_bytes(), type=Order)
            return msgspec.json.decode(order.body, type=BODIES[order.stream])
        except (OSError, KeyError, msgspec.MsgspecError) as error:
            raise RefusedError(f"not an order: {error}") from error

    def refuse(self, name: str, why: str) -> None:
        self._write(name, "refused", why.encode())
        self.drop(name)

    def drop(self, name: str) -> None:
        (self._folder / f"{name}.order").unlink(missing_ok=True)

    def outcome(self, name: str) -> str | None:
        """Empty: done; None: it still waits; else why it was refused, which is then forgotten."""
        if (self._folder / f"{name}.order").exists():
            return None
        refused = self._folder / f"{name}.refused"
        if not refused.exists():
            return ""
        why = refused.read_text(encoding="utf-8")
        refused.unlink()
        return why

    def _write(self, name: str, kind: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / f"{name}.{kind}")


async def obey(orders: Orders, *, rules: Mapping[type[Body], Do], otherwise: Do, clock: Clock) -> None:
    """Until the process ends: do what was typed, once, by who has the rule for it."""
    while True:
        try:
            for name in await asyncio.to_thread(orders.waiting):
                await _obey_one(orders, name, rules, otherwise)
        except (OSError, sqlite3.Error, FullError) as error:
            log.warning("orders not obeyed", extra={"reason": str(error)})
            await clock.sleep(AFTER_FAULT_S)
        await clock.sleep(LOOK_S)


async def _obey_one(orders: Orders, name: str, rules: Mapping[type[Body], Do], otherwise: Do) -> None:
    try:
        body = await asyncio.to_thread(orders.read, name)
        await rules.get(type(body), otherwise)(body, f"typed {name}")
    except RefusedError as error:
        await asyncio.to_thread(orders.refuse, name, str(error))
    else:
        await asyncio.to_thread(orders.drop, name)


async def done(orders: Orders, name: str, *, clock: Clock, patience_ms: int) -> str | None:
    """What became of an order within that time; see `Orders.outcome`."""
    until_ms = clock.mono_ms() + patience_ms
    while (outcome := orders.outcome(name)) is None and clock.mono_ms() < until_ms:
        await clock.sleep(0.1)
    return outcome
