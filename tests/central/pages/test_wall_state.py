"""What the wall shows beside the passages, as values."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from central.pages.county import County, Place, Road
from central.pages.naming import Names
from central.pages.routes import HERE
from central.pages.wall import SHAPE_PATHS, WallState, nice_top, wall_state
from central.settings import Station
from central.views import Alarm, DeviceState, HourRow, SourceState
from kernel.errors import ConfigError
from tests.central.made import NOON_MS
from web import times
from web.i18n import LOCALES, VOCABULARY, load

ZH = load([LOCALES, VOCABULARY, HERE / "locales"])["zh"]
NAMES = Names(
    (Station(id="y/s1", name_zh="南麻", name_en="Nanma"), Station(id="y/s9", name_zh="悦庄")), County()
)
DAY_MS = times.day_start_ms(NOON_MS)


def device(name: str = "front", state: str = "up") -> DeviceState:
    kind = "scale" if name == "scale" else "camera"
    return DeviceState(name=name, kind=kind, state=state, since_ms=NOON_MS, detail="", good=1, dropped=0)


def source(lane: str = "lane1", **changes: object) -> SourceState:
    values: dict[str, object] = {
        "box": f"box-{lane}",
        "source": f"y/s1/{lane}",
        "station": "y/s1",
        "lane": lane,
        "state": "up",
        "heard_ms": NOON_MS,
        "said_ms": NOON_MS,
        "behind_ms": 0,
        "waiting": 0,
        "disk_free_kb": 1,
        "software": "1",
        "devices": (device("scale"), device()),
    }
    return SourceState(**(values | changes))  # type: ignore[arg-type]


def hour(n: int = 14, **counts: int) -> HourRow:
    values = dict.fromkeys(("within", "over_limit", "undetermined", "not_weighed", "suspected"), 0) | counts
    passages = sum(values[name] for name in ("within", "over_limit", "undetermined", "not_weighed"))
    return HourRow(
        station="y/s1", lane="lane1", hour_ms=DAY_MS + n * times.HOUR_MS, passages=passages, **values
    )


def state(
    *sources: SourceState, hours: tuple[HourRow, ...] = (), alarms: tuple[Alarm, ...] = ()
) -> WallState:
    return wall_state(
        hours=hours,
        sources=sources,
        alarms=alarms,
        places=NAMES.places(sources),
        now_ms=NOON_MS,
        texts=ZH,
        station_name=NAMES("zh"),
    )


def test_figures_add_up_and_only_what_is_abnormal_has_a_tone() -> None:
    shown = state(hours=(hour(9, within=1200, over_limit=3), hour(10, undetermined=2)))
    assert [(f.id, f.value, f.tone) for f in shown.figures] == [
        ("passages", "1\u00a0205", ""),
        ("over", "3", "suspected"),
        ("undetermined", "2", "undetermined"),
        ("none", "0", ""),
    ]


@pytest.mark.parametrize(
    ("lanes", "expected", "words"),
    [
        ((), "unheard", "从未联系"),
        ((source(),), "up", "正常"),
        ((source(devices=(device(state="down"),)),), "partly", "1 台设备异常"),
        ((source(state="silent"), source("lane2")), "partly", "2 条车道中 1 条失联"),
        ((source(state="silent"),), "silent", "失联"),
        ((source(state="unheard", heard_ms=None, said_ms=None),), "unheard", "从未联系"),
    ],
)
def test_a_stations_state_has_a_shape_and_words(
    lanes: tuple[SourceState, ...], expected: str, words: str
) -> None:
    mark = state(*lanes).stations[0]
    assert (mark.name, mark.state, mark.words, mark.shape) == ("南麻", expected, words, SHAPE_PATHS[expected])
    assert len(set(SHAPE_PATHS.values())) == len(SHAPE_PATHS)


def test_stations_of_the_settings_are_shown_before_they_are_heard() -> None:
    assert [mark.name for mark in state(source(station="y/s5", source="y/s5/lane1")).stations] == [
        "南麻",
        "悦庄",
        "y/s5",
    ]


def test_devices_of_a_silent_lane_are_not_said_to_be_well() -> None:
    lane, scale, camera = state(source(state="silent")).chips
    assert (lane.state, lane.words) == ("bad", "失联")
    assert {(chip.state, chip.words) for chip in (scale, camera)} == {("off", "—")}


def test_a_lane_that_catches_up_says_how_much_is_left() -> None:
    assert state(source(waiting=1_300)).chips[0].words == "补传中：剩余 1\u00a0300 条"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("up", "up"),
        ("off", "off"),
        ("noisy", "odd"),
        ("low", "odd"),
        ("due", "odd"),
        ("down", "bad"),
        ("new", "bad"),
    ],
)
def test_device_states(said: str, shown: str) -> None:
    assert state(source(devices=(device(state=said),))).chips[1].state == shown


def test_what_is_due_at_a_scale_is_said_in_words() -> None:
    due = DeviceState(
        name="instrument",
        kind="instrument",
        state="due",
        since_ms=NOON_MS,
        detail="seal_broken, zero_trend_drifts",
        good=0,
        dropped=0,
    )
    alarm = Alarm(
        key="device/box-lane1/y/s1/lane1/instrument",
        kind="device",
        subject="instrument",
        detail=f"due: {due.detail}",
        source="y/s1/lane1",
    )
    shown = state(source(devices=(due,)), alarms=(alarm,))
    assert shown.chips[1].why.endswith("铅封破损, 零点持续漂移")
    assert shown.alarms[0].subject.endswith("计量状态 待处理 铅封破损, 零点持续漂移")


def test_bars_stand_on_each_other_and_reach_the_count() -> None:
    shown = state(hours=(hour(0, within=6, over_limit=2, undetermined=2), hour(23, within=1)))
    first = [bar for bar in shown.bars if bar.id.startswith("0-")]
    assert [(bar.style, bar.height) for bar in first] == [
        ("bar within", 72),
        ("bar none", 0),
        ("bar undetermined", 24),
        ("bar over", 24),
    ]
    assert all(upper.y + upper.height == lower.y for lower, upper in pairwise(first))
    assert [(count.id, count.value) for count in shown.counts] == [("0", "10"), ("23", "1")]
    assert shown.bar_top == "10"
    assert len(shown.bars) == 24 * 4


@pytest.mark.parametrize(
    ("value", "top"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (999, 1000), (1001, 2000)]
)
def test_the_plots_top_is_a_round_number(value: int, top: int) -> None:
    assert nice_top(value) == top


def test_alarms_say_where_and_what() -> None:
    broken = source(devices=(device(state="down"),))
    told = state(
        broken,
        alarms=(
            Alarm(
                key="a",
                kind="device",
                subject="front",
                detail="down: no answer",
                since_ms=NOON_MS,
                source=broken.source,
            ),
            Alarm(key="b", kind="source_silent", subject=broken.source, source=broken.source),
            Alarm(key="c", kind="quarantine", subject="4"),
        ),
    ).alarms
    assert [(alarm.name, alarm.subject) for alarm in told] == [
        ("设备故障", "南麻 1 车道 摄像机（前） 故障 no answer"),
        ("车道失联", "南麻 1 车道"),
        ("有无法解读的条目", "4"),
    ]
    assert told[0].since.endswith(times.stamp(NOON_MS)[11:16])


def test_a_schematic_places_stations_and_refuses_what_is_no_place() -> None:
    county = County(
        roads=(Road(name="G22", bends=("0,0", "10,20")),), places=(Place(station="y/s1", at="330, 300"),)
    )
    assert county.arrange(["y/s1", "y/s2", "y/s3"]) == {
        "y/s1": (330, 300),
        "y/s2": (333, 310),
        "y/s3": (667, 310),
    }
    assert county.roads[0].points == "0,0 10,20"
    for wrong in ("", "1", "a,b", "1,2,3", "-1,2", "1001,0", "0,621", "１,2", "1.5,2"):
        with pytest.raises(ConfigError):
            Place(station="x", at=wrong)
    with pytest.raises(ConfigError):
        replace(county.roads[0], bends=("0,0",))
