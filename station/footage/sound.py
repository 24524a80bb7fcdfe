"""The sound of a film as an MP4 holds it: its own AAC packets where they are whole, else encoded anew 录音.

Players count samples and look at no stamp after the first: a gap would move all that is said behind it.  So packets are
taken over only while they follow each other, and what is encoded has silence where the sound is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from kernel.errors import ProtocolError
from station.footage.folders import NO_ROOM
from station.footage.limits import LONGEST_S
from station.footage.media import open_media

SLACK_S = Fraction(20, 1000)  # what is further off its own time is put right
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
LEAST_RATE = 4_000  # no speech; and what is stretched from less would fill the memory
BITS_A_SAMPLE = 2  # at 48 kHz less would do; at the 8 kHz of speech it is needed
MOST_BITS = 96_000
PRIMING_S = Fraction(1, 4)  # what an encoder puts before its first sound; players pass over it
AHEAD_S = 10  # how much further than its pictures a sound may be stored
FRAME = 1024  # samples of an AAC frame
FORMAT = "fltp"

Way = Literal["taken_over", "encoded", "broken", "none", "off"]
T = TypeVar("T")


class SoundError(ProtocolError):
    """This way does not do for this sound; the picture has nothing to do with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which of a film's sounds is kept, and how; `number` counts its sounds."""

    way: Way
    number: int = 0

    @property
    def keeps(self) -> bool:
        return self.way in ("taken_over", "encoded")

    @property
    def how(self) -> tuple[tuple[str, str], ...]:
        return (("audio", self.way),)


class Sound(Protocol):
    """Fed with the packets of `stream`.  SoundError: this way does not do."""

    stream: AudioStream

    def seen(self, at: Fraction) -> None:
        """A picture is shown then."""

    def add(self, packet: Packet[Any]) -> None: ...

    def end(self) -> None: ...


def with_sound(source: Path, make: Callable[[Plan], T]) -> T:
    """Makes a file with the sound as it is, else encoded anew, else without it.  Blocking; raises what `make` raises."""
    *tries, last = plans(source)
    for plan in tries:
        try:
            return make(plan)
        except (SoundError, MemoryError):
            continue
        except FFmpegError as error:
            if error.errno in NO_ROOM:
                raise
    return make(last)


def plans(source: Path) -> list[Plan]:
    """In the order in which they are tried; the last one needs no sound.  ProtocolError: it cannot be read."""
    with open_media(source) as file:
        names = [_name(stream) for stream in file.streams.audio]
    if not names:
        return [Plan(way="none")]
    number = names.index("aac") if "aac" in names else next((n for n, name in enumerate(names) if name), 0)
    found = [Plan(way="encoded", number=number)] if names[number] else []
    own = [Plan(way="taken_over", number=number)] if names[number] == "aac" else []
    return [*own, *found, Plan(way="broken")]


def sound_of(file: InputContainer, out: OutputContainer, plan: Plan, *, zero: Fraction) -> Sound | None:
    """None: it is made without.  Times count from `zero`; what comes before it is left out where that can be."""
    if not plan.keeps:
        return None
    stream = file.streams.audio[plan.number]
    try:
        if plan.way == "taken_over":
            return _TakenOver(stream, out, zero)
        return _Encoded(stream, out, zero, _stated(file))
    except (FFmpegError, ValueError) as error:
        raise SoundError(f"no such sound can be made: {error}") from error


def _stated(file: InputContainer) -> Fraction:
    return Fraction(file.duration or 0, av.time_base) or Fraction(LONGEST_S)


def _name(stream: AudioStream) -> str:
    """Empty: nobody here can read it."""
    context: Any = stream.codec_context
    return str(context.name) if context is not None else ""


class Hearing:
    """Sound beside pictures that are encoded anew: it waits until the first of them has said how large they are."""

    def __init__(
        self,
        file: InputContainer,
        out: OutputContainer,
        plan: Plan,
        *,
        zero: Fraction,
        until: Fraction | None = None,
    ) -> None:
        self._until = until
        self._make = partial(sound_of, file, out, plan, zero=zero)
        self._waiting: list[Packet[Any]] | None = []
        self._sound: Sound | None = None
        self._seen = zero
        self.streams: list[AudioStream] = [file.streams.audio[plan.number]] if plan.keeps else []

    def begin(self) -> None:
        """Before anything is written."""
        self._sound, waiting, self._waiting = self._make(), self._waiting, None
        self.seen(self._seen)
        for packet in waiting or ():
            self.add(packet)

    def seen(self, at: Fraction) -> None:
        self._seen = max(self._seen, at)
        if self._sound is not None:
            self._sound.seen(at)

    def add(self, packet: Packet[Any]) -> None:
        if self._until is not None and _at(packet) >= self._until:
            return
        if self._waiting is not None:
            self._waiting.append(packet)
        elif self._sound is not None:
            self._sound.add(packet)

    def end(self) -> None:
        if self._sound is not None:
            self._sound.end()


