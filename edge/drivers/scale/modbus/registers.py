"""Where a device keeps its weight, and what its registers say: exact decimals out of integers and floats, or an error.

No two makers agree on registers, so a map is data: an option, a file, or one that is shipped (`maps.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from struct import pack, unpack
from typing import Literal

from edge.drivers.readings import Display, Reading, decimal_text, described
from edge.drivers.rows import IndicatorOptions, check_times
from kernel.errors import ConfigError, ProtocolError
from kernel.settings import must, refuse

Bit = Literal["stable", "motion", "net", "under", "over", "valid", "invalid", "negative", "net_negative"]
BITS = frozenset(("stable", "motion", "net", "under", "over", "valid", "invalid", "negative", "net_negative"))
WEIGHTS = ("gross", "net", "display", "tare")
SIZES = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
HOLDING, INPUT = 3, 4
MOST_REGISTERS = 125
# Seven digits: no scale shows more, and few of its values with their words exchanged stay below.
MOST_COUNTS = 9_999_999
_LIKELY_COUNTS = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A value by its number as it is printed, counted from 1: 40008 is address 7 of the holding registers, 30001
    address 0 of the input registers; a hexadecimal address 0x1000 is 44097.  `order` is that of the two words of 32 bits.
    `bits` name those of a status register, from 0 for the lowest: stable, motion, net, under, over, valid, invalid,
    and negative and net_negative where a weight has its sign there.
    """

    reg: int
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = "int32"
    order: Literal["hi-lo", "lo-hi"] = "hi-lo"
    bits: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(self.bits.keys() - BITS)
        width = 16 * SIZES.get(self.type, 1)
        refuse(
            must(place(self.reg) is not None, "reg", f"must be as printed, such as 40008, is {self.reg}"),
            must(
                not unknown, "bits", f"unknown: {', '.join(unknown)}; known here: {', '.join(sorted(BITS))}"
            ),
            must(
                all(0 <= bit < width for bits in self.bits.values() for bit in bits),
                "bits",
                f"must be from 0 to {width - 1}",
            ),
        )


