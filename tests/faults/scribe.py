"""Drives vehicles over a box without a scale, and writes down, durable, every append that has returned.

It is no part of the box: what stands in its file is what "accepted" means.  It asks again, under the same name, until it
is answered, as every caller of a journal does.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from journal.clock import SystemClock
from tests.faults.counting import Accepted, passages

CLOCK = SystemClock()
ANSWER_S = 30.0
PICTURE_BYTES = 3_000


class Scribe:
    """One box's; `accepted` is what the file says."""

    def __init__(self, path: Path, *, socket: Path, prefix: str = "p") -> None:
        self.accepted: list[Accepted] = []
        self.full = 0  # answers that there was no room
        self._socket = socket
        self._names = passages(prefix)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def close(self) -> None:
        os.close(self._file)

    async def say(self, *, files: Sequence[int] = (), die_at: str = "", plate: str | None = None) -> Accepted:
        """One crossing, or its plate; returns once the box has it and it is written down here."""
        kind = "crossing" if plate is None else "plate"
        asked = {"kind": kind, "plate": plate, "die_at": die_at, "files": list(files)}
        return await self._say(asked, files=files)

    async def clip(self, size: int) -> Accepted:
        """One that stays on the box until somebody asks for it: nobody is promised its bytes."""
        return await self._say({"kind": "clip", "files": [size]}, files=())

    async def _say(self, asked: dict[str, Any], *, files: Sequence[int]) -> Accepted:
        asked = {"do": "append", "passage": next(self._names), **asked}
        while True:
            answer = await self._talk(asked)
            if answer is None:
                asked["die_at"] = ""  # it has died; the caller comes again
            elif "full" in answer:
                self.full += 1
            else:
                return await self._write_down(asked["passage"], files, answer)
            await CLOCK.sleep(0.05)

    async def many(self, count: int, *, files: Sequence[int] = ()) -> list[Accepted]:
        return [await self.say(files=files) for _ in range(count)]

    async def backlog(self, count: int) -> None:
        """As fast as they go."""
        share = [count // 8 + (n < count % 8) for n in range(8)]
        await asyncio.gather(*(self.many(each) for each in share))

    async def state(self) -> dict[str, Any]:
        """What the box says of itself; waits for it."""
        while (answer := await self._talk({"do": "state"})) is None:
            await CLOCK.sleep(0.05)
        return answer

    async def set_clock(self, offset_ms: int) -> None:
        assert await self._talk({"do": "clock", "offset_ms": offset_ms}) is not None

    @asynccontextmanager
    async def traffic(
        self, *, workers: int = 3, pause_s: float = 0.05, every: int = 5
    ) -> AsyncIterator[None]:
        """Crossings for as long as the block takes, one in `every` with two pictures; all are answered at its end."""
        over = asyncio.Event()

        async def drive() -> None:
            number = 0
            while not over.is_set():
                number += 1
                await self.say(files=(PICTURE_BYTES, 2 * PICTURE_BYTES) if number % every == 0 else ())
                await CLOCK.sleep(pause_s)

        tasks = [asyncio.ensure_future(drive()) for _ in range(workers)]
        try:
            yield
            over.set()
            async with asyncio.timeout(ANSWER_S):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def erase(self, said: Accepted, *, die_at: str = "") -> None:
        """Body and files of this entry; nothing but its header counts as promised any more."""
        entry = {"journal": said.journal, "seq": said.seq, "leaf": said.leaf, "files": said.digests()}
        self.accepted[self.accepted.index(said)] = replace(said, files=())
        await self._talk({"do": "erase", "die_at": die_at, **entry})

    async def _talk(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """None when nobody answers, or when the one who was asked has gone."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return None
        try:
            writer.write(json.dumps(asked).encode() + b"\n")
            line = await reader.readline()
        except OSError:
            return None
        finally:
            writer.close()
        answer: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return answer

    async def _write_down(self, passage: str, files: Sequence[int], answer: dict[str, Any]) -> Accepted:
        said = {
            "passage": passage,
            "journal": answer["journal"],
            "seq": answer["seq"],
            "leaf": answer["leaf"],
        }
        line = json.dumps(said | {"files": list(files)}) + "\n"
        await asyncio.to_thread(self._append, line.encode())
        accepted = Accepted(**said, files=tuple(files))
        self.accepted.append(accepted)
        return accepted

    def _append(self, line: bytes) -> None:
        os.write(self._file, line)
        os.fdatasync(self._file)
