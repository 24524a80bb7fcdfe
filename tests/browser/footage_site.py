"""A station with footage that a browser can visit: one crossing with a clip and a recorder's film, and a film that no browser plays.

`python -m tests.browser.footage_site FOLDER` prints one line of JSON with address and pid once everything is there;
`FOLDER/told.json` names the files.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from journal.clock import SystemClock
from kernel.events import FileStored
from kernel.footage.bodies import ClockAnchor, ClockAnchored, FootageImported, FootageLinked
from station.commands.shared import load_settings
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.queries import Queries
from station.running import run
from tests.browser import pictures
from tests.browser.station_site import SIX, accounts
from tests.station.county import PLATFORM, County, FakeLane, lanes
from tests.station.footage.claps import clap_film

BEFORE_MS, CLIP_BEFORE_MS = 8_000, 4_000
WRONG_MS = 137_000  # the recorder's clock
TRACE = ((-500, 0), (0, 0), (800, 21_000), (1_600, 46_500), (2_400, 58_760), (6_000, 58_760), (7_000, 0))


def take_in(folder: Path, film: Path) -> str:
    sha256 = hashlib.sha256(film.read_bytes()).hexdigest()
    originals = DigestFolder(folder / "originals")
    originals.take(film.rename(originals.incoming / film.name), sha256)
    return sha256


def films(folder: Path) -> tuple[str, str]:
    """One that plays, one that does not."""
    folder.mkdir(parents=True)
    pictures.clip(folder / "plays.mp4", "豫G5512H", seed=3, seconds=20, rate=4)
    clap_film(folder / "old.avi", audio="pcm_mulaw", video="mpeg4", seconds=8, clap_s=0.2)
    return take_in(folder, folder / "plays.mp4"), take_in(folder, folder / "old.avi")


async def weigh(lane: FakeLane, folder: Path) -> tuple[str, int]:
    """A crossing with its clip; its name and when it arrived."""
    body = await lane.weigh(58_760, SIX, trace=TRACE)
    image = await asyncio.to_thread(lambda: pictures.jpeg(pictures.truck("豫G5512H", seed=3)))
    await lane.picture(body, "豫G5512H", jpeg=image)
    clip = folder / "clip.mp4"
    await asyncio.to_thread(lambda: pictures.clip(clip, "豫G5512H", seed=3, seconds=12, rate=4))
    arrived_ms = body.arrived_ms or 0
    stored = FileStored(
        passage=body.passage,
        weighed=lane.last.ref,
        kind="clip",
        camera="front",
        actual_start_ms=arrived_ms - CLIP_BEFORE_MS,
        duration_ms=12_000,
    )
    await lane.say(stored, (("front.mp4", clip.read_bytes()),))
    return body.passage, arrived_ms


async def link(folder: Path, plays: str, old: str, passage: str, arrived_ms: int) -> None:
    """As docking and linking would say it."""
    ledger = LooseLedger(FootageIndex(folder / "footage.db"), clock=SystemClock())
    own_ms = arrived_ms - BEFORE_MS - WRONG_MS
    for sha256, name, codec, media_type, duration_ms in (
        (plays, "3700123_370001_20261127.mp4", "h264", "video/mp4", 20_000),
        (old, "3700123_370001_20261126.avi", "mpeg4", "video/x-msvideo", 8_000),
    ):
        said = FootageImported(
            recorder="3700123",
            dock="dock1",
            state="imported",
            name=name,
            sha256=sha256,
            officer="370001",
            own_start_ms=own_ms,
            duration_ms=duration_ms,
            codec=codec,
            media_type=media_type,
        )
        await ledger.say(said)
    anchor = ClockAnchor(kind="dock", own_ms=own_ms, true_ms=own_ms + WRONG_MS, err_ms=600)
    await ledger.say(ClockAnchored(recorder="3700123", anchor=anchor, by="dock1"))
    linked = FootageLinked(
        link="l-1",
        act="linked",
        sha256=plays,
        from_ms=0,
        to_ms=20_000,
        by="rule",
        reason="same officer, 0.6 s",
        box=PLATFORM,
        passage=passage,
    )
    await ledger.say(linked)


async def clip_is_here(queries: Queries, passage: str) -> None:
    async with asyncio.timeout(30):
        while True:
            detail = await asyncio.to_thread(queries.detail, PLATFORM, passage)
            if detail and any(named.stored for name, named in detail.files.items() if name.endswith(".mp4")):
                return
            await asyncio.sleep(0.1)


async def serve(folder: Path) -> None:
    county = County.make(folder)
    path = county.write()
    path.write_text(path.read_text(encoding="utf-8") + "\n[footage]\n", encoding="utf-8")
    settings = load_settings(path)
    accounts(settings.folder)
    footage = settings.folder / "footage"
    plays, old = await asyncio.to_thread(films, footage)
    ready = asyncio.Event()
    station = asyncio.ensure_future(run(settings, clock=SystemClock(), ready=lambda _address: ready.set()))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([station, waiting], return_when=asyncio.FIRST_COMPLETED)
    async with lanes(county, PLATFORM) as (lane,):
        passage, arrived_ms = await weigh(lane, folder)
        await link(footage, plays, old, passage, arrived_ms)
        await clip_is_here(Queries(settings.folder / "station.db"), passage)
        told = {"plays": plays, "old": old, "passage": f"{PLATFORM}/{passage}"}
        (folder / "told.json").write_text(json.dumps(told))
        sys.stdout.write(json.dumps({"url": county.url, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        with suppress(asyncio.CancelledError):
            await station


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
