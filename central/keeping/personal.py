"""What of a passage is personal: pictures, plates, and whatever people wrote in their own words."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from central.views import EntryView, PassageDetail
from kernel.errors import ProtocolError
from kernel.events import (
    EntryRef,
    JournalRecovered,
    PassageDecided,
    PassageReviewed,
    PlateCorrected,
    VehiclePictured,
)
from kernel.evidence.recovery import unwrap
from kernel.footage.bodies import FootageDerived, FootageLinked, FootageTagged, GapExplained

_ALWAYS = (VehiclePictured.stream, GapExplained.stream, PlateCorrected.stream, FootageTagged.stream)
_FOOTAGE: dict[str, type[FootageLinked | FootageDerived]] = {
    FootageLinked.stream: FootageLinked,
    FootageDerived.stream: FootageDerived,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Entries whose bodies are personal, and files by digest."""

    entries: tuple[EntryRef, ...]
    files: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.entries or self.files)


def of_passage(detail: PassageDetail, unreadable: tuple[EntryView, ...] = ()) -> Personal:
    """All that is to go; a weighing stays: what it says is nobody's without plate and picture."""
    entries = [entry for entry in (*detail.entries, *detail.footage) if _is_personal(entry)]
    entries += [entry for entry in unreadable if entry.body is not None]
    return Personal(entries=tuple(dict.fromkeys(map(_ref, entries))), files=_files(detail))


def clips_of(detail: PassageDetail) -> Personal:
    """Its clips alone."""
    return Personal(entries=(), files=_files(detail, kind="clip"))


def _files(detail: PassageDetail, *, kind: str | None = None) -> tuple[str, ...]:
    every = (*detail.files, *(span.file for span in detail.spans))
    named = [file for file in every if file.state != "erased" and kind in (None, file.kind)]
    return tuple(dict.fromkeys(file.sha256 for file in named))


def _ref(entry: EntryView) -> EntryRef:
    return EntryRef(journal=entry.journal, seq=entry.seq, leaf=entry.leaf)


def _is_personal(entry: EntryView) -> bool:
    if entry.body is None:
        return False
    return entry.quarantined is not None or _says(entry.stream, entry.body.encode())


def _says(stream: str, body: bytes) -> bool:
    try:
        if stream == JournalRecovered.stream:
            first = unwrap(body)
            return _says(first.header.stream, first.body or b"{}")
        if stream == PassageDecided.stream:
            return _has_words(msgspec.json.decode(body, type=PassageDecided))
        if stream == PassageReviewed.stream:
            return bool(msgspec.json.decode(body, type=PassageReviewed).reason)
        if (kind := _FOOTAGE.get(stream)) is not None:
            said = msgspec.json.decode(body, type=kind)
            return bool(said.reason) and not _is_rule(said.by)
    except (msgspec.MsgspecError, ProtocolError):
        return True  # what cannot be read may say anything
    return stream in _ALWAYS


def _is_rule(by: str) -> bool:
    """A rule's reason is a machine word; no account has a colon in its name."""
    return ":" in by


def _has_words(act: PassageDecided) -> bool:
    grounds = act.grounds
    return bool(act.note or (grounds and (grounds.override_reason or grounds.police_result)))
