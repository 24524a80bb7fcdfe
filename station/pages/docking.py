"""The page of the docking station: every recorder with its bar, its clock, its room, and what does not fit, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from station.docking.board import DockView
from station.docking.room import DockingRoom
from station.parts import Parts
from web.i18n import LANGUAGES, Language, Texts, word
from web.i18n import mark as _
from web.sessions import Visitor
from web.shell import Link

DOCKING = Link(path="/docking", key=_("Docking station"))
FULL = 1_000  # width of a whole bar
STATES = {
    "absent": _("nothing docked"),
    "locked": _("locked"),
    "reading": _("being read"),
    "importing": _("taking in"),
    "no_room": _("no room on the station's disk"),
    "collected": _("all taken in"),
    "pulled": _("pulled out too early"),
    "unreadable": _("cannot be read"),
}
# What a person must do something about, what is going on, what is done.
TONES = {
    "absent": "none",
    "locked": "odd",
    "reading": "busy",
    "importing": "busy",
    "no_room": "bad",
    "collected": "done",
    "pulled": "bad",
    "unreadable": "bad",
}
SHAPES = {"none": "○", "odd": "◆", "busy": "▶", "bad": "▲", "done": "✔"}
# docs/footage.md
PROBLEMS = {
    "truncated": _("cut off before its end"),
    "no_index": _("without its index: the recorder lost its power"),
    "not_playable": _("cannot be played"),
    "took_too_long": _("looking at it took too long"),
    "unreadable": _("the card does not give it"),
    "changed": _("still being recorded"),
    "empty": _("nothing in it"),
    "duplicate": _("here already"),
    "collected_before": _("taken in before"),
    "link": _("a link, not followed"),
    "no_file": _("no file"),
    "other_volume": _("on another disk"),
    "too_many_files": _("too many files"),
    "name_unreadable": _("name cannot be read"),
    "start_uncertain": _("start uncertain"),
    "length_uncertain": _("its length is not known: what it says of it cannot be"),
    "clock_lost": _("its clock had lost its time"),
    "device_differs": _("another recorder's number in its name"),
    "officer_differs": _("another officer's number in its name"),
    "holder_unknown": _("nobody is registered as its holder then"),
    "number_twice": _("two recorders with this number"),
    "silent": _("says nothing of itself"),
    "log_unread": _("its log could not be read"),
    "own_clock_unset": _("this station's own clock is not set: clocks are not compared"),
    "too_deep": _("folders too deep"),
    "clock_unread": _("its clock could not be read"),
    "clock_not_set": _("its clock could not be set"),
}
EXPECTED = ("holder_unknown", "duplicate")  # no fault of recorder or card


@dataclass(frozen=True, slots=True, kw_only=True)
class DockCard:
    """One dock as texts, ready for the screen; `bar` is in thousandths."""

    id: str
    tone: str
    shape: str
    state: str
    recorder: str
    model: str
    bar: int
    progress: str
    name: str
    clock: str
    clock_tone: str
    room: str
    battery: str
    problems: str
    hint: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    cards: tuple[DockCard, ...]


def install(app: FastAPI, parts: Parts, docking: DockingRoom) -> None:
    """`/docking`, and the topics `docks.zh|en` that keep it current."""
    shell = parts.shell
    looks = Depends(shell.at_least("viewer"))
    for language in LANGUAGES:
        shell.hub.topic(f"docks.{language}", snapshot=partial(_snapshot, parts, docking, language))
    docking.board.watch(partial(_publish, parts, docking))

    @app.get("/docking")
    async def docks(request: Request, visitor: Visitor = looks) -> Response:
        await parts.access.looked(by=visitor.account.name, what="docks")
        texts = shell.texts(request)
        return shell.page(
            request,
            "docking.html",
            visitor=visitor,
            cards=cards_of(docking, texts).cards,
            language=texts.language,
        )


async def _snapshot(parts: Parts, docking: DockingRoom, language: Language) -> Cards:
    return cards_of(docking, parts.shell.catalogues[language])


def _publish(parts: Parts, docking: DockingRoom) -> None:
    if not parts.shell.hub.clients:
        return
    for language in LANGUAGES:
        parts.shell.hub.publish(f"docks.{language}", cards_of(docking, parts.shell.catalogues[language]))


def cards_of(docking: DockingRoom, texts: Texts) -> Cards:
    return Cards(cards=tuple(card_of(view, docking, texts) for view in docking.board.docks.values()))


def card_of(view: DockView, docking: DockingRoom, texts: Texts) -> DockCard:
    tone = TONES[view.state]
    state = texts(STATES[view.state])
    profile = docking.profiles.models.get(view.model or "")
    return DockCard(
        id=view.dock,
        tone=tone,
        shape=SHAPES[tone],
        state=state,
        recorder=view.recorder or (texts(_("number not known")) if view.model else "—"),
        model=profile.shown(texts.language) if profile else view.model or "",
        bar=_bar(view),
        progress=_progress(view, texts),
        name=view.name,
        clock=_clock(view, texts),
        clock_tone="bad" if abs(view.clock_off_ms or 0) > 1_000 else "none",
        room=_room(view, texts),
        battery=_battery(view, texts),
        problems=_problems(view, texts),
        hint=_hint(view, profile.hint(texts.language) if profile else "", texts),
        says=f"{view.dock}, {state}",
    )


def _bar(view: DockView) -> int:
    if view.state == "collected":
        return FULL
    return min(FULL, FULL * view.done // view.size) if view.size else 0


def _progress(view: DockView, texts: Texts) -> str:
    if not view.files:
        return ""
    return texts(
        _("{done} of {files} files, {done_mb} of {mb} MB, {new} new"),
        done=view.done_files,
        files=view.files,
        done_mb=view.done >> 20,
        mb=view.size >> 20,
        new=view.new_files,
    )


def _clock(view: DockView, texts: Texts) -> str:
    """How far it was off when it came, and how well that is known."""
    if view.clock_off_ms is None:
        return texts(_("clock not read")) if view.recorder else ""
    way = _("clock {span} fast, ±{error} s") if view.clock_off_ms > 0 else _("clock {span} slow, ±{error} s")
    error_ds = ((view.clock_err_ms or 0) + 99) // 100
    said = texts(way, span=_span(abs(view.clock_off_ms)), error=_tenths(error_ds))
    set_now = texts(_("set now"))
    return f"{said} · {set_now}" if view.clock_set else said


def _span(off_ms: int) -> str:
    seconds = off_ms // 1_000
    if seconds < 60:
        return f"{_tenths(off_ms // 100)} s"
    if seconds < 3_600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    days, rest = divmod(seconds, 86_400)
    hours = f"{rest // 3_600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {hours}" if days else hours


def _room(view: DockView, texts: Texts) -> str:
    if view.free_kb is None or not view.total_kb:
        return ""
    free, total = (_tenths(kb * 10 >> 20) for kb in (view.free_kb, view.total_kb))
    return texts(_("{free} of {total} GB free on its card"), free=free, total=total)


def _tenths(number: int) -> str:
    return f"{number // 10}.{number % 10}"


def _battery(view: DockView, texts: Texts) -> str:
    if view.battery_permille is None:
        return ""
    return texts(_("battery {percent} %"), percent=view.battery_permille // 10)


def _problems(view: DockView, texts: Texts) -> str:
    told = [
        (name, count) for name, count in view.problems if name not in EXPECTED or view.state == "collected"
    ]
    return texts(_("; ")).join(
        word(PROBLEMS, name, texts) + (f" ×{count}" if count > 1 else "") for name, count in told
    )


def _hint(view: DockView, model: str, texts: Texts) -> str:
    """What to do about it."""
    match view.state:
        case "locked":
            return model
        case "pulled":
            return texts(_("Put it in again: it goes on where it was."))
        case "no_room":
            return texts(_("It waits, and goes on when there is room. {why}"), why=view.why)
        case "unreadable":
            return texts(_("Clean its contacts and put it in again; else its card is for the workshop."))
    return ""
