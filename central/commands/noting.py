"""A look at personal data on a terminal is an entry of the centre's journal like any other look, before it is shown."""

from __future__ import annotations

import asyncio

from central import keyring
from central.assembly import open_journal
from central.commands.asking import PROGRAM, asking
from central.settings import Settings
from journal.access import narrowed
from kernel.clock import Clock
from kernel.errors import ConfigError
from kernel.events import RecordAccessed


def note_list(settings: Settings, clock: Clock, *, of: str = "events", **wanted: str | None) -> None:
    """Written by the running centre, or into its journal while it is stopped.  RefusedError: neither can be done."""
    try:
        with asking(settings, role="viewer", clock=clock) as centre:
            centre.get(f"/{of}", limit=1, **wanted)
    except ConfigError:  # it does not run: then the journal is free
        asyncio.run(_append(settings, clock, narrowed(page=None if of == "events" else of, **wanted)))


async def _append(settings: Settings, clock: Clock, told: str) -> None:
    journal = open_journal(settings, keyring.load(settings).identity, clock=clock)
    try:
        body = RecordAccessed(by=PROGRAM, what="list", filter=told)
        await journal.append(body, source=settings.source)
    finally:
        journal.close()
