"""Marks on parts of footage 标记: each an entry, taken back only by another one with a reason, shown as WebVTT."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

import msgspec

from kernel.errors import RefusedError
from kernel.events import EntryRef
from kernel.footage.bodies import FootageTagged, Step, TagKind
from station.footage.index import Said
from station.footage.ledger import Ledger
from station.footage.library import Known

LONGEST = 500
STEPS = frozenset(get_args(Step))
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A mark as it stands: `taken_back` says why it counts no more, and by whom."""

    tag: str
    sha256: str
    from_ms: int
    to_ms: int
    kind: TagKind
    value: str
    by: str
    at_ms: int
    ref: EntryRef
    taken_back: str = ""
    taken_back_by: str = ""

    @property
    def stands(self) -> bool:
        return not self.taken_back


class Cue(msgspec.Struct, frozen=True, kw_only=True):
    """What the player is told of a tag, in the text of its cue."""

    tag: str
    kind: TagKind
    value: str
    by: str


class Tags:
    """Sets marks and takes them back.  RefusedError: a machine word that says why not; nothing was written."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def tag(
        self, known: Known, *, from_ms: int, to_ms: int, kind: TagKind, value: str, by: str, key: str
    ) -> Said[FootageTagged]:
        """`to_ms` may be the same as `from_ms`: a moment.  The same key again is the same tag."""
        value = _SPACE.sub(" ", value).strip()
        if why := _fault(known, from_ms, to_ms, kind, value):
            raise RefusedError(why)
        name = hashlib.sha256(f"{known.sha256} {by} {key}".encode()).hexdigest()[:16]
        body = FootageTagged(
            tag=name,
            act="tagged",
            sha256=known.sha256,
            from_ms=from_ms,
            to_ms=to_ms,
            kind=kind,
            value=value,
            by=by,
        )
        return await self._ledger.say(body, key=f"tag/{name}")

    async def untag(self, tag: Tag, *, by: str, reason: str) -> Said[FootageTagged]:
        reason = _SPACE.sub(" ", reason).strip()[:LONGEST]
        if not reason:
            raise RefusedError("no_reason")
        body = FootageTagged(
            tag=tag.tag,
            act="untagged",
            sha256=tag.sha256,
            from_ms=tag.from_ms,
            to_ms=tag.to_ms,
            kind=tag.kind,
            value=tag.value,
            by=by,
            reason=reason,
        )
        return await self._ledger.say(body, key=f"untag/{tag.tag}")


def standing(said: Iterable[Said[FootageTagged]]) -> list[Tag]:
    """Every tag that was ever set, in the order of footage; a second entry of one name changes nothing but its end."""
    found: dict[tuple[str, str], Tag] = {}
    for one in said:
        key = (one.body.sha256, one.body.tag)
        if one.body.act == "tagged":
            found.setdefault(key, _tag(one))
        elif key in found and found[key].stands:
            found[key] = _taken_back(found[key], one.body)
    return sorted(found.values(), key=lambda tag: (tag.sha256, tag.from_ms, tag.to_ms, tag.tag))


def webvtt(tags: Iterable[Tag]) -> str:
    """The marks that stand, each a cue whose text is JSON; a moment is shown for a second."""
    cues = [_cue(tag) for tag in tags if tag.stands]
    return "\n".join(["WEBVTT", "", *cues])


def stamp(ms: int) -> str:
    """Of WebVTT: 01:02:03.004."""
    seconds, rest = divmod(max(0, ms), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def _cue(tag: Tag) -> str:
    text = msgspec.json.encode(Cue(tag=tag.tag, kind=tag.kind, value=tag.value, by=tag.by)).decode()
    # "-->" ends a cue's text, whatever stands around it.
    text = text.replace("-->", "--\\u003e").replace("<", "\\u003c").replace("&", "\\u0026")
    end = max(tag.to_ms, tag.from_ms + 1000)
    return f"{tag.tag}\n{stamp(tag.from_ms)} --> {stamp(end)}\n{text}\n"


def _fault(known: Known, from_ms: int, to_ms: int, kind: TagKind, value: str) -> str:
    if not 0 <= from_ms <= to_ms:
        return "tag_backwards"
    if known.duration_ms is not None and to_ms > known.duration_ms:
        return "tag_beyond_the_end"
    if kind == "step" and value not in STEPS:
        return "no_such_step"
    if len(value) > LONGEST or (not value and kind != "important"):
        return "tag_without_words" if not value else "tag_too_long"
    return ""


def _tag(said: Said[FootageTagged]) -> Tag:
    body = said.body
    return Tag(
        tag=body.tag,
        sha256=body.sha256,
        from_ms=body.from_ms,
        to_ms=body.to_ms,
        kind=body.kind,
        value=body.value,
        by=body.by,
        at_ms=said.at_ms,
        ref=said.ref,
    )


def _taken_back(tag: Tag, body: FootageTagged) -> Tag:
    return replace(tag, taken_back=body.reason or body.by, taken_back_by=body.by)
