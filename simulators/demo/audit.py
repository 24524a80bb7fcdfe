"""What the centre has, held against what really happened.  Pure; the truth comes from the simulator's memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernel.events import AxleGroup, VehicleFacts, Verdict
from kernel.law.limits import facts_from_wire
from kernel.law.rows import china_day
from kernel.law.shipped import national
from kernel.law.verdict import Allowance, judge
from kernel.plates import classify
from kernel.quantiles import p95
from simulators.traffic import Truck
from simulators.world import Truth

Answer = dict[str, Any]
NEAR_MS = 6_000
CLIP_MS = 12_000  # pre-roll and post-roll of the demo's recorders


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """What the settings of one lane allow to be known and deducted."""

    jurisdiction: str
    allowance: Allowance
    suspected: bool
    moving: bool


@dataclass(slots=True, kw_only=True)
class Matched:
    """Each crossing with the weighing that the centre has of it."""

    pairs: list[tuple[Truth, Answer]] = field(default_factory=list)
    lost: list[Truth] = field(default_factory=list)
    doubled: list[Answer] = field(default_factory=list)


def match(truths: Iterable[Truth], details: Sequence[Answer]) -> Matched:
    """By the record's own bytes where there is one, else by lane and the moment of leaving."""
    free = [detail for detail in details if detail["weighed"]]
    found = Matched()
    for truth in sorted(truths, key=lambda one: one.left_ms):
        own = [detail for detail in free if _is(truth, detail["weighed"])]
        if not own:
            found.lost.append(truth)
            continue
        exact = [detail for detail in own if truth.record_hex and detail["weighed"]["record_hex"]]
        best = min(exact or own, key=lambda detail: abs((detail["weighed"]["left_ms"] or 0) - truth.left_ms))
        free.remove(best)
        found.pairs.append((truth, best))
    found.doubled = [detail for detail in free if not _seen_apart(detail["weighed"], found.pairs)]
    return found


def _seen_apart(weighed: Answer, pairs: Sequence[tuple[Truth, Answer]]) -> bool:
    """The loop's half of a crossing whose weight came late from the weigher's memory: one vehicle, told in two parts."""
    return "no_weight" in weighed["quality"] and any(
        "late_record" in own["weighed"]["quality"]
        and truth.lane == weighed["lane"]
        and abs((weighed["left_ms"] or 0) - truth.left_ms) < NEAR_MS
        for truth, own in pairs
    )


def _is(truth: Truth, weighed: Answer) -> bool:
    if weighed["lane"] != truth.lane:
        return False
    if truth.record_hex and weighed["record_hex"]:
        return bool(weighed["record_hex"] == truth.record_hex)
    left = weighed["left_ms"]
    return left is not None and abs(left - truth.left_ms) < NEAR_MS


def expected(truth: Truth, rules: LaneRules, on: str) -> Verdict:
    """The verdict that wire and settings allow; the truth about the truck is not asked."""
    facts = _facts(truth.truck, truth.axles_kg) if rules.moving and truth.axles_kg else VehicleFacts()
    return judge(
        truth.wire_gross_kg,
        facts,
        law=national(),
        on=on,
        jurisdiction=rules.jurisdiction,
        allowance=rules.allowance,
        suspected=rules.suspected,
    )


def _facts(truck: Truck, axles_kg: Sequence[int]) -> VehicleFacts:
    """What a wj record carries of the truck: how its axles are grouped, and single or dual tyres a group."""
    groups, at = [], 0
    for count, dual in zip(truck.groups, truck.dual_tyres, strict=True):
        kg = sum(axles_kg[at : at + count])
        groups.append(AxleGroup(axles=count, group_kg=kg, tyres="dual" if dual else "single"))
        at += count
    return facts_from_wire(len(axles_kg), groups)


def verdict_is(truth: Truth, weighed: Answer, rules: LaneRules) -> bool:
    wanted = expected(truth, rules, china_day(truth.left_ms))
    got = weighed["verdict"]
    return (
        got["outcome"] == wanted.outcome
        and got["decision_kg"] == wanted.decision_kg
        and got["over_kg"] == wanted.over_kg
        and got["suspected"] == wanted.suspected
        and tuple(got["missing"]) == wanted.missing
        and [c["limit_kg"] for c in got["candidates"]] == [c.limit_kg for c in wanted.candidates]
    )


