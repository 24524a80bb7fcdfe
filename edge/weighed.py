"""From a finished crossing to `vehicle.weighed`: the law applied to what the wire and the settings allow to be known."""

from __future__ import annotations

from dataclasses import dataclass

from edge.passages import Complete
from edge.settings import Lane, Scale
from edge.weighing.silhouettes import silhouettes
from edge.weighing.values import Weighed
from kernel.events import InstrumentInForce, Method, VehicleFacts, VehicleWeighed, Verdict
from kernel.law.law import Law
from kernel.law.limits import facts_from_wire
from kernel.law.rows import china_day
from kernel.law.verdict import Allowance, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What does not change from one vehicle to the next."""

    lane: Lane
    scale: Scale
    method: Method
    law: Law
    allowance: Allowance


def weighed_body(
    done: Complete[Weighed],
    site: Site,
    *,
    now_ms: int,
    now_mono_ms: int,
    missing: tuple[str, ...],
    instrument: InstrumentInForce | None = None,
    words: tuple[str, ...] = (),
) -> VehicleWeighed:
    """The body for this crossing.  `now_ms` and `now_mono_ms` are one moment on both clocks; it dates the loops.

    `instrument` is the scale as it stands under the law, `words` what it has to say of any weighing of now.
    """
    lane, result = site.lane, done.result
    facts = facts_from_wire(result.facts.axle_count, result.groups) if result else VehicleFacts()

    def utc(mono_ms: int | None) -> int | None:
        return None if mono_ms is None else now_ms - (now_mono_ms - mono_ms)

    return VehicleWeighed(
        passage=done.passage,
        lane=lane.name,
        jurisdiction=lane.jurisdiction,
        road_class=lane.road_class,
        weighing_grade=lane.weighing_grade,
        joint_mode=lane.joint_mode,
        attended=lane.attended,
        method=site.method,
        device=site.scale.name,
        arrived_ms=utc(done.arrived_mono_ms) or (result.arrived_ms if result else None),
        left_ms=utc(_left(done)),
        gross_kg=result.gross_kg if result else None,
        facts=facts,
        verdict=_verdict(result, facts, site, on=china_day(now_ms), instrument=instrument),
        axles=result.axles if result else (),
        groups=result.groups if result else (),
        speed_dkmh=result.speed_dkmh if result else None,
        accel_mms2=result.accel_mms2 if result else None,
        direction=(result.direction if result else None) or lane.direction,
        quality=tuple(dict.fromkeys((*done.quality, *(result.quality if result else ()), *words))),
        missing=missing,
        trace=result.trace if result else (),
        record_hex=result.record_hex if result else "",
        device_certificate=instrument.certificate if instrument else None,
        device_certificate_until=instrument.valid_until if instrument else None,
        instrument=instrument,
        recorded_ms=result.recorded_ms if result else None,
        zero_kg=result.zero_kg if result else None,
        frames=result.frames if result else (),
        decks=result.decks if result else (),
        silhouettes=silhouettes(result.facts.axle_count, result.groups, result.axles) if result else (),
    )


def _verdict(
    result: Weighed | None, facts: VehicleFacts, site: Site, *, on: str, instrument: InstrumentInForce | None
) -> Verdict:
    return judge(
        result.gross_kg if result else None,
        facts,
        law=site.law,
        on=on,
        jurisdiction=site.lane.jurisdiction,
        allowance=site.allowance,
        suspected=not _is_beyond_suspicion(site.lane, instrument),
        notes=_notes(result),
    )


def _is_beyond_suspicion(lane: Lane, instrument: InstrumentInForce | None) -> bool:
    """疑似超限: only a certified weighing with officers there, on a scale that yields evidence, is more than that."""
    vouched = instrument is None or instrument.evidence
    return vouched and lane.attended and lane.weighing_grade in ("certified", "reweigh")


def _left(done: Complete[Weighed]) -> int | None:
    """A platform knows best when its load was gone; an axle weigher speaks later than the loop."""
    if done.result is not None and done.result.trace:
        return done.result.mono_ms
    return done.left_mono_ms


def _notes(result: Weighed | None) -> tuple[str, ...]:
    """Spacings that the device does not give in a known unit are absent, and the verdict says so."""
    return ("spacing_unit_unknown",) if result and "spacing_unit_unknown" in result.quality else ()
