"""What every body of an entry is made of, and the row that makes a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Base of everything inside a body."""


class Body(Part, frozen=True, kw_only=True):
    """Base of every payload; `stream` is its row in STREAMS."""

    stream: ClassVar[str] = ""


class EntryRef(Part, frozen=True, kw_only=True):
    """Points at one entry of some journal; it may arrive before the entry itself."""

    journal: str  # 32 hex
    seq: int
    leaf: str  # 64 hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What readers may count on: silence past `silent_s` means the source is down (None: speaks when it must)."""

    body: type[Body]
    per_hour: int
    silent_s: int | None
    keep_days: int
    says: str
