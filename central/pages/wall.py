"""What the wall shows beside the passages: figures, stations, lanes and devices, hours, alarms.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from central.pages import wording
from central.pages.lines import StationName
from central.views import Alarm, DeviceState, HourRow, SourceState
from kernel import vocabulary
from web import times
from web.i18n import Texts, word, words
from web.i18n import mark as _
from web.numbers import grouped

HOURS = 24
SLOT, BAR = 40, 26
PLOT_TOP, PLOT_HEIGHT = 18, 120
Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One count of today."""

    id: str
    name: str
    value: str
    tone: str
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationMark:
    """One station on the schematic: place, shape and text say its state; colour only repeats it."""

    id: str
    name: str
    at: str
    state: str  # up, partly, silent, unheard
    shape: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One lane, or one device of the lane before it."""

    id: str
    style: str  # lane or device
    name: str
    state: str  # up, off, odd, bad
    shape: str
    words: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of one hour's bar, in the plot's own units."""

    id: str
    x: int
    y: int
    height: int
    style: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The number over an hour's bar."""

    id: str
    x: int
    y: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    id: str
    name: str
    subject: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WallState:
    """Everything but the passages, in one language."""

    figures: tuple[Figure, ...]
    stations: tuple[StationMark, ...]
    chips: tuple[Chip, ...]
    bars: tuple[Bar, ...]
    counts: tuple[Count, ...]
    bar_top: str
    alarms: tuple[AlarmLine, ...]
    as_of: str


SHAPE_PATHS = {
    "up": "M-13 0a13 13 0 1 0 26 0a13 13 0 1 0-26 0z",  # circle
    "partly": "M0-17L17 13H-17z",  # triangle
    "silent": "M-14-14H14V14H-14z",  # square
    "unheard": "M0-16L16 0L0 16L-16 0z",  # lozenge
}
DEVICE_SHAPES = {"up": "●", "off": "○", "odd": "▲", "bad": "■"}


def wall_state(
    *,
    hours: Sequence[HourRow],
    sources: Sequence[SourceState],
    alarms: Sequence[Alarm],
    places: Mapping[str, Point],
    now_ms: int,
    texts: Texts,
    station_name: StationName,
) -> WallState:
    bars, counts, top = hour_bars(hours, times.day_start_ms(now_ms), texts)
    return WallState(
        figures=figures(hours, texts),
        stations=station_marks(sources, places, texts, station_name),
        chips=tuple(chips(sources, texts, station_name)),
        bars=bars,
        counts=counts,
        bar_top=grouped(top),
        alarms=tuple(
            alarm_line(alarm, _about(alarm, sources, texts, station_name), texts) for alarm in alarms
        ),
        as_of=times.clock(now_ms),
    )


def figures(hours: Sequence[HourRow], texts: Texts) -> tuple[Figure, ...]:
    """Passages, over limit or suspected, to be confirmed, not weighed: today."""
    rows = (
        ("passages", _("Passages today"), sum(row.passages for row in hours), None),
        ("over", _("Over limit or suspected"), sum(row.over_limit for row in hours), "suspected"),
        ("undetermined", _("To be confirmed"), sum(row.undetermined for row in hours), "undetermined"),
        ("none", _("Not weighed"), sum(row.not_weighed for row in hours), "none"),
    )
    return tuple(
        Figure(
            id=name,
            name=texts(key),
            value=grouped(value),
            tone=tone if tone and value else "",
            shape=vocabulary.SHAPES[tone] if tone else "",  # type: ignore[index]
        )
        for name, key, value, tone in rows
    )


def station_marks(
    sources: Sequence[SourceState], places: Mapping[str, Point], texts: Texts, station_name: StationName
) -> tuple[StationMark, ...]:
    return tuple(
        _station_mark(
            station, [source for source in sources if source.station == station], at, texts, station_name
        )
        for station, at in places.items()
    )


def _station_mark(
    station: str, lanes: Sequence[SourceState], at: Point, texts: Texts, station_name: StationName
) -> StationMark:
    state, words = _station_state(lanes, texts)
    return StationMark(
        id=station,
        name=station_name(station),
        at=f"translate({at[0]} {at[1]})",
        state=state,
        shape=SHAPE_PATHS[state],
        words=words,
    )


def _station_state(lanes: Sequence[SourceState], texts: Texts) -> tuple[str, str]:
    if not lanes or all(lane.state == "unheard" for lane in lanes):
        return "unheard", texts(_("never heard"))
    silent = sum(lane.state != "up" for lane in lanes)
    if silent == len(lanes):
        return "silent", texts(_("no contact"))
    if silent:
        return "partly", texts(_("{count} of {all} lanes without contact"), count=silent, all=len(lanes))
    faulty = sum(_chip_state(device) in ("odd", "bad") for lane in lanes for device in lane.devices)
    if faulty:
        return "partly", texts(_("devices at fault: {count}"), count=faulty)
    return "up", texts(_("normal"))