@dataclass(slots=True, kw_only=True)
class PlateCount:
    total: int = 0
    exact: int = 0
    false: int = 0  # a text that is not on the vehicle: the dangerous kind
    hidden: int = 0  # fronts of trucks that follow close behind: the truck ahead may hide them
    hidden_exact: int = 0
    silent_right: int = 0  # no plate, or a foreign one, and no Chinese text was made up
    wrong: list[str] = field(default_factory=list)


def count_plates(pairs: Sequence[tuple[Truth, Answer]]) -> PlateCount:
    count = PlateCount()
    for truth, detail in pairs:
        reads = {plate["role"]: plate for body in detail["pictured"] for plate in body["plates"]}
        for role, real in (("front", truth.truck.plate_front), ("rear", truth.truck.plate_rear)):
            text = (reads.get(role) or {}).get("text")
            hidden = role == "front" and truth.behaviour == "close_behind"
            _count_side(count, role, real, text, truth.number, hidden=hidden)
    return count


def _count_side(
    count: PlateCount, role: str, real: str | None, text: str | None, number: int, *, hidden: bool
) -> None:
    if real is None or classify(real) is None:
        count.silent_right += text is None
        count.false += text is not None
        if text is not None:
            count.wrong.append(f"{number} {role}: {real} read as {text}")
        return
    count.false += text is not None and text != real
    if hidden:
        count.hidden += 1
        count.hidden_exact += text == real
        return
    count.total += 1
    count.exact += text == real
    if text != real:
        count.wrong.append(f"{number} {role}: {real} read as {text}")


def complete(detail: Answer, cameras: int, *, filmed: int | None = None) -> bool:
    """Weighing, pictures of every camera at the centre, plates looked for, a clip of every camera that is `filmed`."""
    pictured = detail["pictured"]
    if not detail["weighed"] or not pictured or pictured[0]["missing"]:
        return False
    seen = {picture["camera"] for body in pictured for picture in body["pictures"]}
    pictures = [file for file in detail["files"] if file["kind"] == "picture"]
    stored = all(file["state"] == "stored" for file in pictures)
    return len(seen) == cameras and bool(pictures) and stored and len(_clips(detail)) == (filmed or cameras)


def _clips(detail: Answer) -> list[Answer]:
    """What cameras filmed: among the files made later there may be captures of the scale's line, too."""
    return [made for made in detail["clips"] if made["kind"] == "clip"]


def latencies(
    pairs: Sequence[tuple[Truth, Answer]], tablet: Mapping[str, int], wall: Mapping[str, int]
) -> dict[str, int | None]:
    """95th percentiles in ms after the last wheel left; of clips after the end of their post-roll."""
    return {
        "journal_p95": p95(
            body["weighed_durable_ms"] - truth.left_ms
            for truth, detail in pairs
            for body in detail["pictured"]
            if body["weighed_durable_ms"]
        ),
        "tablet_p95": p95(_after(pairs, tablet)),
        "wall_p95": p95(_after(pairs, wall)),
        "photos_p95": p95(_stored_after(pairs)),
        "clip_p95": p95(_clips_after(pairs)),
    }


def _after(pairs: Sequence[tuple[Truth, Answer]], seen: Mapping[str, int]) -> list[int]:
    return [
        seen[detail["row"]["passage"]] - truth.left_ms
        for truth, detail in pairs
        if detail["row"]["passage"] in seen
    ]


def _stored_after(pairs: Sequence[tuple[Truth, Answer]]) -> list[int]:
    """The last picture of each passage."""
    found = []
    for truth, detail in pairs:
        stored = [file["stored_ms"] for file in detail["files"] if file["kind"] == "picture"]
        if stored and all(stored):
            found.append(max(stored) - truth.left_ms)
    return found


def _clips_after(pairs: Sequence[tuple[Truth, Answer]]) -> list[int]:
    """Clips of over-limit vehicles, from the end of their post-roll; on a platform the vehicle leaves later than that."""
    found = []
    for truth, detail in pairs:
        if detail["weighed"]["verdict"]["outcome"] != "over_limit":
            continue
        ends = [clip["requested_start_ms"] + CLIP_MS for clip in _clips(detail)]
        stored = [
            file["stored_ms"] for file in detail["files"] if file["kind"] == "clip" and file["stored_ms"]
        ]
        if ends and stored:
            found.append(max(stored) - max(*ends, truth.left_ms))
    return found


def traits(truths: Iterable[Truth]) -> dict[str, int]:
    """How many of each special case the traffic had."""
    return dict(Counter(trait for truth in truths for trait in (*truth.truck.traits, truth.behaviour)))
