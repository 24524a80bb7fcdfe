"""The readers that the bench of the scales compares: our parsers, and what people usually write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge.drivers.readings import Display, FedParser, Reading
from edge.drivers.rows import Indicator


class Reader(Protocol):
    def values(self, data: bytes) -> Iterable[int]: ...


class Ours:
    """One of our indicator parsers; without `single`, only what is confirmed counts, as it does in a lane."""

    def __init__(self, parser: FedParser[Any], *, single: bool) -> None:
        self._parser = parser
        self._single = single

    def values(self, data: bytes) -> list[int]:
        single = self._single
        return [
            _whole(item)
            for item in self._parser.feed(data)
            if isinstance(item, Reading) and item.valid and item.mantissa is not None
            if single or item.confirmed
        ]


def _whole(reading: Reading) -> int:
    mantissa, exponent = reading.mantissa or 0, reading.exponent
    if not exponent:
        return mantissa
    ten: int = 10 ** abs(exponent)
    return mantissa * ten if exponent > 0 else mantissa // ten


class Records:
    """One of our parsers of records; the value is the gross mass, of an axle line its own."""

    def __init__(self, parser: FedParser[Any]) -> None:
        self._parser = parser

    def values(self, data: bytes) -> list[int]:
        return [kg for item in self._parser.feed(data) if (kg := _gross(item)) is not None]


def _gross(item: object) -> int | None:
    for name in ("weights_kg", "axle_kg"):
        if (masses := getattr(item, name, None)) is not None:
            return int(sum(masses))
    return getattr(item, "weight", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a person sees in a dump of a protocol's frames: their length, what never changes, and where the number is."""

    size: int
    head: bytes  # of one byte, or nothing when the first byte changes
    tail: bytes
    at: int
    width: int
    number: Callable[[bytes], int | None]

    @classmethod
    def of(cls, frame: Callable[[int], bytes]) -> Shape:
        """By frames of a few values; ValueError when no number can be found in them."""
        samples = [frame(kg) for kg in (12_345, 54_321, 98_760, 10_101)]
        return cls._seen(samples, *_field(samples[0], 12_345))

    @classmethod
    def of_records(cls, frame: Callable[[int], tuple[int, bytes]], axles: int) -> Shape:
        """By records of so many axles; the masses are looked for as pairs of bytes, or as digits."""
        numbered = [frame(n) for n in (100, 211, 322, 433)]
        samples = [sample for _, sample in numbered]
        return cls._seen(samples, *_masses(*numbered[0], axles))

    @classmethod
    def _seen(
        cls, samples: Sequence[bytes], at: int, width: int, number: Callable[[bytes], int | None]
    ) -> Shape:
        size = len(samples[0])
        return cls(
            size=size,
            head=_constant(samples, 0),
            tail=_constant(samples, size - 1),
            at=at,
            width=width,
            number=number,
        )


def _constant(samples: Sequence[bytes], at: int) -> bytes:
    found = {sample[at : at + 1] for sample in samples}
    return found.pop() if len(found) == 1 else b""


def _field(frame: bytes, kg: int) -> tuple[int, int, Callable[[bytes], int | None]]:
    digits = str(kg).encode()
    if (at := frame.find(digits)) >= 0:
        return at - 1, len(digits) + 1, _forward
    if (at := frame.find(digits[::-1])) >= 0:
        return at, len(digits) + 1, lambda field: _forward(field[::-1])
    if (at := frame.find(kg.to_bytes(4, "big"))) >= 0:
        return at, 4, lambda field: int.from_bytes(field, "big")
    raise ValueError(f"no {kg} in {frame.hex(' ')}")


def _masses(gross: int, record: bytes, axles: int) -> tuple[int, int, Callable[[bytes], int | None]]:
    for at in range(len(record) - 2 * axles):
        if _summed(record[at : at + 2 * axles]) == gross:
            return at, 2 * axles, _summed
    return _field(record, gross)


def _summed(field: bytes) -> int:
    return 10 * (256 * sum(field[0::2]) + sum(field[1::2]))


def _forward(field: bytes) -> int | None:
    digits = field.strip(b" +,")
    return int(digits) if digits.isdigit() else None


class RegexReader:
    """A regular expression over a growing buffer, no checksum."""

    def __init__(self, shape: Shape) -> None:
        behind = shape.size - shape.at - shape.width - len(shape.tail)
        parts = (
            re.escape(shape.head) + b".{%d}" % (shape.at - len(shape.head)),
            b"(.{%d})" % shape.width,
            b".{%d}" % behind + re.escape(shape.tail),
        )
        self._finds = re.compile(b"".join(parts), re.DOTALL).finditer
        self._number, self._size = shape.number, shape.size
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        found, end = [], 0
        for match in self._finds(self._buffer):
            end = match.end()
            if (number := self._number(match[1])) is not None:
                found.append(number)
        self._buffer = self._buffer[max(end, len(self._buffer) - self._size + 1) :]
        return found


class SoManyBytes:
    """Reads as many bytes as a frame has at a time, as if the line never lost one."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._buffer = b""

    def values(self, data: bytes) -> list[int]:
        self._buffer += data
        shape, found, at = self._shape, [], 0
        while len(self._buffer) - at >= shape.size:
            frame = self._buffer[at : at + shape.size]
            at += shape.size
            number = shape.number(frame[shape.at : shape.at + shape.width])
            if frame.startswith(shape.head) and frame.endswith(shape.tail) and number is not None:
                found.append(number)
        self._buffer = self._buffer[at:]
        return found


def writer(row: Indicator, options: Any) -> Callable[[int], bytes]:
    """What the device sends for a mass: unasked, or in answer to the question for it."""
    if row.write is not None:
        write = row.write
        return lambda kg: write(Display(mantissa=kg), options)
    if row.serve is None or row.poll is None:
        raise ValueError(f"{row.name} neither writes nor answers")
    server, question = row.serve(options), row.poll(options)
    return lambda kg: server.feed(question, Display(mantissa=kg))
