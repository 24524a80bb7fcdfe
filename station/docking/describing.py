"""What is said of a file that was taken in: its name, what is in it, whose it is, and everything that does not fit.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from kernel.footage.bodies import (
    ClockAnchor,
    FootageImported,
    ImportState,
    RecorderIssued,
    StartBasis,
)
from kernel.footage.clocks import NEVER_BEFORE_MS, TrueTime, clock_model
from kernel.footage.names import NameSays, Piece, Profile, goes_on, read_name
from kernel.footage.register import holder_at
from station.docking.probing import Probe
from station.docking.volume import Found

FAT_STEP_MS = 2_000
LAST_MS = 4_102_444_800_000  # the year 2100: a time behind it is none
SECOND_MS = 1_000
MOVING = (".mp4", ".mov", ".avi", ".ts", ".mts", ".h264", ".h265", ".mkv", ".3gp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A recorder in a dock, from being put in to being taken out."""

    dock: str
    recorder: str | None
    profile: Profile
    others: tuple[Profile, ...] = ()  # asked where that one was only guessed and does not read a name
    docked_ms: int
    anchor: ClockAnchor | None = None  # of this docking
    doubled: bool = False  # another dock has a recorder with the same number
    local_file_times: bool = False
    officers: Mapping[str, str] = field(default_factory=dict)  # number by account, where the site tells it

    @property
    def owner(self) -> str:
        """Names whose files these are, also where the recorder does not say."""
        number = self.recorder or ""
        return number if number and not self.doubled else f"{number}@{self.dock}"

    def read(self, name: str) -> NameSays | None:
        tried = (read_name(name, one) for one in (self.profile, *self.others))
        return next((says for says in tried if says is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start by the recorder's clock, and how well it could be read."""

    own_ms: int | None
    basis: StartBasis
    err_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the journal says that bears on a file."""

    anchors: tuple[ClockAnchor, ...]
    issues: tuple[RecorderIssued, ...]
    earlier: tuple[FootageImported, ...]  # of this recorder, the last ones

    def true_of(self, own_ms: int | None, visit: Visit) -> TrueTime | None:
        if own_ms is None:
            return None
        known = () if visit.doubled else self.anchors
        own = (visit.anchor,) if visit.anchor and visit.anchor not in known else ()
        return clock_model([*known, *own]).true_of(own_ms, before_ms=visit.docked_ms)


def start_of(says: NameSays | None, probe: Probe, found: Found, visit: Visit) -> Start:
    """By the name, else by the container, else by the file's own time, which is that of its end."""
    if says is not None:
        return Start(own_ms=says.own_start_ms, basis="name", err_ms=says.step_ms)
    zone_ms = visit.profile.zone_min * 60_000
    if probe.created_ms is not None and probe.created_ms < LAST_MS:
        own_ms = probe.created_ms - (zone_ms if visit.profile.container == "local" else 0)
        return Start(own_ms=own_ms, basis="container", err_ms=SECOND_MS)
    if probe.length_uncertain or not 0 < found.mtime_ns < LAST_MS * 1_000_000:
        return Start(own_ms=None, basis="none")
    ended_ms = found.mtime_ns // 1_000_000 - (zone_ms if visit.local_file_times else 0)
    return Start(own_ms=ended_ms - (probe.duration_ms or 0), basis="file", err_ms=FAT_STEP_MS)


def describe(
    found: Found,
    visit: Visit,
    known: Known,
    *,
    state: ImportState,
    probe: Probe,
    sha256: str | None,
    size: int,
) -> FootageImported:
    """The entry of one file; `state` is what copying found."""
    says = visit.read(found.name)
    start = start_of(says, probe, found, visit)
    true = known.true_of(start.own_ms, visit)
    body = FootageImported(
        recorder=visit.recorder,
        dock=visit.dock,
        state=state,
        name=found.name,
        folder=found.folder,
        sha256=sha256,
        size=size,
        media_type=probe.media_type,
        named_device=says.device if says else None,
        named_officer=says.officer if says else None,
        officer=_officer(known.issues, visit.recorder, true.true_ms if true else start.own_ms),
        own_start_ms=start.own_ms,
        start_basis=start.basis,
        start_err_ms=start.err_ms,
        duration_ms=probe.duration_ms,
        sequence=says.sequence if says else None,
        important=says.important if says else False,
        codec=probe.codec,
        width=probe.width,
        height=probe.height,
        audio=probe.audio,
    )
    return replace_group(body, known.earlier)


def replace_group(body: FootageImported, earlier: Iterable[FootageImported]) -> FootageImported:
    """A file that goes on where another ends is of its group; the first of them names it."""
    before = next((one for one in earlier if one.sha256 and goes_on(_piece(one), _piece(body))), None)
    return _with(body, group=(before.group or before.name) if before else "")


def with_problems(body: FootageImported, visit: Visit, *more: str) -> FootageImported:
    return _with(
        body, problems=tuple(dict.fromkeys(word for word in (*more, *_problems(body, visit)) if word))
    )


def _officer(issues: Sequence[RecorderIssued], recorder: str | None, at_ms: int | None) -> str | None:
    """Who had the recorder at that minute, by the log of issue and return 领用登记."""
    return holder_at(issues, recorder, at_ms) if recorder and at_ms is not None else None


def claims_video(name: str) -> bool:
    return name.lower().endswith(MOVING)


def _problems(body: FootageImported, visit: Visit) -> Iterator[str]:
    if body.state in ("refused", "empty"):
        return
    if visit.doubled:
        yield "number_twice"
    if body.start_basis in ("file", "none"):
        yield "start_uncertain"
    if body.own_start_ms is not None and body.own_start_ms < NEVER_BEFORE_MS:
        yield "clock_lost"
    if body.named_device and body.recorder and body.named_device != body.recorder:
        yield "device_differs"
    if body.officer is None:
        yield "holder_unknown"
    elif (
        body.named_officer
        and (number := visit.officers.get(body.officer))
        and body.named_officer.upper() != number.upper()
    ):
        yield "officer_differs"


def _piece(body: FootageImported) -> Piece:
    return Piece(own_start_ms=body.own_start_ms, duration_ms=body.duration_ms, sequence=body.sequence)


def _with(body: FootageImported, **changed: object) -> FootageImported:
    return msgspec.structs.replace(body, **changed)
