"""A station with three docks, in its real process: two simulated recorders are put in, one of them locked.

`python -m tests.browser.docking_site FOLDER` prints one line of JSON with its address and then obeys commands, one a
line of standard input: `dock NAME`, `pull NAME`, `end`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from journal.clock import SystemClock
from simulators.recorders.recorder import Recorder
from station.commands.shared import load_settings
from station.running import run
from tests.browser.station_site import accounts
from tests.station.county import County

DOCKS = ("dock-1", "dock-2", "dock-3")


def dock_table(name: str, path: Path, recorder: Recorder | None) -> str:
    """One table of the settings."""
    driver = ""
    if recorder is not None:
        driver = f'driver = "program"\nprogram = {json.dumps(list(recorder.program))}\n'
    return f'\n[[footage.docks]]\nname = "{name}"\npath = "{path}"\nmodel = "h8-series"\n{driver}'


def recorders(folder: Path) -> dict[str, Recorder]:
    clock = SystemClock()
    early = Recorder(folder / "one", clock=clock, number="3700123", clock_off_ms=-137_400)
    for number in range(4):
        early.record(clock.now_ms() - 3_600_000 + number * 60_000, 4_000, important=number == 1)
    (early.volume / "DCIM" / "3700123_100001_20260601120000_0099.mp4").touch()
    (early.volume / "out.mp4").symlink_to("/etc/passwd")
    closed = Recorder(folder / "two", clock=clock, number="3700124", password="8888")
    return {"dock-1": early, "dock-2": closed}


async def serve(folder: Path) -> None:
    county = County.make(folder)
    made = await asyncio.to_thread(recorders, folder / "recorders")
    text = county.toml() + "\n[footage]\nreserve_mb = 1\nclock_err_ms = 1\n"
    text += "".join(dock_table(name, folder / name, made.get(name)) for name in DOCKS)
    path = folder / "station.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path)
    accounts(settings.folder)
    ready = asyncio.Event()
    station = asyncio.ensure_future(run(settings, clock=SystemClock(), ready=lambda _address: ready.set()))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([station, waiting], return_when=asyncio.FIRST_COMPLETED)
    _say({"url": county.url, "pid": os.getpid()})
    while (line := (await asyncio.to_thread(sys.stdin.readline)).strip()) and line != "end":
        act, name = line.split()
        if act == "dock":
            made[name].dock(folder / name)
        else:
            made[name].pull()
        _say({"done": line})
    station.cancel()
    with suppress(asyncio.CancelledError):
        await station


def _say(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
