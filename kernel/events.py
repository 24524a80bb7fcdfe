"""The one event contract: what an entry of a journal may say.  A stream exists when it has a row in STREAMS.

A fact is an entry: a `Header` (kernel.evidence.header) and one of the bodies below.  Bodies are frozen structs;
fields are only ever added, with a default; readers ignore fields they do not know.  Masses are integer kg, lengths
mm, speeds 0.1 km/h, times UTC milliseconds.  Where a value is not known the field is None: it is never guessed.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from kernel.footage import bodies as footage
from kernel.footage.bodies import CaseKept as CaseKept
from kernel.parts import Body as Body
from kernel.parts import EntryRef as EntryRef
from kernel.parts import Part as Part
from kernel.parts import Stream as Stream

RoadClass = Literal["expressway", "national", "provincial", "county", "township", "village"]
WeighingGrade = Literal["pre_check", "certified", "reweigh"]  # 预检 / 精检 / 复检
JointMode = Literal["joint", "transport", "off_site"]  # 联合治超 / 交通自查 / 非现场
Outcome = Literal["within", "over_limit", "undetermined", "not_weighed"]
Method = Literal["static_platform", "moving_axles", "axle_by_axle"]
InstrumentChange = Literal["sealed", "seal_broken", "load_cell_replaced", "repaired"]
CheckKind = Literal[
    "zero", "reference", "known_vehicle"
]  # 零点校核 / 标准砝码或标准车校核 / 已知质量车辆通过
CaseEnd = Literal[
    "paid",  # 缴清、执行完毕
    "not_punished",  # 不予处罚
    "revoked",  # 撤销立案
    "transferred",  # 移送
    "court",  # 人民法院受理强制执行
    "unenforceable",  # 无法执行、无需执行
    "other",  # 其他应予结案的情形
]
DriftKind = Literal["zero", "zero_trend", "noise", "known_vehicle"]


# --- journal ---------------------------------------------------------------------------------------------------


class Predecessor(Part, frozen=True, kw_only=True):
    """The journal this one continues."""

    id: str
    size: int
    root: str  # 64 hex


class JournalOpened(Body, frozen=True, kw_only=True):
    """Genesis, always seq 0: whose journal this is.

    `signature` (base64) is the box identity key's Ed25519 signature over the canonical JSON of this body without
    the field `signature`.
    """

    stream: ClassVar[str] = "journal.opened"
    public_key: str  # base64 of the journal's Ed25519 key
    box: str
    process: str  # edge, station or central
    software: str
    predecessor: Predecessor | None
    signature: str


class JournalRegistered(Body, frozen=True, kw_only=True):
    """In the centre's own journal: this journal was met for the first time and belongs to that box."""

    stream: ClassVar[str] = "journal.registered"
    journal: str
    box: str
    process: str
    public_key: str
    predecessor: str | None = None


class JournalDoubted(Body, frozen=True, kw_only=True):
    """The predecessor was closed, why, and what of it follows here.  `lost` are entries named here that do not."""

    stream: ClassVar[str] = "journal.doubted"
    predecessor: Predecessor
    reason: str
    first: int  # entries from here on were not known to be kept elsewhere
    recovered: int
    lost: tuple[int, ...] = ()  # seqs that were signed and cannot be read any more, at most 1000 of them
    lost_count: int = 0
    bodies_lost: tuple[int, ...] = ()  # seqs that follow without their bodies, which nobody has erased
    bodies_lost_count: int = 0


class JournalRemoved(Body, frozen=True, kw_only=True):
    """A closed journal leaves this box whole; every destination has it, and there it is out of danger."""

    stream: ClassVar[str] = "journal.removed"
    journal: Predecessor
    destination: str  # the one with custody
    store: str
    kept: int  # entries, as its receipt says


class JournalRecovered(Body, frozen=True, kw_only=True):
    """An entry of the predecessor, byte for byte; readers count it under its old identity, once."""

    stream: ClassVar[str] = "journal.recovered"
    old: EntryRef
    header: str
    salt: str | None  # hex
    body: str | None


