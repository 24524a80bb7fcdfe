"""What the centre tells a station of cases 案件: which of its footage belongs to them, and since when one is closed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from kernel.errors import RefusedError
from kernel.footage.bodies import CaseKept, CaseNoted, FootageLinked
from kernel.footage.keeping import CaseFile
from station.footage.index import FootageIndex

SHOWN = 100  # of what is refused
_NEEDED = {"by", "case", "kept_as"}
_FORMS = {
    "box": re.compile(r"[a-z0-9-]{3,40}"),
    "by": re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}"),
    "case": re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,80}"),
    "closed_ms": re.compile(r"[0-9]{13,16}"),
    "kept_as": re.compile("|".join(get_args(CaseKept))),
    "passage": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotingCases:
    """What a command of the kind `case` does: `check` before anything is written, `act` once the command is durable."""

    note: Callable[[CaseNoted], Awaitable[None]]

    async def check(self, arguments: Mapping[str, str]) -> bool:
        """RefusedError names what is wrong with it."""
        noted_of(arguments)
        return True

    async def act(self, arguments: Mapping[str, str]) -> None:
        """Twice is as good as once: the newest word on a case counts.  FullError: no room, and nothing is known."""
        await self.note(noted_of(arguments))


def noted_of(arguments: Mapping[str, str]) -> CaseNoted:
    """`case`, `by`, `kept_as`; `closed_ms` if it is closed; `box` and `passage` if the word is about one of its passages."""
    for name, value in sorted(arguments.items()):
        if name not in _FORMS:
            raise RefusedError(f"a case has no {name[:SHOWN]}")
        if not _FORMS[name].fullmatch(value):
            raise RefusedError(f"{name} is not one: {value[:SHOWN]!r}")
    if missing := sorted(_NEEDED - arguments.keys()):
        raise RefusedError(f"a case says {missing[0]}")
    if ("box" in arguments) != ("passage" in arguments):
        raise RefusedError("a passage is named with its box")
    return msgspec.convert(dict(arguments), CaseNoted, strict=False)


def cases_of(index: FootageIndex, links: Iterable[FootageLinked]) -> Sequence[str]:
    """The cases to which the centre has put the passages of these links, each once.  Blocking."""
    return tuple(dict.fromkeys(name for link in links for name in _of_passage(index, link)))


def case_files(index: FootageIndex, names: Iterable[str]) -> dict[str, CaseFile]:
    """How each of them stands by the newest that the centre has said; one of which it said nothing is open.  Blocking."""
    said = {name: index.of(CaseNoted, case=name, newest=1) for name in names}
    return {
        name: CaseFile(closed_ms=one.body.closed_ms, category=one.body.kept_as)
        for name, found in said.items()
        for one in found
    }


def _of_passage(index: FootageIndex, link: FootageLinked) -> Iterator[str]:
    if link.passage is not None:
        for said in index.of(CaseNoted, passage=link.passage):
            if link.box in (None, said.body.box):
                yield said.body.case
