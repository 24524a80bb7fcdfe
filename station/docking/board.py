"""What every dock shows at this moment: who is in it, how far it is, what does not fit.  Kept on the loop's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["absent", "locked", "reading", "importing", "no_room", "collected", "pulled", "unreadable"]

_GONE = ("absent", "pulled", "unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockView:
    """One dock; machine words and plain numbers only."""

    dock: str
    state: State = "absent"
    recorder: str | None = None
    model: str | None = None
    clock_off_ms: int | None = None  # the recorder's less true time, as it was read
    clock_err_ms: int | None = None
    clock_set: bool = False
    free_kb: int | None = None
    total_kb: int | None = None
    battery_permille: int | None = None
    files: int = 0
    done_files: int = 0
    new_files: int = 0
    size: int = 0
    done: int = 0  # bytes
    name: str = ""  # of the file that is copied
    problems: tuple[tuple[str, int], ...] = ()  # machine word, how often
    why: str = ""


@dataclass(slots=True)
class Board:
    """`watch` is called after a change, on the loop; several changes may be told at once."""

    docks: dict[str, DockView] = field(default_factory=dict)
    _watchers: list[Callable[[], None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, names: Iterable[str]) -> Board:
        return cls(docks={name: DockView(dock=name) for name in names})

    def change(self, dock: str, **values: object) -> None:
        self._put(replace(self.docks[dock], **values))  # type: ignore[arg-type]

    def begin(self, dock: str, state: State, **values: object) -> None:
        """Everything that was shown of the recorder before is over."""
        self._put(replace(DockView(dock=dock, state=state), **values))  # type: ignore[arg-type]

    def problem(self, dock: str, *words: str) -> None:
        counts = dict(self.docks[dock].problems)
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        self.change(dock, problems=tuple(counts.items()))

    def others(self, dock: str, recorder: str) -> list[str]:
        """Docks beside this one in which a recorder says this number."""
        return [
            one.dock
            for one in self.docks.values()
            if one.dock != dock and one.recorder == recorder and one.state not in _GONE
        ]

    def watch(self, watcher: Callable[[], None]) -> None:
        self._watchers.append(watcher)

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def _put(self, view: DockView) -> None:
        if self.docks[view.dock] != view:
            self.docks[view.dock] = view
            self._changed.set()
