"""A workshop in a process of its own, to be killed: `python -m tests.station.footage.workshop_process FOLDER [MOVIE]`.

With a movie it takes it in and orders its copy; it prints the digest of the part's source and works until it is killed,
without one until nothing is ordered any more.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.station.footage.workplace import workplace


async def main(folder: Path, movie: Path | None) -> None:
    async with workplace(folder) as place, place.working():
        if movie is not None:
            source = await place.original(movie, codec="mpeg4", duration_ms=60_000)
            await place.room.workshop.order("working_copy", source, by="li")
            sys.stdout.write(source + "\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
        await place.until(lambda: not place.room.workshop.standing())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
