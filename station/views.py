"""What the station knows of crossings and devices, as it is read from its store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.events import (
    DeviceHealth,
    EntryRef,
    FileStored,
    Outcome,
    PassageDecided,
    PlateCorrected,
    PlateRead,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.evidence.header import FileRef

Act = Literal["confirmed", "released", "held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One crossing as it stands now: an officer's confirmed facts have replaced what the lane could know."""

    box: str
    passage: str
    order: int  # in the order in which the station met them
    shown_ms: int
    source: str
    weighed: EntryRef | None  # None: pictures came before the weighing
    gross_kg: int | None
    axle_count: int | None
    outcome: Outcome | None
    suspected: bool
    over_kg: int
    limits: tuple[int, ...]  # every one that fits, lowest first
    grade: str | None
    attended: bool
    tractor: str | None
    tractor_colour: str | None
    trailer: str | None
    trailer_colour: str | None
    pictured: bool
    missing: tuple[str, ...]
    quality: tuple[str, ...]
    confirmed: bool  # an officer has confirmed facts
    act: Literal["released", "held"] | None
    act_by: str
    act_ms: int | None
    erased: bool = False  # its plates and pictures are gone, by the lane's rule
    taken_back: bool = False  # its vehicle rolled back off the weigher: the weighing counts no more
    vehicle: str | None = None  # the plate it is known by: as it was read, or as a person has said

    @property
    def id(self) -> str:
        return f"{self.box}/{self.passage}"

    @property
    def waits(self) -> bool:
        """Whether somebody still has to do something about it.  Who was held before it was taken back is still held."""
        if self.taken_back:
            return self.act == "held"
        return self.act != "released" and (self.outcome != "within" or self.attended)

    @property
    def certified(self) -> bool:
        """Weighed with officers there by a scale whose certificate held: more than a suspicion."""
        return self.attended and self.grade in ("certified", "reweigh") and not self.suspected

    @property
    def found_over(self) -> bool:
        return self.outcome == "over_limit" and not self.suspected and not self.taken_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """One act of an officer, with its place in the journal that holds it."""

    ref: EntryRef
    at_ms: int
    body: PassageDecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What a person has said of a plate, with its place in the journal that holds it."""

    ref: EntryRef
    at_ms: int
    body: PlateCorrected


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """A file that an entry names, and whether its bytes are here."""

    file: FileRef
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateReading:
    """One side of one crossing as its camera was read, with the newest word of a person beside it."""

    box: str
    passage: str
    shown_ms: int
    read: PlateRead
    crop: NamedFile | None
    said: Corrected | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateLine:
    """A reading as lists show it; `text` is what the reader was sure of, `said` what a person says it is."""

    shown_ms: int
    box: str
    passage: str
    role: str
    status: str
    text: str | None
    said: str | None
    said_by: str | None
    plate_class: str | None
    colour: str | None
    score_permille: int
    chars_permille: tuple[int, ...]
    candidates: tuple[str, ...]
    crop: str | None  # SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything about one crossing."""

    row: Passage
    at_ms: int | None
    weighed: VehicleWeighed | None
    pictured: tuple[VehiclePictured, ...]
    clips: tuple[FileStored, ...]
    files: dict[str, NamedFile]  # by name
    acts: tuple[Acted, ...]
    corrected: tuple[Corrected, ...] = ()  # of its plates, oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """The last heartbeat of one lane."""

    box: str
    source: str
    received_ms: int
    waiting: int
    devices: tuple[DeviceHealth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Crossings since midnight."""

    passages: int = 0
    over: int = 0  # over limit or suspected
    undetermined: int = 0
    released: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldJournal:
    """One journal in this station's custody."""

    journal: str
    box: str
    process: str
    state: str
    size: int
    kept: int
