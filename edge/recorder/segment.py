"""One segment of the ring: written packet by packet as fragmented MP4, read back while it still grows.

Every packet is a fragment of its own and is handed to the operating system at once, so that a killed process loses
at most the packet the muxer still holds, and a reader never waits for a group of pictures to end.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from edge.cameras.bitstream import GopDigests, Normaliser
from edge.cameras.stream import Coded, Session
from edge.recorder.boxes import Window, whole_size

PART = ".part"
FRAGMENTED = {"movflags": "frag_every_frame+empty_moov+default_base_moof", "flush_packets": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A row of the index.  `dts0` in `base` says where the file's time 0 lies in its session's time."""

    camera: str
    session: str
    path: Path
    start_ms: int  # wall time of the first picture
    end_ms: int | None = None  # None while it grows
    base: Fraction = Fraction(1, 1000)
    dts0: int = 0
    size: int = 0
    sha256: str | None = None
    gops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One packet read back, its stamps in the file's time."""

    data: bytes
    pts: int
    dts: int
    key: bool
    duration: int


class SegmentWriter:
    """Lives in its camera's thread; the stamps of the file start at its first packet's dts."""

    def __init__(self, path: Path, session: Session, first: Coded) -> None:
        self.path = path
        self._session, self._dts0 = session, first.dts
        self._digests = GopDigests(session.normaliser())
        self._container = av.open(str(path), mode="w", format="mp4", options=FRAGMENTED)
        self._stream = self._container.add_stream_from_template(session.template)
        self._first = first
        self._last_ms = 0

    def facts(self, camera: str) -> Segment:
        return Segment(
            camera=camera,
            session=self._session.name,
            path=self.path,
            start_ms=self.start_ms,
            base=self._session.time_base,
            dts0=self._dts0,
        )

    @property
    def start_ms(self) -> int:
        """By the latest estimate of wall time: the first packets of a connection look late."""
        return self._session.at_ms(self._first)

    @property
    def end_ms(self) -> int:
        return self._last_ms

    def write(self, packet: Coded) -> None:
        self._container.mux(self._packet(packet))
        self._digests.add(packet.data, key=packet.key)
        length = Coded(data=b"", pts=packet.pts + packet.duration, dts=0, key=False, arrived_ms=0)
        self._last_ms = max(self._last_ms, self._session.at_ms(length))

    def close(self) -> tuple[str, ...]:
        """Finish the file; answers with the digests of its groups of pictures."""
        self._container.close()
        return self._digests.finish()

    def abandon(self) -> None:
        """After a failed write: let go of the file, whatever its state."""
        with suppress(OSError, FFmpegError):
            self._container.close()

    def _packet(self, coded: Coded) -> av.Packet[Any]:
        packet = av.Packet(coded.data)
        packet.pts, packet.dts = coded.pts - self._dts0, coded.dts - self._dts0
        packet.time_base, packet.duration = self._session.time_base, coded.duration
        packet.is_keyframe, packet.stream = coded.key, self._stream
        return packet


@contextmanager
def open_segment(path: Path) -> Iterator[InputContainer]:
    """Open a segment for reading, growing or not, up to its last whole fragment.  OSError when nothing is whole."""
    with path.open("rb") as file:
        size = whole_size(file)
        if not size:
            raise OSError(f"no whole fragment in {path.name}")
        with av.open(Window(file, size), mode="r", format="mp4") as container:
            yield container


def written(container: InputContainer) -> Iterator[Written]:
    video = container.streams.video[0]
    for packet in container.demux(video):
        if packet.size and packet.pts is not None and packet.dts is not None:
            yield Written(
                data=bytes(packet),
                pts=packet.pts,
                dts=packet.dts,
                key=packet.is_keyframe,
                duration=packet.duration or 0,
            )


def normaliser_of(container: InputContainer) -> Normaliser:
    context = container.streams.video[0].codec_context
    return Normaliser(context.name, bytes(context.extradata or b""))


def finish(path: Path, gops: tuple[str, ...]) -> tuple[Path, int, str, tuple[str, ...]]:
    """fsync, rename from .part, fsync the folder: (path, size, sha256, gops)."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    done = path.with_suffix(".mp4")
    path.rename(done)
    sync_folder(done.parent)
    return done, done.stat().st_size, digest, gops


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def recover(path: Path) -> tuple[int, tuple[str, ...]]:
    """Cut a torn tail off a segment that a killed process left behind: (its length in ms, its digests)."""
    with path.open("rb+") as file:
        file.truncate(whole_size(file))
    with open_segment(path) as container:
        digests, base = GopDigests(normaliser_of(container)), container.streams.video[0].time_base
        ends = [0]
        for packet in written(container):
            digests.add(packet.data, key=packet.key)
            ends.append(packet.pts + packet.duration)
    return int(max(ends) * 1000 * (base or Fraction(0))), digests.finish()
