"""What of this station's footage could be linked: every file in true time, with its officer, kept up with what is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

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
from kernel.footage.register import Filmed, Shift, holder_at, shifts
from station.footage.index import FootageIndex, Said
from station.footage.times import NUMBER_TWICE, Times

T = TypeVar("T", bound=Body)

DOUBTS: tuple[Doubt, ...] = (NUMBER_TWICE, "length_uncertain")


class Films:
    """Blocking, and not to be called from two threads at once."""

    def __init__(self, index: FootageIndex) -> None:
        self._index = index
        self._place = 0
        self._files: dict[str, Said[FootageImported]] = {}
        self._films: dict[str, Film] = {}
        self.links: dict[str, FootageLinked] = {}

    def catch_up(self) -> list[Film]:
        """Take in what was said; the films that are new or not what they were."""
        said, self._place = self._index.after(self._place)
        bodies = [one.body for one in said]
        self.links |= {body.link: body for body in _only(bodies, FootageLinked)}
        self._take(said)
        return self._renewed(self._touched(bodies)) if bodies else []

    def all(self) -> Iterable[Film]:
        return self._films.values()

    def get(self, sha256: str) -> Film | None:
        return self._films.get(sha256)

    def filmed(self) -> Iterator[Filmed]:
        """What is known of officers' footage, by own time where there is no better."""
        for film in self._films.values():
            if film.officer is not None:
                yield Filmed(officer=film.officer, from_ms=film.from_ms, to_ms=film.to_ms)

    def _take(self, said: Sequence[Said[Body]]) -> None:
        for one in said:
            body = one.body
            if isinstance(body, FootageImported) and body.sha256 and body.state in ("imported", "damaged"):
                # The first import of a file says when it was here.
                self._files.setdefault(body.sha256, Said(ref=one.ref, at_ms=one.at_ms, body=body))

    def _registered(self, recorder: str) -> bool:
        """Where nobody keeps a register, whatever is docked here is of here."""
        own = self._index.of(RecorderRegistered, recorder=recorder, newest=1)
        return bool(own) or not self._index.of(RecorderRegistered, newest=1)

    def _touched(self, bodies: Sequence[Body]) -> list[Said[FootageImported]]:
        if any(isinstance(body, DutyKept | RecorderRegistered) for body in bodies):
            return list(self._files.values())
        new = {body.sha256 for body in _only(bodies, FootageImported)}
        kinds = ClockAnchored | RecorderDocked | RecorderIssued
        recorders = {body.recorder for body in bodies if isinstance(body, kinds)}
        return [
            file
            for sha256, file in self._files.items()
            if sha256 in new or (file.body.recorder is not None and file.body.recorder in recorders)
        ]

    def _renewed(self, files: Sequence[Said[FootageImported]]) -> list[Film]:
        changed = []
        kept = shifts(one.body for one in self._index.of(DutyKept)) if files else []
        by_recorder: dict[str | None, list[Said[FootageImported]]] = {}
        for file in files:
            by_recorder.setdefault(file.body.recorder, []).append(file)
        for recorder, own in by_recorder.items():
            for film in self._of_recorder(recorder, own, kept):
                if self._films.get(film.sha256) != film:
                    self._films[film.sha256] = film
                    changed.append(film)
        return changed

    def _of_recorder(
        self, recorder: str | None, files: Sequence[Said[FootageImported]], kept: Sequence[Shift]
    ) -> Iterator[Film]:
        if recorder is None:
            yield from (film for file in files if (film := _film(file, None, [], kept, home=False)))
            return
        times = Times.of(self._index, recorder)
        log = [one.body for one in self._index.of(RecorderIssued, recorder=recorder)]
        home = bool(log) or self._registered(recorder)
        yield from (film for file in files if (film := _film(file, times, log, kept, home=home)))


def _film(
    file: Said[FootageImported],
    times: Times | None,
    log: Sequence[RecorderIssued],
    kept: Sequence[Shift],
    *,
    home: bool,
) -> Film | None:
    """None: nothing says when it was recorded."""
    body, start = file.body, times.start(file) if times else None
    from_ms = start.true_ms if start else body.own_start_ms
    if from_ms is None or body.sha256 is None:
        return None
    to_ms = from_ms + (body.duration_ms or 0)
    officer = (holder_at(log, body.recorder, from_ms) if body.recorder else None) or body.officer
    return Film(
        sha256=body.sha256,
        from_ms=from_ms,
        duration_ms=body.duration_ms or 0,
        err_ms=start.err_ms if start else None,
        recorder=body.recorder,
        officer=officer,
        on_duty=any(
            one.officer == officer and one.from_ms <= to_ms and from_ms < one.until_ms for one in kept
        ),
        home=home,
        doubt=next((one for one in DOUBTS if one in body.problems), None),
    )


def _only(bodies: Iterable[Body], kind: type[T]) -> Iterator[T]:
    return (body for body in bodies if isinstance(body, kind))
