"""Makes what browsers play: the same packets in an MP4 where they are H.264, encoded anew where they are not."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kernel.errors import ProtocolError
from station.footage.media import first_of, open_media, reason, video_of
from station.footage.sound import Hearing, Plan, sound_of, with_sound

# bitexact: no name of a program and no time of making in the file.
PLAYABLE = {"movflags": "faststart+use_metadata_tags", "fflags": "+bitexact"}
ENCODER = {"preset": "veryfast", "crf": "26", "threads": "1"}
TALLEST = 720
LATE_S = EARLY_S = 2
BACK_S = (0, 10, 60, None)  # None: read from the beginning
TOLD_AGAIN = 250  # packets or pictures: who goes on is heard, however slow
SKIPPED = 250  # packets in a row that cannot be decoded: the rest is lost

Tell = Callable[[int], None]  # permille
How = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a file was made, and which part of its source is in it."""

    how: How
    from_ms: int | None = None
    to_ms: int | None = None


def copy(source: Path, to: Path, tell: Tell) -> Made:
    """A working copy, with its sound.  Blocking.  ProtocolError: the source cannot be read."""
    return with_sound(source, lambda plan: _copied(source, to, plan, tell))


def _copied(source: Path, to: Path, plan: Plan, tell: Tell) -> Made:
    with open_media(source) as file, av.open(str(to), "w", format="mp4", options=PLAYABLE) as out:
        work = _packets if video_of(file).codec_context.name == "h264" else _encode
        _end, how = work(file, out, Progress(file, tell), plan, zero=first_of(source))
        return Made(how=how)


