"""Where the bytes of footage are and what is known of each file: originals, what was made of them, and clips of the lanes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from kernel.events import FileStored
from kernel.footage.bodies import FootageDerived, FootageImported
from kernel.footage.clocks import TrueTime
from station.footage.folders import DigestFolder
from station.footage.index import FootageIndex, Said
from station.footage.times import true_start

Kind = Literal["original", "working_copy", "span", "redacted", "clip"]
HEARD = ("", "aac", "mp3", "opus", "flac")
CLIP_ERR_MS = 500  # of a lane camera's clock; it is an alarm beyond that


class Places(Protocol):
    def path(self, sha256: str) -> Path | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One file; times of it count in milliseconds from its first frame."""

    sha256: str
    kind: Kind
    name: str
    duration_ms: int | None = None
    codec: str = ""
    audio: str = ""  # empty: no sound, or nobody has looked
    media_type: str = "video/mp4"
    recorder: str | None = None
    officer: str | None = None
    own_start_ms: int | None = None
    start: TrueTime | None = None  # None: nothing is known of its clock
    camera: str = ""
    sources: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    how: tuple[tuple[str, str], ...] = ()

    @property
    def plays(self) -> bool:
        """In the browsers of a station: H.264 in MP4, nothing else."""
        return self.codec == "h264" and self.media_type == "video/mp4"

    @property
    def is_heard(self) -> bool:
        """By who plays it; a sound that no browser knows is played as silence."""
        return self.audio in HEARD


class Library:
    """Blocking: call it from a thread."""

    def __init__(
        self,
        index: FootageIndex,
        *,
        originals: DigestFolder,
        derived: DigestFolder,
        spans: Places,
        clips: Places,
        clip: Callable[[str], FileStored | None],
    ) -> None:
        """`clip` answers with what a lane has said of a clip."""
        self.index = index
        self.originals = originals
        self.derived = derived
        self._clips = clips
        self._clip = clip
        self._places = (originals, derived, spans)

    def path(self, sha256: str) -> Path | None:
        """None: its bytes are not here (or no longer).  Only of what is footage: other files have their own rules."""
        for place in self._places:
            if (found := place.path(sha256)) is not None:
                return found
        return self._clips.path(sha256) if self._clip(sha256) is not None else None

    def known(self, sha256: str) -> Known | None:
        """None: no entry speaks of it."""
        imported = self.index.of(FootageImported, sha256=sha256)
        if imported:
            # Docked once more it is a duplicate: the first word on it says most.
            return self._original(
                next((one for one in imported if one.body.state == "imported"), imported[0])
            )
        derived = self.index.of(FootageDerived, sha256=sha256, newest=1)
        if derived:
            return self._derived(derived[0].body)
        clip = self._clip(sha256)
        return _clip(sha256, clip) if clip is not None else None

    def made_of(self, sha256: str) -> list[FootageDerived]:
        """What was made of this file, in that order."""
        return [one.body for one in self.index.naming(FootageDerived, sha256)]

    def copy_of(self, sha256: str) -> str | None:
        """The newest working copy that is still here."""
        for made in reversed(self.made_of(sha256)):
            if made.kind == "working_copy" and self.derived.path(made.sha256) is not None:
                return made.sha256
        return None

    def _original(self, said: Said[FootageImported]) -> Known:
        body = said.body
        return Known(
            sha256=body.sha256 or "",
            kind="original",
            name=body.name,
            duration_ms=body.duration_ms,
            codec=body.codec,
            audio=body.audio,
            media_type=body.media_type,
            recorder=body.recorder,
            officer=body.officer or body.named_officer,
            own_start_ms=body.own_start_ms,
            start=true_start(self.index, said),
            problems=body.problems,
        )

    def _derived(self, body: FootageDerived) -> Known:
        """It begins when its source began, or later by as much as was left out."""
        source = self.known(body.sources[0]) if body.sources else None
        start, from_ms = source.start if source else None, body.from_ms or 0
        length = None if body.from_ms is None or body.to_ms is None else body.to_ms - body.from_ms
        return Known(
            sha256=body.sha256,
            kind=body.kind,
            name=source.name if source else body.sha256[:12],
            duration_ms=length if length is not None or source is None else source.duration_ms,
            codec=dict(body.how).get("video", source.codec if source and body.kind == "span" else "h264"),
            recorder=source.recorder if source else None,
            officer=source.officer if source else None,
            start=start
            and TrueTime(true_ms=start.true_ms + from_ms, err_ms=start.err_ms, anchors=start.anchors),
            sources=body.sources,
            how=body.how,
        )


def _clip(sha256: str, body: FileStored) -> Known:
    started = body.actual_start_ms
    return Known(
        sha256=sha256,
        kind="clip",
        name=body.camera or sha256[:12],
        camera=body.camera or "",
        duration_ms=body.duration_ms,
        codec="hevc" if "hevc" in body.flags else "h264",
        start=None if started is None else TrueTime(true_ms=started, err_ms=CLIP_ERR_MS, anchors=()),
    )
