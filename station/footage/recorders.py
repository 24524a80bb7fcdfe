"""What people say of recorders, duty and clocks: checked against what is known, and only then an entry 领用登记."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kernel.clock import Clock
from kernel.errors import RefusedError
from kernel.events import Body
from kernel.footage.bodies import (
    ClockAnchored,
    DutyKept,
    FootageImported,
    RecorderDocked,
    RecorderIssued,
    RecorderRegistered,
)
from kernel.footage.clocks import NEVER_BEFORE_MS, TOLD_BY_PEOPLE
from kernel.footage.register import (
    MissingDay,
    Recorder,
    holdings,
    missing_days,
    register,
    shifts,
)
from station.footage.films import Films
from station.footage.index import FootageIndex, Said
from station.footage.ledger import Ledger
from station.footage.times import NUMBER_TWICE

T = TypeVar("T", bound=Body)

AHEAD_MS = 60_000  # what people write down may be a little in the future, by their own watch
LARGEST_ERR_MS = 24 * 3_600_000
LONGEST = 64
EVENT_ERR_MS = 2_000  # how well a person sees on footage when a vehicle leaves the scale
REMEMBERED = 1_000


class Recorders:
    """RefusedError: a machine word for why not; its words are in station.pages.recorders."""

    def __init__(self, ledger: Ledger, *, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._films = Films(ledger.index)
        self._looking = threading.Lock()
        self._acting = asyncio.Lock()  # what is known and what is then said belong together
        self._taps: OrderedDict[str, Said[Any]] = OrderedDict()

    async def rows(self) -> list[Recorder]:
        return await asyncio.to_thread(rows, self._ledger.index)

    async def missing(self) -> list[MissingDay]:
        return await asyncio.to_thread(self._missing)

    def _missing(self) -> list[MissingDay]:
        with self._looking:
            return _missing(self._films, now_ms=self._clock.now_ms())

    async def say(self, body: T, *, key: str) -> Said[T]:
        """The same `key` again is the same tap, whatever is known by then."""
        async with self._acting:
            if (known := self._taps.get(key)) is not None:
                return known
            await asyncio.to_thread(check, body, self._ledger.index, now_ms=self._clock.now_ms())
            said = await self._ledger.say(body, key=key)
            self._taps[key] = said
            while len(self._taps) > REMEMBERED:
                self._taps.popitem(last=False)
            return said


def rows(index: FootageIndex) -> list[Recorder]:
    """The register as it stands.  Blocking."""
    return register(
        registered=[one.body for one in index.of(RecorderRegistered)],
        issued=[one.body for one in index.of(RecorderIssued)],
        docked=[one.body for one in index.of(RecorderDocked)],
        anchored=[one.body for one in index.of(ClockAnchored)],
        doubled=_doubled(index),
    )


def _doubled(index: FootageIndex) -> set[str]:
    """Numbers under which two recorders were in docks at once, as their files were taken in with that said of them."""
    files = (one.body for one in index.of(FootageImported))
    return {file.recorder for file in files if file.recorder and NUMBER_TWICE in file.problems}


def missing(index: FootageIndex, *, now_ms: int) -> list[MissingDay]:
    """Shifts that are over and have no footage.  Blocking."""
    return _missing(Films(index), now_ms=now_ms)


def _missing(films: Films, *, now_ms: int) -> list[MissingDay]:
    films.catch_up()
    return missing_days(films.kept(), films.filmed(), now_ms=now_ms, held=films.held())


def check(body: Body, index: FootageIndex, *, now_ms: int) -> None:
    """RefusedError: it does not fit what is known.  Blocking."""
    rule = _RULES.get(type(body))
    if rule is None:
        raise RefusedError("not_said_here")
    rule(body, index, now_ms)


def _check_registered(body: Any, _index: FootageIndex, _now_ms: int) -> None:
    _must(all(map(_short, (body.recorder, body.model, body.unit))), "too_short_or_long")
    _must(len(body.note) <= LONGEST * 4, "too_short_or_long")


def _check_issued(body: Any, index: FootageIndex, now_ms: int) -> None:
    _must(_short(body.recorder) and _short(body.officer), "too_short_or_long")
    _must(NEVER_BEFORE_MS <= body.at_ms <= now_ms + AHEAD_MS, "time_impossible")
    log = [one.body for one in index.of(RecorderIssued, recorder=body.recorder)]
    out = next((one for one in holdings(log) if one.to_ms is None), None)
    if log:
        _must(max(one.at_ms for one in log) <= body.at_ms, "before_the_last_act")
    if body.act == "issued":
        _must(_usable(body.recorder, index), "not_in_use")
        _must(out is None, "not_given_back")
    else:
        _must(out is not None, "not_out")
        _must(out is not None and out.officer == body.officer, "held_by_another")


def _check_duty(body: Any, index: FootageIndex, now_ms: int) -> None:
    _must(_short(body.officer), "too_short_or_long")
    _must(NEVER_BEFORE_MS <= body.at_ms <= now_ms + AHEAD_MS, "time_impossible")
    own = [one.body for one in index.of(DutyKept) if one.body.officer == body.officer]
    begun = [one for one in shifts(own) if one.to_ms is None and one.holds(body.at_ms)]
    _must(bool(begun) == (body.act == "ended"), "already_on_duty" if begun else "not_on_duty")


def _check_anchored(body: Any, _index: FootageIndex, now_ms: int) -> None:
    """Measured anchors are said by what measures; a person says who they are and why."""
    anchor = body.anchor
    _must(_short(body.recorder), "too_short_or_long")
    _must(anchor.kind in (*TOLD_BY_PEOPLE, "gps"), "not_said_here")
    _must(bool(body.note.strip()), "reason_missing")
    _must(NEVER_BEFORE_MS <= anchor.true_ms <= now_ms, "time_impossible")
    _must(0 < anchor.err_ms <= LARGEST_ERR_MS and anchor.own_ms >= 0, "error_impossible")


Rule = Callable[[Any, FootageIndex, int], None]
_RULES: Mapping[type[Body], Rule] = {
    RecorderRegistered: _check_registered,
    RecorderIssued: _check_issued,
    DutyKept: _check_duty,
    ClockAnchored: _check_anchored,
}


def _usable(recorder: str, index: FootageIndex) -> bool:
    """One that is in nobody's register may be taken: it is written down rather than not."""
    known = index.of(RecorderRegistered, recorder=recorder, newest=1)
    return not known or known[0].body.status == "in_use"


def _short(text: str) -> bool:
    return len(text.strip()) > 0 and len(text) <= LONGEST and text.isprintable()


def _must(good: bool, why: str) -> None:
    if not good:
        raise RefusedError(why)