# --- weighing --------------------------------------------------------------------------------------------------


class Axle(Part, frozen=True, kw_only=True):
    """One axle in order from the front.  `spacing_mm` is the distance to the axle before it (None for the first)."""

    axle_kg: int
    spacing_mm: int | None = None
    speed_dkmh: int | None = None
    tyres: Literal["single", "dual"] | None = None


class AxleGroup(Part, frozen=True, kw_only=True):
    """Axles that belong together 轴组: how many, their sum, single or dual tyres when the device says so."""

    axles: int
    group_kg: int
    tyres: Literal["single", "dual"] | None = None


class DeckMass(Part, frozen=True, kw_only=True):
    """What one deck of the scale showed when the weight was taken, and the frames that said so, in hex."""

    deck: str
    deck_kg: int
    frames: tuple[str, ...] = ()


class Silhouette(Part, frozen=True, kw_only=True):
    """A kind of vehicle that the axles fit 轴型: how many stand together from the front, and what it would be.

    `drive_axles` are the numbers it may have; more than one is undecided.
    """

    axles: tuple[int, ...]
    combination: bool
    drive_axles: tuple[int, ...]


class VehicleFacts(Part, frozen=True, kw_only=True):
    """What is known of the vehicle for the law; None is unknown and stays so."""

    axle_count: int | None = None
    combination: bool | None = None  # 汽车列车 true, single rigid truck 货车 false
    drive_axles: int | None = None
    # Axles of non-drive groups and of trailers with one tyre a side and no wide tyres; the limit falls by them.
    single_tyre_axles: int | None = None
    single_tyre_axles_most: int | None = None  # no more than these, while the number itself is not known
    air_suspension: bool | None = None
    licence_kg: int | None = None  # 行驶证核定总质量
    low_speed: bool | None = None  # 拖拉机、农用车、低速货车: its limit is the mass on the licence
    sources: tuple[tuple[str, str], ...] = ()  # (field, wire | lane | officer | precheck)


class Candidate(Part, frozen=True, kw_only=True):
    """One limit that fits what is known, the row of the law it comes from, and the sentence that explains it."""

    limit_kg: int
    rules: tuple[str, ...]
    explain_zh: str
    explain_en: str


class Verdict(Part, frozen=True, kw_only=True):
    """The law applied to what is known.

    `candidates` holds every limit that fits, lowest first; one when it is certain.  `decision_kg` is the measured
    mass less the allowance 认定扣减.  `over_kg` counts from the highest candidate (the least that is certain).
    `missing` names the facts that would settle it.  `suspected` is true at an unattended or uncertified weighing
    until a certified weighing or a human review (疑似超限).
    """

    outcome: Outcome
    suspected: bool
    decision_kg: int | None
    allowance_kg: int
    candidates: tuple[Candidate, ...]
    over_kg: int
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # machine words: see docs/law.md
    rules: tuple[str, ...] = ()  # ids of every law row used
    limit_lowest_kg: int | None = None
    limit_highest_kg: int | None = None


class InstrumentInForce(Part, frozen=True, kw_only=True):
    """The weighing instrument as it stood at this weighing, and whether that yields evidence for a case.

    `reasons` are machine words (docs/instruments.md): every one of them keeps the weighing from being evidence.
    """

    device: str
    evidence: bool
    reasons: tuple[str, ...] = ()
    certificate: str | None = None  # number of the verification certificate 检定证书
    accuracy_class: str | None = None  # of the vehicle's mass
    division_kg: int | None = None  # 检定分度值 e
    min_kg: int | None = None
    max_kg: int | None = None
    seals: tuple[str, ...] = ()
    valid_until: str | None = None  # the last day, in China