def cut(
    source: Path,
    to: Path,
    *,
    from_ms: int,
    to_ms: int,
    tags: dict[str, str],
    tell: Tell,
    encode: bool = False,
) -> Made:
    """A span: the packets from the key frame at or before its start.  Blocking.  ProtocolError: nothing is there.

    `encode`: the same part for browsers that do not play these packets.
    """
    zero = first_of(source)
    entry = _entry(source, zero + Fraction(from_ms, 1000))
    actual_ms = round((entry.key - zero) * 1000)
    wanted = {"requested_start_ms": str(from_ms), "actual_start_ms": str(actual_ms)}
    until = zero + Fraction(to_ms, 1000)

    def make(plan: Plan) -> Made:
        with open_media(source) as file, av.open(str(to), "w", format="mp4", options=PLAYABLE) as out:
            out.metadata.update({**tags, **wanted})
            work = _encode if encode else _packets
            end, how = work(file, out, Progress(file, tell), plan, zero=entry.key, entry=entry, until=until)
        asked = (("asked_from_ms", str(from_ms)), ("asked_to_ms", str(to_ms)))
        return Made(how=(*how, *asked), from_ms=actual_ms, to_ms=round((end - zero) * 1000))

    return with_sound(source, make)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A key frame, and from where on a reader meets it."""

    key: Fraction
    seek: Fraction | None  # None: from the beginning


class Progress:
    """Tells of every hundredth that is done, and that it goes on."""

    def __init__(self, file: InputContainer, tell: Tell) -> None:
        self._length = Fraction(file.duration or 0, av.time_base)
        self._zero = Fraction(file.start_time or 0, av.time_base)
        self._tell = tell
        self._last = -10
        self._since = 0

    def at(self, seconds: Fraction) -> None:
        share = (seconds - self._zero) / self._length if self._length else Fraction(0)
        done = max(0, min(1000, int(share * 1000)))
        self._since += 1
        if done >= self._last + 10 or self._since >= TOLD_AGAIN:
            self._last, self._since = max(done, self._last), 0
            self._tell(self._last)


def _packets(
    file: InputContainer,
    out: OutputContainer,
    progress: Progress,
    plan: Plan,
    *,
    zero: Fraction,
    entry: _Entry | None = None,
    until: Fraction | None = None,
) -> tuple[Fraction, How]:
    """Takes the packets of the picture over, each as it is; answers when the last one ends, and how it was made."""
    video = video_of(file)
    to, sound = out.add_stream_from_template(video), sound_of(file, out, plan, zero=zero)
    _enter(file, entry)
    begun, end = entry is None, Fraction(0)
    for packet in _before(_whole(file, [video, *([sound.stream] if sound else [])]), video, until):
        at, pictured = _shown(packet), packet.stream is video
        begun = begun or (pictured and packet.is_keyframe and at >= zero)
        if (pictured and not begun) or (entry is not None and at < zero):
            continue
        if sound is not None:
            sound.seen(at) if pictured else sound.add(packet)
        if not pictured:
            continue
        end = max(end, at + (packet.duration or 0) * packet.time_base)
        progress.at(at)
        earlier(packet, zero)
        packet.stream = to
        out.mux(packet)
    if not end:
        raise ProtocolError("nothing in it can be read")
    if sound is not None:
        sound.end()
    return end, (("way", "remux"), ("video", video.codec_context.name), *plan.how)


def _before(
    packets: Iterable[Packet[Stream]], video: VideoStream, until: Fraction | None
) -> Iterator[Packet[Stream]]:
    """In the order of decoding: a picture that is shown later may be what an earlier one is made of."""
    for packet in packets:
        pictured = packet.stream is video
        at = _decoded(packet) if pictured else _shown(packet)
        if until is None or at < until:
            yield packet
        elif pictured and at >= until + LATE_S:  # sound comes behind its picture
            return


def _shown(packet: Packet[Any]) -> Fraction:
    return (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base


def _decoded(packet: Packet[Any]) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def earlier(packet: Packet[Any], zero: Fraction) -> None:
    """A browser counts from the first frame, and so do marks."""
    shift = round(zero / packet.time_base)
    packet.dts = (packet.dts or 0) - shift
    if packet.pts is not None:
        packet.pts -= shift


def _whole(file: InputContainer, streams: list[Stream]) -> Iterator[Packet[Stream]]:
    """Packets with a time; a torn end is where the file ends."""
    with suppress(FFmpegError):
        for packet in file.demux(streams):
            if packet.dts is not None and packet.size:
                yield packet


def _entry(source: Path, at: Fraction) -> _Entry:
    """The last key frame at or before a moment.  Some containers find no key frame, only a place: go further back."""
    for back_s in BACK_S:
        seek = None if back_s is None else at - back_s
        with open_media(source) as file:
            _seek(file, seek)
            keys = list(_keys_until(file, at))
        before = [key for key in keys if key <= at]
        if before:
            return _Entry(key=before[-1], seek=seek)
    if not keys:
        raise ProtocolError("nothing of that time is in the file")
    return _Entry(key=keys[0], seek=None)


def _keys_until(file: InputContainer, at: Fraction) -> Iterator[Fraction]:
    """And the first one after it, where there is none."""
    found = False
    for packet in _whole(file, [video_of(file)]):
        shown = _shown(packet)
        if found and shown > at:
            return
        if packet.is_keyframe:
            found = True
            yield shown


def _seek(file: InputContainer, at: Fraction | None) -> None:
    if at is not None and at > 0:
        video = video_of(file)
        with suppress(FFmpegError):
            file.seek(int(at / (video.time_base or Fraction(1, 1000))), stream=video)


def _enter(file: InputContainer, entry: _Entry | None) -> None:
    """Somewhat before its key frame: its sound may be stored before it."""
    if entry is not None and entry.seek is not None:
        _seek(file, entry.seek - EARLY_S)


# --- encoding ---------------------------------------------------------------------------------------------------


def _encode(
    file: InputContainer,
    out: OutputContainer,
    progress: Progress,
    plan: Plan,
    *,
    zero: Fraction,
    entry: _Entry | None = None,
    until: Fraction | None = None,
) -> tuple[Fraction, How]:
    """Codes the pictures anew; answers when the last one ends, and how it was made."""
    _enter(file, entry)
    stream, hearing, end = None, Hearing(file, out, plan, zero=zero, until=until), zero
    for frame, at in _within(pictures(file, hearing), zero if entry else None, until):
        if stream is None:
            width, height = fitting(frame.width, frame.height, tallest=TALLEST)
            stream = encoder(out, video_of(file), width, height, ENCODER)
            hearing.begin()
        progress.at(at)
        show(stream, out, frame.reformat(width, height, "yuv420p"), frame, zero)
        end = at + 1 / Fraction(stream.codec_context.framerate or 25)
    if stream is None:
        raise ProtocolError("nothing in it can be decoded")
    out.mux(stream.encode(None))
    hearing.end()
    size = ("size", f"{width}x{height}")
    return end, (("way", "encoded"), ("video", "h264"), size, *plan.how, *ENCODER.items())


def _within(
    frames: Iterable[VideoFrame], since: Fraction | None, until: Fraction | None
) -> Iterator[tuple[VideoFrame, Fraction]]:
    """Those of a part, each with its time; a little is read on, since sound comes behind its picture."""
    for frame in frames:
        at = (frame.pts or 0) * (frame.time_base or Fraction(1))
        if until is not None and at >= until + LATE_S:
            return
        if (since is None or at >= since) and (until is None or at < until):
            yield frame, at


def encoder(
    out: OutputContainer, video: VideoStream, width: int, height: int, options: Mapping[str, str]
) -> VideoStream:
    stream = out.add_stream("libx264", rate=video.average_rate or 25)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = video.time_base or Fraction(1, 90_000)
    stream.options = dict(options)
    return stream


def show(
    stream: VideoStream, out: OutputContainer, picture: VideoFrame, of: VideoFrame, zero: Fraction
) -> None:
    """At the time of the frame that it was made of, counted from the first one."""
    base = of.time_base or Fraction(1, 1000)
    picture.pts, picture.time_base = (of.pts or 0) - round(zero / base), base
    picture.pict_type = 0  # the encoder chooses its own key frames
    out.mux(stream.encode(picture))


def pictures(file: InputContainer, hearing: Hearing | None = None) -> Iterator[VideoFrame]:
    """Every frame that can be decoded, upright and in rising time; what cannot is passed over.

    `hearing` is given the sound on the way.
    """
    last, failed, video = None, 0, video_of(file)
    for packet in file.demux([video, *(hearing.streams if hearing else [])]):
        if hearing is not None and packet.stream is not video:
            hearing.add(packet)
            continue
        if hearing is not None and packet.size:
            hearing.seen(_shown(packet))
        try:
            frames = packet.decode()
        except FFmpegError as error:
            failed += 1
            if failed > SKIPPED:
                raise ProtocolError(f"cannot be decoded: {reason(error)}") from error
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame) and frame.pts is not None and (last is None or frame.pts > last):
                last, failed = frame.pts, 0
                yield upright(frame)


def upright(frame: VideoFrame) -> VideoFrame:
    """As players show it, who follow the matrix in the file 显示矩阵; ProtocolError: it is turned by no right angle."""
    told: Any = frame.side_data.get("DISPLAYMATRIX")
    right, down, across, below = _matrix(bytes(told)) if told is not None else (1, 0, 0, 1)
    if (right, down, across, below) == (1, 0, 0, 1):
        return frame
    picture = frame.to_ndarray(format="bgr24")
    if not right:
        picture, right, below = picture.transpose(1, 0, 2), across, down
    picture = picture[:: 1 if below > 0 else -1, :: 1 if right > 0 else -1]
    turned = VideoFrame.from_ndarray(np.ascontiguousarray(picture, np.uint8), format="bgr24")
    turned.pts, turned.time_base = frame.pts, frame.time_base
    return turned


def _matrix(told: bytes) -> tuple[int, int, int, int]:
    """Where a step to the right and one down lead: each by one to a side, whatever the scale."""
    a, b, _u, c, d = struct.unpack_from("=5i", told)
    signs = tuple(
        (one > 0) - (one < 0) if abs(one) > max(map(abs, (a, b, c, d))) // 1000 else 0 for one in (a, b, c, d)
    )
    right, down, across, below = signs
    if abs(right * below) + abs(down * across) != 1:
        raise ProtocolError("it is turned by no right angle")
    return right, down, across, below


def fitting(width: int, height: int, *, tallest: int) -> tuple[int, int]:
    """Even sides, not higher than that."""
    if height > tallest:
        width, height = width * tallest // height, tallest
    return max(2, width // 2 * 2), max(2, height // 2 * 2)
