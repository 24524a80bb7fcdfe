"""A lane without a scale: journal, files and uplink in a process of their own; what to append comes over a socket.

One JSON object a line each way.  The answer to an append leaves only after `append()` has returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from journal.clock import SystemClock, boot_id
from journal.console import end
from journal.cursors import Cursors
from journal.erasing import Erasing
from journal.files import FileStore
from journal.keys import Identity, SigningKey, read_certificate
from journal.reserve import Reserve
from journal.settings import Destination
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.errors import FullError, WeighpostError
from kernel.events import Body, EntryRef, FileStored, VehicleFacts, VehiclePictured, VehicleWeighed, Verdict
from kernel.evidence.header import ClockState, FileRef
from tests.faults.mutants import Mutant, believing, files_of
from tests.support.pictures import picture

SOURCE = "yiyuan/s01/lane1"
DieAt = Literal["", "after-files", "after-append"]


@dataclass(frozen=True, kw_only=True)
class BoxOptions:
    """`pace`: how much faster than the machine its patience runs out; `mutant`: what is left out of it."""

    ready: Path
    socket: Path
    folder: Path
    files: Path
    key: Path
    certificates: tuple[Path, ...]
    destinations: tuple[Destination, ...]
    pace: int = 4
    reserve_mb: int = 0
    mutant: Mutant | None = None


class BoxClock(SystemClock):
    """Waits less than it says, and may be wrong about the time of day."""

    def __init__(self, pace: int) -> None:
        self._pace = pace
        self.offset_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.offset_ms

    def mono_ms(self) -> int:
        return super().mono_ms() * self._pace

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._pace)


class _DyingErasing(Erasing):
    """Killed when the entry is written and nothing is gone."""

    async def _remove(self, refs: Sequence[EntryRef], files: Sequence[str]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Box:
    """Answers one connection at a time for as long as the journal is open."""

    def __init__(
        self,
        journal: Journal,
        files: FileStore,
        cursors: Cursors,
        uplinks: Sequence[Uplink],
        clock: BoxClock,
    ) -> None:
        self._journal = journal
        self._files = files
        self._cursors = cursors
        self._uplinks = uplinks
        self._clock = clock

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = await self._one(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _one(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked["do"]:
            case "append":
                return await self._append(asked)
            case "erase":
                return await self._erase(asked)
            case "clock":
                self._clock.offset_ms = asked["offset_ms"]
                return {}
            case _:
                return self._state()

    async def _append(self, asked: dict[str, Any]) -> dict[str, Any]:
        passage, die_at = asked["passage"], asked.get("die_at", "")
        try:
            refs = await self._store(passage, asked["files"])
            _die(die_at, "after-files")
            done = await self._journal.append(self._said(asked), source=SOURCE, files=refs, key=passage)
        except FullError as error:
            return {"full": str(error)}
        _die(die_at, "after-append")
        return {"journal": done.journal, "seq": done.seq, "leaf": done.leaf_hex, "known": done.known}

    def _said(self, asked: dict[str, Any]) -> Body:
        passage = asked["passage"]
        match asked["kind"]:
            case "plate":
                plate = asked["plate"]
                return VehiclePictured(passage=passage, weighed=None, weighed_durable_ms=None, tractor=plate)
            case "clip":
                return FileStored(passage=passage, weighed=None, kind="clip", upload="on_demand")
            case _:
                return crossing(passage, at_ms=self._clock.now_ms())

    async def _erase(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Of one entry its body and its files; killed in between, the entry says it and nothing is gone yet."""
        erasing = self._erasing(asked.get("die_at", ""))
        entry = EntryRef(journal=asked["journal"], seq=asked["seq"], leaf=asked["leaf"])
        await erasing.erase([entry], files=asked["files"], rule="plates", by="li")
        return {}

    async def finish_erasures(self) -> None:
        await self._erasing("").finish()

    def _erasing(self, die_at: str) -> Erasing:
        kind = _DyingErasing if die_at else Erasing
        return kind(self._journal, source=SOURCE, files=self._files, cursors=self._cursors)

    async def _store(self, passage: str, sizes: Sequence[int]) -> tuple[FileRef, ...]:
        if not sizes:
            return ()
        return await self._files.put(
            [(f"{n}.jpg", picture(passage, n, size)) for n, size in enumerate(sizes)]
        )

    def _state(self) -> dict[str, Any]:
        states = [uplink.state for uplink in self._uplinks]
        return {
            "journal": self._journal.id,
            "size": self._journal.size,
            "accepted": [state.size for state in states],
            "refused_receipts": sum(state.refused_receipts for state in states),
            # Receipts and commands.
            "refused": sum(device.dropped for uplink in self._uplinks for device in uplink.health()),
        }


