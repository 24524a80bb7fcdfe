r"""Modbus RTU, pure.

    ADDR 03|04 REG REG N N CRC CRC          question; REG from 0
    ADDR 03|04 BYTES word word ... CRC CRC  answer
    ADDR 83|84 CODE CRC CRC                 refusal

CRC-16 with the polynomial A001 (reflected), low byte first.  A frame has no mark of its beginning but the address, so a
length is believed only when the checksum is right for it.
Source: Modbus application protocol 1.1b3; Modbus over serial line 1.02.
"""

from __future__ import annotations

from edge.drivers.cutting import Cutter
from edge.drivers.readings import Display
from edge.drivers.rows import Doubt, Indicator
from edge.drivers.scale.modbus import messages
from edge.drivers.scale.modbus.messages import Message
from edge.drivers.scale.modbus.registers import ModbusOptions, Window
from kernel.errors import ProtocolError

REQUEST, REFUSAL = 8, 5


def _shifted(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_CRC = tuple(_shifted(value) for value in range(256))


def crc(data: bytes | bytearray) -> int:
    """0 over a frame with its checksum behind it."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value


def framed(address: int, pdu: bytes) -> bytes:
    body = bytes([address]) + pdu
    return body + crc(body).to_bytes(2, "little")


class Parser:
    """Feed it the line.  After `ask` it takes only what answers that question; without, whatever fits the map."""

    def __init__(self, options: ModbusOptions) -> None:
        self._registers = messages.registers(options)
        self._window = self._registers.window if self._registers else None
        self._cutter = Cutter(bytes([options.address]), self._frame, check=lambda _whole: True)
        self._question = poll(options) if options.map else b""
        self._asks = self._awaited = False

    def ask(self) -> bytes:
        self._asks = self._awaited = True
        return self._question

    def feed(self, data: bytes) -> list[Message | ProtocolError]:
        return self._messages(self._cutter.feed(data))

    def finish(self) -> list[Message | ProtocolError]:
        return self._messages(self._cutter.finish())

    def _frame(self, buffer: bytearray, at: int) -> tuple[int, bool] | None:
        """The first of the possible lengths that the checksum confirms."""
        here = len(buffer) - at
        if here < 3:
            return None
        for size in self._sizes(buffer[at + 1], buffer[at + 2]):
            if here < size or not crc(buffer[at : at + size]):
                return size, True
        return 0, True

    def _sizes(self, function: int, third: int) -> tuple[int, ...]:
        """What is expected comes first: the beginning of one answer in 65536 has the checksum of a question."""
        if function - 0x80 in messages.READS:
            return (REFUSAL,)
        if function not in messages.READS:
            return ()
        if self._window is not None:
            expected = (function, third) == (self._window.function, 2 * self._window.count)
            return (third + REFUSAL, REQUEST) if expected else (REQUEST,)
        possible = third % 2 == 0 and 2 <= third <= 250
        return tuple(sorted((REQUEST, third + REFUSAL))) if possible else (REQUEST,)

    def _messages(self, cut: list[bytes | ProtocolError]) -> list[Message | ProtocolError]:
        return [item for each in cut if (item := self._message(each)) is not None]

    def _message(self, whole: bytes | ProtocolError) -> Message | ProtocolError | None:
        if isinstance(whole, ProtocolError):
            return whole
        if len(whole) == REQUEST:
            if self._asks and whole == self._question:
                return None  # a half-duplex adapter hears itself
            return messages.request(whole[0], whole[1:-2], raw=whole, checked=True)
        if self._asks and not self._awaited:
            return ProtocolError("an answer that nobody asked for", whole)
        self._awaited = False
        if len(whole) == REFUSAL:
            return messages.exception(whole[2], raw=whole, checked=True)
        try:
            return messages.reading(self._registers, whole[3:-2], raw=whole, checked=True, confirmed=True)
        except ProtocolError as error:
            return error


class Server:
    """The device: answers read requests to its address."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._cutter = Cutter(
            bytes([options.address]), lambda _buffer, _at: (REQUEST, True), check=lambda whole: not crc(whole)
        )

    def feed(self, data: bytes, shown: Display) -> bytes:
        asked = [item for item in self._cutter.feed(data) if not isinstance(item, ProtocolError)]
        return b"".join(
            framed(self._options.address, messages.answer(whole[1:-2], shown, self._options))
            for whole in asked
        )


def poll(options: ModbusOptions) -> bytes:
    """ConfigError without a map."""
    return framed(options.address, messages.question(Window.of(options)))


INDICATOR = Indicator(
    name="modbus-rtu",
    title="Modbus RTU, holding or input registers",
    makers="CAS CI-600D, Bosche WTS, Tuna ID551, Fairbanks PR5410, Eagle EI-1000, and whatever has a map",
    frame="question 8 bytes, answer 7 to 255",
    lines=("9600 8N1", "19200 8N1", "9600 8E1", "19200 8E1"),
    says=frozenset({"checksum"}),
    options=ModbusOptions,
    completed="edge.drivers.scale.modbus.maps:completed",
    example={"map": {"gross": {"reg": 40008}, "net": {"reg": 40010}}, "poll_ms": 100},
    parser=Parser,
    describe=messages.describe,
    poll=poll,
    serve=Server,
    doubts=(
        Doubt(
            option="device",
            why="no two makers agree on registers, on the order of words, or on counting from 0 or 1",
        ),
        Doubt(option="unit", why="a register says a number and no unit"),
        Doubt(option="decimals", why="of integers the decimal places are set at the device"),
    ),
    high_bit=True,
    wiring="RS-485: A, B, GND; two wires, ends terminated",
    source="Modbus application protocol 1.1b3, Modbus over serial line 1.02; the makers' register lists",
)
