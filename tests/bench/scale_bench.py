"""How fast every scale parser is, and what is left of a line with 1 % noise, beside what people usually write."""

from __future__ import annotations

import math
import random
import time
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from edge.drivers import indicators, weighers
from edge.drivers.readings import Passed
from edge.drivers.rows import Indicator, Weigher
from firmware_bridge.protocol import Loop, decode, encode
from firmware_bridge.protocol import Parser as LoopParser
from kernel.errors import ProtocolError
from kernel.settings import read
from simulators.indicator import lane_options, told_options
from tests.bench.readers import Ours, Reader, Records, RegexReader, Shape, SoManyBytes, writer

FRAMES = 20_000  # of which speed is measured
BYTES, FULL_BYTES = 1_000_000, 10_000_000  # of noisy stream
CHUNK = 256
NOISE = 0.01
REPEATED = 8  # how often a standing display says the same, where only that confirms it
LOOP_SIZE = len(encode(Loop(seq=0, loop=1, occupied=True, mono_ms=0)))
ROUNDS = 2
# Options that decide what a row writes, beside its defaults.
FORMS: dict[str, tuple[dict[str, object], ...]] = {
    "sartorius-sbi": ({"chars": 16}, {"chars": 22}),
    "toledo-continuous": ({"checksum": True}, {"checksum": False}),
}

TOLD: dict[str, dict[str, object]] = {"nmea-axle": {"unit": "kg", "sensor": "axle"}}

Row = dict[str, float | str | None]
Frames = Sequence[tuple[int, bytes]]


class Loops:
    """Our parser of the lane controller; the value is the time of the change."""

    def __init__(self) -> None:
        self._parser = LoopParser()

    def values(self, data: bytes) -> list[int]:
        return [item.mono_ms for item in self._parser.feed(data) if isinstance(item, Loop)]


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
    """`ours` believes every frame that looks right; `confirmed`, where there is no checksum, only repeated ones."""

    name: str
    frame: Callable[[int], tuple[int, bytes]]
    ours: Callable[[], Reader]
    confirmed: Callable[[], Reader] | None = None
    baselines: dict[str, Callable[[], Reader]] = field(default_factory=dict)


def subjects() -> list[Subject]:
    forms = [(row, form) for row in indicators() for form in FORMS.get(row.name, ({},))]
    return [
        *(_indicator(row, form) for row, form in forms),
        *map(_weigher, weighers()),
        Subject(name="lane controller", frame=_loop, ours=Loops, baselines={"aligned frames": AlignedFrames}),
    ]


def _indicator(row: Indicator, form: dict[str, object]) -> Subject:
    options = told_options(row, lane_options(row) | form)
    write = writer(row, options)
    shape, modulus = Shape.of(write), _modulus(write)
    checked = "checksum" in row.says and form.get("checksum") is not False
    said = ", ".join(f"{key} {value}" for key, value in form.items())

    def frame(n: int) -> tuple[int, bytes]:
        # Every second as a truck weighs: its bytes have more zeros, which a lost byte may leave as they were.
        kg = 10_000 + 20 * (n * 7_919 % 2_251) if n % 2 else n * 7_919 % modulus
        return kg, write(kg)

    return Subject(
        name=f"{row.name} ({said})" if said else row.name,
        frame=frame,
        ours=lambda: Ours(row.parser(options), single=True),
        confirmed=None if checked else lambda: Ours(row.parser(options), single=False),
        baselines={
            "a regex": lambda: RegexReader(shape),
            f"{shape.size} bytes at a time": lambda: SoManyBytes(shape),
        },
    )


def _modulus(write: Callable[[int], bytes]) -> int:
    """As many different masses as the display has room for."""
    with suppress(ValueError):
        write(999_982)
        return 999_983
    return 99_991


def _weigher(row: Weigher) -> Subject:
    options = read(row.options, TOLD.get(row.name, {}))
    axles = 1 if "axle" in row.name else 6

    def frame(n: int) -> tuple[int, bytes]:
        passed = _passed(n, axles)
        return sum(passed.axle_kg), row.write(passed, options)

    shape = Shape.of_records(frame, axles)
    baselines: dict[str, Callable[[], Reader]] = {
        "a regex": lambda: RegexReader(shape),
        f"{shape.size} bytes at a time": lambda: SoManyBytes(shape),
    }
    if row.name == "wim-wj":
        baselines["head and length"] = HeadAndLength
    return Subject(name=row.name, frame=frame, ours=lambda: Records(row.parser(options)), baselines=baselines)


def _passed(n: int, axles: int) -> Passed:
    """Six axles, or one for devices that send a line for each."""
    first = 10_000 + 10 * (n * 7_919 % 8_999)  # of five digits
    return Passed(
        seq=n & 255,
        axle_kg=(first, 9_980, 9_870, 8_020, 8_100, 7_990)[:axles],
        axles_of=(1, 2, 3) if axles == 6 else (1,),
        dual=(False, True, True) if axles == 6 else (False,),
        spacing_mm=(3_450, 1_360, 6_400, 1_310, 1_310)[: axles - 1],
        axle_speed_dkmh=(140,) * axles,
        speed_dkmh=143,
    )


