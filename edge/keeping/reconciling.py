"""The disk against the journal 核对, both ways: what nobody knows is reported and stays, what is missing is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from journal.files import FileStore
from kernel.events import FilesReconciled

log = logging.getLogger(__name__)

NAMED = 100
LONGEST = 120  # characters of a name that a stranger chose

Known = Callable[[str], Awaitable[bool]]


class Ring(Protocol):
    async def reconcile(self) -> tuple[list[str], list[str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """What should lie here: `is_known` answers for one digest, `all_known` with all of them."""

    is_known: Known
    all_known: Callable[[], Awaitable[list[str]]]
    settle: Callable[[], Awaitable[None]]  # until what was being written has its entry


async def reconcile(files: FileStore, ring: Ring | None, shelves: Shelves) -> FilesReconciled:
    """What one look has found.  Removes nothing."""
    here = await asyncio.to_thread(_here, files)
    unknown = await _unknown(here, shelves.is_known)
    missing = sorted(set(await shelves.all_known()) - set(here))
    if unknown or missing:
        await shelves.settle()
        unknown = [name for name in await _unknown(unknown, shelves.is_known) if files.path(name)]
        missing = [name for name in missing if await shelves.is_known(name) and not files.path(name)]
    strangers, lost = await ring.reconcile() if ring is not None else ([], [])
    found = FilesReconciled(
        files=len(here) - len(unknown),
        unknown_count=len(unknown) + len(strangers),
        missing_count=len(missing) + len(lost),
        unknown=_named([*unknown, *(f"ring/{name}" for name in strangers)]),
        missing=_named([*missing, *(f"ring/{name}" for name in lost)]),
    )
    if found.unknown_count or found.missing_count:
        extra = {"unknown": found.unknown[:3], "missing": found.missing[:3]}
        log.error("disk and journal differ", extra=extra)
    return found


async def _unknown(names: Iterable[str], is_known: Known) -> list[str]:
    return [name for name in names if not await is_known(name)]


def _here(files: FileStore) -> list[str]:
    return [path.name for path in files.names()]


def _named(names: list[str]) -> tuple[str, ...]:
    return tuple(name.encode(errors="replace").decode()[:LONGEST] for name in names[:NAMED])