class VehicleWeighed(Body, frozen=True, kw_only=True):
    """One vehicle has crossed the scale (or stood on it) and this is what the scale said."""

    stream: ClassVar[str] = "vehicle.weighed"
    passage: str  # groups all entries of one crossing; made at the trigger from boot id and monotonic time
    lane: str
    jurisdiction: str  # GB/T 2260, six digits
    road_class: RoadClass
    weighing_grade: WeighingGrade
    joint_mode: JointMode
    attended: bool
    method: Method
    device: str  # name of the scale in the lane's settings
    arrived_ms: int | None
    left_ms: int | None
    gross_kg: int | None  # None: the vehicle passed but no weight may be used; `quality` says why
    facts: VehicleFacts
    verdict: Verdict
    axles: tuple[Axle, ...] = ()
    groups: tuple[AxleGroup, ...] = ()
    speed_dkmh: int | None = None
    accel_mms2: int | None = None
    direction: str | None = None
    quality: tuple[
        str, ...
    ] = ()  # machine words: stop_and_go, not_settled, spacing_unit_unknown, loop_missing ...
    missing: tuple[str, ...] = ()  # devices that should have spoken and did not: "camera front: down"
    trace: tuple[tuple[int, int], ...] = ()  # (ms since arrival, kg), thinned to at most 400 points
    record_hex: str = ""  # the device's own record, as it came over the wire
    device_certificate: str | None = None  # number of the verification certificate 检定证书
    device_certificate_until: str | None = None  # ISO date
    recorded_ms: int | None = (
        None  # when the device says that it made the record, by its own clock if that is trusted
    )
    zero_kg: int | None = None  # what the empty scale showed at rest before this vehicle
    frames: tuple[
        str, ...
    ] = ()  # the frames that gave the weight, hex as they came over the wire; at most 16
    decks: tuple[DeckMass, ...] = ()  # of a scale with several; they add up to gross_kg
    silhouettes: tuple[Silhouette, ...] = ()  # every kind that its axles fit; never a choice among them
    instrument: InstrumentInForce | None = None  # None: said by software that did not know of it


class PassageCancelled(Body, frozen=True, kw_only=True):
    """The weigher took a vehicle back 倒车: it rolled off again and its weighing counts no more.  Nothing is erased.

    `weighed` is None where no weighing is meant that is known here; `quality` then says why, and a person must look.
    """

    stream: ClassVar[str] = "passage.cancelled"
    passage: str | None
    weighed: EntryRef | None
    device: str  # name of the scale in the lane's settings
    quality: tuple[str, ...] = ()  # no_weighing, unknown_record, cancelled_already, too_late
    record_hex: str = ""  # what the device sent


# --- the instrument --------------------------------------------------------------------------------------------


class InstrumentCertificate(Part, frozen=True, kw_only=True):
    """A verification certificate 检定证书; `grades` are the weighings that it is good for.

    A moving-axle weigher has three class marks: vehicle mass, single axle, axle group.
    """

    number: str
    grades: tuple[WeighingGrade, ...]
    accuracy_class: str  # of the vehicle's mass: III (JJG 539), or 0.2 to 15 (JJG 907, GB/T 21296.1)
    division_kg: int  # 检定分度值 e
    max_kg: int  # 最大秤量
    min_kg: int  # 最小秤量
    seals: tuple[str, ...]  # 铅封号
    valid_from: str  # the day of the verification, in China
    valid_until: str  # the last day
    issued_by: str  # 检定机构
    axle_class: str = ""
    group_class: str = ""


class InstrumentCertified(Body, frozen=True, kw_only=True):
    """A verification certificate is taken into use: from then on it is the one in force."""

    stream: ClassVar[str] = "instrument.certified"
    device: str
    at_ms: int
    certificate: InstrumentCertificate
    by: str
    note: str = ""


class InstrumentChanged(Body, frozen=True, kw_only=True):
    """Somebody touched the instrument, or found that somebody has; `at_ms` is the moment from which it counts.

    A broken seal 铅封破损, a replaced load cell 更换传感器 or a repair voids the certificate until a new verification.
    """

    stream: ClassVar[str] = "instrument.changed"
    device: str
    at_ms: int
    change: InstrumentChange
    by: str
    seal: str = ""  # its number, where one is meant
    note: str = ""


class ShiftOpened(Body, frozen=True, kw_only=True):
    """A shift 班次 begins at this scale: its checks are due anew."""

    stream: ClassVar[str] = "shift.opened"
    device: str
    at_ms: int
    by: str


