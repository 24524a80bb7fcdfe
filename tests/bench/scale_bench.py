"""How fast the scale parsers are, and what is left of a line with 1 % noise, beside what people usually write."""

from __future__ import annotations

import random
import re
import time
from binascii import crc_hqx
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from edge.drivers.readings import Display, Reading
from edge.drivers.scale.toledo_continuous.protocol import Parser as ToledoParser
from edge.drivers.scale.toledo_continuous.protocol import ToledoOptions, write
from edge.drivers.scale.wim_wj.protocol import Parser as WjParser
from edge.drivers.scale.wim_wj.protocol import Vehicle
from firmware_bridge.protocol import Loop, decode, encode
from firmware_bridge.protocol import Parser as LoopParser
from kernel.errors import ProtocolError

FRAMES = 20_000
CHUNK = 256
NOISE = 0.01
LOOP_SIZE = len(encode(Loop(seq=0, loop=1, occupied=True, mono_ms=0)))
ROUNDS = 2

Row = dict[str, float | str | None]
DISPLAY = re.compile(rb"\x02(.)(.)(.)([ 0-9]{6})([ 0-9]{6})\r", re.DOTALL)


class Reader(Protocol):
    def values(self, data: bytes) -> Iterable[int]: ...


class Ours:
    """One of our parsers; the value is what identifies a frame."""

    def __init__(self, parser: ToledoParser | WjParser | LoopParser) -> None:
        self._parser = parser

    def values(self, data: bytes) -> list[int]:
        found = []
        for item in self._parser.feed(data):
            if isinstance(item, Reading):
                if item.confirmed and item.mantissa is not None:
                    found.append(item.mantissa)
            elif isinstance(item, Vehicle):
                found.append(item.gross_kg)
            elif isinstance(item, Loop):
                found.append(item.mono_ms)
        return found


class RegexReader:
    """A regular expression over a growing buffer, no checksum."""

    def __init__(self) -> None:
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        found, end = [], 0
        for match in DISPLAY.finditer(self._buffer):
            end = match.end()
            digits = match[4].strip()
            if digits.isdigit():
                found.append(int(digits))
        self._buffer = self._buffer[max(end, len(self._buffer) - 40) :]
        return found


class EighteenBytes:
    """Reads 18 bytes at a time, as if the line never lost one."""

    def __init__(self) -> None:
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        found = []
        while len(self._buffer) >= 18:
            frame, self._buffer = self._buffer[:18], self._buffer[18:]
            digits = frame[4:10].strip()
            if frame[0] == 2 and sum(frame) & 0x7F == 0 and digits.isdigit():
                found.append(int(digits))
        return found


class HeadAndLength:
    """Trusts the length behind the head of a record and drops so many bytes when the checksum is wrong."""

    def __init__(self) -> None:
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        found = []
        while (at := self._buffer.find(b"\xff\x00")) >= 0 and len(self._buffer) > at + 3:
            size = max(self._buffer[at + 3], 7)
            if len(self._buffer) < at + size:
                break
            frame, self._buffer = self._buffer[at : at + size], self._buffer[at + size :]
            if not crc_hqx(frame, 0) and len(frame) > 20:
                weights = frame[19 : 19 + 2 * frame[17]]
                found.append(10 * sum(weights[0::2]) * 256 + 10 * sum(weights[1::2]))
        return found


class AlignedFrames:
    """Reads the controller's frames at their usual length, as if the line never lost a byte."""

    def __init__(self) -> None:
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        found = []
        while len(self._buffer) >= LOOP_SIZE:
            frame, self._buffer = self._buffer[:LOOP_SIZE], self._buffer[LOOP_SIZE:]
            with suppress(ProtocolError):
                found += [each.mono_ms for each in [decode(frame.strip(b"\x00"))] if isinstance(each, Loop)]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    name: str
    frames: Sequence[tuple[int, bytes]]
    ours: Callable[[], Reader]
    baselines: dict[str, Callable[[], Reader]]