def place(reg: int) -> tuple[int, int] | None:
    """(function, address) of a printed register number; None if it is none."""
    for function, first in ((HOLDING, 40_001), (HOLDING, 400_001), (INPUT, 30_001), (INPUT, 300_001)):
        last = first + (9_998 if first < 100_000 else 65_535)
        if first <= reg <= last:
            return function, reg - first
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusOptions(IndicatorOptions):
    """`address` is the device's on its line.  Where it keeps its weight is said by `device`, one of the shipped maps, by
    `map_file`, a file such as they are, or by `map` itself: gross, net, display, tare and status, each a register with
    `reg` as printed (from 1), `type`, `order` and, of the status, `bits`.  `start` is the first register that is read, if
    not the first of the map.  `decimals` is the decimal places of integers; floats bring their own.
    """

    address: int = 1
    device: str = ""
    map_file: str = ""
    map: dict[str, Register] = field(default_factory=dict)
    start: int | None = None
    decimals: int | None = None

    def __post_init__(self) -> None:
        check_times(self)
        unknown = sorted(self.map.keys() - {*WEIGHTS, "status"})
        refuse(
            must(1 <= self.address <= 247, "address", f"must be from 1 to 247, is {self.address}"),
            must(self.decimals is None or 0 <= self.decimals <= 6, "decimals", "must be from 0 to 6"),
            must(not unknown, "map", f"unknown: {', '.join(unknown)}"),
            must(
                (bool(self.device) + bool(self.map_file) + bool(self.map)) <= 1 or bool(self.map),
                "map_file",
                "stands beside device: one of them",
            ),
        )
        if self.map and not unknown:
            Window.of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The registers that one question asks for."""

    function: int
    first: int  # address, from 0
    count: int

    @classmethod
    def of(cls, options: ModbusOptions) -> Window:
        """ConfigError: no map, or one that no single question can read."""
        if not any(name in options.map for name in ("gross", "net", "display")):
            raise ConfigError.one("map", "is required: gross, net or display, or a device that has a map")
        places = {name: place(register.reg) or (0, 0) for name, register in options.map.items()}
        start = min(places.values()) if options.start is None else place(options.start)
        if start is None:
            raise ConfigError.one("start", f"must be as printed, such as 40008, is {options.start}")
        last = max(at + SIZES[options.map[name].type] for name, (_, at) in places.items())
        count = last - start[1]
        refuse(
            must(
                {function for function, _ in places.values()} == {start[0]},
                "map",
                "must be holding registers (4xxxx) or input registers (3xxxx), not both",
            ),
            must(start[1] <= min(at for _, at in places.values()), "start", "lies behind the first register"),
            must(
                1 <= count <= MOST_REGISTERS,
                "map",
                f"needs {count} registers at once, at most {MOST_REGISTERS}",
            ),
        )
        return cls(function=start[0], first=start[1], count=count)


class RegisterReading(Reading, frozen=True, kw_only=True):
    """The weight, and what else the map names: (name, value as it was displayed)."""

    others: tuple[tuple[str, str], ...] = ()


def described_registers(reading: RegisterReading) -> dict[str, object]:
    return described(reading) | dict(reading.others)


class Registers:
    """What one device's registers say.  Remembers only whether values look like exchanged words."""

    def __init__(self, options: ModbusOptions) -> None:
        self.window = Window.of(options)
        self._options = options
        self._at = {
            name: (place(register.reg) or (0, 0))[1] - self.window.first
            for name, register in options.map.items()
        }
        self._main = next(name for name in ("gross", "net", "display") if name in options.map)
        self._others = [name for name in WEIGHTS if name in options.map and name != self._main]
        self._status = options.map.get("status")
        self._low_word_empty: set[int] = set()

    def reading(self, words: Sequence[int], *, raw: bytes, checked: bool, confirmed: bool) -> RegisterReading:
        """ProtocolError for what no scale shows, and what the likely fault in the map is."""
        status = self._bits(words)
        values = {name: self._value(name, words, status) for name in (self._main, *self._others)}
        mantissa, exponent = values[self._main]
        return RegisterReading(
            mantissa=mantissa,
            exponent=exponent,
            unit=self._options.unit,
            kind=self._kind(status),  # type: ignore[arg-type]
            stable=_stable(status),
            valid=status.get("valid", True) and not status.get("invalid", False),
            over_range=status.get("over", False),
            under_range=status.get("under", False),
            checked=checked,
            confirmed=confirmed,
            raw=raw,
            others=tuple([(name, decimal_text(*values[name])) for name in self._others]),
        )

    def _kind(self, status: Mapping[str, bool]) -> str:
        if self._main != "display":
            return self._main
        return "displayed" if "net" not in status else "net" if status["net"] else "gross"

    def _bits(self, words: Sequence[int]) -> dict[str, bool]:
        if self._status is None:
            return {}
        whole = _unsigned(self._status, words, self._at["status"])
        return {name: any(whole >> bit & 1 for bit in bits) for name, bits in self._status.bits.items()}

    def _value(self, name: str, words: Sequence[int], status: Mapping[str, bool]) -> tuple[int, int]:
        register, at = self._options.map[name], self._at[name]
        if register.type == "float32":
            found = float_value(_unsigned(register, words, at))
            if found is not None and abs(found[0]) > MOST_COUNTS * 10 ** -found[1]:
                found = None
        else:
            found = self._counts(register, words, at)
        if found is None:
            raise ProtocolError(self._absurd(name, words))
        negative = status.get("net_negative" if name == "net" else "negative", False)
        return (-abs(found[0]) if negative else found[0]), found[1]

    def _counts(self, register: Register, words: Sequence[int], at: int) -> tuple[int, int] | None:
        value = integer(register, words, at)
        if abs(value) > MOST_COUNTS:
            return None
        exchanged = SIZES[register.type] == 2 and self._looks_exchanged(value)
        return None if exchanged else (value, -(self._options.decimals or 0))

    def _looks_exchanged(self, value: int) -> bool:
        """Two values that leave their low word empty, and none between them that fills it: 20 reads as 1 310 720."""
        if value & 0xFFFF:
            self._low_word_empty.clear()
        elif value and len(self._low_word_empty) < 2:
            self._low_word_empty.add(value)
        return value != 0 and len(self._low_word_empty) > 1

    def _absurd(self, name: str, words: Sequence[int]) -> str:
        """Names the two usual faults where they would explain the value; never corrects it."""
        register, at = self._options.map[name], self._at[name]
        other: Literal["hi-lo", "lo-hi"] = "lo-hi" if register.order == "hi-lo" else "hi-lo"
        swapped = Register(reg=register.reg, type=register.type, order=other)
        tries = (
            (f"with order = {other}", swapped, at),
            ("one register later (is the map counted from 0?)", register, at + 1),
            ("one register earlier (is the map counted from 0?)", register, at - 1),
        )
        told = [
            f"{what} it would be {value}"
            for what, tried, place_ in tries
            if (value := _likely(tried, words, place_)) is not None
        ]
        shown = "".join(f"{word:04X} " for word in words[at : at + SIZES[register.type]]).strip()
        return f"{name} is no weight ({shown}): " + ("; ".join(told) or "are register and type right?")


