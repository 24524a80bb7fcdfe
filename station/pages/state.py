"""How station, lanes and centre are now, in one language: the strip at the foot of the tablet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kernel import vocabulary
from kernel.events import STREAMS, DeviceHealth, LaneHealth
from station.pages import wording
from station.pages.lines import LaneName
from station.settings import Box
from station.views import LaneState, Today
from web import times
from web.i18n import Texts, word, words
from web.i18n import mark as _

Condition = Literal["good", "odd", "bad", "off"]

SHAPES = {"good": "●", "odd": "◆", "bad": "■", "off": "○"}
ODD = ("starting", "low", "noisy", "frozen", "poor", "due")
SILENT_MS = (STREAMS[LaneHealth.stream].silent_s or 180) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """One destination of the station's own journal."""

    name: str
    connected: bool
    waiting: int  # entries that it has not receipted


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A device, a lane or a link with its condition in words and shape."""

    id: str
    name: str
    words: str
    shape: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    centre: str
    centre_state: str
    chips: tuple[Chip, ...]
    today: str


def state_view(
    *,
    boxes: Sequence[Box],
    lanes: Sequence[LaneState],
    centres: Sequence[Centre],
    today: Today,
    now_ms: int,
    texts: Texts,
    lane_name: LaneName,
    footage: Sequence[str] = (),
) -> StateView:
    """`footage`: what is wrong with its keeping, as machine words."""
    heard = {lane.box: lane for lane in lanes}
    chips = [
        chip
        for box in boxes
        for chip in _lane(box, heard.get(box.name), now_ms=now_ms, texts=texts, lane_name=lane_name)
    ]
    chips += _footage(footage, texts)
    return StateView(
        centre=_centre(centres, texts),
        centre_state=_centre_state(centres),
        chips=tuple(chips),
        today=texts(
            _("today {passages}, over {over}, open {open}, released {released}"),
            passages=today.passages,
            over=today.over,
            open=today.undetermined,
            released=today.released,
        ),
    )


def _footage(worries: Sequence[str], texts: Texts) -> list[Chip]:
    said = words(wording.KEEPING, worries, texts)
    if not said:
        return []
    state: Condition = "bad" if {"room_full", "keeping_stopped"} & set(worries) else "odd"
    return [_chip("station/footage", texts(_("Footage")), said[0], state, why="; ".join(said))]


def _centre(centres: Sequence[Centre], texts: Texts) -> str:
    if not centres:
        return texts(_("no centre is set: everything stays here"))
    if not all(centre.connected for centre in centres):
        return texts(_("cut off from the centre; everything is kept here"))
    waiting = max(centre.waiting for centre in centres)
    if waiting > 0:
        return texts(_("centre connected, {count} entries on their way"), count=waiting)
    return texts(_("centre connected"))


def _centre_state(centres: Sequence[Centre]) -> Condition:
    if not centres:
        return "off"
    return "good" if all(centre.connected for centre in centres) else "odd"


def _lane(box: Box, lane: LaneState | None, *, now_ms: int, texts: Texts, lane_name: LaneName) -> list[Chip]:
    """The lane itself, and those of its devices that do not work; all is well in one word."""
    name = lane_name(box.name)
    if lane is None:
        return [_chip(box.name, name, texts(_("never heard")), "off")]
    if now_ms - lane.received_ms > SILENT_MS:
        since = texts(_("last heard {time}"), time=times.clock(lane.received_ms))
        return [_chip(box.name, name, texts(_("no contact")), "bad", why=since)]
    faults = [_device(box.name, device, texts) for device in lane.devices if condition(device) != "good"]
    if not faults:
        return [_chip(box.name, name, texts(_("normal")), "good")]
    return [_chip(box.name, name, texts(_("devices at fault: {count}"), count=len(faults)), "odd"), *faults]


def _device(box: str, device: DeviceHealth, texts: Texts) -> Chip:
    return _chip(
        f"{box}/{device.name}",
        wording.device(device.kind, device.name, texts),
        word(wording.DEVICE_STATES, device.state, texts),
        condition(device),
        why=", ".join(words(vocabulary.DUE, vocabulary.due(device.detail), texts)),
    )


def condition(device: DeviceHealth) -> Condition:
    if device.state == "up":
        return "good"
    if device.state == "off":
        return "off"
    # A lane that cannot reach the centre goes on; what it holds is here as well.
    return "odd" if device.state in ODD or device.kind == "uplink" else "bad"


def _chip(id_: str, name: str, words: str, state: Condition, *, why: str = "") -> Chip:
    return Chip(id=id_, name=name, words=words, shape=SHAPES[state], state=state, why=why)
