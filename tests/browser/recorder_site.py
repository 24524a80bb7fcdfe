"""A station with a recorder's file that a browser can visit: the real process, one vehicle over its platform.

`python -m tests.browser.recorder_site FOLDER` prints one line of JSON with its address and pid, and runs until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from journal.clock import SystemClock, boot_id
from journal.writer import Journal
from kernel.footage.bodies import FootageImported, RecorderRegistered
from station.commands.shared import load_settings
from station.running import run
from tests.browser.station_site import OVER_ON_PLATFORM, Site, accounts
from tests.station.county import PLATFORM, STATION, WIM, County, lanes

NUMBER = "3700123"
DIGEST = "ab" * 32
MINUTE = 60_000


async def prepare(county: County, data: Path) -> None:
    """What was taken in before the station started."""
    clock = SystemClock()
    journal = Journal.open(
        data / "journal",
        box=STATION,
        process="station",
        software="test",
        identity=county.keys.identity(STATION).key,
        clock=clock,
        boot=boot_id(),
        destinations=("centre",),
    )
    registered = RecorderRegistered(
        recorder=NUMBER, model="DSJ-A7", unit="南麻超限检测站", status="in_use", by="wang"
    )
    imported = FootageImported(
        recorder=NUMBER,
        dock="dock1",
        state="imported",
        name="DSJ_3700123_20261127_0001.mp4",
        sha256=DIGEST,
        size=1,
        own_start_ms=clock.now_ms() - 5 * MINUTE,
        start_basis="name",
        duration_ms=20 * MINUTE,
    )
    for body in (registered, imported):
        await journal.append(body, source="yiyuan/s01/station")
    journal.close()


async def serve(county: County) -> None:
    path = county.write()
    path.write_text(path.read_text(encoding="utf-8") + "\n[footage]\nclock_err_ms = 1\n", encoding="utf-8")
    settings = load_settings(path)
    accounts(settings.folder)
    await prepare(county, settings.folder)
    ended, ready = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    station = asyncio.ensure_future(run(settings, clock=SystemClock(), ready=lambda _address: ready.set()))
    await asyncio.wait([station, asyncio.ensure_future(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    async with lanes(county, WIM, PLATFORM) as (moving, platform):
        await Site(moving, platform).weigh(OVER_ON_PLATFORM)
        sys.stdout.write(json.dumps({"url": county.url, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        await asyncio.wait(
            [station, asyncio.ensure_future(ended.wait())], return_when=asyncio.FIRST_COMPLETED
        )
    station.cancel()
    with suppress(asyncio.CancelledError):
        await station


if __name__ == "__main__":
    asyncio.run(serve(County.make(Path(sys.argv[1]))))