class ScaleChecked(Body, frozen=True, kw_only=True):
    """The scale was held against what is known: an empty platform, test weights, or a vehicle of known mass."""

    stream: ClassVar[str] = "scale.checked"
    device: str
    at_ms: int
    kind: CheckKind
    expected_kg: int
    shown_kg: int
    limit_kg: int  # the deviation that is still within
    within: bool
    by: str
    reference: str = ""  # name of the weights or the vehicle in the settings; never a plate
    shift_ms: int | None = None  # when the shift began that it was made in
    passage: str | None = None  # the crossing that showed it


class ScaleDrifted(Body, frozen=True, kw_only=True):
    """The scale moves away from where it was 漂移, or is back; said before it is out of its class."""

    stream: ClassVar[str] = "scale.drifted"
    device: str
    at_ms: int
    kind: DriftKind
    state: Literal["begun", "over"]
    measured_kg: int
    limit_kg: int


# --- pictures and footage --------------------------------------------------------------------------------------


class Picture(Part, frozen=True, kw_only=True):
    """One still.  `name` is its name in the header's files."""

    name: str
    camera: str
    role: Literal["front", "rear", "side", "plate"]
    at_ms: int
    width: int
    height: int
    flags: tuple[str, ...] = ()  # too_small, off_moment, frozen, blurred, too_dark ... (docs/cameras.md)
    sharpness: int | None = None  # how much fine detail it has: docs/cameras.md
    luma: int | None = None  # mean brightness, 0 to 255
    clipped_permille: int | None = None  # pixels that are as bright as the sensor can say


class PlatePrior(Part, frozen=True, kw_only=True):
    """What else was known of this vehicle's plate; it is shown beside the reading and never changes it."""

    source: Literal["other_side", "previous", "pre_check"]
    text: str
    agrees: bool
    at_ms: int | None = None


class PlateRead(Part, frozen=True, kw_only=True):
    """What was read on one side of the vehicle.  An unread plate has no text: never a guess dressed as text.

    `unsure`: texts of the grammar were seen, none of them past the gate; they are the candidates.
    """

    role: Literal["front", "rear", "side", "plate"]
    status: Literal["read", "unsure", "unread", "no_plate", "foreign"]
    text: str | None = None
    plate_class: str | None = None  # kernel.plates
    colour: str | None = None
    score_permille: int = 0
    chars_permille: tuple[int, ...] = ()
    frames: int = 0
    agreeing: int = 0
    candidates: tuple[str, ...] = ()
    picture: str | None = None  # the picture the winning read came from
    crop: str | None = None  # the crop's file name
    box: tuple[int, int, int, int] | None = None  # x, y, width, height in the picture
    corners: tuple[tuple[int, int], ...] = ()  # four, clockwise from the top left, in the picture
    province_permille: int | None = None  # of the votes, for the province alone
    reader: str = ""  # which models read it
    priors: tuple[PlatePrior, ...] = ()


class VehicleHints(Part, frozen=True, kw_only=True):
    """What the picture from the side suggests, each with its confidence; never a fact for the law."""

    camera: str
    picture: str | None = None
    axle_count: int | None = None
    axle_count_permille: int = 0
    combination: bool | None = None  # 汽车列车 true, single rigid truck 货车 false
    combination_permille: int = 0
    lifted_axles: int | None = None  # 提升桥
    lifted_axles_permille: int = 0
    loaded: bool | None = None  # a load stands out of the body
    loaded_permille: int = 0


class VehiclePictured(Body, frozen=True, kw_only=True):
    """Pictures and plates of a passage; follows its weighing."""

    stream: ClassVar[str] = "vehicle.pictured"
    passage: str
    weighed: EntryRef | None
    weighed_durable_ms: int | None  # when the weighing's append returned, for latency measurement
    plates: tuple[PlateRead, ...] = ()
    tractor: str | None = None
    trailer: str | None = None
    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = ()
    priority: int = 2  # of the upload: 0 unless the vehicle is known to be within its limit
    hints: VehicleHints | None = None
    flags: tuple[str, ...] = ()  # axle_count_differs, plates_differ, same_place, ... (docs/cameras.md)


