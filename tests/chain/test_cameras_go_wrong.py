"""Cameras that go down or freeze, and plates that nobody can read: the weighing goes on, the event says what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulators.demo.centre import Answer
from simulators.world import Truth
from tests.support.chain import CLOCK, Chain, rigs_of
from tests.support.stills import Stills, noise, still_camera, truck_with_plate

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

TEXT = "鲁C72A51"


def watched(chain: Chain, *cameras: tuple[str, Stills], plates: bool = False) -> None:
    """lane1 with these cameras, impatient ones."""
    vision: dict[str, Any] = {
        "cameras": [
            {
                "name": role,
                "role": role,
                "url": stills.url,
                "record": False,
                "plate": plates,
                "patience_s": 1.0,
                "frozen_s": 2.0,
                "retry_max_s": 1.0,
                "poll_ms": 250,
            }
            for role, stills in cameras
        ],
        "burst": {"frames": 2, "patience_s": 1.0},
    }
    chain.tables["lane1"]["vision"] = vision | ({"plates": {}} if plates else {})


async def pictured(chain: Chain, truth: Truth) -> Answer:
    async def found() -> Answer | None:
        detail = await chain._weighed(truth)
        return detail if detail and detail["pictured"] else None

    return await chain.until(found, "the pictures of the crossing", seconds=45)


async def test_a_camera_that_is_down_or_frozen_is_missed_on_the_event_and_comes_back(chain: Chain) -> None:
    with still_camera() as front, still_camera() as rear:
        watched(chain, ("front", front), ("rear", rear))
        async with rigs_of(chain, "lane1") as rigs:
            await chain.up("central")
            chain.start("lane1")
            await chain.heard("lane1")
            for name in ("front", "rear"):
                await chain.becomes("lane1", name, "up")
            front.down.set()
            rear.frozen.set()
            await chain.becomes("lane1", "front", "down")
            await chain.becomes("lane1", "rear", "frozen")
            await CLOCK.sleep(1.5)  # what it showed until it went down is from before this vehicle
            truth = await rigs["lane1"].drive()
            detail = await pictured(chain, truth)
            assert detail["weighed"]["gross_kg"] == truth.wire_gross_kg
            assert {"camera front: down", "camera rear: frozen"} <= set(detail["weighed"]["missing"])
            body = detail["pictured"][0]
            assert any(word.startswith("camera front: down") for word in body["missing"])
            assert any(word.startswith("camera rear: frozen") for word in body["missing"])
            front_pictures = [picture for picture in body["pictures"] if picture["camera"] == "front"]
            assert all("off_moment" in picture["flags"] for picture in front_pictures), (
                "from before, and said so"
            )
            front.down.clear()
            rear.frozen.clear()
            for name in ("front", "rear"):
                await chain.becomes("lane1", name, "up")
            whole = await pictured(chain, await rigs["lane1"].drive())
            assert whole["weighed"]["missing"] == []
            assert {picture["camera"] for picture in whole["pictured"][0]["pictures"]} == {"front", "rear"}


async def test_a_plate_that_cannot_be_read_is_said_to_be_unread_and_no_text_is_made_up(chain: Chain) -> None:
    with (
        still_camera(truck_with_plate(TEXT, muddy=True)) as muddy,
        still_camera(truck_with_plate(TEXT, muddy=False)) as clean,
    ):
        watched(chain, ("front", muddy), ("rear", clean), plates=True)
        async with rigs_of(chain, "lane1") as rigs:
            await chain.up("central")
            chain.start("lane1")
            await chain.heard("lane1")
            for name in ("front", "rear"):
                await chain.becomes("lane1", name, "up")
            detail = await pictured(chain, await rigs["lane1"].drive())
            body = detail["pictured"][0]
            reads = {plate["role"]: plate for plate in body["plates"]}
            assert reads["front"]["text"] is None
            assert body["tractor"] is None
            assert reads["rear"]["text"] == TEXT, "the same plate without mud"
            assert {picture["camera"] for picture in body["pictures"]} == {"front", "rear"}

            clean.frozen.set()
            await chain.becomes("lane1", "rear", "frozen")
            after = (await pictured(chain, await rigs["lane1"].drive()))["pictured"][0]
            assert [plate["text"] for plate in after["plates"]] == [None], "no next vehicle has that plate"
            assert after["trailer"] is None


async def test_a_camera_that_goes_blind_is_an_alarm_in_words_and_the_lane_is_lit_by_night(
    chain: Chain,
) -> None:
    with still_camera() as front:
        watched(chain, ("front", front))
        chain.tables["lane1"]["vision"] |= {"look_s": 1}
        async with rigs_of(chain, "lane1") as rigs:
            await chain.up("central")
            chain.start("lane1")
            await chain.heard("lane1")
            await chain.becomes("lane1", "front", "up")
            front.picture = np.full_like(front.picture, 17)
            await chain.becomes("lane1", "front", "poor")
            source = await chain.source("lane1")
            assert source is not None
            assert [d["detail"] for d in source["devices"] if d["name"] == "front"] == ["covered"]
            alarms = await chain.api.alarms()
            assert [one["detail"] for one in alarms if one["subject"] == "front"] == ["poor: covered"]

            async def lit() -> bool:
                return any(light.fill for light in rigs["lane1"].controller.lights)

            await chain.until(lit, "the fill light")
            detail = await pictured(chain, await rigs["lane1"].drive())
            flags = {flag for picture in detail["pictured"][0]["pictures"] for flag in picture["flags"]}
            assert "too_dark" in flags
            assert detail["pictured"][0]["flags"] == ["same_place"]
            front.picture = noise()
            await chain.becomes("lane1", "front", "up")