def _likely(register: Register, words: Sequence[int], at: int) -> str | None:
    if SIZES[register.type] != 2 or not 0 <= at <= len(words) - 2:
        return None
    if register.type == "float32":
        found = float_value(_unsigned(register, words, at))
        if found is None or not found[0] or abs(found[0]) > _LIKELY_COUNTS * 10 ** max(-found[1], 0):
            return None
        return decimal_text(*found)
    value = integer(register, words, at)
    return str(value) if 0 < abs(value) <= _LIKELY_COUNTS else None


def _stable(status: Mapping[str, bool]) -> bool | None:
    if "stable" in status:
        return status["stable"]
    return not status["motion"] if "motion" in status else None


def _unsigned(register: Register, words: Sequence[int], at: int) -> int:
    if SIZES[register.type] == 1:
        return words[at]
    high, low = (words[at], words[at + 1]) if register.order == "hi-lo" else (words[at + 1], words[at])
    return high << 16 | low


def integer(register: Register, words: Sequence[int], at: int) -> int:
    value, width = _unsigned(register, words, at), 16 * SIZES[register.type]
    if register.type.startswith("int") and value >> (width - 1):
        value -= 1 << width
    return value


def float_value(bits: int) -> tuple[int, int] | None:
    """The shortest decimal that is this float, so what the device rounded to; None for what no scale shows.

    Nothing is computed with the float: it is only written down.  Digits that a float cannot hold are not invented.
    """
    if bits & 0x7FFFFFFF == 0:
        return 0, 0
    exponent = bits >> 23 & 0xFF
    if exponent in (0, 0xFF):  # too small to be normal; infinite or no number
        return None
    sign, digits, power = Decimal(_shortest(bits.to_bytes(4, "big"))).as_tuple()
    if not isinstance(power, int) or power < -7:
        return None
    mantissa = int("".join(map(str, digits))) * 10 ** max(power, 0)
    return (-mantissa if sign else mantissa), min(power, 0)


def _shortest(raw: bytes) -> str:
    [value] = unpack(">f", raw)
    texts = (f"{value:.{places}g}" for places in range(1, 10))
    return next(text for text in texts if pack(">f", float(text)) == raw)


# --- the device's side -----------------------------------------------------------------------------------------


def registers_of(shown: Display, options: ModbusOptions) -> tuple[int, ...]:
    """What stands in the window while the device shows this; ValueError when it does not fit."""
    window = Window.of(options)
    words = [0] * window.count
    gross = shown.mantissa + (shown.tare if shown.net else 0)
    net = shown.mantissa if shown.net else shown.mantissa - shown.tare
    values = {"gross": gross, "net": net, "display": shown.mantissa, "tare": shown.tare}
    for name, register in options.map.items():
        at = (place(register.reg) or (0, 0))[1] - window.first
        whole = (
            _status_of(shown, register)
            if name == "status"
            else _written(values[name], shown, register, options)
        )
        parts = [whole] if SIZES[register.type] == 1 else [whole >> 16, whole & 0xFFFF]
        words[at : at + len(parts)] = parts if register.order == "hi-lo" else parts[::-1]
    return tuple(words)


def _written(mantissa: int, shown: Display, register: Register, options: ModbusOptions) -> int:
    if register.type == "float32":
        return int.from_bytes(pack(">f", float(Decimal(mantissa).scaleb(shown.exponent))), "big")
    counts = Decimal(mantissa).scaleb(shown.exponent + (options.decimals or 0))
    width = 16 * SIZES[register.type]
    if counts != int(counts) or not -(1 << (width - 1)) <= counts < 1 << width:
        raise ValueError(f"{counts} does not fit a register of {register.type}")
    return int(counts) % (1 << width)


def _status_of(shown: Display, register: Register) -> int:
    told = {
        "stable": shown.stable,
        "motion": not shown.stable,
        "net": shown.net,
        "under": shown.under_range,
        "over": shown.over_range,
        "valid": not shown.power_up,
        "invalid": shown.power_up,
    }
    return sum(1 << bits[0] for name, bits in register.bits.items() if bits and told.get(name, False))
