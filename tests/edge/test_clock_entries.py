"""The hourly word about the clock: it waits for nobody's disk and ends no lane."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.main import LaneProcess
from edge.settings import Settings
from journal.writer import Appended, Journal
from kernel.errors import FullError, RefusedError
from kernel.events import Body
from kernel.law.shipped import national
from kernel.settings import read

TABLE = {
    "lane": {
        "source": "yiyuan/s01/lane1",
        "jurisdiction": "370323",
        "road_class": "national",
        "weighing_grade": "pre_check",
        "joint_mode": "joint",
        "attended": False,
    },
    "box": {
        "name": "s01-lane1",
        "key": "box.key",
        "certificates": ["box.cert", "enrolment.cert"],
        "root_name": "yiyuan-root",
        "root_public": "A" * 43 + "=",
    },
    "scale": {"driver": "wim-wj", "url": "/dev/null"},
    "destinations": [
        {
            "name": "centre",
            "mqtt": "mqtt://127.0.0.1:1",
            "password": "x",
            "store_id": "yiyuan-centre-1",
            "store_public": "A" * 43 + "=",
            "custody": True,
        }
    ],
}


class FastClock:
    def now_ms(self) -> int:
        return 1_790_000_000_000

    def mono_ms(self) -> int:
        return 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class FullJournal(Journal):
    """Has no room for the first two, and ends the test with the third."""

    def __init__(self) -> None:
        self.asked = 0

    async def append(self, body: Body, **_how: object) -> Appended:
        self.asked += 1
        if self.asked < 3:
            raise FullError("disk full")
        raise RefusedError("closed")


async def test_a_full_disk_does_not_end_the_lane_at_the_hour(tmp_path: Path) -> None:
    settings = read(Settings, {**TABLE, "data": str(tmp_path)})
    process = LaneProcess(settings, law=national(), clock=FastClock(), boot="0" * 16)
    journal = FullJournal()
    with pytest.raises(RefusedError):
        await process._check_clock(journal)
    assert journal.asked == 3
