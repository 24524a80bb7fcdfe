"""Questions and answers of Modbus without their framing: a request, an exception, and the words of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack

from edge.drivers.readings import Display, Reply
from edge.drivers.scale.modbus.registers import (
    HOLDING,
    INPUT,
    ModbusOptions,
    RegisterReading,
    Registers,
    Window,
    described_registers,
    registers_of,
)
from kernel.errors import ProtocolError

READS = (HOLDING, INPUT)
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, later",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


class Request(Reply, frozen=True, kw_only=True):
    """Somebody asks for `count` registers from `register` on, counted from 0."""

    address: int
    function: int
    register: int
    count: int
    checked: bool = True


class Refusal(Reply, frozen=True, kw_only=True):
    """The device refuses."""

    code: int
    checked: bool = True


Message = RegisterReading | Request | Refusal


def question(window: Window) -> bytes:
    """The read request, without address."""
    return pack(">BHH", window.function, window.first, window.count)


def request(address: int, pdu: bytes, *, raw: bytes, checked: bool) -> Request:
    function, register, count = unpack(">BHH", pdu)
    return Request(
        status="request",
        address=address,
        function=function,
        register=register,
        count=count,
        raw=raw,
        checked=checked,
    )


def exception(code: int, *, raw: bytes, checked: bool) -> Refusal:
    why = EXCEPTIONS.get(code, "unknown reason")
    return Refusal(
        status="exception",
        code=code,
        raw=raw,
        checked=checked,
        problem=f"the device refuses: {why} ({code})" + ("; is the map right?" if code in (1, 2, 3) else ""),
    )


def reading(
    registers: Registers | None, data: bytes, *, raw: bytes, checked: bool, confirmed: bool
) -> RegisterReading:
    if registers is None:
        raise ProtocolError("an answer, but no map says what is in it: set device, map_file or map", raw)
    words = unpack(f">{len(data) // 2}H", data)
    return registers.reading(words, raw=raw, checked=checked, confirmed=confirmed)


def registers(options: ModbusOptions) -> Registers | None:
    return Registers(options) if options.map else None


def describe(message: Message) -> dict[str, object]:
    if isinstance(message, RegisterReading):
        return described_registers(message)
    check = {"checksum": "ok" if message.checked else "none"}
    if isinstance(message, Refusal):
        return {"status": "exception", "code": message.code, **check}
    return {
        "request": True,
        "address": message.address,
        "function": message.function,
        "register": message.register,
        "count": message.count,
        **check,
    }


def answer(pdu: bytes, shown: Display, options: ModbusOptions) -> bytes:
    """What the device says to a read request, without address: the registers, or an exception."""
    function, register, count = unpack(">BHH", pdu)
    window = Window.of(options)
    at = register - window.first
    if function != window.function:
        return bytes([function | 0x80, 1])
    if not 0 <= at < at + count <= window.count:
        return bytes([function | 0x80, 2])
    words: Sequence[int] = registers_of(shown, options)[at : at + count]
    return bytes([function, 2 * count]) + pack(f">{count}H", *words)
