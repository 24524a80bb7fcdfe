"""The life of one dock: a recorder comes, is unlocked and asked, its clock held against ours, its files taken in; it goes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from kernel.clock import Clock
from kernel.errors import ConfigError, FullError, LinkError, ProtocolError, RefusedError, RestartError
from kernel.events import EntryRef
from kernel.evidence.header import ClockState
from kernel.footage.bodies import ClockAnchor, ClockAnchored, DockState, RecorderCleared, RecorderDocked
from kernel.footage.names import Profile, fitting, read_name
from station.docking.board import Board
from station.docking.clocks import hold_against
from station.docking.contract import About, Presence, RecorderDock
from station.docking.describing import Visit
from station.docking.importing import Importer, NoRoomError, Outcome
from station.docking.profiles import Profiles
from station.docking.settings import Dock
from station.docking.threads import OwnThreads
from station.docking.volume import Found, Volume

log = logging.getLogger(__name__)

LOOK_S = 1.0
ROOM_S = 5.0
FAULT_S = 30.0  # until a recorder that nobody can make sense of is tried again
OPENS_MS = 30_000  # from being unlocked until its storage appears
LISTED_MS = 60_000  # a recorder that is emptied is listed again: it may be recording still
SET_FROM_MS = 500  # a clock that is better than this is left alone
Acknowledged = Callable[[EntryRef], bool]  # the centre has this entry out of danger; blocking
Due = Callable[["Stay"], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Stay:
    """A recorder in the dock, and what is still to be taken from it."""

    visit: Visit
    about: About
    volume: Volume
    waiting: list[Found]
    due: list[Due] = field(default_factory=list)  # before its files; each once
    listed: frozenset[Found] = frozenset()  # as it was seen last
    seen: set[Found] = field(default_factory=set)
    listed_ms: int = 0
    clock_set: bool = False
    taken: list[Outcome] = field(default_factory=list)
    done: int = 0  # bytes of files that are through


class Docking:
    """Runs one dock.  What goes wrong with a recorder is shown and said; the dock goes on with the next."""

    def __init__(
        self,
        dock: Dock,
        driver: RecorderDock,
        *,
        importer: Importer,
        profiles: Profiles,
        board: Board,
        clock: Clock,
        source_clock: Callable[[], ClockState],
        officers: Mapping[str, str] | None = None,
        deletes: Acknowledged | None = None,
        told: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        """`deletes`: what was taken is removed from the recorder once this says yes; None: never.

        `source_clock` says how good `clock` is; `officers` are numbers by account; `told` hears of every file that is through.
        """
        self._dock = dock
        self._driver = driver
        self._importer = importer
        self._profiles = profiles
        self._board = board
        self._clock = clock
        self._source_clock = source_clock
        self._officers = officers or {}
        self._deletes = deletes
        self._told = told
        self._stay: Stay | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = OwnThreads(1, name=f"dock {dock.name}")
        self._said: DockState | None = None  # of this presence, what is said once
        self._opened_ms: int | None = None  # of this presence, when it was told to open

    @property
    def name(self) -> str:
        return self._dock.name

    def close(self) -> None:
        self._thread.close()

    async def run(self) -> None:
        """Until the process ends."""
        while True:
            await self._clock.sleep(await self.step())

    async def step(self) -> float:
        """Look once and do what is to be done; the seconds until the next look."""
        try:
            return await self._step()
        except (FullError, sqlite3.OperationalError) as error:
            self._board.change(self.name, state="no_room", why=str(error))
            log.warning("no room for a recorder's files", extra={"dock": self.name, "reason": str(error)})
            return ROOM_S
        except RestartError:
            raise
        except Exception as error:
            # Whatever a hostile card or a strange program brings about ends here: the station goes on.
            self._board.change(self.name, state="unreadable", why=str(error) or type(error).__name__)
            log.exception("recorder not understood", extra={"dock": self.name})
            return FAULT_S

    async def _step(self) -> float:
        presence = await self._thread.run(self._driver.presence)
        if presence == "locked":
            presence = await self._unlocked()
        if presence == "open":
            self._said = None if self._said == "locked" else self._said
            self._opened_ms = None
            return await self._with_recorder()
        if presence == "absent":
            self._leave()
        return LOOK_S

    # --- coming and going -------------------------------------------------------------------------------------

    async def _unlocked(self) -> Presence:
        """It is opened where that is known; else it is shown as locked, with what its model wants."""
        if self._said == "locked" or self._opening():
            return "locked"
        self._stay = None
        usb = await self._thread.run(self._driver.usb)
        profile = self._profiles.models.get(self._dock.model or "") or self._profiles.of_usb(usb)
        self._board.begin(self.name, "locked", model=profile.model)
        try:
            if self._opened_ms is None and await self._thread.run(self._driver.unlock):
                self._opened_ms = self._clock.mono_ms()
                return await self._thread.run(self._driver.presence)
        except (LinkError, RefusedError, ConfigError) as error:
            self._board.change(self.name, why=str(error))
            log.warning("recorder stays locked", extra={"dock": self.name, "reason": str(error)})
        await self._say_docked("locked", About(), model=profile.model, note=profile.hint_zh)
        self._said = "locked"
        return "locked"

    def _opening(self) -> bool:
        """Unlocked once, and not again: a password that is wrong too often locks many recorders for good."""
        return self._opened_ms is not None and self._clock.mono_ms() < self._opened_ms + OPENS_MS

    def _leave(self) -> None:
        self._said = self._opened_ms = None
        if self._stay is not None and self._stay.waiting:
            self._board.change(self.name, state="pulled", name="")
        elif self._board.docks[self.name].state != "pulled":
            self._board.begin(self.name, "absent")
        self._stay = None

    async def _with_recorder(self) -> float:
        try:
            if self._stay is None:
                self._stay = await self._arrive()
            await self._greet(self._stay)
            await self._import(self._stay)
            if self._deletes is not None:
                await self._delete(self._stay, self._deletes)
        except LinkError as error:
            await self._lost(error)
        return LOOK_S

    async def _lost(self, error: LinkError) -> None:
        log.warning("recorder gone", extra={"dock": self.name, "reason": str(error)})
        stay, self._stay = self._stay, None
        if stay is None:
            self._board.begin(self.name, "unreadable", why=str(error))
            if self._said != "unreadable":
                model = self._dock.model or self._profiles.unknown.model
                await self._say_docked("unreadable", About(), model=model, note=str(error))
                self._said = "unreadable"
            return
        self._board.change(self.name, state="pulled", name="")
        note = f"{len(stay.waiting)} of {len(stay.waiting) + len(stay.taken)} files not taken"
        about = About(number=stay.visit.recorder)
        await self._say_docked(
            "removed", about, model=stay.visit.profile.model, files=len(stay.taken), note=note
        )

    # --- arriving ---------------------------------------------------------------------------------------------

    async def _arrive(self) -> Stay:
        """Ask before anything is set; LinkError: it does not answer."""
        self._board.begin(self.name, "reading")
        about = await self._about()
        skip = self._skipped(about)
        volume = Volume(self._driver.top, skip=skip)
        files = await self._thread.run(lambda: list(volume.files()))
        visit = await self._begin_visit(about, files)
        self._show(visit, about, files)
        due: list[Due] = [self._say_held, self._set_clock, self._say_open, self._take_log]
        return Stay(
            visit=visit,
            about=about,
            volume=volume,
            waiting=files,
            due=due,
            listed=frozenset(files),
            seen=set(files),
            listed_ms=self._clock.mono_ms(),
        )

    async def _greet(self, stay: Stay) -> None:
        """What is said and done once a visit; what there was no room for is done again, and nothing before it."""
        while stay.due:
            await stay.due[0](stay)
            stay.due.pop(0)

    async def _say_held(self, stay: Stay) -> None:
        await self._say_anchor(stay.visit, stay.visit.anchor)

    async def _say_open(self, stay: Stay) -> None:
        visit = stay.visit
        await self._say_docked(
            "open",
            stay.about,
            model=visit.profile.model,
            number=visit.recorder,
            anchor=visit.anchor,
            clock_set=stay.clock_set,
            files=len(stay.waiting),
        )

    async def _take_log(self, stay: Stay) -> None:
        """Its files are worth more than its log: that there is none ends no visit."""
        try:
            data = await self._thread.run(self._driver.log)
        except (LinkError, ProtocolError, RefusedError) as error:
            self._board.problem(self.name, "log_unread")
            log.warning("no log of a recorder", extra={"dock": self.name, "reason": str(error)})
            return
        if data:
            await self._importer.take_log(data, stay.visit)

    async def _about(self) -> About:
        try:
            return await self._thread.run(self._driver.about)
        except (ProtocolError, RefusedError) as error:
            self._board.problem(self.name, "silent")
            log.warning("recorder says nothing of itself", extra={"dock": self.name, "reason": str(error)})
            return About()

    def _skipped(self, about: About) -> Sequence[str]:
        model = self._dock.model or about.model
        return (self._profiles.models.get(model or "") or self._profiles.unknown).skip

    def _profile(self, about: About, files: Sequence[Found]) -> tuple[Profile, tuple[Profile, ...]]:
        """By the settings, by what it says, else by how its files are named, and then others may fit some of them."""
        named = self._profiles.models.get(self._dock.model or about.model or "")
        if named is not None:
            return named, ()
        every = tuple(self._profiles.models.values())
        names = [found.name for found in files if not found.refused]
        best = fitting(names, every) or self._profiles.unknown
        return best, tuple(profile for profile in every if profile is not best)

    async def _begin_visit(self, about: About, files: Sequence[Found]) -> Visit:
        profile, others = await self._thread.run(self._profile, about, files)
        number = about.number or await self._thread.run(named_by, files, (profile, *others))
        doubled = bool(number and self._board.others(self.name, number))
        self._board.change(self.name, recorder=number)
        anchor = await self._held_clock()
        return Visit(
            dock=self.name,
            recorder=number,
            profile=profile,
            others=others,
            docked_ms=self._clock.now_ms(),
            anchor=anchor,
            doubled=doubled,
            local_file_times=self._dock.file_times == "local",
            officers=self._officers,
        )

    async def _held_clock(self) -> ClockAnchor | None:
        """Only against a clock of ours that somebody has set right."""
        try:
            held = await hold_against(self._driver, clock=self._clock, ask=self._thread)
        except (LinkError, ProtocolError, RefusedError) as error:
            self._board.problem(self.name, "clock_unread")
            log.warning("clock of a recorder not read", extra={"dock": self.name, "reason": str(error)})
            return None
        if held is None:
            return None
        ours = await self._thread.run(self._source_clock)
        if ours.state == "unset" or ours.err_ms is None:
            self._board.problem(self.name, "own_clock_unset")
            log.warning("our own clock is not set: no recorder is held against it", extra={"dock": self.name})
            return None
        return msgspec.structs.replace(held, err_ms=held.err_ms + ours.err_ms)

    async def _say_anchor(self, visit: Visit, anchor: ClockAnchor | None) -> None:
        """Not of two recorders with one number: their clocks would be taken for one."""
        if anchor is not None and visit.recorder is not None and not visit.doubled:
            body = ClockAnchored(recorder=visit.recorder, anchor=anchor, by=self.name)
            await self._importer.ledger.say(body)

    async def _set_clock(self, stay: Stay) -> None:
        """Only after it was read, and what was read is written down; a new anchor begins what follows."""
        anchor = stay.visit.anchor
        if not self._dock.set_clock or anchor is None or abs(anchor.own_ms - anchor.true_ms) < SET_FROM_MS:
            return
        try:
            if not await self._thread.run(self._driver.set_clock, self._clock.now_ms()):
                return
        except (LinkError, ProtocolError, RefusedError, ConfigError) as error:
            self._board.problem(self.name, "clock_not_set")
            log.warning("clock of a recorder not set", extra={"dock": self.name, "reason": str(error)})
            return
        stay.clock_set = True
        self._board.change(self.name, clock_set=True)
        again = await self._held_clock()
        stay.due.insert(1, lambda stay: self._say_anchor(stay.visit, again))

    async def _say_docked(
        self,
        state: DockState,
        about: About,
        *,
        model: str,
        number: str | None = None,
        anchor: ClockAnchor | None = None,
        clock_set: bool = False,
        files: int = 0,
        note: str = "",
    ) -> None:
        body = RecorderDocked(
            dock=self.name,
            recorder=number or about.number,
            model=model,
            state=state,
            at_ms=self._clock.now_ms(),
            own_clock_ms=anchor.own_ms if anchor else None,
            clock_err_ms=anchor.err_ms if anchor else None,
            clock_set=clock_set,
            free_kb=about.free_kb,
            total_kb=about.total_kb,
            battery_permille=about.battery_permille,
            named_officer=about.officer,
            files=files,
            note=note,
        )
        await self._importer.ledger.say(body)

    def _show(self, visit: Visit, about: About, files: Sequence[Found]) -> None:
        anchor = visit.anchor
        self._board.change(
            self.name,
            state="importing",
            model=visit.profile.model,
            clock_off_ms=anchor.own_ms - anchor.true_ms if anchor else None,
            clock_err_ms=anchor.err_ms if anchor else None,
            free_kb=about.free_kb,
            total_kb=about.total_kb,
            battery_permille=about.battery_permille,
            files=len(files),
            size=sum(found.size for found in files),
        )
        for dock in self._board.others(self.name, visit.recorder) if visit.recorder else ():
            self._board.problem(dock, "number_twice")
            self._board.problem(self.name, "number_twice")
            log.warning("two recorders with one number", extra={"dock": self.name, "other": dock})

    # --- files ------------------------------------------------------------------------------------------------

    async def _import(self, stay: Stay) -> None:
        await self._list_again(stay)
        full = await self._import_what_fits(stay)
        if full is not None:
            raise full
        if self._board.docks[self.name].state in ("importing", "no_room", "unreadable"):
            self._board.change(self.name, state="collected", name="", why="")

    async def _import_what_fits(self, stay: Stay) -> NoRoomError | None:
        """A file that is too large for the disk keeps no smaller one back; it is tried last, and at the next look."""
        aside: list[Found] = []
        full = None
        try:
            while stay.waiting:
                found = stay.waiting[0]
                self._board.change(self.name, state="importing", name=found.name, why="")
                try:
                    outcome = await self._importer.take(
                        stay.volume, found, stay.visit, self._progress(stay.done)
                    )
                except NoRoomError as error:
                    full = full or error
                    aside.append(stay.waiting.pop(0))
                    continue
                stay.waiting.pop(0)
                stay.taken.append(outcome)
                stay.done += found.size
                self._count(stay, outcome)
                self._told(outcome)
        finally:
            stay.waiting += aside
        return full

    async def _list_again(self, stay: Stay) -> None:
        """What has come since, and is the same at two looks: what grows is being recorded."""
        now_ms = self._clock.mono_ms()
        if stay.waiting or now_ms < stay.listed_ms + LISTED_MS:
            return
        stay.listed_ms = now_ms
        files = await self._thread.run(lambda: list(stay.volume.files()))
        new = [found for found in files if found in stay.listed and found not in stay.seen]
        stay.listed = frozenset(files)
        if new:
            stay.seen |= set(new)
            stay.waiting += new
            view = self._board.docks[self.name]
            size = view.size + sum(found.size for found in new)
            self._board.change(self.name, state="importing", files=view.files + len(new), size=size)

    def _count(self, stay: Stay, outcome: Outcome) -> None:
        view = self._board.docks[self.name]
        new = view.new_files + (not outcome.again)
        self._board.change(self.name, done_files=len(stay.taken), done=stay.done, new_files=new)
        self._board.problem(self.name, *outcome.body.problems)

    def _progress(self, before: int) -> Callable[[int], None]:
        """Called from the thread that copies."""

        def told(done: int) -> None:
            self._loop.call_soon_threadsafe(self._show_done, before + done)

        return told

    def _show_done(self, done: int) -> None:
        self._board.change(self.name, done=max(done, self._board.docks[self.name].done))

    async def _delete(self, stay: Stay, acknowledged: Acknowledged) -> None:
        """Only what is stored here, proven, and acknowledged by the centre; what has changed on the recorder stays."""
        for outcome in [one for one in stay.taken if one.body.sha256 and one.body.state != "damaged"]:
            digest = outcome.body.sha256 or ""
            here = await asyncio.to_thread(self._importer.originals.path, digest)
            if here is None or not await asyncio.to_thread(acknowledged, outcome.said.ref):
                continue
            try:
                await self._thread.run(stay.volume.unchanged, outcome.found)
                await self._say_cleared(outcome, digest, stay.visit)
                await self._thread.run(stay.volume.remove, outcome.found)
            except RefusedError as error:
                log.warning("not removed from a recorder", extra={"dock": self.name, "reason": str(error)})
            stay.taken.remove(outcome)

    async def _say_cleared(self, outcome: Outcome, digest: str, visit: Visit) -> None:
        """Before it is done: what is gone without a word is what a court asks about."""
        found, ref = outcome.found, outcome.said.ref
        body = RecorderCleared(
            recorder=visit.recorder,
            dock=self.name,
            name=found.name,
            folder=found.folder,
            sha256=digest,
            size=found.size,
            imported=ref,
        )
        place = hashlib.sha256(
            f"{found.place}\n{found.mtime_ns}".encode("utf-8", "surrogatepass")
        ).hexdigest()
        await self._importer.ledger.say(body, key=f"cleared {ref.journal} {ref.seq} {place}")


def named_by(files: Sequence[Found], profiles: Sequence[Profile]) -> str | None:
    """The number that all names agree on; None when they do not."""
    said = [read_name(found.name, one) for found in files if not found.refused for one in profiles]
    numbers = {one.device for one in said if one and one.device}
    return numbers.pop() if len(numbers) == 1 else None
