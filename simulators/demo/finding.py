"""Asks the centre for everything at the end of a run, plays every clip, proves every package, counts."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx

from kernel.clock import Clock
from kernel.law.verdict import Allowance
from simulators.demo import audit
from simulators.demo.centre import Answer, CentreApi
from simulators.demo.layout import CAMERAS, FILMED, JURISDICTION, Layout
from simulators.demo.processes import SCRIPTS
from simulators.world import Truth, World

Say = Callable[[str], None]
RULES = {
    "lane1": audit.LaneRules(
        jurisdiction=JURISDICTION,
        allowance=Allowance(mode="MPE_CLASS", device_class="5"),
        suspected=True,
        moving=True,
    ),
    "lane2": audit.LaneRules(jurisdiction=JURISDICTION, allowance=Allowance(), suspected=False, moving=False),
}
CLIP_MS = 9_000  # a clip of 12 s that shows less than this is no clip


class Findings:
    """The centre's details of every crossing, once they are all there."""

    def __init__(self, api: CentreApi, *, clock: Clock, say: Say) -> None:
        self._api = api
        self._clock = clock
        self._say = say
        self._asked: set[str] = set()

    async def settle(self, crossings: int, until_s: float) -> list[Answer]:
        """Wait until every crossing is complete with its clips, or the time is over."""
        deadline = self._clock.mono_ms() + int(until_s * 1000)
        while True:
            try:
                details = await self._details()
            except httpx.HTTPError as error:
                self._say(f"the centre does not answer: {error}")
                details = []
            ready = sum(_settled(detail) for detail in details)
            if (len(details) >= crossings and ready == len(details)) or self._clock.mono_ms() > deadline:
                self._say(f"{ready} of {len(details)} crossings complete at the centre")
                return details
            await self._clock.sleep(2.0)

    async def _details(self) -> list[Answer]:
        details = []
        for row in await self._api.passages():
            detail = await self._api.passage(row["passage"])
            details.append(detail)
            if _on_box(detail) and row["passage"] not in self._asked:
                self._asked.add(row["passage"])
                await self._api.ask_for_clips(row["passage"])
        return details


def _on_box(detail: Answer) -> bool:
    return any(file["kind"] == "clip" and file["state"] == "on_box" for file in detail["files"])


def _settled(detail: Answer) -> bool:
    lane = detail["row"]["lane"]
    clips = [file for file in detail["files"] if file["kind"] == "clip"]
    there = audit.complete(detail, len(CAMERAS.get(lane, ())), filmed=len(FILMED))
    return there and all(clip["state"] == "stored" for clip in clips)


async def find(
    layout: Layout,
    token: str,
    *,
    world: World | None,
    details: list[Answer],
    tablet: Mapping[str, int],
    wall: Mapping[str, int],
    clock: Clock,
    say: Say,
) -> dict[str, Any]:
    """The report, all but what only the end of the processes tells."""
    truths = list(world.truths.values()) if world else []
    matched = audit.match(truths, details)
    exact = [t.wire_gross_kg == d["weighed"]["gross_kg"] for t, d in matched.pairs]
    verdicts = [audit.verdict_is(t, d["weighed"], RULES[t.lane]) for t, d in matched.pairs]
    api = CentreApi(layout.centre_url, token)
    try:
        say("playing every clip")
        clips = await _playable(api, details)
        say("proving every package")
        packages = await _verified(api, layout, details)
    finally:
        await api.close()
    outcomes = Counter(detail["weighed"]["verdict"]["outcome"] for _, detail in matched.pairs)
    return {
        "vehicles": len(truths),
        "events_central": sum(1 for detail in details if detail["weighed"]),
        "lost": len(matched.lost),
        "doubled": len(matched.doubled),
        "mass_exact": sum(exact),
        "verdict_exact": sum(verdicts),
        **_plates(matched.pairs),
        "evidence_complete": sum(
            audit.complete(d, len(CAMERAS[t.lane]), filmed=len(FILMED)) for t, d in matched.pairs
        ),
        "clips_playable": clips,
        "packages_verified": packages,
        "latency_ms": audit.latencies(matched.pairs, tablet, wall),
        "outcomes": dict(outcomes),
        "special": audit.traits(truths),
        "lost_crossings": [truth.number for truth in matched.lost],
        "mass_wrong": [t.number for (t, _), good in zip(matched.pairs, exact, strict=True) if not good],
        "verdict_wrong": [t.number for (t, _), good in zip(matched.pairs, verdicts, strict=True) if not good],
        "missing": sorted({word for d in details for body in d["pictured"] for word in body["missing"]}),
        "truth": [_plain(truth) for truth in truths],
    }


def _plates(pairs: Sequence[tuple[Truth, Answer]]) -> dict[str, Any]:
    counted = audit.count_plates(pairs)
    return {
        "plates_exact": counted.exact,
        "plates_total": counted.total,
        "plates_false": counted.false,
        "plates_hidden": counted.hidden,
        "plates_hidden_exact": counted.hidden_exact,
        "plates_wrong": counted.wrong,
    }


def _plain(truth: Any) -> dict[str, Any]:
    return {
        "number": truth.number,
        "lane": truth.lane,
        "truck": truth.truck.name,
        "left_ms": truth.left_ms,
        "wire_gross_kg": truth.wire_gross_kg,
        "plates": [truth.truck.plate_front, truth.truck.plate_rear],
        "traits": list(truth.truck.traits),
    }


async def _playable(api: CentreApi, details: list[Answer]) -> int:
    """Passages whose every clip plays from end to end."""
    good = 0
    for detail in details:
        clips = [file for file in detail["files"] if file["kind"] == "clip"]
        try:
            played = [await asyncio.to_thread(plays, await api.file(file["sha256"])) for file in clips]
        except httpx.HTTPError:
            continue
        good += bool(played) and all(played)
    return good


def plays(data: bytes) -> bool:
    """Decodes every frame; long enough, and nothing broken."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            base = stream.time_base or Fraction(0)
            times = [float(frame.pts * base) for frame in container.decode(stream) if frame.pts is not None]
    except (av.FFmpegError, IndexError):
        return False
    return bool(times) and (max(times) - min(times)) * 1000 >= CLIP_MS


async def _verified(api: CentreApi, layout: Layout, details: list[Answer]) -> int:
    folder = layout.folder / "packages"
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    good = 0
    for detail in details:
        passage = detail["row"]["passage"]
        path = folder / f"{passage}.zip"
        try:
            await api.package(passage, path)
        except httpx.HTTPError:
            continue
        good += await asyncio.to_thread(_proves, path, layout.trust)
    return good


def _proves(package: Path, trust: Path) -> bool:
    done = subprocess.run(
        [str(SCRIPTS / "weighpost-verify"), "package", str(package), "--trust", str(trust)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        package.with_suffix(".txt").write_bytes(done.stdout + done.stderr)
    return done.returncode == 0
