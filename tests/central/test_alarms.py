"""Alarms are what somebody must act upon; each has a key, and good news has none."""

from __future__ import annotations

from dataclasses import replace

from central.alarms import REFUSED_MS, WITNESS_PATIENCE_MS, State, alarms
from central.views import Custody, DeviceState, SourceState
from journal.receiver import Refusal
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


def test_devices_that_are_down_or_not_fit_for_evidence_and_a_low_disk_are_told_apart() -> None:
    source = replace(
        SOURCE, devices=(device("front", "frozen"), device("rear", "poor"), device("disk", "low"))
    )
    assert kinds(replace(CALM, sources=[source])) == ["device", "device", "disk"]


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


def test_a_box_whose_frames_are_refused_is_an_alarm_for_a_while() -> None:
    refusal = Refusal(reason="a header of another place", at_ms=NOON_MS - 1_000)
    [alarm] = alarms(replace(CALM, refusals={"lane1-box": refusal}))
    assert (alarm.kind, alarm.subject, alarm.detail) == ("box_refused", "lane1-box", refusal.reason)
    assert kinds(replace(CALM, refusals={"lane1-box": replace(refusal, at_ms=NOON_MS - REFUSED_MS)})) == []


def test_a_backup_that_is_old_or_was_never_made_is_an_alarm_where_one_is_expected() -> None:
    expected = replace(CALM, backup_late_ms=48 * 3_600_000)
    assert kinds(expected) == ["backup_late"]
    assert kinds(replace(expected, backup_ms=NOON_MS - 49 * 3_600_000)) == ["backup_late"]
    assert kinds(replace(expected, backup_ms=NOON_MS - 47 * 3_600_000)) == []


def test_counts_that_differ_from_the_entries_are_an_alarm() -> None:
    [alarm] = alarms(replace(CALM, hours_differing=2))
    assert (alarm.kind, alarm.subject) == ("counts_differ", "2")
