"""What a station says of recorders 执法记录仪 and their footage: every act is an entry, the footage is a projection of them.

A file is its SHA-256; the recorder's own time is never changed, what is known of its clock is said beside it.
`from_ms` and `to_ms` of a file are milliseconds since its first frame.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from kernel.parts import Body, EntryRef, Part, Stream

AnchorKind = Literal["dock", "qr", "gps", "gps_beside", "event", "manual"]
RecorderStatus = Literal["in_use", "repair", "lost", "retired"]
DockState = Literal["open", "locked", "unreadable", "removed"]
ImportState = Literal["imported", "duplicate", "damaged", "empty", "refused"]
StartBasis = Literal["name", "container", "file", "none"]
TagKind = Literal["event", "case", "category", "important", "note", "step"]
DerivedKind = Literal["working_copy", "span", "redacted"]
CaseKept = Literal[
    "case", "case_long", "permanent"
]  # 保管期限: the row of the law that counts from its closing
Step = Literal[
    "show_certificate",  # 亮证
    "notice",  # 告知
    "inquiry",  # 询问
    "weighing",  # 检查、称重
    "sampling",  # 抽样
    "registration",  # 先行登记保存
    "seizure",  # 扣押
    "unloading",  # 卸载
    "hearing",  # 听证
    "signing",  # 签字
    "refusal",  # 拒绝签字、拒绝检查
    "service",  # 送达
    "left_in_place",  # 留置送达
    "compulsion",  # 强制执行
]


class ClockAnchor(Part, frozen=True, kw_only=True):
    """At `own_ms` of the recorder's clock it was `true_ms`, give or take `err_ms`."""

    kind: AnchorKind
    own_ms: int
    true_ms: int
    err_ms: int


class RecorderRegistered(Body, frozen=True, kw_only=True):
    """A recorder is in the register, or what the register says of it has changed."""

    stream: ClassVar[str] = "recorder.registered"
    recorder: str  # its number, as it names itself
    model: str  # of the profiles
    unit: str
    status: RecorderStatus
    by: str
    note: str = ""


class RecorderIssued(Body, frozen=True, kw_only=True):
    """An officer took a recorder 领用, or gave it back 归还; who held it at a minute is the officer of its footage."""

    stream: ClassVar[str] = "recorder.issued"
    recorder: str
    act: Literal["issued", "returned"]
    officer: str
    at_ms: int
    by: str


class DutyKept(Body, frozen=True, kw_only=True):
    """An officer's own shift 执勤 begins or ends: who is on duty without footage shows up."""

    stream: ClassVar[str] = "duty.kept"
    officer: str
    act: Literal["begun", "ended"]
    at_ms: int
    by: str


class RecorderDocked(Body, frozen=True, kw_only=True):
    """A recorder was put into a dock 采集站, and what it said of itself before anything was set."""

    stream: ClassVar[str] = "recorder.docked"
    dock: str  # name of the place
    recorder: str | None  # None: it does not say
    model: str
    state: DockState
    at_ms: int
    own_clock_ms: int | None = None
    clock_err_ms: int | None = None  # of that reading
    clock_set: bool = False
    free_kb: int | None = None
    total_kb: int | None = None
    battery_permille: int | None = None
    named_officer: str | None = None  # whom the recorder names; compared only
    files: int = 0
    note: str = ""


class ClockAnchored(Body, frozen=True, kw_only=True):
    """A recorder's clock was held against true time."""

    stream: ClassVar[str] = "recorder.anchored"
    recorder: str
    anchor: ClockAnchor
    by: str
    sha256: str | None = None  # the file that shows it
    note: str = ""


class FootageImported(Body, frozen=True, kw_only=True):
    """One file of a recorder, as what it is; `sha256` is None where not even that could be read."""

    stream: ClassVar[str] = "footage.imported"
    recorder: str | None
    dock: str
    state: ImportState
    name: str  # its own name, never changed
    folder: str = ""  # inside the recorder
    sha256: str | None = None
    size: int = 0
    media_type: str = ""
    named_device: str | None = None  # in its name; compared only
    named_officer: str | None = None
    officer: str | None = None  # who held the recorder then
    own_start_ms: int | None = None  # by the recorder's clock
    start_basis: StartBasis = "none"
    start_err_ms: int = 0  # of reading it, not of the clock
    duration_ms: int | None = None
    sequence: int | None = None
    important: bool = False  # marked on the recorder 重点文件标记
    group: str = ""  # files of one recording that the recorder has split
    codec: str = ""
    width: int = 0
    height: int = 0
    problems: tuple[str, ...] = ()  # machine words: docs/footage.md
    audio: str = ""  # codec of its sound; empty: none, or nobody has looked


class RecorderCleared(Body, frozen=True, kw_only=True):
    """A file is taken off its recorder: its original is stored here, and `imported` is out of danger elsewhere."""

    stream: ClassVar[str] = "recorder.cleared"
    recorder: str | None
    dock: str
    name: str
    sha256: str
    size: int
    imported: EntryRef
    folder: str = ""  # inside the recorder


