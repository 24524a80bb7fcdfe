"""How well one protocol explains bytes: frames found, checksums right, bytes accounted for, values that agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edge.detecting.lines import Line
from edge.detecting.reading import Heard, View, views
from edge.drivers.readings import Reading
from edge.drivers.rows import Indicator, IndicatorOptions, Weigher, WeigherOptions
from kernel.errors import ConfigError, ProtocolError
from kernel.settings import read

Row = Indicator | Weigher

_COMMON = {field.name for kind in (IndicatorOptions, WeigherOptions) for field in fields(kind)}
_FILLING = b"\r\n\x00"  # what may stand between frames that follow each other
_ASKED_FRAMES = 3  # answers to a question are no accident
_CHECKED_FRAMES = 3
_SURE_CHECKED_FRAMES = 10
_UNCHECKED_FRAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One row, in one form of its options, on what was heard at one setting of the line.

    `vouched` of the `frames` had a right checksum; `spoiled` looked like frames and were none.  `joined` counts the
    frames that directly follow another, and `agreeing` the values with the commonest unit and place of the point.
    """

    row: Row
    form: Mapping[str, object]
    line: Line
    masked: bool
    frames: int
    readings: int
    vouched: int
    spoiled: int
    explained: int  # bytes
    size: int  # bytes
    joined: int
    agreeing: int
    window_ms: int
    asked: str | None

    @property
    def checked(self) -> bool:
        return self.frames > 0 and self.vouched == self.frames

    @property
    def explained_percent(self) -> int:
        return 100 * self.explained // max(self.size, 1)

    @property
    def per_10_s(self) -> int:
        return 10_000 * self.frames // max(self.window_ms, 1)

    @property
    def convinces(self) -> bool:
        """Enough to be said aloud: several frames that agree, and little that they leave unexplained."""
        return self._convinces_checked() if self.checked else self._convinces_unchecked()

    def _convinces_checked(self) -> bool:
        """Long frames on a noisy line are spoiled more often than not, but so many right checksums are no accident."""
        if self.frames >= _SURE_CHECKED_FRAMES:
            return 4 * self.explained >= self.size
        return (
            self.frames >= _CHECKED_FRAMES
            and self.vouched >= self.spoiled
            and 2 * self.explained >= self.size
        )

    def _convinces_unchecked(self) -> bool:
        """Most frames follow each other: what is found inside longer frames never does."""
        return (
            self.frames >= (_ASKED_FRAMES if self.asked else _UNCHECKED_FRAMES)
            and 2 * self.explained >= self.size
            and 2 * self.joined >= self.frames - 1
            and 10 * self.agreeing >= 8 * self.readings
        )


def best_evidence(row: Row, heard: Heard) -> Evidence | None:
    """The form and view that explain most; the row's defaults where they do as well.  None: not one frame."""
    found = [
        evidence(row, form, view, heard)
        for view in views(heard)
        for form in forms(row.options)
        if not (view.masked and has_high_bit(row))
    ]
    return max((one for one in found if one.frames), key=_weight, default=None)


def has_high_bit(row: Row) -> bool:
    """A record with a binary length or checksum has no room for parity, and one of text is read without it."""
    return isinstance(row, Indicator) and row.high_bit


def _weight(found: Evidence) -> tuple[bool, int]:
    return found.checked, found.explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Options of a row: those `told` besides the defaults, and all of them, read."""

    told: Mapping[str, object]
    options: Any


def forms(options: Any) -> tuple[Form, ...]:
    """Of a class of options: the defaults, and each choice that is the row's own made otherwise; () if it needs more."""
    return _forms(options)


@cache
def _forms(options: Any) -> tuple[Form, ...]:
    hints = get_type_hints(options)
    tables: list[dict[str, object]] = [{}]
    for field in fields(options):
        if field.name not in _COMMON:
            tables += [{field.name: value} for value in _choices(hints[field.name]) if value != field.default]
    found = tuple(form for table in tables if (form := _form(options, table)) is not None)
    return found if found and not found[0].told else ()


def _choices(hint: Any) -> Sequence[object]:
    if hint is bool:
        return (False, True)
    if get_origin(hint) is Literal:
        return get_args(hint)
    return [value for inner in get_args(hint) if inner is not type(None) for value in _choices(inner)]


def _form(options: Any, table: dict[str, object]) -> Form | None:
    try:
        return Form(told=table, options=read(options, table))
    except ConfigError:
        return None


def evidence(row: Row, form: Form, view: View, heard: Heard) -> Evidence:
    parser = row.parser(form.options)
    items = [*parser.feed(view.data), *parser.finish()]
    frames = [item for item in items if not isinstance(item, ProtocolError)]
    raws = [raw for item in frames if (raw := getattr(item, "raw", b""))]
    readings = [item for item in frames if isinstance(item, Reading)]
    return Evidence(
        row=row,
        form={**heard.form, **form.told} if heard.asked == row.name else form.told,
        line=view.line,
        masked=view.masked,
        frames=len(frames),
        readings=len(readings),
        vouched=sum(_is_vouched(item, row) for item in frames),
        spoiled=sum(isinstance(item, ProtocolError) and bool(item.frame) for item in items),
        explained=sum(map(len, raws)),
        size=len(view.data),
        joined=_joined(raws, view.data),
        agreeing=_agreeing(readings),
        window_ms=heard.window_ms,
        asked=heard.asked,
    )


def _is_vouched(item: object, row: Row) -> bool:
    """A reading says so itself; whatever else a protocol with checksums tells has passed them."""
    if isinstance(item, Reading):
        return item.checked
    return "checksum" in row.says


def _joined(raws: Sequence[bytes], data: bytes) -> int:
    """A frame found inside a longer one that is not understood never follows its neighbour."""
    joined, end = 0, -1
    for raw in raws:
        start = data.find(raw, max(end, 0))
        if start < 0:  # the parser shows its frames otherwise than the wire did
            continue
        joined += end >= 0 and not data[end:start].strip(_FILLING)
        end = start + len(raw)
    return joined


def _agreeing(readings: Sequence[Reading]) -> int:
    """What a display leaves out, as some do in motion, contradicts nothing."""
    places = [one.exponent for one in readings if one.mantissa is not None]
    units = [one.unit for one in readings if one.unit is not None]
    contrary = max(_contrary(places), _contrary(units))
    return len(readings) - contrary


def _contrary(values: Sequence[object]) -> int:
    return len(values) - max(Counter(values).values(), default=0)
