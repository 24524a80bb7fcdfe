"""Alarms are what somebody must act upon; each has a key, and good news has none."""

from __future__ import annotations

from dataclasses import replace

from central.alarms import WITNESS_PATIENCE_MS, State, alarms
from central.views import Custody, DeviceState, SourceState
from tests.central.made import NOON_MS


def device(name: str, state: str) -> DeviceState:
    return DeviceState(name=name, kind="camera", state=state, since_ms=NOON_MS, detail="", good=0, dropped=0)


SOURCE = SourceState(
    box="lane1-box",
    source="yiyuan/s01/lane1",
    station="yiyuan/s01",
    lane="lane1",
    state="up",
    heard_ms=NOON_MS,
    said_ms=NOON_MS,
    behind_ms=0,
    waiting=0,
    disk_free_kb=1,
    software="",
    devices=(device("front", "up"), device("wim", "starting")),
)
JOURNAL = Custody(
    journal="a" * 32,
    box="lane1-box",
    process="edge",
    state="open",
    size=5,
    kept=0,
    root="",
    cosigned_size=5,
    witnessed_size=5,
    unwitnessed_since_ms=None,
    refused=None,
    cosigners=(),
)
CALM = State(
    now_ms=NOON_MS,
    sources=[SOURCE],
    journals=[JOURNAL],
    quarantined=0,
    witnesses=1,
    backed_up=True,
    disk_free_kb=10,
    disk_low_kb=10,
)


def kinds(state: State) -> list[str]:
    return [alarm.kind for alarm in alarms(state)]


def test_all_is_well() -> None:
    assert kinds(CALM) == []


def test_a_device_that_is_down_and_a_disk_that_is_low_are_told_apart() -> None:
    source = replace(SOURCE, devices=(device("front", "frozen"), device("disk", "low")))
    assert kinds(replace(CALM, sources=[source])) == ["device", "disk"]


def test_of_a_silent_source_nothing_else_is_known() -> None:
    source = replace(SOURCE, state="silent", devices=(device("front", "down"),))
    [alarm] = alarms(replace(CALM, sources=[source]))
    assert (alarm.kind, alarm.subject, alarm.since_ms) == ("source_silent", "yiyuan/s01/lane1", NOON_MS)


def test_a_witness_gets_a_minute_and_a_refusal_none() -> None:
    behind = replace(JOURNAL, witnessed_size=4, unwitnessed_since_ms=NOON_MS)
    assert kinds(replace(CALM, journals=[behind], now_ms=NOON_MS + WITNESS_PATIENCE_MS)) == []
    late = replace(CALM, journals=[behind], now_ms=NOON_MS + WITNESS_PATIENCE_MS + 1)
    assert kinds(late) == ["witness_behind"]
    assert kinds(replace(late, witnesses=0)) == []
    refused = replace(behind, refused="not consistent")
    assert [alarm.detail for alarm in alarms(replace(CALM, journals=[refused]))] == ["not consistent"]


def test_forks_quarantine_missing_backup_and_a_full_disk_are_told() -> None:
    state = replace(
        CALM, journals=[replace(JOURNAL, state="forked")], quarantined=3, backed_up=False, disk_free_kb=9
    )
    assert kinds(state) == ["journal_forked", "quarantine", "not_backed_up", "own_disk"]
    assert len({alarm.key for alarm in alarms(state)}) == 4