def chips(sources: Iterable[SourceState], texts: Texts, station_name: StationName) -> list[Chip]:
    found: list[Chip] = []
    for source in sources:
        found.append(_lane_chip(source, texts, station_name))
        found += [_device_chip(source, device, texts) for device in source.devices]
    return found


def _lane_chip(source: SourceState, texts: Texts, station_name: StationName) -> Chip:
    state = "up" if source.state == "up" else "bad"
    words = texts(wording.SOURCE_STATES[source.state])
    if source.state == "up" and source.waiting:
        words = texts(_("catching up: {count} waiting"), count=grouped(source.waiting))
    return Chip(
        id=source.source,
        style="chip lane",
        name=f"{station_name(source.station)} {wording.lane_name(source.lane, texts)}",
        state=state,
        shape=DEVICE_SHAPES[state],
        words=words,
        why=texts(_("last heard {time}"), time=times.stamp(source.heard_ms)),
    )


def _device_chip(source: SourceState, device: DeviceState, texts: Texts) -> Chip:
    # What a silent lane said last is not how its devices are now.
    state = _chip_state(device) if source.state == "up" else "off"
    words = texts(vocabulary.DEVICE_STATES.get(device.state, device.state)) if source.state == "up" else "—"
    return Chip(
        id=f"{source.source}/{device.name}",
        style="chip device",
        name=wording.device_name(device.kind, device.name, texts),
        state=state,
        shape=DEVICE_SHAPES[state],
        words=words,
        why=" ".join(part for part in (times.stamp(device.since_ms), _due(device.detail, texts)) if part),
    )


def _due(detail: str, texts: Texts) -> str:
    """What an instrument or a camera says that a person must do; whatever else a device says stays as it is."""
    return ", ".join(words(vocabulary.DUE, vocabulary.due(detail), texts))


def _chip_state(device: DeviceState) -> str:
    if device.state in ("up", "off"):
        return device.state
    return "odd" if device.state in ("starting", "noisy", "poor", "low", "due") else "bad"


def hour_bars(
    hours: Sequence[HourRow], day_ms: int, texts: Texts
) -> tuple[tuple[Bar, ...], tuple[Count, ...], int]:
    """Stretches from the ground up: within, not weighed, to be confirmed, over; and what the plot's top stands for."""
    sums = [
        _hour_sums(row for row in hours if row.hour_ms == day_ms + n * times.HOUR_MS) for n in range(HOURS)
    ]
    top = nice_top(max((sum(parts.values()) for parts in sums), default=0))
    bars: list[Bar] = []
    counts: list[Count] = []
    for hour, parts in enumerate(sums):
        ground = PLOT_TOP + PLOT_HEIGHT
        for name, value in parts.items():
            height = round(value * PLOT_HEIGHT / top)
            ground -= height
            says = f"{hour:02d}:00 {texts(PART_NAMES[name])} {value}"
            bars.append(
                Bar(
                    id=f"{hour}-{name}",
                    x=hour * SLOT + 7,
                    y=ground,
                    height=height,
                    style=f"bar {name}",
                    says=says,
                )
            )
        if total := sum(parts.values()):
            counts.append(Count(id=str(hour), x=hour * SLOT + 7 + BAR // 2, y=ground - 4, value=str(total)))
    return tuple(bars), tuple(counts), top


PART_NAMES = {
    "within": _("within limit"),
    "none": _("not weighed"),
    "undetermined": _("to be confirmed"),
    "over": _("over limit or suspected"),
}


def _hour_sums(rows: Iterable[HourRow]) -> dict[str, int]:
    sums = dict.fromkeys(PART_NAMES, 0)
    for row in rows:
        sums["within"] += row.within
        sums["none"] += row.not_weighed
        sums["undetermined"] += row.undetermined
        sums["over"] += row.over_limit
    return sums


def nice_top(value: int) -> int:
    """The next 1, 2 or 5 times a power of ten, at least 10."""
    power = 10
    while True:
        for factor in (1, 2, 5):
            if factor * power >= value:
                return factor * power
        power *= 10


def _about(alarm: Alarm, sources: Sequence[SourceState], texts: Texts, station_name: StationName) -> str:
    """Which lane and which device an alarm is about."""
    source = next((source for source in sources if source.source == alarm.source), None)
    if source is None:
        return alarm.subject
    place = _lane_chip(source, texts, station_name).name
    device = next((device for device in source.devices if device.name == alarm.subject), None)
    return f"{place} {wording.device_name(device.kind, device.name, texts)}" if device else place


def alarm_line(alarm: Alarm, about: str, texts: Texts) -> AlarmLine:
    state, _colon, detail = alarm.detail.partition(": ")
    told = (about, word(vocabulary.DEVICE_STATES, state, texts), _due(detail, texts))
    return AlarmLine(
        id=alarm.key,
        name=word(wording.ALARMS, alarm.kind, texts),
        subject=" ".join(part for part in told if part),
        since="" if alarm.since_ms is None else times.stamp(alarm.since_ms)[5:16],
    )
