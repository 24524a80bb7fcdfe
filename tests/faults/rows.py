"""What a case found, as a row of the table and of build/faults.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

COLUMNS = ("rounds", "accepted", "lost", "doubled", "torn", "declared", "recover_s", "baseline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """`accepted`: appends that a process outside has written down; the others are counted over all that is held.

    `lost`: silently missing.  `declared`: missing, refused or removed, and an entry, a note or an alarm says so.
    """

    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    declared: int = 0

    @property
    def bad(self) -> int:
        return self.lost + self.doubled + self.torn


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one case comes back with."""

    rounds: int
    counts: Counts
    recover_s: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`problem`: what the case expected beside the counts, and did not see.  `restart_s`: an orderly restart, to compare."""

    name: str
    rounds: int = 0
    counts: Counts = field(default_factory=Counts)
    recover_s: float | None = None
    baseline: bool = False
    restart_s: float | None = None
    took_s: float | None = None
    problem: str | None = None

    @property
    def good(self) -> bool:
        return not self.counts.bad and self.problem is None

    def table(self) -> dict[str, Any]:
        row = {"name": self.name, "rounds": self.rounds, **asdict(self.counts)}
        for name in ("recover_s", "baseline", "restart_s", "took_s", "problem"):
            row[name] = getattr(self, name)
        return row


def row_of(name: str, found: Found, *, baseline: bool, took_s: float) -> Row:
    return Row(
        name=name,
        rounds=found.rounds,
        counts=found.counts,
        recover_s=max(found.recover_s, default=None),
        baseline=baseline,
        took_s=took_s,
    )


def lines(rows: Sequence[Row]) -> list[str]:
    """The table as it is shown."""
    width = max((len(row.name) for row in rows), default=0) + 2
    head = f"{'case':{width}}" + "".join(f"{name:>10}" for name in COLUMNS)
    return [head, *(line for row in rows for line in _shown(row, width))]


def _shown(row: Row, width: int) -> list[str]:
    cells = row.table() | {"baseline": "naive" if row.baseline else ""}
    texts = ("" if cells[name] is None else str(cells[name]) for name in COLUMNS)
    line = f"{row.name:{width}}" + "".join(f"{text:>10}" for text in texts)
    return [line, *([f"  !! {row.problem}"] if row.problem else [])]
