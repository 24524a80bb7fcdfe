"""What of this station's footage could be linked: every file in true time, with its officer, kept up with what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Generic, TypeVar

from kernel.events import Body
from kernel.footage.bodies import (
    ClockAnchored,
    DutyKept,
    FootageImported,
    FootageLinked,
    RecorderDocked,
    RecorderIssued,
    RecorderRegistered,
)
from kernel.footage.linking import Doubt, Film
from kernel.footage.register import Filmed, Holding, Shift, holder_in, holdings, shift_in, shifts
from station.footage.index import FootageIndex, Said
from station.footage.times import NUMBER_TWICE, Times

T = TypeVar("T", bound=Body)

STORED = ("imported", "damaged")
DOUBTS: tuple[Doubt, ...] = (NUMBER_TWICE, "length_uncertain")


class Films:
    """Blocking, and not to be called from two threads at once."""

    def __init__(self, index: FootageIndex) -> None:
        self._index = index
        self._place = 0
        self._files: dict[str, Said[FootageImported]] = {}
        self._of: dict[str | None, list[str]] = {}  # digests by recorder
        self._films: dict[str, Film] = {}
        self._duties = _Log(DutyKept, key=lambda one: one.officer)
        self._issues = _Log(RecorderIssued, key=lambda one: one.recorder)
        self._shifts: dict[str, list[Shift]] = {}
        self._held: dict[str, list[Holding]] = {}
        self._registered: set[str] = set()
        self._due: dict[str, None] = {}  # digests in the order in which they came
        self.links: dict[str, FootageLinked] = {}

    def catch_up(self) -> list[Film]:
        """Take in what was said; the films that are new or not what they were."""
        said, self._place = self._index.after(self._place)
        self._due |= dict.fromkeys(self._take(said))
        renewed = self._renewed(self._due)
        changed = [film for film in renewed if self._films.get(film.sha256) != film]
        self._films |= {film.sha256: film for film in changed}
        self._due = {}
        return changed

    def all(self) -> Iterable[Film]:
        return self._films.values()

    def get(self, sha256: str) -> Film | None:
        return self._films.get(sha256)

    def filmed(self) -> Iterator[Filmed]:
        """What is known of officers' footage, by own time where there is no better."""
        for film in self._films.values():
            if film.officer is not None:
                yield Filmed(officer=film.officer, from_ms=film.from_ms, to_ms=film.to_ms)

    def kept(self) -> Iterator[Shift]:
        return chain.from_iterable(self._shifts.values())

    def held(self) -> Iterator[Holding]:
        """By recorder and time."""
        return chain.from_iterable(held for _, held in sorted(self._held.items()))

    def _take(self, said: Sequence[Said[Body]]) -> Iterable[str]:
        """The files that are to be looked at anew for it."""
        bodies = [one.body for one in said]
        self.links |= {body.link: body for body in _only(bodies, FootageLinked)}
        new = self._take_files(said)
        officers, issued = self._duties.take(bodies), self._issues.take(bodies)
        self._shifts |= {name: shifts(self._duties.of[name]) for name in officers}
        self._held |= {name: holdings(self._issues.of[name]) for name in issued}
        registered = {body.recorder for body in _only(bodies, RecorderRegistered)}
        begun = bool(registered) and not self._registered
        self._registered |= registered
        if begun:  # until then every recorder counted as one of here
            return list(self._files)
        kinds = ClockAnchored | RecorderDocked
        recorders = registered | issued | {body.recorder for body in bodies if isinstance(body, kinds)}
        of_recorders = [self._of.get(name, ()) for name in sorted(one for one in recorders if one)]
        return [*new, *chain.from_iterable(of_recorders), *self._of_officers(officers)]

    def _take_files(self, said: Sequence[Said[Body]]) -> list[str]:
        """The first import of a file says when it was here."""
        new = []
        for one in said:
            body = one.body
            if not isinstance(body, FootageImported) or not body.sha256 or body.sha256 in self._files:
                continue
            if body.state in STORED:
                self._files[body.sha256] = Said(ref=one.ref, at_ms=one.at_ms, body=body)
                self._of.setdefault(body.recorder, []).append(body.sha256)
                new.append(body.sha256)
        return new

    def _of_officers(self, officers: set[str]) -> list[str]:
        if not officers:
            return []
        return [film.sha256 for film in self._films.values() if film.officer in officers]

    def _renewed(self, digests: Iterable[str]) -> list[Film]:
        by_recorder: dict[str | None, list[Said[FootageImported]]] = {}
        for digest in digests:
            file = self._files[digest]
            by_recorder.setdefault(file.body.recorder, []).append(file)
        found = (
            _film(file, times, self._held.get(recorder or "", ()), self._shifts, home=self._home(recorder))
            for recorder, files in by_recorder.items()
            for times in [Times.of(self._index, recorder) if recorder is not None else None]
            for file in files
        )
        return [film for film in found if film is not None]

    def _home(self, recorder: str | None) -> bool:
        """Where nobody keeps a register, whatever is docked here is of here."""
        if recorder is None:
            return False
        return recorder in self._issues.of or recorder in self._registered or not self._registered


class _Log(Generic[T]):
    """Entries of one kind by whom they are about, in the order in which they were said."""

    def __init__(self, kind: type[T], *, key: Callable[[T], str]) -> None:
        self._kind = kind
        self._key = key
        self.of: dict[str, list[T]] = {}

    def take(self, bodies: Iterable[Body]) -> set[str]:
        """About whom there were any."""
        own = list(_only(bodies, self._kind))
        for body in own:
            self.of.setdefault(self._key(body), []).append(body)
        return {self._key(body) for body in own}


def first_import(index: FootageIndex, sha256: str) -> Said[FootageImported] | None:
    """The entry that a file's time and recorder are taken from, however often its bytes come again.  Blocking."""
    said = index.of(FootageImported, sha256=sha256)
    return next((one for one in said if one.body.state in STORED), None)


def _film(
    file: Said[FootageImported],
    times: Times | None,
    held: Sequence[Holding],
    kept: Mapping[str, Sequence[Shift]],
    *,
    home: bool,
) -> Film | None:
    """None: nothing says when it was recorded."""
    body, start = file.body, times.start(file) if times else None
    from_ms = start.true_ms if start else body.own_start_ms
    if from_ms is None or body.sha256 is None:
        return None
    to_ms = from_ms + (body.duration_ms or 0)
    officer = holder_in(held, from_ms) or body.officer
    return Film(
        sha256=body.sha256,
        from_ms=from_ms,
        duration_ms=body.duration_ms or 0,
        err_ms=start.err_ms if start else None,
        recorder=body.recorder,
        officer=officer,
        on_duty=officer is not None and shift_in(kept.get(officer, ()), from_ms, to_ms),
        home=home,
        doubt=next((one for one in DOUBTS if one in body.problems), None),
    )


def _only(bodies: Iterable[Body], kind: type[T]) -> Iterator[T]:
    return (body for body in bodies if isinstance(body, kind))
