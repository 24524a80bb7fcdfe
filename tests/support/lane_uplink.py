"""A lane's uplink and nothing else, as a process whose memory can be looked at; told everything by one JSON argument.

On standard output: `up SIZE` once, then `a ACCEPTED MS` whenever the destination has more.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity, SigningKey
from journal.settings import Destination
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.settings import read

CLOCK = SystemClock()


async def main(options: dict[str, Any]) -> None:
    folder = Path(options["folder"])
    identity = Identity(
        key=SigningKey.load(Path(options["box_key"]), kind="box"), certs=tuple(options["certificates"])
    )
    journal = Journal.open(
        folder / "journal",
        box=identity.box,
        process="edge",
        software="bench",
        identity=identity.key,
        clock=CLOCK,
        boot="0123456789abcdef",
    )
    uplink = Uplink(
        journal,
        FileStore(folder / "files", clock=CLOCK),
        Cursors(folder),
        identity=identity,
        destination=read(Destination, options["destination"]),
        source="yiyuan/s01/lane1",
        software="bench",
        clock=CLOCK,
    )
    uplink.on_accepted(lambda size: print(f"a {size} {CLOCK.mono_ms()}", flush=True))
    print(f"up {journal.size}", flush=True)
    await uplink.run()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
