"""Holds 封存: who wants what kept, why and until when; an entry, and from then on nothing of it is removed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from kernel.errors import RefusedError
from kernel.events import Body, RecordHeld

LONGEST = 500  # what the centre lets people write
SHOWN = 100  # of what is refused
_KEYS = {"act", "passage", "sha256", "by", "reason", "until_ms"}
_PASSAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{13,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a command of the kind `hold` does: `check` before anything is written, `act` once the command is durable."""

    append: Callable[[Body], Awaitable[object]]

    async def check(self, arguments: Mapping[str, str]) -> bool:
        """RefusedError names what is wrong with it."""
        hold_of(arguments)
        return True

    async def act(self, arguments: Mapping[str, str]) -> None:
        """Twice is as good as once.  FullError: no room for the entry, and nothing is held."""
        await self.append(hold_of(arguments))


def hold_of(arguments: Mapping[str, str]) -> RecordHeld:
    """`act` held or released, a `passage` or the `sha256` of a file, `by`, `reason`, and `until_ms` if it ends by itself."""
    unknown = sorted(arguments.keys() - _KEYS)
    if unknown:
        raise RefusedError(f"a hold has no {unknown[0]}")
    passage, sha256 = arguments.get("passage"), arguments.get("sha256")
    if (passage is None) == (sha256 is None):
        raise RefusedError("a hold names a passage or a file")
    until = _matching(arguments, "until_ms", _TIME) if "until_ms" in arguments else None
    return RecordHeld(
        act=_act(arguments.get("act", "held")),
        passage=_matching(arguments, "passage", _PASSAGE) if passage is not None else None,
        files=(_matching(arguments, "sha256", _DIGEST),) if sha256 is not None else (),
        by=_said(arguments, "by"),
        reason=_said(arguments, "reason"),
        until_ms=int(until) if until is not None else None,
    )


def _act(word: str) -> Literal["held", "released"]:
    if word == "held":
        return "held"
    if word == "released":
        return "released"
    raise RefusedError(f"act must be held or released, is {word[:SHOWN]!r}")


def _said(arguments: Mapping[str, str], name: str) -> str:
    value = arguments.get(name, "").strip()
    if not 0 < len(value) <= LONGEST:
        raise RefusedError(f"a hold says {name}, in at most {LONGEST} characters")
    return value


def _matching(arguments: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = arguments[name]
    if not form.fullmatch(value):
        raise RefusedError(f"{name} is not one: {value[:SHOWN]!r}")
    return value
