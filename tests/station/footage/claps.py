"""Films with a clap: at one moment the picture turns white and a tone begins, so that sound and picture can be held together."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Audio = Literal["aac", "mp2", "pcm_s16le", "pcm_mulaw", "pcm_alaw", "adpcm_ima_wav", "libopencore_amrnb"]
Video = Literal["libx264", "libx265", "mpeg4"]
FPS = 25
CLAP_S = 1.2
WIDTH, HEIGHT = 96, 64
TONE_HZ = 440


def clap_film(
    path: Path,
    *,
    audio: Audio,
    container: str | None = None,
    video: Video = "libx264",
    rate: int = 8_000,
    seconds: float = 2.4,
    clap_s: float = CLAP_S,
    sound_from_s: float = 0.0,
    silent: tuple[float, float] | None = None,
    spoiled: tuple[float, float] | None = None,
    stored_before_s: float = 0.0,
    gop: int = FPS,
) -> Path:
    """`sound_from_s`: its sound begins so much later than its picture; `silent`: of this part no packet is written;
    `spoiled`: the sound's packets of this part hold noise; `stored_before_s`: they lie so much before their pictures.
    """
    # Else the muxer puts them in order again.
    options = {"max_interleave_delta": "1"} if stored_before_s else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        pictures = file.add_stream(video, rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt, pictures.gop_size = WIDTH, HEIGHT, "yuv420p", gop
        sound = file.add_stream(audio, rate=rate, layout="mono")
        assert isinstance(sound, AudioStream)
        packets = [*_pictures(pictures, seconds, clap_s)]
        sounds = _sounds(sound, rate, seconds, clap_s, sound_from_s)
        packets += [_spoiled(one) if _in(spoiled, one) else one for one in sounds if not _in(silent, one)]
        early = Fraction(stored_before_s)
        for packet in sorted(packets, key=lambda one: _decoded_at(one) - early * (one.stream is sound)):
            file.mux(packet)
    return path


def torn(path: Path, *, seconds: int) -> None:
    """An AVI that broke off: it has no index, and its header states what it did when the card was pulled."""
    data = bytearray(path.read_bytes()[: path.read_bytes().index(b"idx1")])
    struct.pack_into("<I", data, data.index(b"avih") + 8 + 16, seconds * FPS)
    at = 0
    while (at := data.find(b"strh", at + 1)) >= 0:
        scale, rate = struct.unpack_from("<II", data, at + 8 + 20)
        struct.pack_into("<I", data, at + 8 + 32, seconds * rate // scale)
    path.write_bytes(data)


def _decoded_at(packet: Packet[Any]) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def changing(path: Path, kinds: Sequence[tuple[int, str]], *, each_s: int = 2) -> Path:
    """A TS with AAC whose rate and layout change on the way, as after a receiver's loss of power."""
    with av.open(str(path), "w", format="mpegts") as file:
        pictures = file.add_stream("libx264", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sounds = [_adts(path.with_suffix(".aac"), rate, layout, each_s) for rate, layout in kinds]
        with av.open(str(path.with_suffix(".aac"))) as last:
            stream = file.add_stream_from_template(last.streams.audio[0])
        packets = [*_pictures(pictures, len(kinds) * each_s, CLAP_S)]
        at = Fraction(0)
        for (rate, _layout), frames in zip(kinds, sounds, strict=True):
            for data in frames:
                one = Packet(data)
                one.pts = one.dts = round(at * 90_000)
                one.time_base, one.stream = Fraction(1, 90_000), stream
                packets.append(one)
                at += Fraction(1024, rate)
        for packet in sorted(packets, key=_decoded_at):
            file.mux(packet)
    return path


def _adts(path: Path, rate: int, layout: str, seconds: int) -> list[bytes]:
    """Frames, each with its own header."""
    with av.open(str(path), "w", format="adts") as file:
        stream = file.add_stream("aac", rate=rate, layout=layout)
        channels = 1 if layout == "mono" else 2
        for number in range(rate * seconds // 1024):
            frame = AudioFrame.from_ndarray(
                np.full((channels, 1024), 0.1, np.float32), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, number * 1024, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    data, frames = path.read_bytes(), []
    while data:
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        frames.append(data[:length])
        data = data[length:]
    return frames


def _pictures(stream: VideoStream, seconds: float, clap_s: float) -> list[Packet[Any]]:
    packets: list[Packet[Any]] = []
    for number in range(round(seconds * FPS)):
        level = 235 if clap_s <= number / FPS < clap_s + 0.2 else 16
        frame = VideoFrame.from_ndarray(np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8), format="yuv420p")
        frame.planes[0].update(np.full((HEIGHT, frame.planes[0].line_size), level, np.uint8).tobytes())
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _in(part: tuple[float, float] | None, packet: Packet[Any]) -> bool:
    return part is not None and part[0] <= (packet.pts or 0) * packet.time_base < part[1]


def _spoiled(packet: Packet[Any]) -> Packet[Any]:
    noise = Packet(np.random.default_rng(packet.pts or 0).bytes(packet.size))
    noise.pts, noise.dts, noise.duration = packet.pts, packet.dts, packet.duration
    noise.time_base, noise.stream = packet.time_base, packet.stream
    return noise


def _sounds(
    stream: AudioStream, rate: int, seconds: float, clap_s: float, from_s: float
) -> list[Packet[Any]]:
    at = np.arange(round((seconds - from_s) * rate)) / rate + from_s
    tone = np.where((at >= clap_s) & (at < clap_s + 0.2), 0.5 * np.sin(2 * np.pi * TONE_HZ * at), 0.0)
    whole = AudioFrame.from_ndarray(tone.astype(np.float32)[None, :], format="flt", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = rate, round(from_s * rate), Fraction(1, rate)
    context = stream.codec_context
    context.open()
    fits = AudioResampler(
        format=context.format, layout="mono", rate=rate, frame_size=context.frame_size or 320
    )
    packets = [
        packet for frame in [*fits.resample(whole), *fits.resample(None)] for packet in stream.encode(frame)
    ]
    return [*packets, *stream.encode(None)]


def apart_ms(path: Path) -> int:
    """How much later than its picture the clap is heard, by the stamps of whoever plays it.

    A player counts samples from the first one's stamp on, so it is counted here too.
    """
    with av.open(str(path)) as file:
        seen = next(
            _at(frame)
            for frame in file.decode(video=0)
            if np.asarray(frame.to_ndarray(format="gray")).mean() > 128
        )
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    first = _at(frames[0])
    to_flat = AudioResampler(format="flt", layout="mono")
    level = np.abs(
        np.concatenate([one.to_ndarray()[0] for frame in frames for one in to_flat.resample(frame)])
    )
    heard = first + Fraction(int(np.argmax(level > 0.1)), frames[0].sample_rate)
    return round((heard - seen) * 1000)


def _at(frame: VideoFrame | AudioFrame) -> Fraction:
    return (frame.pts or 0) * (frame.time_base or Fraction(1))


def sounds_in(path: Path) -> list[str]:
    with av.open(str(path)) as file:
        return [stream.codec_context.name for stream in file.streams.audio]
