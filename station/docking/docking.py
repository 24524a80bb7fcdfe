"""The life of one dock: a recorder comes, is unlocked and asked, its clock held against ours, its files taken in; it goes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kernel.clock import Clock
from kernel.errors import ConfigError, FullError, LinkError, ProtocolError, RefusedError
from kernel.events import EntryRef
from kernel.footage.bodies import ClockAnchor, ClockAnchored, DockState, RecorderDocked
from kernel.footage.names import Profile, fitting, read_name
from station.docking.board import Board
from station.docking.clocks import hold_against
from station.docking.contract import About, Presence, RecorderDock
from station.docking.describing import Visit
from station.docking.importing import Importer, Outcome
from station.docking.profiles import Profiles
from station.docking.settings import Dock
from station.docking.threads import OwnThreads
from station.docking.volume import Found, Volume

log = logging.getLogger(__name__)

LOOK_S = 1.0
ROOM_S = 5.0
SET_FROM_MS = 500  # a clock that is better than this is left alone
Acknowledged = Callable[[EntryRef], bool]  # the centre has this entry out of danger; blocking


@dataclass(slots=True, kw_only=True)
class Stay:
    """A recorder in the dock, and what is still to be taken from it."""

    visit: Visit
    volume: Volume
    waiting: list[Found]
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
        deletes: Acknowledged | None = None,
        told: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        """`deletes`: what was taken is removed from the recorder once this says yes; None: never.

        `told` hears of every file that is through.
        """
        self._dock = dock
        self._driver = driver
        self._importer = importer
        self._profiles = profiles
        self._board = board
        self._clock = clock
        self._deletes = deletes
        self._told = told
        self._stay: Stay | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = OwnThreads(1, name=f"dock {dock.name}")
        self._said: DockState | None = None  # of this presence, what is said once

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

    async def _step(self) -> float:
        presence = await self._thread.run(self._driver.presence)
        if presence == "locked":
            presence = await self._unlocked()
        if presence == "open":
            self._said = None if self._said == "locked" else self._said
            return await self._with_recorder()
        if presence == "absent":
            self._leave()
        return LOOK_S

    # --- coming and going -------------------------------------------------------------------------------------

    async def _unlocked(self) -> Presence:
        """It is opened where that is known; else it is shown as locked, with what its model wants."""
        if self._said == "locked":
            return "locked"
        self._stay = None
        usb = await self._thread.run(self._driver.usb)
        profile = self._profiles.models.get(self._dock.model or "") or self._profiles.of_usb(usb)
        self._board.begin(self.name, "locked", model=profile.model)
        try:
            if await self._thread.run(self._driver.unlock):
                return await self._thread.run(self._driver.presence)
        except (LinkError, RefusedError, ConfigError) as error:
            self._board.change(self.name, why=str(error))
            log.warning("recorder stays locked", extra={"dock": self.name, "reason": str(error)})
        self._said = "locked"
        await self._say_docked("locked", About(), model=profile.model, note=profile.hint_zh)
        return "locked"

    def _leave(self) -> None:
        self._said = None
        if self._stay is not None and self._stay.waiting:
            self._board.change(self.name, state="pulled", name="")
        elif self._board.docks[self.name].state != "pulled":
            self._board.begin(self.name, "absent")
        self._stay = None

    async def _with_recorder(self) -> float:
        try:
            if self._stay is None:
                self._stay = await self._arrive()
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
                self._said = "unreadable"
                model = self._dock.model or self._profiles.unknown.model
                await self._say_docked("unreadable", About(), model=model, note=str(error))
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
        was_set = await self._set_clock(visit)
        await self._say_docked(
            "open",
            about,
            model=visit.profile.model,
            number=visit.recorder,
            anchor=visit.anchor,
            clock_set=was_set,
            files=len(files),
        )
        await self._take_log(visit)
        return Stay(visit=visit, volume=volume, waiting=files)

    async def _take_log(self, visit: Visit) -> None:
        try:
            data = await self._thread.run(self._driver.log)
        except (ProtocolError, RefusedError) as error:
            log.warning("no log of a recorder", extra={"dock": self.name, "reason": str(error)})
            return
        if data:
            await self._importer.take_log(data, visit)

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
        profile, others = self._profile(about, files)
        number = about.number or named_by(files, (profile, *others))
        doubled = bool(number and self._board.others(self.name, number))
        self._board.change(self.name, recorder=number)
        anchor = await self._held_clock()
        visit = Visit(
            dock=self.name,
            recorder=number,
            profile=profile,
            others=others,
            docked_ms=self._clock.now_ms(),
            anchor=anchor,
            doubled=doubled,
            local_file_times=self._dock.file_times == "local",
        )
        await self._say_anchor(visit, anchor)
        return visit

    async def _held_clock(self) -> ClockAnchor | None:
        try:
            return await hold_against(self._driver, clock=self._clock, ask=self._thread)
        except (ProtocolError, RefusedError) as error:
            self._board.problem(self.name, "clock_unread")
            log.warning("clock of a recorder not read", extra={"dock": self.name, "reason": str(error)})
            return None

    async def _say_anchor(self, visit: Visit, anchor: ClockAnchor | None) -> None:
        """Not of two recorders with one number: their clocks would be taken for one."""
        if anchor is not None and visit.recorder is not None and not visit.doubled:
            body = ClockAnchored(recorder=visit.recorder, anchor=anchor, by=self.name)
            await self._importer.ledger.say(body)

    async def _set_clock(self, visit: Visit) -> bool:
        """Only after it was read, and what was read is written down; a new anchor begins what follows."""
        anchor = visit.anchor
        if not self._dock.set_clock or anchor is None or abs(anchor.own_ms - anchor.true_ms) < SET_FROM_MS:
            return False
        try:
            if not await self._thread.run(self._driver.set_clock, self._clock.now_ms()):
                return False
        except (ProtocolError, RefusedError, ConfigError) as error:
            self._board.problem(self.name, "clock_not_set")
            log.warning("clock of a recorder not set", extra={"dock": self.name, "reason": str(error)})
            return False
        await self._say_anchor(visit, await self._held_clock())
        self._board.change(self.name, clock_set=True)
        return True

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
        while stay.waiting:
            found = stay.waiting[0]
            self._board.change(self.name, state="importing", name=found.name, why="")
            outcome = await self._importer.take(stay.volume, found, stay.visit, self._progress(stay.done))
            stay.waiting.pop(0)
            stay.taken.append(outcome)
            stay.done += found.size
            self._count(stay, outcome)
            self._told(outcome)
        if self._board.docks[self.name].state in ("importing", "no_room"):
            self._board.change(self.name, state="collected", name="", why="")

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
                await self._thread.run(stay.volume.remove, outcome.found)
                log.info("removed from a recorder", extra={"dock": self.name, "sha256": digest})
            except RefusedError as error:
                log.warning("not removed from a recorder", extra={"dock": self.name, "reason": str(error)})
            stay.taken.remove(outcome)


def named_by(files: Sequence[Found], profiles: Sequence[Profile]) -> str | None:
    """The number that all names agree on; None when they do not."""
    said = [read_name(found.name, one) for found in files if not found.refused for one in profiles]
    numbers = {one.device for one in said if one and one.device}
    return numbers.pop() if len(numbers) == 1 else None
