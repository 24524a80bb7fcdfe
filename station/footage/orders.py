"""What is to be made of footage 制作任务: working copies, spans and redacted copies, each an order on disk until it is done."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from kernel.errors import FullError
from kernel.footage.bodies import DerivedKind, FootageDerived
from station.footage.folders import NO_ROOM, flush

log = logging.getLogger(__name__)

MOST_KEYS = 400
MOST_TRACKS = 16
SHORTEST_MS = 10_000  # of a span that is cut in several


class Box(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rectangle of the picture at one moment, in thousandths of its width and height."""

    at_ms: int
    left_permille: int
    top_permille: int
    width_permille: int
    height_permille: int

    @property
    def sound(self) -> bool:
        inside = self.left_permille >= 0 and self.top_permille >= 0 and self.at_ms >= 0
        right, bottom = self.left_permille + self.width_permille, self.top_permille + self.height_permille
        return (
            inside and right <= 1000 and bottom <= 1000 and min(self.width_permille, self.height_permille) > 0
        )


class Redaction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keep`: only what is inside the boxes stays to be seen; `hide`: only that is hidden.  A track is one thing's boxes."""

    tracks: tuple[tuple[Box, ...], ...]
    keep: bool = True
    audio: bool = False


class Order(Struct, frozen=True, kw_only=True):
    """One file to be made; `problem` is why it could not be."""

    id: str
    kind: DerivedKind
    sha256: str  # of the source
    by: str
    reason: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    redaction: Redaction | None = None
    box: str | None = None
    passage: str | None = None
    case: str | None = None
    link: str | None = None
    encode: bool = False  # of a span: the same part once more, for browsers
    problem: str = ""
    made: FootageDerived | None = None  # finished, and about to be said


class Orders:
    """A folder with one file an order.  Blocking; what was ordered before a power cut is still ordered after it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unread: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            part.unlink()

    def put(self, order: Order) -> None:
        """Durable when it returns.  FullError: no room for it."""
        part = self._path(order.id).with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(msgspec.json.encode(order))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path(order.id))
            flush(self._folder)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise FullError("no room for an order") from error
            raise

    def all(self) -> list[Order]:
        """In the order in which they came; what cannot be read is none."""
        return sorted(self._read(), key=lambda order: order.id)

    def drop(self, order: Order) -> None:
        self._path(order.id).unlink(missing_ok=True)

    def _read(self) -> Iterator[Order]:
        for path in self._folder.glob("*.json"):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Order)
            except FileNotFoundError:  # done meanwhile
                continue
            except (OSError, msgspec.MsgspecError) as error:
                self._pass_over(path, error)

    def _pass_over(self, path: Path, error: Exception) -> None:
        """Said once, not at every look."""
        if path.name not in self._unread:
            self._unread.add(path.name)
            log.error("order of footage unreadable", extra={"order": path.name, "reason": str(error)})

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def faults_of(redaction: Redaction) -> str:
    """Why it cannot be done, as a machine word; empty: it can."""
    boxes = [box for track in redaction.tracks for box in track]
    if not redaction.tracks or not all(redaction.tracks):
        return "no_box"
    if len(boxes) > MOST_KEYS or len(redaction.tracks) > MOST_TRACKS:
        return "too_many_boxes"
    if not all(box.sound for box in boxes):
        return "box_outside"
    rising = all(list(track) == sorted(track, key=lambda box: box.at_ms) for track in redaction.tracks)
    return "" if rising else "boxes_out_of_order"
