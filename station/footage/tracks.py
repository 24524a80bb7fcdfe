"""Sentences of satellite receivers that recorders keep: in a track beside the pictures, or in a file beside the film.

Positions in them are personal data; nothing but time leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from kernel.footage.nmea import Rmc, Sentences
from kernel.footage.satellites import Stamp

MOST_TEXT = 64 << 20  # a day of a talkative receiver
MOST_STAMPS = 20_000
CHUNK = 1 << 20


def stamps(
    container: InputContainer,
    video: VideoStream,
    windows: Sequence[tuple[float, float]],
    *,
    is_late: Callable[[], bool],
) -> list[Stamp]:
    """Of all tracks of text or data, in these parts of the film.  Blocking."""
    tracks = [one for one in container.streams if one.type not in ("video", "audio")]
    found: list[Stamp] = []
    if tracks and video.time_base is not None:
        for first_s, last_s in windows:
            found += _part(container, video, tracks, (first_s, last_s), is_late)
    return found[:MOST_STAMPS]


def lines(path: Path) -> list[Rmc]:
    """Of a file that is no film.  Blocking; OSError."""
    parser, found, left = Sentences(), [], MOST_TEXT
    with path.open("rb") as file:
        while left > 0 and (data := file.read(min(CHUNK, left))):
            left -= len(data)
            found += [one for one in parser.feed(data) if isinstance(one, Rmc)]
    return found[: 4 * MOST_STAMPS]


def _part(
    container: InputContainer,
    video: VideoStream,
    tracks: Sequence[Stream],
    window: tuple[float, float],
    is_late: Callable[[], bool],
) -> Iterator[Stamp]:
    """The picture is read along: it tells how far it is where a track is silent."""
    zero = (video.start_time or 0) * (video.time_base or Fraction(1))
    container.seek(round((float(zero) + window[0]) / (video.time_base or 1)), stream=video)
    parsers = {track.index: Sentences() for track in tracks}
    for packet in container.demux([video, *tracks]):
        at = _at(packet)
        if is_late() or (at is not None and at - zero > window[1]):
            return
        parser = parsers.get(packet.stream.index)
        if parser is None or at is None:
            continue
        in_file_ms = round((at - zero) * 1000)
        yield from (
            Stamp(in_file_ms=in_file_ms, rmc=one)
            for one in parser.feed(bytes(packet))
            if isinstance(one, Rmc) and in_file_ms >= window[0] * 1000
        )


def _at(packet: Packet[Any]) -> Fraction | None:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return None if stamp is None or packet.time_base is None else stamp * packet.time_base