class PlateCorrected(Body, frozen=True, kw_only=True):
    """A person has looked at the picture and says what the plate is 人工校正; nothing that was read is changed."""

    stream: ClassVar[str] = "plate.corrected"
    passage: str
    box: str  # the lane's
    role: Literal["front", "rear", "side", "plate"]
    read: str | None  # what the reader said
    text: str | None  # None: there is no plate, or nobody can read it
    plate_class: str | None = None
    colour: str | None = None
    crop: str | None = None  # SHA-256
    by: str
    note: str = ""
    without: Literal["no_plate", "unreadable"] | None = None  # why there is no text


class FileStored(Body, frozen=True, kw_only=True):
    """A file made after the fact it belongs to, such as a clip cut after its post-roll or a capture of a scale's line."""

    stream: ClassVar[str] = "file.stored"
    passage: str | None
    weighed: EntryRef | None
    kind: Literal["clip", "picture", "other", "capture"]
    camera: str | None = None
    media_type: str = "video/mp4"
    upload: Literal["now", "on_demand"] = "now"
    priority: int = 2  # 0 first: over-limit photos 0, their clips 1, the rest 2
    requested_start_ms: int | None = None
    actual_start_ms: int | None = None
    duration_ms: int | None = None
    frames: int | None = None
    gop_sha256: tuple[str, ...] = ()  # of each group of pictures: SHA-256 over its packets' bytes
    flags: tuple[str, ...] = ()
    device: str | None = None  # of a capture: whose line it was
    asked_by: str = ""  # who wanted it, where nobody's passage did


# --- health ----------------------------------------------------------------------------------------------------


class DeviceHealth(Part, frozen=True, kw_only=True):
    """One device of the lane: up, or how it is not."""

    name: str
    kind: str  # scale, instrument, camera, controller, recorder, plates, disk, uplink
    # poor: it works, but what it gives is not fit for evidence; `detail` says why
    state: Literal["up", "starting", "silent", "noisy", "down", "frozen", "poor", "low", "full", "off", "due"]
    since_ms: int
    detail: str = ""
    good: int = 0  # frames or readings since start
    dropped: int = 0


class LaneHealth(Body, frozen=True, kw_only=True):
    """Heartbeat: on every change of state and once a minute, so that silence is a signed statement too."""

    stream: ClassVar[str] = "lane.health"
    devices: tuple[DeviceHealth, ...]
    disk_free_kb: int
    sqlite_version: str = ""
    software: str = ""
    append_p95_us: int | None = None
    waiting: int = 0  # entries not yet accepted by the custody destination


class ClockChecked(Body, frozen=True, kw_only=True):
    """The clock was compared with a reference; dates earlier entries of the same boot by projection."""

    stream: ClassVar[str] = "clock.checked"
    reference: str  # ntp, centre, none
    offset_ms: int | None  # this clock minus the reference
    err_ms: int
    state: Literal["ok", "holdover", "unset"]


# --- keeping and removing --------------------------------------------------------------------------------------


class RecordErased(Body, frozen=True, kw_only=True):
    """Bodies and files that are removed by a rule 删除; written first, done afterwards and again after a crash.

    Headers and leaves stay, so every proof holds.  `rule` is the row of the settings or the law that asks for it.
    """

    stream: ClassVar[str] = "record.erased"
    rule: str
    by: str  # a person, or the process by its own rule
    entries: tuple[EntryRef, ...] = ()
    files: tuple[str, ...] = ()  # SHA-256


class FileEvicted(Body, frozen=True, kw_only=True):
    """Files that leave this box for want of room or by age: kept elsewhere, or clips of compliant vehicles."""

    stream: ClassVar[str] = "file.evicted"
    rule: Literal["kept", "compliant_clip"]
    files: tuple[str, ...]  # SHA-256
    freed_bytes: int
    free_kb: int  # before