class FootageLinked(Body, frozen=True, kw_only=True):
    """A part of a file belongs to a passage or a case, might belong, or does not 关联."""

    stream: ClassVar[str] = "footage.linked"
    link: str  # names this link
    act: Literal["proposed", "linked", "declined", "unlinked"]
    sha256: str
    from_ms: int
    to_ms: int
    by: str  # a person, or the rule
    reason: str
    box: str | None = None
    passage: str | None = None
    case: str | None = None
    true_from_ms: int | None = None
    err_ms: int | None = None
    parts: tuple[tuple[int, int], ...] = ()  # of it, what travels, where that is not all from first to last
    confirmed_by: str | None = None  # who has linked it, where the rule has cut it anew since

    @property
    def travels(self) -> tuple[tuple[int, int], ...]:
        """The stretches that are cut and sent, each since the first frame."""
        return self.parts or ((self.from_ms, self.to_ms),)


class FootageTagged(Body, frozen=True, kw_only=True):
    """A mark on a part of a file 标记; it is taken back only with a reason."""

    stream: ClassVar[str] = "footage.tagged"
    tag: str  # names this tag
    act: Literal["tagged", "untagged"]
    sha256: str
    from_ms: int
    to_ms: int
    kind: TagKind
    value: str
    by: str
    reason: str = ""


class FootageDerived(Body, frozen=True, kw_only=True):
    """A new file was made of others; the originals are as they were."""

    stream: ClassVar[str] = "footage.derived"
    kind: DerivedKind
    sha256: str
    size: int
    sources: tuple[str, ...]  # SHA-256
    by: str
    reason: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    how: tuple[tuple[str, str], ...] = ()  # settings that made it
    passage: str | None = None
    case: str | None = None
    box: str | None = None  # of the passage
    link: str | None = None  # whose span it is


class FootageDisposed(Body, frozen=True, kw_only=True):
    """Deletion in two steps: marked, and seven days later deleted, unless it was restored before."""

    stream: ClassVar[str] = "footage.disposed"
    act: Literal["marked", "restored", "deleted"]
    files: tuple[str, ...]  # SHA-256
    rule: str
    by: str
    due_ms: int | None = None
    reason: str = ""


class FootageScored(Body, frozen=True, kw_only=True):
    """A supervisor watched footage and gave it a mark 1 to 5; `sample`: it came by lot."""

    stream: ClassVar[str] = "footage.scored"
    sha256: str
    by: str
    sample: bool
    score: int
    note: str = ""


class StepMarked(Body, frozen=True, kw_only=True):
    """An officer has come to a step that must be recorded 应当记录的环节."""

    stream: ClassVar[str] = "step.marked"
    step: Step
    at_ms: int
    by: str
    box: str | None = None
    passage: str | None = None
    case: str | None = None


class GapExplained(Body, frozen=True, kw_only=True):
    """Why a step that must be recorded has no footage."""

    stream: ClassVar[str] = "gap.explained"
    step: Step
    reason: str
    by: str
    box: str | None = None
    passage: str | None = None
    case: str | None = None
    weighed: EntryRef | None = None


class CaseNoted(Body, frozen=True, kw_only=True):
    """The centre has told this station of a case 案件: what of its footage belongs to it, and since when it is closed."""

    stream: ClassVar[str] = "case.noted"
    case: str
    by: str  # whose act it was at the centre
    closed_ms: int | None = None  # None: it is open, or open again
    kept_as: CaseKept = "case"
    box: str | None = None  # of the passage
    passage: str | None = None  # that belongs to it; None: only what names the case itself


FOOTAGE: tuple[type[Body], ...] = (
    RecorderRegistered,
    RecorderIssued,
    DutyKept,
    RecorderDocked,
    ClockAnchored,
    FootageImported,
    RecorderCleared,
    FootageLinked,
    FootageTagged,
    FootageDerived,
    FootageDisposed,
    FootageScored,
    StepMarked,
    GapExplained,
    CaseNoted,
)


def _row(body: type[Body], per_hour: int, keep_days: int, says: str) -> Stream:
    return Stream(body=body, per_hour=per_hour, silent_s=None, keep_days=keep_days, says=says)


ROWS = (
    _row(RecorderRegistered, 0, 36_500, "the register of recorders"),
    _row(RecorderIssued, 4, 3_650, "a recorder was taken or given back"),
    _row(DutyKept, 1, 3_650, "an officer's shift begins or ends"),
    _row(RecorderDocked, 4, 3_650, "a recorder was docked"),
    _row(ClockAnchored, 4, 36_500, "a recorder's clock was held against true time"),
    _row(FootageImported, 20, 36_500, "a file of a recorder was taken in, or why not"),
    _row(RecorderCleared, 20, 36_500, "a file is taken off a recorder"),
    _row(FootageLinked, 20, 36_500, "footage belongs to a passage or case"),
    _row(FootageTagged, 20, 36_500, "a mark on footage"),
    _row(FootageDerived, 4, 36_500, "a file was made of footage"),
    _row(FootageDisposed, 1, 36_500, "footage is to be deleted, or was"),
    _row(FootageScored, 0, 3_650, "a supervisor watched footage"),
    _row(StepMarked, 60, 36_500, "a step that must be recorded"),
    _row(GapExplained, 1, 36_500, "why a step has no footage"),
    _row(CaseNoted, 1, 36_500, "a station knows of a case"),
)
