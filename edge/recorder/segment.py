"""One segment of the ring: written packet by packet as fragmented MP4, read back while it still grows.

Every packet is a fragment of its own and is handed to the operating system at once, so that a killed process loses
at most the packet the muxer still holds, and a reader never waits for a group of pictures to end.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.error import FFmpegError

from edge.cameras.bitstream import GopDigests, Normaliser
from edge.cameras.stream import Coded, Session
from edge.recorder.boxes import Window, whole_size
from edge.recorder.last import Kept, LastPackets, beside, last_packets
from kernel.errors import WeighpostError

log = logging.getLogger(__name__)

PART = ".part"
WHOLE = ".whole"
DAMAGED = ".damaged"
MOST_MS = 86_400_000  # no segment is longer, whatever a damaged file says
SPARE_BYTES = 16 * 1024 * 1024  # what making a segment whole leaves of the disk: the journal needs room too
# Its head says everything: looking on would read for nothing, and a picture be decoded for nothing.
KNOWN = {"analyzeduration": "1", "skip_frame": "all"}
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
    clock_err_ms: int | None = (
        None  # by how much its time may be wrong, as far as anything told; None: not known
    )


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
        self._last = LastPackets(path)
        self._first = first
        self._last_ms = 0
        self.size = 0  # bytes of its packets
        self._clock_err_ms = 0

    def facts(self, camera: str) -> Segment:
        return Segment(
            camera=camera,
            session=self._session.name,
            path=self.path,
            start_ms=self.start_ms,
            base=self._session.time_base,
            dts0=self._dts0,
            clock_err_ms=self._clock_err_ms,
        )

    @property
    def start_ms(self) -> int:
        """By the latest estimate of wall time: the first packets of a connection look late."""
        return self._session.at_ms(self._first)

    @property
    def end_ms(self) -> int:
        return self._last_ms

    def write(self, packet: Coded) -> None:
        kept = self._kept(packet)
        self._last.keep(kept)
        self._container.mux(_packet(kept, self._stream))
        self.size += len(packet.data)
        if packet.key:
            self._clock_err_ms = max(self._clock_err_ms, self._session.clock_error_ms)
        self._digests.add(packet.data, key=packet.key)
        length = Coded(data=b"", pts=packet.pts + packet.duration, dts=0, key=False, arrived_ms=0)
        self._last_ms = max(self._last_ms, self._session.at_ms(length))

    def close(self) -> tuple[str, ...]:
        """Finish the file; answers with the digests of its groups of pictures."""
        self._container.close()
        self._last.close()
        return self._digests.finish()

    def abandon(self) -> None:
        """After a failed write: let go of the file, whatever its state."""
        self._last.close()
        with suppress(OSError, FFmpegError):
            self._container.close()

    def _kept(self, coded: Coded) -> Kept:
        """In the file's own time."""
        return Kept(
            data=coded.data,
            pts=coded.pts - self._dts0,
            dts=coded.dts - self._dts0,
            duration=coded.duration,
            base=self._session.time_base,
            key=coded.key,
        )


def _packet(one: Kept, stream: Any) -> av.Packet[Any]:
    packet = av.Packet(one.data)
    packet.pts, packet.dts, packet.duration = one.pts, one.dts, one.duration
    packet.time_base, packet.is_keyframe, packet.stream = one.base, one.key, stream
    return packet


@contextmanager
def open_segment(path: Path) -> Iterator[InputContainer]:
    """Open a segment for reading, growing or not, up to its last whole fragment.

    OSError when nothing is whole, and for whatever else reading a damaged file raises inside the block.
    """
    with path.open("rb") as file:
        size = whole_size(file)
        if not size:
            raise OSError(f"no whole fragment in {path.name}")
        try:
            with av.open(Window(file, size), mode="r", format="mp4", options=KNOWN) as container:
                yield container
        except (OSError, FFmpegError, WeighpostError):
            raise
        except Exception as error:
            # One flipped bit becomes a name that is no UTF-8, a stream that is missing, a stamp that is none.
            raise OSError(f"{path.name} is damaged: {error!r}") from error


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
    beside(path).unlink(missing_ok=True)
    sync_folder(done.parent)
    return done, done.stat().st_size, digest, gops


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def recover(path: Path) -> tuple[int, tuple[str, ...]]:
    """Make a segment whole that a killed process left behind: (its length in ms, its digests).

    A torn tail is cut off, and what was read and not written yet is added.  OSError, FFmpegError: it is left as it is.
    """
    with path.open("rb+") as file:
        size = whole_size(file)
        if not size:
            raise OSError(f"no whole fragment in {path.name}")
        _keep_tail(path, file, size)
        file.truncate(size)
    _add_last(path)
    with open_segment(path) as container:
        digests, base = GopDigests(normaliser_of(container)), container.streams.video[0].time_base
        ends = [0]
        for packet in written(container):
            digests.add(packet.data, key=packet.key)
            ends.append(packet.pts + packet.duration)
    if len(ends) == 1:
        raise OSError(f"no packet in {path.name}")
    length_ms = int(max(ends) * 1000 * (base or Fraction(0)))
    if length_ms > MOST_MS:
        raise OSError(f"{path.name} is damaged: {length_ms} ms long")
    return length_ms, digests.finish()


def _keep_tail(path: Path, file: BinaryIO, size: int) -> None:
    """One torn fragment is what a killed process leaves; behind one that is damaged there is more."""
    file.seek(size)
    tail = file.read()
    if tail.count(b"moof") > 1:
        log.error("segment damaged, its tail set aside", extra={"segment": path.name, "bytes": len(tail)})
        path.with_suffix(f".tail{DAMAGED}").write_bytes(tail)


def _add_last(path: Path) -> None:
    """Into a new file, behind the same packets; the old one stays until that is whole."""
    with open_segment(path) as source:
        video = source.streams.video[0]
        base = video.time_base or Fraction(1)
        packets = [_of_file(packet, base) for packet in written(source)]
        end = max((packet.dts * base for packet in packets), default=Fraction(-1))
        lost = [packet for packet in last_packets(path) if packet.dts * packet.base > end]
        if not lost:
            return
        if shutil.disk_usage(path.parent).free < path.stat().st_size + SPARE_BYTES:
            log.warning("last packets not added for want of room", extra={"segment": path.name})
            return
        whole = path.with_suffix(WHOLE)
        try:
            with av.open(str(whole), mode="w", format="mp4", options=FRAGMENTED) as container:
                stream = container.add_stream_from_template(video)
                for packet in (*packets, *lost):
                    container.mux(_packet(packet, stream))
            whole.replace(path)
        finally:
            whole.unlink(missing_ok=True)


def holds_packets(path: Path) -> bool:
    """Whether there is footage in it, readable or not; OSError: nobody can tell."""
    before = b""
    with path.open("rb") as file:
        while data := file.read(SPARE_BYTES):
            if b"mdat" in before + data:
                return True
            before = data[-3:]
    return False


def _of_file(one: Written, base: Fraction) -> Kept:
    return Kept(data=one.data, pts=one.pts, dts=one.dts, duration=one.duration, base=base, key=one.key)
