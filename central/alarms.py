"""What somebody must act upon now, told from the state of sources, journals and disks.  An event is no alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from central.views import Alarm, Custody, SourceState
from journal.receiver import Refusal

_FINE = frozenset({"up", "starting", "off"})
_DISK = frozenset({"low", "full"})
WITNESS_PATIENCE_MS = 60_000
REFUSED_MS = 600_000  # how long a refusal stays an alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that alarms are made of."""

    now_ms: int
    sources: Sequence[SourceState]
    journals: Sequence[Custody]
    quarantined: int
    witnesses: int  # how many are configured
    backed_up: bool
    disk_free_kb: int
    disk_low_kb: int
    refusals: Mapping[str, Refusal] = field(default_factory=dict)  # by box
    backup_ms: int | None = None  # when the newest one was finished
    backup_late_ms: int | None = None  # older ones are an alarm; None: none is expected
    hours_differing: int = 0


def alarms(state: State) -> tuple[Alarm, ...]:
    """In a stable order, each with a key of its own, so that an acknowledgement can name it."""
    return (*_of_sources(state), *_of_journals(state), *_of_boxes(state), *_of_centre(state))


def _of_sources(state: State) -> Iterator[Alarm]:
    for source in state.sources:
        if source.state != "up":
            key = f"source_silent/{source.box}/{source.source}"
            yield Alarm(
                key=key,
                kind="source_silent",
                subject=source.source,
                since_ms=source.heard_ms,
                source=source.source,
            )
            continue  # what it said of its devices is no longer known
        for device in source.devices:
            if device.state not in _FINE:
                yield Alarm(
                    key=f"device/{source.box}/{source.source}/{device.name}",
                    kind="disk" if device.state in _DISK else "device",
                    subject=device.name,
                    detail=f"{device.state}: {device.detail}" if device.detail else device.state,
                    since_ms=device.since_ms,
                    source=source.source,
                )


def _of_journals(state: State) -> Iterator[Alarm]:
    for held in state.journals:
        if held.state == "forked":
            yield Alarm(key=f"journal_forked/{held.journal}", kind="journal_forked", subject=held.box)
        since_ms = held.unwitnessed_since_ms
        late = since_ms is not None and state.now_ms - since_ms > WITNESS_PATIENCE_MS
        if state.witnesses and (held.refused is not None or late):
            yield Alarm(
                key=f"witness_behind/{held.journal}",
                kind="witness_behind",
                subject=held.box,
                detail=held.refused or "",
                since_ms=since_ms,
            )


def _of_boxes(state: State) -> Iterator[Alarm]:
    for box, refusal in sorted(state.refusals.items()):
        if state.now_ms - refusal.at_ms < REFUSED_MS:
            yield Alarm(
                key=f"box_refused/{box}",
                kind="box_refused",
                subject=box,
                detail=refusal.reason,
                since_ms=refusal.at_ms,
            )


def _of_centre(state: State) -> Iterator[Alarm]:
    if state.quarantined:
        yield Alarm(key="quarantine", kind="quarantine", subject=str(state.quarantined))
    if not state.backed_up:
        yield Alarm(key="not_backed_up", kind="not_backed_up", subject="centre")
    if state.backup_late_ms is not None and state.now_ms - (state.backup_ms or 0) > state.backup_late_ms:
        yield Alarm(key="backup_late", kind="backup_late", subject="centre", since_ms=state.backup_ms)
    if state.hours_differing:
        yield Alarm(key="counts_differ", kind="counts_differ", subject=str(state.hours_differing))
    if state.disk_free_kb < state.disk_low_kb:
        yield Alarm(
            key="own_disk", kind="own_disk", subject="centre", detail=f"{state.disk_free_kb // 1024} MB"
        )
