"""A body-worn recorder: it films, names its files by its own clock, wrong as that is, and is put into a dock and pulled out."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from kernel.clock import Clock
from simulators.recorders import control
from simulators.recorders.film import film

FOLDER = "DCIM"
Model = Literal["h8-series", "dsj-series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One recording as it really was; `start_ms` is true time."""

    path: Path
    start_ms: int
    duration_ms: int
    sha256: str


def program_of(state: Path) -> tuple[str, ...]:
    """What speaks to the recorder of this folder."""
    return (sys.executable, "-I", "-S", control.__file__, str(state))


class Recorder:
    """`state` holds the recorder: what it knows of itself, and its volume."""

    def __init__(
        self,
        state: Path,
        *,
        clock: Clock,
        number: str = "3700123",
        officer: str = "100001",
        clock_off_ms: int = 0,
        password: str | None = None,
        model: Model = "h8-series",
    ) -> None:
        """`clock_off_ms`: how far its clock is ahead; with a password its storage opens only by it.

        A `dsj-series` has a satellite receiver, and keeps what that says in its films.
        """
        self.state = state
        self.number = number
        self.volume = state / "volume"
        self._clock = clock
        self._sequence = 0
        self._password = password
        self.made: list[Made] = []
        (self.volume / FOLDER).mkdir(parents=True, exist_ok=True)
        self._save(
            number=number,
            officer=officer,
            model=model,
            clock_off_ms=clock_off_ms,
            battery_permille=640,
            password=control.digest(password) if password else None,
            locked=password is not None,
            docked="",
            log=["power on", "record start", "record stop"],
        )

    @property
    def program(self) -> tuple[str, ...]:
        """What speaks to it."""
        return program_of(self.state)

    def record(self, start_ms: int, duration_ms: int, *, important: bool = False) -> Made:
        """Blocking: a recording that began at true `start_ms`."""
        told = self._told()
        self._sequence += 1
        path = self.volume / FOLDER / self._name(told, start_ms, important=important)
        digest = film(
            path,
            own_start_ms=start_ms + told["clock_off_ms"],
            duration_ms=duration_ms,
            says=told["number"],
            true_start_ms=start_ms if told["model"] == "dsj-series" else None,
        )
        made = Made(path=path, start_ms=start_ms, duration_ms=duration_ms, sha256=digest)
        self.made.append(made)
        return made

    def _name(self, told: dict[str, Any], start_ms: int, *, important: bool) -> str:
        own = control.shown(start_ms + told["clock_off_ms"])
        if told["model"] == "dsj-series":
            mark = "_MARK" if important else ""
            date, time = own[:8], own[8:]
            return f"DSJ-{told['number']}_{told['officer']}_{date}_{time}_{self._sequence:04d}{mark}.mp4"
        mark = "_IMP" if important else ""
        return f"{told['number']}_{told['officer']}_{own}_{self._sequence:04d}{mark}.mp4"

    def dock(self, at: Path) -> None:
        """Put in: its storage appears at `at`, unless it is locked."""
        told = self._told()
        self._save(**told | {"docked": str(at), "locked": self._password is not None})
        if self._password is None:
            control.mount(self.state, at)

    def pull(self) -> None:
        """Out again, whatever is being read."""
        told = self._told()
        if told["docked"]:
            Path(told["docked"]).unlink(missing_ok=True)
        self._save(**told | {"docked": ""})

    def empty_battery(self, *, to_year: int = 2000) -> None:
        """Its clock begins again at that year."""
        start = datetime(to_year, 1, 1, tzinfo=timezone(timedelta(hours=8)))
        self._save(**self._told() | {"clock_off_ms": int(start.timestamp()) * 1000 - self._clock.now_ms()})

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.state / "recorder.json").read_text())
        return told

    def _save(self, **told: Any) -> None:
        control.save(self.state, told)
