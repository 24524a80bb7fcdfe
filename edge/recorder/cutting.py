"""A clip out of segments, growing ones included: the same packets in one MP4 that browsers play.

The clip begins at the last key frame at or before the wanted start and says so; nothing is hidden by an edit list.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from edge.cameras.bitstream import GopDigests, Normaliser
from edge.cameras.settings import CLOCK_MAX_MS
from edge.recorder.segment import Segment, normaliser_of, open_segment, written
from kernel.errors import LinkError

if TYPE_CHECKING:
    from av.container.core import Chapter  # a name of its stubs only

log = logging.getLogger(__name__)

CLIP_BASE = Fraction(1, 90_000)
# bitexact: the same packets and tags give the same file.
PLAYABLE = {"movflags": "faststart+use_metadata_tags", "fflags": "+bitexact"}
SHORT_MS = 1_500  # a clip that lacks more than this at either end is flagged
CHAPTERS = ("before", "EVENT", "after")
EVENT_S = Fraction(2)  # how long the middle chapter lasts
GAP_S = Fraction(1)  # packets further apart than this are a hole in the footage


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A finished clip.  Every digest but the last is also in the index of the segments it came from."""

    path: Path
    requested_start_ms: int
    actual_start_ms: int
    duration_ms: int
    frames: int
    width: int
    height: int
    gop_sha256: tuple[str, ...]
    sources: tuple[str, ...]  # name and SHA-256 of each segment, `open` while it grows
    flags: tuple[str, ...] = ()  # starts_late, ends_early, gap, clock_off, hevc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packet:
    """One packet, its stamps in seconds: exact, so that frames keep their distances."""

    data: bytes
    pts: Fraction
    dts: Fraction
    duration: Fraction
    key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One segment's packets, and how its stream is decoded."""

    segment: Segment
    head: tuple[str, bytes, int, int]  # codec, extradata, width, height
    normaliser: Normaliser
    packets: tuple[_Packet, ...]


def cut(
    segments: Sequence[Segment], *, at_ms: int, from_ms: int, to_ms: int, to: Path, tags: Mapping[str, str]
) -> Clip:
    """Blocking.  LinkError when the segments hold nothing of that time."""
    pieces = _one_stream(_pieces(segments), at_ms)
    chosen = _between(pieces, from_ms, to_ms)
    if not chosen:
        raise LinkError("no footage of that time")
    sources = tuple(f"{p.segment.path.stem} {p.segment.sha256 or 'open'}" for p in pieces)
    own = {"requested_start_ms": str(from_ms), "actual_start_ms": str(int(chosen[0].pts * 1000))}
    keys = {**tags, **own, "sources": "; ".join(sources)}
    _mux(chosen, pieces[0].segment.path, to, keys, _chapters(chosen, at_ms))
    clip = _facts(pieces[0], chosen, from_ms, to_ms, to, sources)
    return replace(clip, flags=("clock_off", *clip.flags)) if _clock_is_off(pieces) else clip


def _clock_is_off(pieces: Sequence[_Piece]) -> bool:
    return any((piece.segment.clock_err_ms or 0) > CLOCK_MAX_MS for piece in pieces)


def _chapters(chosen: Sequence[_Packet], at_ms: int) -> list[Chapter]:
    """Before the event, the event, after it; what the clip does not reach has no chapter."""
    zero, event = chosen[0].dts, Fraction(at_ms, 1000)
    ends = (chosen[0].pts, event, event + EVENT_S, max(packet.pts + packet.duration for packet in chosen))
    marks = [min(max(_ticks(end - zero), 0), _ticks(ends[3] - zero)) for end in ends]
    return [
        {"id": number, "start": start, "end": end, "time_base": CLIP_BASE, "metadata": {"title": title}}
        for number, (title, (start, end)) in enumerate(zip(CHAPTERS, pairwise(marks), strict=True))
        if start < end
    ]


def _pieces(segments: Sequence[Segment]) -> list[_Piece]:
    found = []
    for segment in segments:
        try:
            found.append(_piece(segment))
        except (OSError, FFmpegError) as error:
            # Just opened, or torn: what is left is still a clip.
            if segment.sha256:
                extra = {"segment": segment.path.name, "reason": str(error)}
                log.warning("finished segment cannot be read", extra=extra)
    return _on_the_wall([piece for piece in found if piece.packets])