def live(options: BoxOptions) -> int:
    """The process: its exit code is that of weighpost-edge."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s %(args)s")
    try:
        asyncio.run(_serve(options))
    except (WeighpostError, ExceptionGroup) as error:
        return end(error, program="box")
    return 0


def crossing(passage: str, *, at_ms: int) -> VehicleWeighed:
    """A weighing; `at_ms` decides which hour it is counted in."""
    verdict = Verdict(
        outcome="within", suspected=False, decision_kg=30_000, allowance_kg=0, candidates=(), over_kg=0
    )
    return VehicleWeighed(
        passage=passage,
        lane="lane1",
        jurisdiction="370323",
        road_class="county",
        weighing_grade="pre_check",
        joint_mode="joint",
        attended=False,
        method="moving_axles",
        device="wim",
        arrived_ms=at_ms - 3_000,
        left_ms=at_ms,
        gross_kg=30_000,
        facts=VehicleFacts(axle_count=6),
        verdict=verdict,
    )


async def _serve(options: BoxOptions) -> None:
    task = asyncio.ensure_future(_run(options))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _run(options: BoxOptions) -> None:
    clock = BoxClock(options.pace)
    identity = Identity(
        key=SigningKey.load(options.key), certs=tuple(read_certificate(path) for path in options.certificates)
    )
    reserve = Reserve.beside(options.folder / "journal", mb=options.reserve_mb)
    journal = await asyncio.to_thread(
        Journal.open,
        options.folder / "journal",
        box=identity.box,
        process="edge",
        software="faults",
        identity=identity.key,
        clock=clock,
        boot=boot_id(),
        source_clock=lambda: ClockState(err_ms=5, state="ok"),
        reserve=reserve,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep_reserve(reserve, clock), name="reserve")
            await _with_journal(options, journal, identity, clock)
    finally:
        await asyncio.to_thread(journal.close)


async def _keep_reserve(reserve: Reserve, clock: BoxClock) -> None:
    """Made again once there is room, as a lane's housekeeping does."""
    while True:
        await asyncio.to_thread(reserve.make)
        await clock.sleep(1.0)


async def _with_journal(options: BoxOptions, journal: Journal, identity: Identity, clock: BoxClock) -> None:
    files = files_of(options.mutant, options.files, clock=clock)
    with contextlib.closing(Cursors(journal.home)) as cursors:
        uplinks = [
            believing(
                options.mutant,
                Uplink(
                    journal,
                    files,
                    cursors,
                    identity=identity,
                    destination=destination,
                    source=SOURCE,
                    software="faults",
                    clock=clock,
                ),
            )
            for destination in options.destinations
        ]
        box = Box(journal, files, cursors, uplinks, clock)
        await box.finish_erasures()
        options.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(box.answer, options.socket)
        options.ready.touch()
        async with server, asyncio.TaskGroup() as tasks:
            tasks.create_task(journal.watch(), name="journal")
            for uplink in uplinks:
                tasks.create_task(uplink.run(), name=uplink.destination.name)


def _die(wanted: str, here: DieAt) -> None:
    if wanted == here:
        os.kill(os.getpid(), signal.SIGKILL)