class _TakenOver:
    """Each packet is decoded as well: one that cannot be would stop the film in a browser."""

    def __init__(self, stream: AudioStream, out: OutputContainer, zero: Fraction) -> None:
        self.stream = stream
        self._out, self._zero = out, zero
        self._to = out.add_stream_from_template(stream)
        self._kind: tuple[int, str, str] | None = None  # rate and layout: its header says one for all
        self._next: Fraction | None = None  # when what was heard so far ends for a player, who counts samples

    def seen(self, at: Fraction) -> None:
        """It is as long as its packets are."""

    def add(self, packet: Packet[Any]) -> None:
        frames = _decoded(packet)
        at = _at(packet)
        if not packet.size or at < self._zero - PRIMING_S:
            return
        for frame in frames:
            self._count(frame)
        shift = round(self._zero / packet.time_base)
        packet.dts = (packet.dts or 0) - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self._to
        self._out.mux(packet)

    def _count(self, frame: AudioFrame) -> None:
        if frame.pts is None or frame.time_base is None:
            raise SoundError("the sound has no time")
        self._kind = self._kind or _kind(frame)
        if self._kind != _kind(frame):
            raise SoundError("the sound becomes another one on the way")
        at = frame.pts * frame.time_base
        self._next = at if self._next is None else self._next
        if abs(self._next - at) > SLACK_S:
            raise SoundError("the sound has gaps")
        self._next += Fraction(frame.samples, frame.sample_rate)

    def end(self) -> None:
        if self._next is None:
            raise SoundError("nothing can be heard in it")


class _Encoded:
    """Decoded, laid out by its own stamps without a gap, and encoded as AAC."""

    def __init__(self, stream: AudioStream, out: OutputContainer, zero: Fraction, length: Fraction) -> None:
        self.stream = stream
        self._out, self._zero = out, zero
        context = stream.codec_context
        if (context.sample_rate or LEAST_RATE) < LEAST_RATE:
            raise SoundError("nobody can hear it")
        self._rate = next((rate for rate in RATES if rate >= (context.sample_rate or 0)), RATES[-1])
        self._layout = "mono" if context.channels <= 1 else "stereo"
        self._length = length
        self._to: AudioStream = out.add_stream("aac", rate=self._rate, layout=self._layout)
        self._to.codec_context.bit_rate = min(MOST_BITS, self._rate * BITS_A_SAMPLE * self._channels)
        self._fifo = AudioFifo()
        self._kind: tuple[int, str, str] | None = None
        self._placed = 0  # samples from zero on that are laid out
        self._encoded = 0
        self._heard = False

    @property
    def _channels(self) -> int:
        return 1 if self._layout == "mono" else 2

    def _resampling(self) -> AudioResampler:
        return AudioResampler(format=FORMAT, layout=self._layout, rate=self._rate)

    def seen(self, at: Fraction) -> None:
        """Torn files state less than they hold."""
        self._length = max(self._length, at - self._zero)

    def add(self, packet: Packet[Any]) -> None:
        try:
            frames = _decoded(packet)
        except SoundError:
            return  # what is missing becomes silence
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                self._place(frame, frame.pts * frame.time_base - self._zero)

    def end(self) -> None:
        if not self._heard:
            raise SoundError("nothing can be heard in it")
        self._drain(partial=True)
        self._out.mux(self._to.encode(None))

    def _place(self, frame: AudioFrame, at: Fraction) -> None:
        if at > min(self._length, Fraction(LONGEST_S)) + AHEAD_S:
            return  # a stamp that is far off would be a day of silence
        want = round(at * self._rate)
        pieces = [one.to_ndarray() for one in self._resampled(frame)]
        samples = np.concatenate(pieces, axis=1) if pieces else np.zeros((self._channels, 0), np.float32)
        ahead = want - self._placed
        if ahead > SLACK_S * self._rate:
            self._silence(ahead)
        elif ahead < -SLACK_S * self._rate:
            samples = samples[:, -ahead:]
        self._lay(samples)
        self._heard = self._heard or samples.shape[1] > 0

    def _resampled(self, frame: AudioFrame) -> list[AudioFrame]:
        frame.pts = None  # it is placed here
        if self._kind != (
            kind := _kind(frame)
        ):  # a resampler that had nothing to do would go on doing nothing
            self._kind, self._resampler = kind, self._resampling()
        try:
            return self._resampler.resample(frame)
        except (ValueError, FFmpegError) as error:
            raise SoundError(f"nobody can play it: {error}") from error

    def _silence(self, samples: int) -> None:
        while samples > 0:
            piece = min(samples, self._rate)
            self._lay(np.zeros((self._channels, piece), np.float32))
            samples -= piece

    def _lay(self, samples: Any) -> None:
        if not samples.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=FORMAT, layout=self._layout)
        frame.sample_rate = self._rate
        self._fifo.write(frame)
        self._placed += samples.shape[1]
        self._drain()

    def _drain(self, *, partial: bool = False) -> None:
        for frame in self._whole(partial):
            frame.pts, frame.time_base = self._encoded, Fraction(1, self._rate)
            self._encoded += frame.samples
            self._out.mux(self._to.encode(frame))

    def _whole(self, partial: bool) -> Iterator[AudioFrame]:
        while (frame := self._fifo.read(FRAME, partial=partial)) is not None:
            yield frame


def _at(packet: Packet[Any]) -> Fraction:
    return (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base


def _kind(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def _decoded(packet: Packet[Any]) -> list[AudioFrame]:
    try:
        decoded: Iterable[Any] = packet.decode()
        return [frame for frame in decoded if isinstance(frame, AudioFrame)]
    except (FFmpegError, ValueError) as error:
        raise SoundError("the sound cannot be decoded") from error
