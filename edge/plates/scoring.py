"""How well a reader does on pictures whose plates are known: every share with its number, the rare kinds one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.errors import ConfigError
from kernel.plates import classify, normalise

RARE = 10  # a kind with fewer pictures is listed, not rated


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture of a manifest; `text` is empty where no plate can be read."""

    file: Path
    text: str
    colour: str | None
    double_row: bool
    others: tuple[str, ...]  # further plates in the picture

    @property
    def kind(self) -> str:
        return f"{self.colour or 'no plate'}{', two rows' if self.double_row else ''}"

    @property
    def unseen(self) -> bool:
        """Half of all, by a hash of the name: nothing may be tuned to these."""
        return bool(hashlib.sha256(self.file.name.encode()).digest()[0] & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the reader answered, best first; `scores` are those of the answers, 0 to 1000."""

    scene: Scene
    texts: tuple[str, ...]
    scores: tuple[int, ...]
    colour: str | None
    cpu_ms: int

    @property
    def exact(self) -> bool:
        return same(self.scene.text) in map(same, self.texts)

    @property
    def right(self) -> bool:
        """The best answer is a plate of the picture."""
        return bool(self.texts) and same(self.texts[0]) in map(same, (self.scene.text, *self.scene.others))

    @property
    def wrong(self) -> bool:
        """The dangerous one: a legal plate that is not there."""
        return bool(self.texts) and not self.right and classify(self.texts[0]) is not None


def same(text: str) -> str:
    """O and 0, I and 1 look the same on a plate and are never both possible in one place."""
    return normalise(text).replace("O", "0").replace("I", "1")


def scenes(manifest: Path) -> tuple[Scene, ...]:
    """ConfigError when the manifest cannot be used; pictures lie beside it."""
    try:
        items = json.loads(manifest.read_text(encoding="utf-8"))["items"]
        found = tuple(_scene(manifest.parent, item) for item in items)
    except OSError as error:
        raise ConfigError.one(str(manifest), f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError.one(str(manifest), f"is no manifest: {error!r}") from error
    if not found:
        raise ConfigError.one(str(manifest), "names no pictures")
    return found


def _scene(folder: Path, item: dict[str, Any]) -> Scene:
    return Scene(
        file=folder / str(item["file"]),
        text=str(item["text"]),
        colour=item.get("colour"),
        double_row=bool(item.get("double_row", False)),
        others=tuple(map(str, item.get("other", ()))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`of` in a hundred is never said without `n`."""

    name: str
    good: int
    n: int

    def __str__(self) -> str:
        return f"{self.name}: {self.good} of {self.n}" + (
            f" = {100 * self.good / self.n:.1f} %" if self.n >= RARE else ""
        )


def shares(outcomes: Sequence[Outcome]) -> list[Share]:
    plates = [one for one in outcomes if one.scene.text]
    empty = [one for one in outcomes if not one.scene.text]
    coloured = [one for one in plates if one.exact and one.colour]
    return [
        _share("exact", plates, lambda one: one.exact),
        _share("exact but for the province", plates, _without_province),
        _share("best answer right", plates, lambda one: one.right),
        _share("answered", plates, lambda one: bool(one.texts)),
        _share("legal but wrong", plates, lambda one: one.wrong),
        _share("a plate where there is none", empty, lambda one: bool(one.texts)),
        _share("colour right, of those read", coloured, lambda one: one.colour == one.scene.colour),
        answered_at(plates, permille=990),
        answered_at(plates, permille=999),
        *(_share(f"exact, {kind}", _of(plates, kind), lambda one: one.exact) for kind in _kinds(plates)),
    ]


def answered_at(plates: Sequence[Outcome], *, permille: int) -> Share:
    """The most that can be answered when the gate is set so that so many of the answers are right."""
    ranked = sorted((one for one in plates if one.texts), key=lambda one: -one.scores[0])
    best = right = 0
    for n, one in enumerate(ranked, 1):
        right += one.right
        last = n == len(ranked) or ranked[n].scores[0] < one.scores[0]  # equal scores fall together
        if last and right * 1000 >= n * permille:
            best = n
    return Share(name=f"answered at {permille / 10:g} % precision", good=best, n=len(plates))


def amiss(outcomes: Sequence[Outcome]) -> list[str]:
    """Every picture that was not read as it should be, and every one of the rare kinds."""
    plates = [one for one in outcomes if one.scene.text]
    rare = {kind for kind in _kinds(plates) if len(_of(plates, kind)) < RARE}
    return [
        f"{one.scene.file.name}: {one.scene.text or 'no plate'} ({one.scene.kind}) read as {', '.join(one.texts) or 'nothing'}"
        for one in outcomes
        if (not one.exact if one.scene.text else one.texts) or one.scene.kind in rare
    ]


def _without_province(one: Outcome) -> bool:
    return same(one.scene.text)[1:] in [same(text)[1:] for text in one.texts]


def _kinds(plates: Sequence[Outcome]) -> list[str]:
    return sorted({one.scene.kind for one in plates})


def _of(plates: Sequence[Outcome], kind: str) -> list[Outcome]:
    return [one for one in plates if one.scene.kind == kind]


def _share(name: str, outcomes: Sequence[Outcome], good: Callable[[Outcome], bool]) -> Share:
    return Share(name=name, good=sum(map(good, outcomes)), n=len(outcomes))