class RecordHeld(Body, frozen=True, kw_only=True):
    """A hold 封存: nothing of it is erased or evicted until it is released, or `until_ms` has passed.

    It names a passage, entries or files; a release names the same.
    """

    stream: ClassVar[str] = "record.held"
    act: Literal["held", "released"]
    about: tuple[EntryRef, ...] = ()
    files: tuple[str, ...] = ()  # SHA-256
    passage: str | None = None
    by: str
    reason: str
    until_ms: int | None = None  # None: until it is released


class FilesReconciled(Body, frozen=True, kw_only=True):
    """The disk was held against the journal 核对, both ways.  Unknown files are reported and never removed."""

    stream: ClassVar[str] = "files.reconciled"
    files: int  # that entries name and that are here
    unknown_count: int
    missing_count: int
    unknown: tuple[str, ...] = ()  # names of files that no entry and no index knows, at most 100
    missing: tuple[str, ...] = ()  # SHA-256, or segment, that should be here and is not, at most 100


# --- commands --------------------------------------------------------------------------------------------------


class CommandAccepted(Body, frozen=True, kw_only=True):
    """A signed command was verified and will be acted on; its counter is never taken again."""

    stream: ClassVar[str] = "command.accepted"
    issuer: str
    counter: int
    kind: str
    args: tuple[tuple[str, str], ...] = ()  # (name, value as text)


class CommandRefused(Body, frozen=True, kw_only=True):
    """A message on the command topic that changed nothing: replayed, of another box or session, or unsigned."""

    stream: ClassVar[str] = "command.refused"
    destination: str
    reason: str
    sha256: str  # of the message
    count: int = 1  # refused since the last such entry


# --- acts ------------------------------------------------------------------------------------------------------


class ReleaseGrounds(Part, frozen=True, kw_only=True):
    """What a release 放行 rests on besides the verdict of the passage itself."""

    reweigh: EntryRef | None = None  # the new weighing that found the mass legal 复检
    police_result: str = ""  # number of the police result at a joint station
    override_role: str = ""  # role of the duty supervisor who let it go without one of these
    override_reason: str = ""


class PassageDecided(Body, frozen=True, kw_only=True):
    """An officer at the station has acted on a passage: facts confirmed, released 放行 or held 扣留."""

    stream: ClassVar[str] = "passage.decided"
    passage: str
    weighed: EntryRef
    act: Literal["confirmed", "released", "held"]
    by: str
    facts: VehicleFacts | None = None
    verdict: Verdict | None = None
    note: str = ""
    grounds: ReleaseGrounds | None = None


class FileRequested(Body, frozen=True, kw_only=True):
    """The centre asks a box for a file that stayed there."""

    stream: ClassVar[str] = "file.requested"
    sha256: str
    box: str
    stored: EntryRef
    by: str


class RecordAccessed(Body, frozen=True, kw_only=True):
    """Somebody looked at, or took out, personal data."""

    stream: ClassVar[str] = "record.accessed"
    by: str
    what: str  # event, file, package, list, export
    passage: str | None = None
    about: EntryRef | None = None
    sha256: str | None = None
    filter: str = ""  # of a list: what it was narrowed to; plates are masked


# --- the centre's acts -----------------------------------------------------------------------------------------


class BoxEnrolled(Body, frozen=True, kw_only=True):
    """A key was certified; the list of these is what a centre that invents boxes is held against."""

    stream: ClassVar[str] = "box.enrolled"
    box: str
    kind: str  # kernel.evidence.certificates.Kind
    public_key: str  # base64
    not_after_ms: int
    by: str
    renewed: bool = False


class BoxRevoked(Body, frozen=True, kw_only=True):
    """A key is believed no more: nothing of this box, or nothing of one journal beyond `size`."""

    stream: ClassVar[str] = "box.revoked"
    box: str
    reason: str
    by: str
    journal: str | None = None
    size: int | None = None  # of the last checkpoint cosigned before the theft


class JournalForked(Body, frozen=True, kw_only=True):
    """Two rightly signed checkpoints of one journal contradict each other; both are here as proof."""

    stream: ClassVar[str] = "journal.forked"
    journal: str
    box: str
    ours: str  # signed notes
    theirs: str


