"""Pictures out of undecoded packets: decode one window, keep the frames nearest to the wanted moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from edge.cameras.acceptance import MIN_HEIGHT, MIN_WIDTH
from edge.cameras.memory import Held
from edge.cameras.multipart import MOST_PX, jpeg_size
from edge.cameras.stream import STILLS
from kernel.clock import Clock
from kernel.errors import LinkError

OFF_MOMENT_MS = 500
DECODING_MS = 20_000  # of one camera's window: other cameras wait for it
LARGEST = {"max_pixels": str(MOST_PX)}  # a stream that states more is not decoded
# mjpeg quantiser 3 in the encoder's units: about quality 90, and above it in PSNR.
JPEG_OPTIONS = {"flags": "+qscale", "global_quality": str(3 * 118)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture, encoded once and kept so: what is stored, shown and read are the same bytes."""

    at_ms: int
    jpeg: bytes
    width: int
    height: int
    flags: tuple[str, ...] = ()  # docs/cameras.md
    sharpness: int | None = None
    luma: int | None = None
    clipped_permille: int | None = None


def never() -> bool:
    """There is time enough."""
    return False


def ends(clock: Clock, *, after_ms: int = DECODING_MS) -> Callable[[], bool]:
    """From now on so long."""
    last_ms = clock.mono_ms() + after_ms
    return lambda: clock.mono_ms() >= last_ms


def moments(at_ms: int, *, before_ms: int, after_ms: int, count: int) -> list[int]:
    """`count` moments spread evenly over the window; the middle one of an odd count is near the trigger."""
    if count <= 1:
        return [at_ms]
    span = before_ms + after_ms
    return [at_ms - before_ms + span * n // (count - 1) for n in range(count)]


def pick(held: Sequence[Held], wanted: Sequence[int], *, is_late: Callable[[], bool] = never) -> list[Frame]:
    """The frames nearest to the wanted moments, in time order, none twice.  CPU work: call it in a thread.

    `is_late` is asked between pictures: then what was decoded has to do.
    """
    if not held or not wanted:
        return []
    if held[0].session.codec == STILLS:
        return [_still(one, wanted) for one in _nearest(held, wanted)]
    return [_from_video(at_ms, frame, wanted) for at_ms, frame in _decode(held, wanted, is_late)]


def key_picture(held: Held, size: tuple[int, int]) -> VideoFrame | None:
    """A key frame alone, grey and small; None when the decoder gives none.  CPU work: call it in a thread."""
    decoder = _decoder(held.session.codec, held.session.head)
    frames = [frame for packet in (_packet(held), None) for frame in _frames(decoder, packet)]
    return frames[0].reformat(width=size[0], height=size[1], format="gray") if frames else None


def from_clip(
    path: Path, *, start_ms: int, wanted: Sequence[int], is_late: Callable[[], bool] = never
) -> list[Frame]:
    """The frames nearest to the wanted moments out of a clip whose first frame is of `start_ms`; `is_late` as in `pick`.

    What a restart left undone; LinkError when the clip cannot be read.  CPU work: call it in a thread.
    """
    best: dict[int, tuple[int, int, VideoFrame]] = {}
    try:
        with av.open(str(path), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = LARGEST
            base = stream.time_base or Fraction(1, 1000)
            for frame in container.decode(stream):
                at_ms = start_ms + int((frame.pts or 0) * base * 1000)
                _keep_nearest(best, wanted, at_ms, frame)
                if is_late():
                    break
    except (FFmpegError, IndexError) as error:
        raise LinkError(f"{path.name}: {error}") from error
    found = sorted({at_ms: frame for _, at_ms, frame in best.values()}.items(), key=lambda pair: pair[0])
    shown = [_from_video(at_ms, frame, wanted) for at_ms, frame in found]
    return [replace(frame, flags=("from_clip", *frame.flags)) for frame in shown]


def _nearest(held: Sequence[Held], wanted: Sequence[int]) -> list[Held]:
    best = {id(one): one for moment in wanted for one in [min(held, key=lambda h: abs(h.at_ms - moment))]}
    return sorted(best.values(), key=lambda one: one.at_ms)


def _still(held: Held, wanted: Sequence[int]) -> Frame:
    width, height = jpeg_size(held.packet.data)
    flags = _flags(held.at_ms, width, height, wanted)
    return Frame(at_ms=held.at_ms, jpeg=held.packet.data, width=width, height=height, flags=flags)


def _from_video(at_ms: int, frame: VideoFrame, wanted: Sequence[int]) -> Frame:
    flags = ("from_video", *_flags(at_ms, frame.width, frame.height, wanted))
    return Frame(at_ms=at_ms, jpeg=_encode(frame), width=frame.width, height=frame.height, flags=flags)


def _flags(at_ms: int, width: int, height: int, wanted: Sequence[int]) -> tuple[str, ...]:
    small = width < MIN_WIDTH or height < MIN_HEIGHT
    off = min(abs(at_ms - moment) for moment in wanted) > OFF_MOMENT_MS
    return ("too_small",) * small + ("off_moment",) * off


def _decode(
    held: Sequence[Held], wanted: Sequence[int], is_late: Callable[[], bool]
) -> list[tuple[int, VideoFrame]]:
    session = held[0].session
    decoder = _decoder(session.codec, session.head)
    best: dict[int, tuple[int, int, VideoFrame]] = {}
    for packet in (*(_packet(one) for one in held), None):
        for frame in _frames(decoder, packet):
            _keep_nearest(best, wanted, session.at_stamp(frame.pts or 0), frame)
        if is_late():
            break
    return sorted({at_ms: frame for _, at_ms, frame in best.values()}.items(), key=lambda pair: pair[0])


def _keep_nearest(
    best: dict[int, tuple[int, int, VideoFrame]], wanted: Sequence[int], at_ms: int, frame: VideoFrame
) -> None:
    for moment in wanted:
        far = abs(at_ms - moment)
        if moment not in best or far < best[moment][0]:
            best[moment] = (far, at_ms, frame)


def _decoder(codec: str, head: bytes) -> VideoCodecContext:
    decoder = CodecContext.create(codec, "r")
    if not isinstance(decoder, VideoCodecContext):
        raise TypeError(f"no video codec: {codec}")
    decoder.thread_count = 1
    decoder.options = LARGEST
    if head:
        decoder.extradata = head
    return decoder


def _packet(held: Held) -> av.Packet[Any]:
    packet = av.Packet(held.packet.data)
    packet.pts, packet.dts = held.packet.pts, held.packet.dts
    return packet


def _frames(decoder: VideoCodecContext, packet: av.Packet[Any] | None) -> list[VideoFrame]:
    try:
        return decoder.decode(packet)
    except FFmpegError:
        return []  # a torn packet costs its own picture only


def _encode(frame: VideoFrame) -> bytes:
    still = frame.reformat(format="yuvj420p")
    still.pts, still.time_base = 0, Fraction(1, 25)
    encoder = CodecContext.create("mjpeg", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("mjpeg is no video codec here")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.options = JPEG_OPTIONS
    return b"".join(bytes(packet) for packet in (*encoder.encode(still), *encoder.encode(None)))
