"""What the centre shows of what it knows: the whitelist of fields for lists, pages and the API.

What is not a field here is shown nowhere.  No fine amount is a field of any of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernel.events import (
    CaseEnd,
    CaseKept,
    EntryRef,
    FileStored,
    InstrumentCertificate,
    InstrumentChanged,
    PassageDecided,
    PassageReviewed,
    PlateCorrected,
    PlateRead,
    ScaleChecked,
    ScaleDrifted,
    VehiclePictured,
    VehicleWeighed,
)
from kernel.footage.bodies import FootageDerived, FootageTagged, Step
from kernel.footage.steps import Shown

ClipState = Literal["none", "on_box", "expected", "requested", "stored"]
PublishedValue = str | int | None
FileState = Literal["stored", "expected", "on_box", "requested", "erased"]
AlarmKind = Literal[
    "source_silent",
    "device",
    "disk",
    "quarantine",
    "witness_behind",
    "not_backed_up",
    "backup_late",
    "journal_forked",
    "box_refused",
    "counts_differ",
    "own_disk",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRow:
    """One crossing, as a line of a list.  `journal`, `seq` are those of its weighing; None until that arrives."""

    passage: str
    box: str
    source: str
    station: str
    lane: str
    journal: str | None
    seq: int | None
    at_ms: int | None  # as the lane's clock said
    shown_ms: int  # the same, unless that clock was absurd: then when it was received
    received_ms: int
    arrived_ms: int | None
    left_ms: int | None
    gross_kg: int | None
    limit_lowest_kg: int | None
    limit_highest_kg: int | None
    limits_kg: tuple[int, ...]  # every limit that fits, lowest first
    over_kg: int | None
    outcome: str | None
    suspected: bool | None
    grade: str | None
    attended: bool | None
    axle_count: int | None
    tractor: str | None
    tractor_colour: str | None
    trailer: str | None
    trailer_colour: str | None
    pictured: bool
    files_named: int
    files_stored: int
    clip: ClipState
    missing: tuple[str, ...]
    quality: tuple[str, ...]
    decided: str | None  # newest act of an officer
    decided_outcome: str | None
    picture: str | None  # sha256 of a stored front picture
    reviewed: str | None = None  # newest review at the centre: confirmed, rejected, returned
    erased_ms: int | None = None  # when its plates and pictures were erased by a rule
    taken_back: bool = False  # its vehicle rolled back off the weigher: the weighing counts no more
    corrected: str | None = None  # the plates that people have said it has
    hashed: bool = False  # its plates are kept as keyed hashes: they are found, and not shown in lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some passages, newest first; `cursor` asks for those after them, None at the end."""

    rows: tuple[PassageRow, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """One file an entry names, and where it is."""

    name: str
    sha256: str
    size: int
    box: str
    journal: str
    seq: int
    passage: str | None
    kind: str  # picture, clip, other
    media_type: str
    state: FileState
    stored_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry as it was signed for: the header's text is what the leaf hashes."""

    journal: str
    seq: int
    box: str
    stream: str
    source: str
    at_ms: int
    received_ms: int
    leaf: str
    header: str
    salt: str | None
    body: str | None
    absent: str | None
    quarantined: str | None
    erased: EntryRef | None = None  # the record.erased by which its body went


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignerView:
    """Who else signed the checkpoint, and when by its own clock."""

    name: str
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """How far a journal is held and by whom it is vouched for."""

    journal: str
    box: str
    process: str
    state: str
    size: int
    kept: int
    root: str
    cosigned_size: int  # newest size with at least the centre's cosignature
    witnessed_size: int  # newest size with at least one witness
    unwitnessed_since_ms: int | None  # when the oldest entry came that no witness has signed for
    refused: str | None  # why a witness would not sign
    cosigners: tuple[CosignerView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """An officer's act on a passage; `matches` is false when it names another leaf than the one held here."""

    journal: str
    seq: int
    at_ms: int
    matches: bool
    act: PassageDecided


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """A reviewer's act on a passage; `act` is None once what it says was erased."""

    journal: str
    seq: int
    at_ms: int
    matches: bool  # false when it names another leaf than the one held here
    outcome: str
    act: PassageReviewed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanView:
    """A part of a recorder's film that came because it is linked; `linked` is false once the station has unlinked it.

    `starts_ms` is true time, give or take `err_ms`; None where the station knew nothing of the recorder's clock.
    """

    file: FileView
    said: FootageDerived
    linked: bool
    starts_ms: int | None
    err_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkView:
    """A mark as it stands."""

    at_ms: int
    said: FootageTagged


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionView:
    """What a person has said of a plate, at the station or here."""

    journal: str
    seq: int
    at_ms: int
    said: PlateCorrected


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateReading:
    """One side of one crossing as its camera was read, with the newest word of a person beside it."""

    row: PassageRow
    read: PlateRead
    crop: str | None  # SHA-256
    crop_stored: bool
    said: CorrectionView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateLine:
    """A reading as lists show it; `text` is what the reader was sure of, `said` what a person says it is."""

    shown_ms: int
    station: str
    lane: str
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
class PassageDetail:
    """Everything held about one crossing."""

    row: PassageRow
    weighed: VehicleWeighed | None
    pictured: tuple[VehiclePictured, ...]
    clips: tuple[FileStored, ...]
    decisions: tuple[DecisionView, ...]
    files: tuple[FileView, ...]
    entries: tuple[EntryView, ...]
    custody: tuple[Custody, ...]
    reviews: tuple[ReviewView, ...] = ()
    cases: tuple[str, ...] = ()  # that one of its entries belongs to
    spans: tuple[SpanView, ...] = ()
    marks: tuple[MarkView, ...] = ()  # on its clips and on the films of its spans
    corrections: tuple[CorrectionView, ...] = ()  # of its plates, oldest first
    footage: tuple[EntryView, ...] = ()  # links, spans, and marks where they are of this crossing


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a passage that must be on footage; `open`: it has neither footage nor a reason."""

    step: Step
    marked_ms: int | None
    by: str
    shown: Shown
    reason: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEntry:
    """One entry of a case; `stream` is None until it has arrived, `matches` false when another leaf did.

    `context` says why a weighing was no evidence when it was taken in to tell what happened, and for nothing else.
    """

    journal: str
    seq: int
    leaf: str
    stream: str | None
    box: str | None
    passage: str | None
    matches: bool
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostGround:
    """A weighing that was evidence when the case took it in, and every reason why it is none now."""

    box: str
    passage: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosing:
    """The newest act about the end of a case; `closed_ms` None: it was reopened and goes on."""

    journal: str
    seq: int
    leaf: str
    closed_ms: int | None
    by: str
    reason: CaseEnd | None
    kept_as: CaseKept
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case and what belongs to it; whatever is in `lost` it may rest on no more."""

    case: str
    newest_ms: int  # when something was last added to it
    entries: tuple[CaseEntry, ...]
    lost: tuple[LostGround, ...] = ()
    closing: CaseClosing | None = None  # None: nobody has closed it


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """A case in a list; `closed_ms` None: it is open, and keeps what belongs to it."""

    case: str
    entries: int
    newest_ms: int  # when something was last added to it
    closed_ms: int | None
    reason: CaseEnd | None
    kept_as: CaseKept | None
    by: str | None  # who closed or reopened it last


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was made public of a case, and of which weighings; the values are worked out when somebody asks."""

    case: str
    at_ms: int
    until_ms: int | None
    fields: tuple[str, ...]
    rows: tuple[PassageRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One case as the public reads it; `records` hold the published fields of each weighing."""

    case: str
    at_ms: int
    until_ms: int | None
    records: tuple[dict[str, PublishedValue], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPage:
    """Some cases, newest first; `cursor` asks for those after them, None at the end."""

    rows: tuple[Published, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """What the centre has said of a scale and its box has not accepted; `at_ms`: since when it counts, None: when it is heard."""

    id: str
    act: str
    by: str
    at_ms: int | None
    ordered_ms: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentView:
    """A scale of a lane as its entries tell of it.  `reasons`: why it yields no evidence now, in any of its grades.

    `device` is empty where nothing but what waits is known of a lane.
    """

    box: str
    device: str
    reasons: tuple[str, ...]
    certificate: InstrumentCertificate | None
    changes: tuple[InstrumentChanged, ...]  # also those that wait
    checks: tuple[ScaleChecked, ...]  # the newest of each kind
    drifts: tuple[ScaleDrifted, ...]  # that are not over
    waiting: tuple[WaitingOrder, ...] = ()  # of the box


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """How many entries an act added to a case."""

    case: str
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The entry by which it went; None when nothing personal was left."""

    by: EntryRef | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a rule has marked, when it goes, and why it stays if it does."""

    box: str
    passage: str
    rule: str
    marked_ms: int
    erased_from_ms: int
    held: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """What one lane weighed in one hour (UTC)."""

    station: str
    lane: str
    hour_ms: int
    passages: int
    within: int
    over_limit: int
    undetermined: int
    not_weighed: int
    suspected: (
        int  # of those over limit: found at an unattended or uncertified weighing; no review changes it
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """One device as its lane last told it."""

    name: str
    kind: str
    state: str
    since_ms: int
    detail: str
    good: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """One source: up, silent for longer than its stream allows, or never heard."""

    box: str
    source: str
    station: str
    lane: str
    state: Literal["up", "silent", "unheard"]
    heard_ms: int | None  # when its last heartbeat was received
    said_ms: int | None  # what its clock said then
    behind_ms: int | None  # how old the heartbeat was when it came: a backlog is draining
    waiting: int
    disk_free_kb: int | None
    software: str
    devices: tuple[DeviceState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that somebody must act upon, with what names it; the words are the page's."""

    key: str
    kind: AlarmKind
    subject: str
    detail: str = ""
    since_ms: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSlip:
    """What is printed about an entry: `payload` as it stands in the QR code, and the code as an image."""

    kind: str
    about: EntryRef
    cosigned_size: int
    payload: str
    qr_svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """An entry in custody that could not be read; it is read again after an upgrade."""

    journal: str
    seq: int
    box: str
    stream: str
    reason: str
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """Who looked at what."""

    journal: str
    seq: int
    at_ms: int
    by: str
    what: str
    passage: str | None
    sha256: str | None
    wanted: str = ""  # what a list was narrowed to
