"""`weighpost-edge camera ...`: the acceptance list of a camera, and the view that it was set up with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cameras.settings import CameraSettings
from edge.settings import Settings
from edge.words import LANGUAGES, Language, Table, said
from journal.console import Console, Verbs, read_settings, write
from kernel.errors import ConfigError, LinkError

if TYPE_CHECKING:
    from edge.cameras.acceptance import Item

REFERENCES = "cameras"  # a folder beside the journal

_WORDS: Table = {
    "codec": ("编码格式", "codec"),
    "size": ("分辨率", "picture size"),
    "frames_a_second": ("帧率", "frames a second"),
    "gop": ("关键帧间隔", "group of pictures"),
    "clock": ("摄像机时钟（RTCP）", "the camera's own clock (RTCP)"),
    "lag": ("流滞后", "how far the stream has fallen behind"),
    "sharpness": ("清晰度", "sharpness"),
    "luma": ("亮度", "brightness"),
    "reference": ("参考视角", "reference view"),
    "connection": ("连接", "connection"),
    "wanted": ("要求 {wanted}", "wanted {wanted}"),
    "good": ("合格", "good"),
    "bad": ("不合格", "not good"),
    "unseen": ("未测得", "not seen"),
    "taken": ("{path}：已设为 {camera} 的参考视角", "{path}: the reference view of {camera}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What was seen of one camera."""

    camera: str
    items: tuple[Item, ...]

    @property
    def good(self) -> bool:
        return all(item.good is not False for item in self.items)


def add(verbs: Verbs) -> None:
    """The verbs; each sets `run`."""
    camera = verbs.add_parser("camera", help="hold a camera against what evidence needs")
    inner = camera.add_subparsers(required=True, metavar="VERB", dest="camera_verb")
    check = inner.add_parser("check", help="look at a camera for a while and print its acceptance list")
    check.add_argument("what", nargs="?", metavar="URL|NAME", help="every camera of the settings without it")
    check.add_argument("--settings", type=Path, metavar="lane.toml", help="where the names are")
    check.add_argument("--seconds", type=int, default=10, help="how long to look (10)")
    check.add_argument("--json", action="store_true", help="one JSON object a camera")
    check.add_argument("--language", choices=LANGUAGES, default="zh")
    check.set_defaults(run=_check)
    reference = inner.add_parser("reference", help="keep what a camera shows now as its reference view")
    reference.add_argument("settings", type=Path, metavar="lane.toml")
    reference.add_argument("name", metavar="NAME")
    reference.add_argument("--language", choices=LANGUAGES, default="zh")
    reference.set_defaults(run=_reference)


# --- check -----------------------------------------------------------------------------------------------------


def _check(given: argparse.Namespace, console: Console) -> int:
    """0: nothing that was seen is wrong."""
    if not 1 <= given.seconds <= 600:
        raise ConfigError.one("--seconds", "must be 1 to 600")
    settings = read_settings(Settings, given.settings) if given.settings else None
    folder = Path(settings.data) / REFERENCES if settings else None
    found = [
        _accepted(camera, console, seconds=given.seconds, folder=folder)
        for camera in _cameras(settings, given.what)
    ]
    language: Language = given.language
    for one in found:
        write(_as_json(one) if given.json else "\n".join(_lines(one, language)))
    return 0 if all(one.good for one in found) else 1


def _cameras(settings: Settings | None, what: str | None) -> Sequence[CameraSettings]:
    known = settings.vision.cameras if settings and settings.vision else ()
    if what is None:
        if not known:
            raise ConfigError.one("URL|NAME", "a URL, or --settings with cameras in it")
        return known
    named = [camera for camera in known if camera.name == what]
    return named or [CameraSettings(name="camera", url=what, role="front")]


def _accepted(camera: CameraSettings, console: Console, *, seconds: int, folder: Path | None) -> Accepted:
    from edge.cameras.accepting import accepted

    try:
        items = accepted(camera, clock=console.clock, seconds=seconds, references=folder)
    except LinkError as error:
        from edge.cameras.acceptance import Item

        items = (Item(word="connection", shown=str(error), wanted="", good=False),)
    return Accepted(camera=camera.name, items=items)


def _as_json(one: Accepted) -> str:
    told = {"camera": one.camera, "good": one.good, "items": [asdict(item) for item in one.items]}
    return json.dumps(told, ensure_ascii=False)


def _lines(one: Accepted, language: Language) -> list[str]:
    return [f"{one.camera}:", *(_line(item, language) for item in one.items)]


def _line(item: Item, language: Language) -> str:
    verdict = {True: "good", False: "bad", None: "unseen"}[item.good]
    wanted = said(_WORDS, language, "wanted", wanted=item.wanted) if item.wanted else ""
    told = (said(_WORDS, language, item.word), item.shown, wanted, said(_WORDS, language, verdict))
    return "  " + "\t".join(part for part in told if part)


# --- reference -------------------------------------------------------------------------------------------------


def _reference(given: argparse.Namespace, console: Console) -> int:
    """The running lane compares with it from its next look on."""
    from edge.cameras.looking import sized
    from edge.cameras.measuring import grey_of
    from edge.cameras.references import References
    from edge.cameras.stills import one_still

    settings = read_settings(Settings, given.settings)
    cameras = {camera.name: camera for camera in (settings.vision.cameras if settings.vision else ())}
    if given.name not in cameras:
        raise ConfigError.one("NAME", f"must be one of {', '.join(cameras) or 'none'}, is {given.name!r}")
    grey = grey_of(one_still(cameras[given.name].url, clock=console.clock).jpeg)
    if grey is None:
        raise LinkError(f"{given.name}: its picture cannot be decoded")
    path = References(Path(settings.data) / REFERENCES).put(given.name, sized(grey))
    write(said(_WORDS, given.language, "taken", path=path, camera=given.name))
    return 0