class BackupMade(Body, frozen=True, kw_only=True):
    """A backup of the store is finished: what it holds may leave the boxes."""

    stream: ClassVar[str] = "backup.made"
    store: str
    sha256: str  # of its list of contents
    journals: int
    entries: int
    files: int
    bytes: int


class StoreRestored(Body, frozen=True, kw_only=True):
    """The store was put back from a backup and goes on under another name; boxes send again what it lacks."""

    stream: ClassVar[str] = "store.restored"
    store: str
    before: str  # its name until then
    backup_ms: int
    entries: int


class PassageReviewed(Body, frozen=True, kw_only=True):
    """A person at the centre has looked at a passage 审核: it stands, it does not, or more is needed."""

    stream: ClassVar[str] = "passage.reviewed"
    passage: str
    weighed: EntryRef
    outcome: Literal["confirmed", "rejected", "returned"]
    by: str
    reason: str = ""
    case: str | None = None


class InstrumentOrdered(Body, frozen=True, kw_only=True):
    """The centre says something of the scale of a box: it is told until the box has accepted it."""

    stream: ClassVar[str] = "instrument.ordered"
    box: str
    id: str
    args: tuple[tuple[str, str], ...]  # (name, value as text), as the command has them
    by: str


class NoEvidence(Part, frozen=True, kw_only=True):
    """A weighing whose instrument yields no evidence, and why (docs/instruments.md)."""

    weighed: EntryRef
    reasons: tuple[str, ...]


class CaseRecorded(Body, frozen=True, kw_only=True):
    """Entries that belong to one case 案件; a later one adds to it.

    `no_evidence` names weighings among them that only tell what happened: the case may not rest on them.
    """

    stream: ClassVar[str] = "case.recorded"
    case: str
    entries: tuple[EntryRef, ...]
    by: str
    note: str = ""
    no_evidence: tuple[NoEvidence, ...] = ()


class CaseClosed(Body, frozen=True, kw_only=True):
    """A case has come to its end 结案, or goes on after all: from `at_ms` count the days for which it is kept."""

    stream: ClassVar[str] = "case.closed"
    case: str
    act: Literal["closed", "reopened"]
    by: str
    at_ms: int
    reason: CaseEnd | None = None  # of a closing
    kept_as: CaseKept = "case"
    note: str = ""


class RecordPublished(Body, frozen=True, kw_only=True):
    """What was made public 公示, field by field, or taken back."""

    stream: ClassVar[str] = "record.published"
    case: str
    act: Literal["published", "withdrawn"]
    about: tuple[EntryRef, ...]
    fields: tuple[str, ...]
    by: str
    until_ms: int | None = None


class SlipIssued(Body, frozen=True, kw_only=True):
    """A slip or decision was printed 打印; what its QR code says makes the paper a witness."""

    stream: ClassVar[str] = "slip.issued"
    kind: str  # weighing, decision ...
    about: EntryRef
    cosigned_size: int
    payload: str
    by: str


