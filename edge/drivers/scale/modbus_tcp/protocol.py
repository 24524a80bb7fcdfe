r"""Modbus TCP, pure.

    TID TID 00 00 LEN LEN UNIT 03|04 REG REG N N          question; LEN counts what follows it
    TID TID 00 00 LEN LEN UNIT 03|04 BYTES word word ...  answer, with the TID of its question
    TID TID 00 00 00 03   UNIT 83|84 CODE                 refusal

No checksum of its own, so a value counts when two answers in a row say it, with nothing broken between them.
Source: Modbus messaging on TCP/IP 1.0b.
"""

from __future__ import annotations

import re
from struct import pack

from edge.drivers.readings import Display
from edge.drivers.rows import Doubt, Indicator
from edge.drivers.scale.modbus import messages
from edge.drivers.scale.modbus.messages import Message
from edge.drivers.scale.modbus.registers import ModbusOptions, Window
from kernel.errors import ProtocolError

HEAD = 7  # with the unit
REQUEST = HEAD + 5
_JUNK_RUN = 64
_PLAUSIBLE = re.compile(rb"[\x00-\xff]{2}\x00\x00\x00[\x03-\xfd]")


def framed(number: int, unit: int, pdu: bytes) -> bytes:
    return pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


class Frames:
    """Reads, answers and refusals of one unit out of a byte stream; no two of them have the same length."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._buffer = bytearray()
        self._junk = 0

    def feed(self, data: bytes) -> list[bytes | ProtocolError]:
        self._buffer += data
        out: list[bytes | ProtocolError] = []
        while (size := self._size()) is not None:
            if size:
                out.append(bytes(self._buffer[:size]))
                self._junk = 0
                del self._buffer[:size]
            else:
                out += self._skip()
        return out

    def finish(self) -> list[bytes | ProtocolError]:
        left = len(self._buffer)
        self._buffer.clear()
        return [ProtocolError("bytes outside a frame")] if left and not self._junk else []

    def _size(self) -> int | None:
        """Of the frame at the beginning: 0 if there is none, None if too little is here."""
        head = self._buffer
        if len(head) < HEAD + 2:
            return None
        if not _PLAUSIBLE.match(head) or head[6] != self._unit:
            return 0
        size, function = 6 + head[5], head[7]
        if function in messages.READS:
            fits = size in (REQUEST, HEAD + 2 + head[8])
        else:
            fits = function - 0x80 in messages.READS and size == HEAD + 2
        if not fits:
            return 0
        return size if len(head) >= size else None

    def _skip(self) -> list[ProtocolError]:
        """To the next byte at which a frame may begin."""
        found = _PLAUSIBLE.search(self._buffer, 1)
        count = found.start() if found else len(self._buffer) - 5
        del self._buffer[:count]
        before, self._junk = self._junk, self._junk + count
        return [
            ProtocolError("bytes outside a frame")
            for _ in range(-(-self._junk // _JUNK_RUN) - -(-before // _JUNK_RUN))
        ]


class Parser:
    """Feed it the stream.  After `ask` it takes only the answer to that question; without, whatever fits the map."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._registers = messages.registers(options)
        self._frames = Frames(options.address)
        self._number = 0
        self._asks = self._awaited = False
        self._before = b""

    def ask(self) -> bytes:
        self._number = self._number % 0xFFFF + 1
        self._asks = self._awaited = True
        return framed(self._number, self._options.address, messages.question(Window.of(self._options)))

    def feed(self, data: bytes) -> list[Message | ProtocolError]:
        return [self._message(item) for item in self._frames.feed(data)]

    def finish(self) -> list[Message | ProtocolError]:
        return [self._message(item) for item in self._frames.finish()]

    def _message(self, whole: bytes | ProtocolError) -> Message | ProtocolError:
        if isinstance(whole, ProtocolError):
            # A lost byte takes one of the next frame, and again gives the same wrong value: only what touches confirms.
            self._before = b""
            return whole
        if len(whole) == REQUEST:
            return messages.request(whole[6], whole[HEAD:], raw=whole, checked=False)
        if self._asks and not (self._awaited and 256 * whole[0] + whole[1] == self._number):
            return ProtocolError("an answer to another question", whole)
        self._awaited = False
        if whole[7] > 0x7F:
            return messages.exception(whole[8], raw=whole, checked=False)
        return self._answer(whole)

    def _answer(self, whole: bytes) -> Message | ProtocolError:
        window = self._registers.window if self._registers else None
        if window is not None and (whole[7], whole[8]) != (window.function, 2 * window.count):
            return ProtocolError("an answer of another length than was asked for", whole)
        said, self._before = self._before, whole[HEAD:]
        try:
            return messages.reading(
                self._registers, whole[9:], raw=whole, checked=False, confirmed=said == self._before
            )
        except ProtocolError as error:
            return error


class Server:
    """The device: answers read requests to its unit."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._frames = Frames(options.address)

    def feed(self, data: bytes, shown: Display) -> bytes:
        asked = [each for each in self._frames.feed(data) if not isinstance(each, ProtocolError)]
        return b"".join(
            framed(
                256 * whole[0] + whole[1],
                self._options.address,
                messages.answer(whole[HEAD:], shown, self._options),
            )
            for whole in asked
            if len(whole) == REQUEST
        )


def poll(options: ModbusOptions) -> bytes:
    """ConfigError without a map."""
    return framed(1, options.address, messages.question(Window.of(options)))


INDICATOR = Indicator(
    name="modbus-tcp",
    title="Modbus TCP, holding or input registers",
    makers="Tuna ID551PN, gateways to RTU devices, and whatever has a map",
    frame="question 12 bytes, answer 11 to 259",
    lines=("TCP port 502",),
    says=frozenset(),
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
    wiring="Ethernet: socket://host:502",
    source="Modbus messaging on TCP/IP 1.0b; the makers' register lists",
)