def _loop(n: int) -> tuple[int, bytes]:
    mono_ms = n * 977
    return mono_ms, encode(Loop(seq=n & 0xFFFF, loop=1, occupied=True, mono_ms=mono_ms))


def spoiled(frames: Frames, *, seed: int, led: bool = False) -> tuple[bytes, list[int]]:
    """The stream with every byte hit at 1 %, half replaced and half dropped; and the values of the intact frames.

    `led`: where only the end of the frame before says where one begins, that must be there too.
    """
    dice = random.Random(seed)
    stream, intact, gap, end = bytearray(), [], _gap(dice), b""
    for value, frame in frames:
        begun, end = not led or stream.endswith(end), frame[-1:]
        if gap >= len(frame):
            gap -= len(frame)
            intact += [value] * begun
            stream += frame
            continue
        hit, at = bytearray(), 0
        while at + gap < len(frame):
            hit += frame[at : at + gap]
            if dice.random() < 0.5:
                hit.append(dice.randrange(256))
            at, gap = at + gap + 1, _gap(dice)
        hit += frame[at:]
        gap -= len(frame) - at
        if hit == frame:
            intact += [value] * begun
        stream += hit
    return bytes(stream), intact


def _gap(dice: random.Random) -> int:
    """Bytes that are spared before the next one is hit."""
    return int(math.log(1 - dice.random()) / math.log(1 - NOISE))


def read_all(reader: Reader, stream: bytes) -> list[int]:
    return [value for at in range(0, len(stream), CHUNK) for value in reader.values(stream[at : at + CHUNK])]


def frames_a_second(make: Callable[[], Reader], stream: bytes, frames: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        reader, begun = make(), time.process_time()
        read_all(reader, stream)
        best = min(best, time.process_time() - begun)
    return frames / best


def compared(got: list[int], sent: Frames, intact: list[int]) -> tuple[float, float]:
    """(share of intact frames read, false readings per 100 000 frames): false is a value not sent hereabouts."""
    hereabouts: dict[int, list[int]] = {}
    for n, (value, _) in enumerate(sent):
        hereabouts.setdefault(value, []).append(n)
    at, false, right = 0, 0, []
    for value in got:
        places = [n for n in hereabouts.get(value, ()) if at - 2 * REPEATED <= n <= at + 64]
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


def _row(name: str, value: float, unit: str, baseline: float | None = None) -> Row:
    ratio = round(value / baseline, 3) if baseline else None
    return {"name": name, "value": round(value, 4), "unit": unit, "baseline": baseline, "ratio": ratio}


def measure(subject: Subject, *, size: int) -> list[Row]:
    one = len(subject.frame(1)[1])
    frames = [subject.frame(n) for n in range(max(size // one, FRAMES))]
    clean = b"".join(frame for _, frame in frames[:FRAMES])
    dirty, intact = spoiled(frames, seed=42)
    ours_fps = frames_a_second(subject.ours, clean, FRAMES)
    ours_read, ours_false = compared(read_all(subject.ours(), dirty), frames, intact)
    values = [value for value, _ in frames[:FRAMES]]
    clean_read, _ = compared(read_all(subject.ours(), clean), frames[:FRAMES], values)
    rows = [_row(f"{subject.name}: clean frames read", 100 * clean_read, "%")]
    for name, make in subject.baselines.items():
        fps = frames_a_second(make, clean, FRAMES)
        got, false = compared(read_all(make(), dirty), frames, intact)
        title = f"{subject.name} beside {name}"
        rows += [
            _row(f"{title}: frames", round(ours_fps), "frames/s", round(fps)),
            _row(f"{title}: intact frames read at 1 % noise", 100 * ours_read, "%", round(100 * got, 4)),
            _row(f"{title}: false readings at 1 % noise", ours_false, "per 100 000 frames", round(false, 1)),
        ]
    return rows + _confirmed(subject, frames, ours_false)


def _confirmed(subject: Subject, frames: Frames, single_false: float) -> list[Row]:
    """Where two equal frames in a row are asked for: a display that stands still for a while, as on a scale."""
    if subject.confirmed is None:
        return []
    still = [frames[n // REPEATED] for n in range(len(frames))]
    dirty, intact = spoiled(still, seed=43)
    got = read_all(subject.confirmed(), dirty)
    _, false = compared(got, still, intact)
    shown = {value for value, _ in still}
    title = f"{subject.name}, two equal frames"
    return [
        _row(f"{title}: displays of {REPEATED} frames read", 100 * len({*got} & shown) / len(shown), "%"),
        _row(
            f"{title} beside one: false readings at 1 % noise",
            false,
            "per 100 000 frames",
            round(single_false, 1),
        ),
    ]


def run(*, full: bool = False) -> list[Row]:
    """Rows of name, value, unit, baseline and ratio; under a minute on one core unless `full`."""
    size = FULL_BYTES if full else BYTES
    return [row for subject in subjects() for row in measure(subject, size=size)]


if __name__ == "__main__":
    for row in run():
        print(f"{row['name']:85} {row['value']:>12} {row['unit']:20} {row['baseline']}")