STREAMS: dict[str, Stream] = {
    row.body.stream: row
    for row in (
        Stream(body=JournalOpened, per_hour=0, silent_s=None, keep_days=36_500, says="a journal begins"),
        Stream(
            body=JournalRegistered,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="the centre met a journal",
        ),
        Stream(
            body=JournalDoubted,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a journal continues another",
        ),
        Stream(
            body=JournalRecovered, per_hour=0, silent_s=None, keep_days=36_500, says="an entry it could save"
        ),
        Stream(
            body=JournalRemoved,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a closed journal left a box",
        ),
        Stream(
            body=VehicleWeighed, per_hour=60, silent_s=None, keep_days=3_650, says="a vehicle was weighed"
        ),
        Stream(
            body=PassageCancelled,
            per_hour=0,
            silent_s=None,
            keep_days=3_650,
            says="a vehicle rolled back off the weigher",
        ),
        Stream(
            body=InstrumentCertified,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a certificate is taken into use",
        ),
        Stream(
            body=InstrumentChanged,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a seal, a load cell or a repair",
        ),
        Stream(body=ShiftOpened, per_hour=0, silent_s=None, keep_days=3_650, says="a shift begins"),
        Stream(
            body=ScaleChecked,
            per_hour=1,
            silent_s=None,
            keep_days=3_650,
            says="the scale was held against what is known",
        ),
        Stream(
            body=ScaleDrifted,
            per_hour=0,
            silent_s=None,
            keep_days=3_650,
            says="the scale drifts, or no longer",
        ),
        Stream(
            body=VehiclePictured,
            per_hour=60,
            silent_s=None,
            keep_days=3_650,
            says="pictures and plates of it",
        ),
        Stream(
            body=PlateCorrected,
            per_hour=10,
            silent_s=None,
            keep_days=3_650,
            says="a person says what a plate is",
        ),
        Stream(
            body=FileStored,
            per_hour=120,
            silent_s=None,
            keep_days=3_650,
            says="a file made later, such as a clip",
        ),
        Stream(body=LaneHealth, per_hour=60, silent_s=180, keep_days=180, says="heartbeat and device states"),
        Stream(body=ClockChecked, per_hour=1, silent_s=None, keep_days=3_650, says="the clock and its error"),
        Stream(body=PassageDecided, per_hour=20, silent_s=None, keep_days=3_650, says="an officer acted"),
        Stream(
            body=FileRequested, per_hour=10, silent_s=None, keep_days=3_650, says="the centre asks for a file"
        ),
        Stream(
            body=RecordAccessed,
            per_hour=60,
            silent_s=None,
            keep_days=3_650,
            says="personal data was looked at",
        ),
        Stream(
            body=RecordErased,
            per_hour=1,
            silent_s=None,
            keep_days=36_500,
            says="bodies or files were removed by a rule",
        ),
        Stream(
            body=RecordHeld,
            per_hour=1,
            silent_s=None,
            keep_days=36_500,
            says="something must not be removed, or may be again",
        ),
        Stream(body=FileEvicted, per_hour=1, silent_s=None, keep_days=3_650, says="files left a box"),
        Stream(
            body=FilesReconciled,
            per_hour=0,
            silent_s=None,
            keep_days=3_650,
            says="the disk was held against the journal",
        ),
        Stream(
            body=CommandAccepted,
            per_hour=10,
            silent_s=None,
            keep_days=3_650,
            says="a command will be acted on",
        ),
        Stream(
            body=CommandRefused, per_hour=0, silent_s=None, keep_days=3_650, says="a command changed nothing"
        ),
        Stream(body=BoxEnrolled, per_hour=0, silent_s=None, keep_days=36_500, says="a key was certified"),
        Stream(
            body=BoxRevoked, per_hour=0, silent_s=None, keep_days=36_500, says="a key is believed no more"
        ),
        Stream(
            body=JournalForked,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a journal contradicts itself",
        ),
        Stream(body=BackupMade, per_hour=0, silent_s=None, keep_days=3_650, says="a backup is finished"),
        Stream(
            body=StoreRestored,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="a store came back from a backup",
        ),
        Stream(
            body=PassageReviewed,
            per_hour=20,
            silent_s=None,
            keep_days=3_650,
            says="a person has reviewed a passage",
        ),
        Stream(
            body=InstrumentOrdered,
            per_hour=0,
            silent_s=None,
            keep_days=36_500,
            says="the centre speaks of a scale",
        ),
        Stream(
            body=CaseRecorded, per_hour=10, silent_s=None, keep_days=3_650, says="entries belong to a case"
        ),
        Stream(
            body=CaseClosed,
            per_hour=1,
            silent_s=None,
            keep_days=36_500,
            says="a case came to its end, or goes on",
        ),
        Stream(
            body=RecordPublished, per_hour=1, silent_s=None, keep_days=3_650, says="something was made public"
        ),
        Stream(
            body=SlipIssued,
            per_hour=20,
            silent_s=None,
            keep_days=3_650,
            says="a slip or decision was printed",
        ),
        *footage.ROWS,
    )
}
