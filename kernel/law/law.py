"""The law read from texts, a site's own over the shipped ones; every fault is reported with its file and row."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from kernel.errors import ConfigError
from kernel.law.rows import Layer, Row, is_day
from kernel.settings import Faults, read

R = TypeVar("R", bound=Row)
Placed = list[tuple[str, str, Row]]  # (where it stands, its table, the row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Layers of rows; a later layer goes before an earlier one, and in a layer the nearer jurisdiction."""

    layers: tuple[Layer, ...]

    def in_force(
        self, table: Callable[[Layer], tuple[R, ...]], *, on: str, jurisdiction: str
    ) -> dict[Hashable, R]:
        """The row that answers each question on a day in a place."""
        if not is_day(on):
            raise ValueError(f"not a day: {on!r}")
        best: dict[Hashable, tuple[tuple[int, int], R]] = {}
        for depth, layer in enumerate(self.layers):
            for row in table(layer):
                if row.in_force(on, jurisdiction):
                    _keep_nearest(best, row, (depth, row.closeness))
        return {key: row for key, (_, row) in best.items()}

    def rows(self) -> Iterator[Row]:
        for layer in self.layers:
            for _, rows in layer.tables():
                yield from rows

    def find(self, rule: str) -> Row | None:
        """The row with this id, to show what a verdict stands on."""
        return next((row for row in self.rows() if row.id == rule), None)


def parse(*layers: Mapping[str, str]) -> Law:
    """Read layers of TOML texts by file name, lowest first, or raise ConfigError with every fault."""
    faults: Faults = []
    placed: list[Placed] = []
    read_layers = []
    for texts in layers:
        files = {name: _file(name, text, faults) for name, text in sorted(texts.items())}
        placed.append(_placed(files))
        read_layers.append(_joined(list(files.values())))
    faults += _repeated_ids([item for rows in placed for item in rows])
    for rows in placed:
        faults += _rivals(rows)
    if faults:
        raise ConfigError(faults)
    return Law(layers=tuple(read_layers))


def _keep_nearest(best: dict[Hashable, tuple[tuple[int, int], R]], row: R, rank: tuple[int, int]) -> None:
    for key in row.keys():  # noqa: SIM118 - a row is no mapping
        if key not in best or rank > best[key][0]:
            best[key] = (rank, row)


def _file(name: str, text: str, faults: Faults) -> Layer:
    try:
        return read(Layer, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        faults.append((name, f"is not TOML: {error}"))
    except ConfigError as error:
        faults += [(f"{name}: {path}", problem) for path, problem in error.faults]
    return Layer()


def _placed(files: Mapping[str, Layer]) -> Placed:
    return [
        (f"{name}: {table}[{number}]", table, row)
        for name, layer in files.items()
        for table, rows in layer.tables()
        for number, row in enumerate(rows)
    ]


def _joined(files: list[Layer]) -> Layer:
    tables: dict[str, tuple[Row, ...]] = {}
    for layer in files:
        for name, rows in layer.tables():
            tables[name] = tables.get(name, ()) + rows
    return Layer(**tables)  # type: ignore[arg-type]


def _repeated_ids(placed: Placed) -> Faults:
    first: dict[str, str] = {}
    faults: Faults = []
    for where, _, row in placed:
        if row.id in first:
            faults.append((f"{where}.id", f"{row.id} is already the id of {first[row.id]}"))
        first.setdefault(row.id, where)
    return faults


def _rivals(placed: Placed) -> Faults:
    """Two rows of one layer and jurisdiction that answer the same question on the same day."""
    return [
        (there, f"is in force together with {here} ({a.id}) for the same case")
        for (here, table, a), (there, other, b) in combinations(placed, 2)
        if table == other and a.jurisdiction == b.jurisdiction and _overlap(a, b)
    ]


def _overlap(a: Row, b: Row) -> bool:
    if a.effective_from > (b.effective_to or "9999") or b.effective_from > (a.effective_to or "9999"):
        return False
    return not set(a.keys()).isdisjoint(b.keys())