def subjects() -> list[Subject]:
    return [
        Subject(
            name="toledo 18 bytes",
            frames=[_display(n, checksum=True) for n in range(FRAMES)],
            ours=lambda: Ours(ToledoParser(ToledoOptions(checksum=True))),
            baselines={"regex": RegexReader, "18 bytes at a time": EighteenBytes},
        ),
        Subject(
            name="toledo 17 bytes, each eight times",
            frames=[_display(n // 8, checksum=False) for n in range(FRAMES)],
            ours=lambda: Ours(ToledoParser(ToledoOptions(checksum=False))),
            baselines={"regex": RegexReader},
        ),
        Subject(
            name="wj",
            frames=[_record(n) for n in range(FRAMES // 2)],
            ours=lambda: Ours(WjParser()),
            baselines={"head and length": HeadAndLength},
        ),
        Subject(
            name="lane controller",
            frames=[_loop(n) for n in range(FRAMES // 2)],
            ours=lambda: Ours(LoopParser()),
            baselines={"aligned frames": AlignedFrames},
        ),
    ]


def _display(n: int, *, checksum: bool) -> tuple[int, bytes]:
    kg = n * 7_919 % 999_983
    return kg, write(Display(mantissa=kg), ToledoOptions(checksum=checksum))


def _record(n: int) -> tuple[int, bytes]:
    kg = n * 7_919 % 60_000
    record = Vehicle(
        by="axle", serial=n & 255, cached=1, time_raw=bytes(7), flags=0, speed_dkmh=143, accel_raw=0,
        weights_kg=(10 * kg, 9_980, 9_870, 8_020, 8_100, 7_990), group_codes=(1, 5, 9),
        spacing_raw=(345, 136, 640, 131, 131), axle_speed_raw=(14,) * 6,
    )  # fmt: skip
    return record.gross_kg, record.to_bytes()


def _loop(n: int) -> tuple[int, bytes]:
    mono_ms = n * 977
    return mono_ms, encode(Loop(seq=n & 0xFFFF, loop=1, occupied=True, mono_ms=mono_ms))


def spoiled(frames: Sequence[tuple[int, bytes]], *, seed: int) -> tuple[bytes, list[int]]:
    """The stream with every byte hit at 1 %, half replaced and half dropped; and the values of the intact frames."""
    dice = random.Random(seed)
    stream, intact = bytearray(), []
    for value, frame in frames:
        hit = bytearray()
        for byte in frame:
            if dice.random() >= NOISE:
                hit.append(byte)
            elif dice.random() < 0.5:
                hit.append(dice.randrange(256))
        if hit == frame:
            intact.append(value)
        stream += hit
    return bytes(stream), intact


def read_all(reader: Reader, stream: bytes) -> list[int]:
    return [value for at in range(0, len(stream), CHUNK) for value in reader.values(stream[at : at + CHUNK])]


def frames_a_second(make: Callable[[], Reader], stream: bytes, frames: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        reader, begun = make(), time.process_time()
        read_all(reader, stream)
        best = min(best, time.process_time() - begun)
    return frames / best


def compared(got: list[int], sent: Sequence[tuple[int, bytes]], intact: list[int]) -> tuple[float, float]:
    """(share of intact frames read, false readings per 100 000 frames): false is a value not sent hereabouts."""
    hereabouts: dict[int, list[int]] = {}
    for n, (value, _) in enumerate(sent):
        hereabouts.setdefault(value, []).append(n)
    at, false, right = 0, 0, []
    for value in got:
        places = [n for n in hereabouts.get(value, ()) if at - 2 <= n <= at + 64]
        if places:
            at = max(at, places[0])
            right.append(value)
        else:
            false += 1
    return _in_order(intact, right) / len(intact), 100_000 * false / len(sent)


def _in_order(intact: list[int], right: list[int]) -> int:
    """How many of the intact values were read, each reading used once."""
    left: dict[int, int] = {}
    for value in right:
        left[value] = left.get(value, 0) + 1
    found = 0
    for value in intact:
        if left.get(value, 0):
            left[value] -= 1
            found += 1
    return found


def _row(name: str, value: float, unit: str, baseline: float | None) -> Row:
    ratio = round(value / baseline, 3) if baseline else None
    return {"name": name, "value": round(value, 4), "unit": unit, "baseline": baseline, "ratio": ratio}


def measure(subject: Subject) -> list[Row]:
    clean = b"".join(frame for _, frame in subject.frames)
    dirty, intact = spoiled(subject.frames, seed=42)
    ours_fps = frames_a_second(subject.ours, clean, len(subject.frames))
    ours_read, ours_false = compared(read_all(subject.ours(), dirty), subject.frames, intact)
    rows = []
    for name, make in subject.baselines.items():
        fps = frames_a_second(make, clean, len(subject.frames))
        read, false = compared(read_all(make(), dirty), subject.frames, intact)
        title = f"{subject.name} beside {name}"
        rows += [
            _row(f"{title}: frames", round(ours_fps), "frames/s", round(fps)),
            _row(f"{title}: intact frames read at 1 % noise", 100 * ours_read, "%", round(100 * read, 4)),
            _row(f"{title}: false readings at 1 % noise", ours_false, "per 100 000 frames", round(false, 1)),
        ]
    return rows


def run() -> list[Row]:
    """Rows of name, value, unit, baseline and ratio; about five seconds."""
    return [row for subject in subjects() for row in measure(subject)]


if __name__ == "__main__":
    for row in run():
        print(f"{row['name']:75} {row['value']:>12} {row['unit']:20} {row['baseline']}")
