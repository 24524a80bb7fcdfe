"""A station that a browser can visit: the real process over its real broker, with two lanes that speak to it.

`python -m tests.browser.station_site FOLDER [TOML]` (more settings) prints one line of JSON with its address and then obeys commands, one a
line of standard input: `weigh NUMBER`, `doubt`, `weight off` or `weight KG STATE WORD...`, `glimpse KG`, `health camera STATE`, `end`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from journal.clock import SystemClock
from kernel.events import PlatePrior, PlateRead, VehicleFacts
from station.commands.shared import load_settings
from station.running import run
from tests.browser import pictures
from tests.station.county import PLATFORM, WIM, County, FakeLane, lanes
from web.accounts import Account
from web.passwords import Cost, Passwords
from web.sqlite_accounts import SqliteAccounts

PASSWORD = "overload-2026"
UNKNOWN = VehicleFacts()
SIX = VehicleFacts(axle_count=6, single_tyre_axles=0, sources=(("axle_count", "wire"),))
FOUR = VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0)
TWO = VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0)
UNSURE = PlateRead(
    role="front",
    status="unsure",
    plate_class="ordinary",
    colour="yellow",
    score_permille=430,
    frames=6,
    agreeing=3,
    candidates=("鲁C3B702", "鲁C3D702"),
    chars_permille=(990, 985, 970, 420, 960, 950, 980),
    province_permille=830,
    reader="pp-ocrv4",
    priors=(PlatePrior(source="other_side", text="鲁C3D702", agrees=False),),
)
# Each is: its lane, plate, trailer, what the wire knows, the mass, devices that are missing, words on quality.
TRUCKS: tuple[
    tuple[str, str | None, str | None, VehicleFacts, int | None, tuple[str, ...], tuple[str, ...]], ...
] = (
    (WIM, "鲁C3D702", None, FOUR, 29_840, (), ()),
    (WIM, "豫G5512H", "豫GF207挂", SIX, 58_760, (), ()),
    (WIM, "鲁C8K215", "鲁CA318挂", SIX, 47_300, (), ()),
    (
        WIM,
        None,
        None,
        VehicleFacts(axle_count=3, single_tyre_axles=0),
        26_420,
        ("camera front: down",),
        ("stop_and_go",),
    ),
    (PLATFORM, "鲁CD0771", None, UNKNOWN, 15_980, (), ()),
    (PLATFORM, "冀J90X83", "冀JKL62挂", UNKNOWN, 41_060, (), ()),
    (PLATFORM, "豫G5512H", "豫GF207挂", UNKNOWN, 58_720, ("camera rear: down",), ()),
    (PLATFORM, "豫G5512H", "豫GF207挂", UNKNOWN, 48_660, (), ()),
    (PLATFORM, "苏N7730B", None, TWO, None, (), ("not_settled",)),
)

OVER_ON_PLATFORM = 6


class Site:
    def __init__(self, moving: FakeLane, platform: FakeLane) -> None:
        self._lanes = {WIM: moving, PLATFORM: platform}
        self._platform = platform
        self._shown: tuple[int | None, bool, str, tuple[str, ...]] | None = (0, True, "empty", ())

    async def weight(self) -> None:
        while True:
            if self._shown is not None:
                kg, stable, state, says = self._shown
                self._platform.show_weight(kg, stable=stable, state=state, says=says)
            await asyncio.sleep(0.1)

    async def weigh(self, number: int) -> None:
        box, plate, trailer, facts, gross_kg, missing, quality = TRUCKS[number]
        lane = self._lanes[box]
        body = await lane.weigh(gross_kg, facts, missing=missing, quality=quality)
        jpeg = await asyncio.to_thread(lambda: pictures.jpeg(pictures.truck(plate or "", seed=number)))
        await lane.picture(body, plate, trailer=trailer, jpeg=jpeg, missing=missing)

    async def doubt(self) -> None:
        """A plate that was not read past the gate."""
        lane = self._lanes[WIM]
        body = await lane.weigh(29_840, FOUR)
        image = await asyncio.to_thread(lambda: pictures.truck("鲁C3D702", seed=0))
        jpeg, crop = pictures.jpeg(image), pictures.jpeg(pictures.crop(image))
        await lane.read(body, UNSURE, jpeg=jpeg, crop=crop)

    async def obey(self, words: list[str]) -> None:
        match words:
            case ["weigh", number]:
                await self.weigh(int(number))
            case ["doubt"]:
                await self.doubt()
            case ["weight", "off"]:
                self._shown = None
            case ["weight", kg, state, *says]:
                self._shown = (int(kg), state in ("empty", "weighed"), state, tuple(says))
            case ["glimpse", kg]:
                self._platform.glimpse("weighed", int(kg))
            case ["health", device, state]:
                await self._lanes[WIM].heartbeat(**{device: state})
                await self._platform.heartbeat()
            case _:
                raise ValueError(f"not a command: {words}")


async def serve(county: County, more: str = "") -> None:
    path = county.write()
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
    settings = load_settings(path)
    accounts(settings.folder)
    ready = asyncio.Event()
    station = asyncio.ensure_future(run(settings, clock=SystemClock(), ready=lambda _address: ready.set()))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([station, waiting], return_when=asyncio.FIRST_COMPLETED)
    async with lanes(county, WIM, PLATFORM) as (moving, platform):
        site = Site(moving, platform)
        weight = asyncio.ensure_future(site.weight())
        _say({"url": county.url})
        while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "end":
            await site.obey(line.split())
            _say({"done": line.strip()})
        weight.cancel()
    station.cancel()
    with suppress(asyncio.CancelledError):
        await station


def accounts(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hashed = Passwords(Cost(memory_kib=64, passes=1)).hash(PASSWORD)
    account = partial(Account, password_hash=hashed)
    with closing(SqliteAccounts(folder / "accounts.db")) as accounts:
        accounts.save_account(account(name="li", shown="李明", role="operator"))
        accounts.save_account(account(name="wang", shown="王磊", role="reviewer"))
        accounts.save_account(account(name="kan", shown="看板", role="viewer"))


def _say(told: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(County.make(Path(sys.argv[1])), *sys.argv[2:]))
