"""Opens a camera by its URL: RTSP, HTTP (MPEG-TS, multipart JPEG, a still to poll) or a file in real time.

Blocking, for the camera's own thread.  Foreign errors leave as LinkError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import httpx
from av.container import InputContainer

from edge.cameras.multipart import MAX_STILL, Parts, has_few_scans, is_jpeg
from edge.cameras.settings import CameraSettings
from edge.cameras.stream import STILLS, Coded, Session, Source
from kernel.clock import Clock
from kernel.errors import LinkError

MILLISECONDS = Fraction(1, 1000)
LIVE = {"rtsp_transport": "tcp", "analyzeduration": "1000000", "probesize": "1000000"}
PLAIN = {"Accept-Encoding": "identity"}
LATE_MS = 10_000  # stamps that leave wall time by more than this belong to a camera that was restarted


@contextmanager
def open_source(
    settings: CameraSettings, *, clock: Clock, stop: threading.Event, name: str
) -> Iterator[Source]:
    """`name` becomes the session's name."""
    scheme = urlsplit(settings.url).scheme
    try:
        if scheme in ("", "file"):
            with _video(_file_path(settings.url), None, {}) as container:
                session = _session(container, name, lag_ms=settings.clock_offset_ms)
                yield FileVideo(container, session, clock=clock, wait=stop.wait)
        elif scheme in ("http", "https") and (kind := _content_type(settings)) in _STILL_TYPES:
            with httpx.Client(timeout=settings.patience_s) as client:
                yield _STILL_TYPES[kind](client, settings, name, clock=clock, stop=stop)
        else:
            with _video(settings.url, settings.patience_s, LIVE) as container:
                session = _session(container, name, lag_ms=settings.clock_offset_ms)
                yield LiveVideo(container, session, clock=clock)
    except (av.error.FFmpegError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise LinkError(_without_secrets(error, settings.url)) from error


class LiveVideo:
    """A stream that comes when it comes."""

    def __init__(self, container: InputContainer, session: Session, *, clock: Clock) -> None:
        self._container, self._clock = container, clock
        self.session = session

    def packets(self) -> Iterator[Coded]:
        video, same = self._container.streams.video[0], SameHead(self.session)
        last: int | None = None
        for packet in self._container.demux(video):
            if packet.pts is None or packet.dts is None or not packet.size:
                continue
            if self.session.codec == STILLS and not has_few_scans(bytes(packet)):
                continue
            if last is not None and _jumped(self.session, last, packet.dts):
                raise LinkError("the camera's time jumped")
            last = packet.dts
            coded = _coded(packet, self._clock.now_ms())
            same.check(coded)
            yield coded
        raise LinkError("the camera ended the stream")


class SameHead:
    """A stream that changes its picture becomes another session: a segment or a burst has one head for all of it."""

    def __init__(self, session: Session) -> None:
        self._normaliser = session.normaliser()
        self._head: tuple[bytes, ...] = ()

    def check(self, packet: Coded) -> None:
        head = self._normaliser.picture_head(packet.data) if packet.key else ()
        if head and self._head and head != self._head:
            raise LinkError("the camera changed its picture")
        self._head = head or self._head


class FileVideo:
    """A file as if it were live; ends with the file."""

    def __init__(
        self, container: InputContainer, session: Session, *, clock: Clock, wait: Callable[[float], bool]
    ) -> None:
        self._container, self._clock, self._wait = container, clock, wait
        self.session = session

    def packets(self) -> Iterator[Coded]:
        video = self._container.streams.video[0]
        begun, first = self._clock.mono_ms(), None
        for packet in self._container.demux(video):
            if packet.pts is None or packet.dts is None or not packet.size:
                continue
            if self.session.codec == STILLS and not has_few_scans(bytes(packet)):
                continue
            first = packet.dts if first is None else first
            due = begun + self.session.stamp_ms(packet.dts - first)
            if self._wait(max(0, due - self._clock.mono_ms()) / 1000):
                return
            yield _coded(packet, self._clock.now_ms())
        if first is None:
            raise LinkError("the file holds no video packet")


class PushedStills:
    """multipart/x-mixed-replace: every part is a picture."""

    def __init__(
        self,
        client: httpx.Client,
        settings: CameraSettings,
        name: str,
        *,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._client, self._settings, self._clock, self._stop = client, settings, clock, stop
        self.session = _stills(name, lag_ms=settings.clock_offset_ms)
        self.dropped = 0

    def packets(self) -> Iterator[Coded]:
        last_ms = self._clock.mono_ms()
        with self._client.stream("GET", self._settings.url) as answer:
            parts = Parts(_boundary(answer.headers.get("content-type", "")))
            for data in answer.iter_raw():
                for item in parts.feed(data):
                    if isinstance(item, bytes):
                        last_ms = self._clock.mono_ms()
                        yield _still(item, self._clock.now_ms())
                self.dropped = parts.dropped
                if self._stop.is_set():
                    return
                if self._clock.mono_ms() - last_ms > self._settings.patience_s * 1000:
                    raise LinkError("bytes come, and no picture")
        raise LinkError("the camera ended the stream")


class PolledStills:
    """One still an answer, asked for again and again."""

    def __init__(
        self,
        client: httpx.Client,
        settings: CameraSettings,
        name: str,
        *,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._client, self._settings, self._clock, self._stop = client, settings, clock, stop
        self.session = _stills(name, lag_ms=settings.clock_offset_ms)

    def packets(self) -> Iterator[Coded]:
        while True:
            with self._client.stream("GET", self._settings.url, headers=PLAIN) as answer:
                data = self._body(answer)
                if answer.status_code != httpx.codes.OK or not is_jpeg(data):
                    raise LinkError(f"no JPEG: HTTP {answer.status_code}")
            yield _still(data, self._clock.now_ms())
            if self._stop.wait(self._settings.poll_ms / 1000):
                return

    def _body(self, answer: httpx.Response) -> bytes:
        """No longer than a still may be, and no later than the camera's patience allows."""
        body, begun_ms = bytearray(), self._clock.mono_ms()
        for data in answer.iter_raw():
            body += data
            if len(body) > MAX_STILL:
                raise LinkError("a still has no end")
            if self._stop.is_set() or self._clock.mono_ms() - begun_ms > self._settings.patience_s * 1000:
                raise LinkError("a still does not come to its end")
        return bytes(body)


_STILL_TYPES: dict[str, type[PushedStills | PolledStills]] = {
    "multipart/x-mixed-replace": PushedStills,
    "image/jpeg": PolledStills,
}


@contextmanager
def _video(url: str, patience_s: float | None, options: dict[str, str]) -> Iterator[InputContainer]:
    with av.open(url, mode="r", timeout=patience_s, options=options) as container:
        if not container.streams.video:
            raise LinkError("the stream holds no video")
        yield container


def _without_secrets(error: Exception, url: str) -> str:
    """The reason goes onto events and screens; the URL may hold the camera's password."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).replace(url, "the camera")


def _content_type(settings: CameraSettings) -> str:
    with (
        httpx.Client(timeout=settings.patience_s) as client,
        client.stream("GET", settings.url) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise LinkError(f"HTTP {answer.status_code}")
        return str(answer.headers.get("content-type", "")).split(";")[0].strip().lower()


def _boundary(content_type: str) -> str:
    _, found, rest = content_type.partition("boundary=")
    if not found or not rest.strip(' "'):
        raise LinkError("multipart without a boundary")
    return rest.split(";")[0].strip()


def _file_path(url: str) -> str:
    path = unquote(urlsplit(url).path) if url.startswith("file:") else url
    if not Path(path).is_file():
        raise LinkError(f"no such file: {path}")
    return path


def _session(container: InputContainer, name: str, *, lag_ms: int) -> Session:
    video = container.streams.video[0]
    context = video.codec_context
    return Session(
        name=name,
        codec=context.name,
        head=bytes(context.extradata or b""),
        width=context.width,
        height=context.height,
        time_base=video.time_base or MILLISECONDS,
        template=video,
        lag_ms=lag_ms,
    )


def _stills(name: str, *, lag_ms: int) -> Session:
    return Session(
        name=name, codec=STILLS, head=b"", width=0, height=0, time_base=MILLISECONDS, lag_ms=lag_ms
    )


def _coded(packet: av.Packet[Any], arrived_ms: int) -> Coded:
    return Coded(
        data=bytes(packet),
        pts=packet.pts or 0,
        dts=packet.dts or 0,
        key=packet.is_keyframe,
        duration=packet.duration or 0,
        arrived_ms=arrived_ms,
        own_ms=_own_ms(packet),
    )


def _own_ms(packet: av.Packet[Any]) -> int | None:
    """The camera's own clock when it took this picture, out of its RTCP sender reports; None where it sends none."""
    if not packet.has_sidedata("prft"):
        return None
    return int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True) // 1000


def _still(data: bytes, arrived_ms: int) -> Coded:
    return Coded(data=data, pts=arrived_ms, dts=arrived_ms, key=True, arrived_ms=arrived_ms)


def _jumped(session: Session, before: int, after: int) -> bool:
    return not 0 <= session.stamp_ms(after - before) <= LATE_MS