def _piece(segment: Segment) -> _Piece:
    """In its session's own time."""
    with open_segment(segment.path) as container:
        video = container.streams.video[0]
        base, context = video.time_base or CLIP_BASE, video.codec_context
        zero = segment.dts0 * segment.base
        return _Piece(
            segment=segment,
            head=(context.name, bytes(context.extradata or b""), context.width, context.height),
            normaliser=normaliser_of(container),
            packets=tuple(
                _Packet(
                    data=p.data,
                    pts=zero + p.pts * base,
                    dts=zero + p.dts * base,
                    duration=p.duration * base,
                    key=p.key,
                )
                for p in written(container)
            ),
        )


def _on_the_wall(pieces: Sequence[_Piece]) -> list[_Piece]:
    """From session time to wall time: one shift a session, so that its packets keep their distances."""
    shifts = {  # the latest segment knows best
        piece.segment.session: Fraction(piece.segment.start_ms, 1000) - piece.packets[0].pts
        for piece in pieces
    }
    return [_shifted(piece, shifts[piece.segment.session]) for piece in pieces]


def _shifted(piece: _Piece, shift: Fraction) -> _Piece:
    packets = (replace(packet, pts=packet.pts + shift, dts=packet.dts + shift) for packet in piece.packets)
    return replace(piece, packets=tuple(packets))


def _one_stream(pieces: list[_Piece], at_ms: int) -> list[_Piece]:
    """A camera that changed its settings needs two files: the one of the event is cut."""
    begun = [piece for piece in pieces if piece.packets[0].pts * 1000 <= at_ms] or pieces[:1]
    return [piece for piece in pieces if piece.head == begun[-1].head]


def _between(pieces: Sequence[_Piece], from_ms: int, to_ms: int) -> list[_Packet]:
    packets = list(_in_order(pieces))
    begin, end = Fraction(from_ms, 1000), Fraction(to_ms, 1000)
    keys = [n for n, packet in enumerate(packets) if packet.key]
    start = max((n for n in keys if packets[n].pts <= begin), default=keys[0] if keys else 0)
    return [packet for packet in packets[start:] if packet.dts < end]


def _in_order(pieces: Sequence[_Piece]) -> Iterator[_Packet]:
    """Packets whose dts rises; a later connection that overlaps an earlier one starts at its next key frame."""
    last = Fraction(-1)
    for piece in pieces:
        joined = False
        for packet in piece.packets:
            joined = joined or (packet.key and packet.dts > last)
            if joined:
                last = packet.dts
                yield packet


def _mux(
    packets: Sequence[_Packet], template: Path, to: Path, tags: Mapping[str, str], parts: list[Chapter]
) -> None:
    zero = packets[0].dts
    with (
        open_segment(template) as source,
        av.open(str(to), mode="w", format="mp4", options=PLAYABLE) as container,
    ):
        container.metadata.update(tags)
        container.set_chapters(parts)
        stream = container.add_stream_from_template(source.streams.video[0])
        for one in packets:
            packet = av.Packet(one.data)
            packet.pts, packet.dts = _ticks(one.pts - zero), _ticks(one.dts - zero)
            packet.duration, packet.time_base = _ticks(one.duration), CLIP_BASE
            packet.is_keyframe, packet.stream = one.key, stream
            container.mux(packet)


def _ticks(seconds: Fraction) -> int:
    return round(seconds / CLIP_BASE)


def _facts(
    piece: _Piece, chosen: Sequence[_Packet], from_ms: int, to_ms: int, path: Path, sources: tuple[str, ...]
) -> Clip:
    digests = GopDigests(piece.normaliser)
    for packet in chosen:
        digests.add(packet.data, key=packet.key)
    codec, _, width, height = piece.head
    end = max(packet.pts + packet.duration for packet in chosen)
    return Clip(
        path=path,
        requested_start_ms=from_ms,
        actual_start_ms=int(chosen[0].pts * 1000),
        duration_ms=int((end - chosen[0].pts) * 1000),
        frames=len(chosen),
        width=width,
        height=height,
        gop_sha256=digests.finish(),
        sources=sources,
        flags=_flags(chosen, codec, from_ms, to_ms),
    )


def _flags(chosen: Sequence[_Packet], codec: str, from_ms: int, to_ms: int) -> tuple[str, ...]:
    late = chosen[0].pts * 1000 > from_ms + SHORT_MS
    early = chosen[-1].dts * 1000 < to_ms - SHORT_MS
    gap = any(b.dts - a.dts > GAP_S for a, b in pairwise(chosen))
    said = {"starts_late": late, "ends_early": early, "gap": gap, codec: codec != "h264"}
    return tuple(word for word, true in said.items() if true)
