"""Modbus: maps as data, exact decimals, answers matched to questions, and faults of the map said and never corrected."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers import load_driver
from edge.drivers.making import make_driver, read_options
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator
from edge.drivers.scale.modbus.maps import shipped
from edge.drivers.scale.modbus.messages import Refusal, Request
from edge.drivers.scale.modbus.registers import ModbusOptions, RegisterReading, float_value, place
from edge.drivers.scale.modbus_rtu.protocol import Parser as RtuParser
from edge.drivers.scale.modbus_rtu.protocol import crc, framed
from edge.drivers.scale.modbus_tcp.protocol import Parser as TcpParser
from edge.drivers.scale.modbus_tcp.protocol import framed as tcp_framed
from edge.weighing.values import WeightReading
from kernel.errors import ConfigError, ProtocolError
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.links import MemoryWire

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
CAS = next(frame["options"] for frame in VECTORS["frames"] if frame["id"] == "pub-modbus-063")
RTU, TCP = (load_driver(name) for name in ("modbus-rtu", "modbus-tcp"))
ROWS = {"modbus-rtu": RTU, "modbus-tcp": TCP}
STATUS = {"stable": [0], "net": [1], "over": [2], "under": [3], "valid": [4]}


def options(**more: object) -> ModbusOptions:
    return read(ModbusOptions, {"unit": "kg", **more})


def rtu(words: Sequence[int], *, function: int = 3, address: int = 1) -> bytes:
    return framed(address, bytes([function, 2 * len(words)]) + pack(f">{len(words)}H", *words))


def tcp(number: int, words: Sequence[int], *, unit: int = 1) -> bytes:
    return tcp_framed(number, unit, bytes([3, 2 * len(words)]) + pack(f">{len(words)}H", *words))


def fed(parser: Any, data: bytes, cuts: Sequence[int] = ()) -> list[Any]:
    items: list[Any] = []
    for start, end in itertools.pairwise((0, *sorted(cuts), len(data))):
        items += parser.feed(data[start:end])
    return items + list(parser.finish())


def good(items: Sequence[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, ProtocolError)]


def one(words: Sequence[int], **more: object) -> RegisterReading:
    [item] = fed(RtuParser(options(**more)), rtu(words))
    assert isinstance(item, RegisterReading), item
    return item


def problem(words: Sequence[int], **more: object) -> str:
    [item] = fed(RtuParser(options(**more)), rtu(words))
    assert isinstance(item, ProtocolError), item
    return item.problem


# --- numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reg", "found"),
    [
        (40_001, (3, 0)),
        (40_008, (3, 7)),
        (44_097, (3, 0x1000)),
        (400_001, (3, 0)),
        (465_536, (3, 65_535)),
        (30_001, (4, 0)),
        (300_001, (4, 0)),
        (7, None),
        (0, None),
        (40_000, None),
        (50_000, None),
        (465_537, None),
    ],
)
def test_a_register_is_numbered_as_it_is_printed(reg: int, found: tuple[int, int] | None) -> None:
    assert place(reg) == found


@pytest.mark.parametrize(
    ("kind", "order", "words", "weight"),
    [
        ("int16", "hi-lo", (0xFFEC,), -20),
        ("uint16", "hi-lo", (0xFFEC,), 65_516),
        ("int32", "hi-lo", (0x0000, 0x481C), 18_460),
        ("int32", "lo-hi", (0x481C, 0x0000), 18_460),
        ("int32", "hi-lo", (0xFFFF, 0xFFEC), -20),
        ("int32", "lo-hi", (0xFFEC, 0xFFFF), -20),
        ("uint32", "hi-lo", (0x0001, 0x0001), 65_537),
        ("float32", "hi-lo", (0x4690, 0x3800), 18_460),
        ("float32", "lo-hi", (0x3800, 0x4690), 18_460),
        ("float32", "hi-lo", (0x8000, 0x0000), 0),
    ],
)
def test_every_type_in_both_orders(kind: str, order: str, words: tuple[int, ...], weight: int) -> None:
    reading = one(words, map={"gross": {"reg": 40_001, "type": kind, "order": order}})
    assert (reading.mantissa, reading.exponent, reading.kind) == (weight, 0, "gross")


@given(st.integers(-999_999, 999_999), st.integers(0, 4))
def test_a_float_is_read_as_the_decimal_that_was_shown(mantissa: int, places: int) -> None:
    shown = Decimal(mantissa).scaleb(-places)
    found = float_value(int.from_bytes(pack(">f", float(shown)), "big"))
    assert found is not None
    assert Decimal(found[0]).scaleb(found[1]) == shown


@given(st.integers(0, 2**32 - 1))
def test_no_float_is_more_than_it_says(bits: int) -> None:
    found = float_value(bits)
    if found is not None:
        again = pack(">f", float(Decimal(found[0]).scaleb(found[1])))
        assert int.from_bytes(again, "big") == bits or found == (0, 0)


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800000, 0xFF800000, 0x00000001, 0x807FFFFF, 0x5A000000])
def test_no_number_infinity_and_nonsense_are_no_weight(bits: int) -> None:
    said = problem((bits >> 16, bits & 0xFFFF), map={"gross": {"reg": 40_001, "type": "float32"}})
    assert said.startswith("gross is no weight")


def test_decimals_are_those_of_the_device() -> None:
    reading = one((0, 18_465), map={"gross": {"reg": 40_001}}, decimals=1)
    assert (reading.mantissa, reading.exponent) == (18_465, -1)


# --- status ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (0b10001, {"stable": True, "valid": True, "kind": "gross", "over_range": False}),
        (0b10010, {"stable": False, "kind": "net"}),
        (0b10100, {"over_range": True}),
        (0b11000, {"under_range": True}),
        (0b00001, {"valid": False}),
    ],
)
def test_the_bits_of_the_status_are_named_by_the_map(bits: int, said: dict[str, object]) -> None:
    registers = {"display": {"reg": 40_001}, "status": {"reg": 40_003, "type": "uint16", "bits": STATUS}}
    reading = one((0, 500, bits), map=registers)
    assert {name: getattr(reading, name) for name in said} == said


def test_without_a_status_nothing_is_said_of_it() -> None:
    reading = one((0, 500), map={"display": {"reg": 40_001}})
    assert (reading.stable, reading.valid, reading.kind) == (None, True, "displayed")


def test_a_sign_may_stand_in_the_status() -> None:
    registers = {
        "gross": {"reg": 40_001},
        "net": {"reg": 40_003},
        "status": {"reg": 40_005, "type": "uint16", "bits": {"negative": [7], "net_negative": [8]}},
    }
    reading = one((0, 20, 0, 40, 0x80), map=registers)
    assert (reading.mantissa, reading.others) == (-20, (("net", "40"),))
    reading = one((0xFFFF, 0xFFEC, 0, 40, 0x180), map=registers)
    assert (reading.mantissa, reading.others) == (-20, (("net", "-40"),))


def test_a_wide_status_follows_the_order_of_its_words() -> None:
    registers = {
        "gross": {"reg": 40_001},
        "status": {"reg": 40_003, "type": "uint32", "order": "lo-hi", "bits": {"motion": [17]}},
    }
    assert one((0, 20, 0, 2), map=registers).stable is False
    assert one((0, 20, 2, 0), map=registers).stable is True


# --- the usual faults ------------------------------------------------------------------------------------------


def test_exchanged_words_are_named_and_never_put_right() -> None:
    said = problem((0x481C, 0x0000), map={"gross": {"reg": 40_001}})
    assert said == "gross is no weight (481C 0000): with order = lo-hi it would be 18460"
    said = problem((0x3800, 0x4690), map={"gross": {"reg": 40_001, "type": "float32"}})
    assert said.endswith("with order = lo-hi it would be 18460")


def test_a_map_counted_from_zero_is_named() -> None:
    # The device has 7: gross 0000 481C; the map, one too far, reads from the second of these words on.
    registers = {"gross": {"reg": 40_009}, "net": {"reg": 40_011}}
    said = problem((0x0000, 0x481C, 0x0000, 0x7FFF, 0x0001), map=registers, start=40_008)
    assert "one register earlier (is the map counted from 0?) it would be 18460" in said


def test_what_nothing_explains_asks_for_register_and_type() -> None:
    said = problem((0x7FFF, 0x7FFF), map={"gross": {"reg": 40_001}})
    assert said == "gross is no weight (7FFF 7FFF): are register and type right?"


def test_small_weights_with_exchanged_words_are_noticed_at_the_second() -> None:
    parser: Any = RtuParser(options(map={"gross": {"reg": 40_001}}))
    first, second, third, zero = fed(parser, b"".join(rtu((kg, 0)) for kg in (20, 40, 60, 0)))
    assert isinstance(first, RegisterReading)
    assert "it would be 40" in second.problem
    assert isinstance(third, ProtocolError)
    assert zero.mantissa == 0


def test_a_weight_of_exactly_65536_is_a_weight() -> None:
    parser: Any = RtuParser(options(map={"gross": {"reg": 40_001}}))
    got = fed(parser, b"".join(rtu((kg >> 16, kg & 0xFFFF)) for kg in (65_530, 65_536, 65_536, 65_540)))
    assert [reading.mantissa for reading in got] == [65_530, 65_536, 65_536, 65_540]


# --- options and maps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ({"map": {"weight": {"reg": 40_001}}}, "map"),
        ({"map": {"status": {"reg": 40_001}}}, "map"),
        ({"map": {"gross": {"reg": 7}}}, "map.gross.reg"),
        ({"map": {"gross": {"reg": 40_001, "type": "int64"}}}, "map.gross.type"),
        ({"map": {"gross": {"reg": 40_001}, "net": {"reg": 30_003}}}, "map"),
        ({"map": {"gross": {"reg": 40_001}, "net": {"reg": 41_003}}}, "map"),
        ({"map": {"gross": {"reg": 40_001}}, "start": 40_002}, "start"),
        ({"map": {"gross": {"reg": 40_001}}, "start": 12}, "start"),
        ({"map": {"gross": {"reg": 40_001, "bits": {"shiny": [1]}}}}, "map.gross.bits"),
        ({"map": {"gross": {"reg": 40_001, "type": "int16", "bits": {"stable": [16]}}}}, "map.gross.bits"),
        ({"address": 0}, "address"),
        ({"decimals": 9}, "decimals"),
        ({"device": "cas-ci600d", "map_file": "x.toml"}, "map_file"),
        ({"silent_ms": 0}, "silent_ms"),
    ],
)
def test_a_wrong_map_is_refused_by_its_path(told: dict[str, object], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options(**told)
    assert path in [where for where, _ in caught.value.faults]


@pytest.mark.parametrize("name", sorted(shipped()))
@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_shipped_map_is_asked_for_and_read(row: Indicator, name: str) -> None:
    told = read_options(row, {"device": name, "unit": "kg", "decimals": 0})
    parser: Any = row.parser(told)
    assert row.serve is not None
    server = row.serve(told)
    for kg, stable in ((18_460, True), (0, False)):
        [reading] = parser.feed(server.feed(parser.ask(), Display(mantissa=kg, stable=stable)))
        assert (reading.mantissa, reading.exponent, reading.valid) == (kg, 0, True)
        assert reading.stable in (stable, None)
        assert reading.kind == "gross"
    assert shipped()[name].source
    assert shipped()[name].doubts


def test_a_map_may_come_from_a_file_and_options_count_more(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'title = "own"\nsource = "its papers"\nunit = "t"\ndecimals = 2\n[map.gross]\nreg = 30005\ntype = "int16"\n'
    )
    told = read_options(RTU, {"map_file": str(path)})
    assert (told.unit, told.decimals, told.map["gross"].reg) == ("t", 2, 30_005)
    assert RTU.poll(told)[:6] == bytes.fromhex("010400040001")
    assert read_options(RTU, {"map_file": str(path), "unit": "kg", "decimals": 0}).unit == "kg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "a"\nsource = "b"\n[map.gross]\nreg = 4\n', "map_file.map.gross.reg"),
        ("title = ", "map_file"),
        ('title = "a"\nsource = "b"\n[map]\n', "map_file.map"),
    ],
)
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_options(RTU, {"map_file": str(path)})


def test_a_file_or_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_options(RTU, {"map_file": str(tmp_path / "none.toml")})
    with pytest.raises(ConfigError, match="known here: bosche-wts, cas-ci600d"):
        read_options(RTU, {"device": "abacus"})


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no\0file", "embedded null byte"),
        ("no\ud800file", "surrogates not allowed"),
        ("/dev/zero", "it is no file"),
        ("/", "it is no file"),
    ],
)
def test_what_cannot_be_a_file_of_a_map_is_refused_with_words(path: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        read_options(RTU, {"map_file": path})
    assert caught.value.faults[0][0] == "map_file"
    str(caught.value).encode()


@pytest.mark.parametrize("text", ["#" * 70_000, "a = " + "[" * 50_000])
def test_a_map_that_is_too_large_or_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"map_file: .* cannot be read: "):
        read_options(RTU, {"map_file": str(path)})


@pytest.mark.parametrize(("told", "path"), [({}, "options.map"), ({"device": "cas-ci600d"}, "options.unit")])
def test_a_lane_must_say_where_the_weight_is_and_in_which_unit(told: dict[str, object], path: str) -> None:
    for name in ROWS:
        with pytest.raises(ConfigError) as caught:
            make_driver(name, told, device="scale", clock=VirtualClock())
        assert [where for where, _ in caught.value.faults] == [path]


# --- answers and questions -------------------------------------------------------------------------------------


def test_an_answer_is_one_only_to_a_question() -> None:
    parser: Any = RtuParser(options(**CAS))
    question, answer = parser.ask(), rtu((0, 18_460, 0, 18_460))
    assert question == bytes.fromhex("010300070004f5c8")
    assert fed(parser, question) == []  # a half-duplex adapter hears itself
    assert [item.mantissa for item in parser.feed(answer)] == [18_460]
    [again] = parser.feed(answer)
    assert again.problem == "an answer that nobody asked for"
    assert good(fed(parser, rtu((0, 18_460, 0, 18_460), address=2))) == []  # another device on the line
    assert good(fed(parser, rtu((0, 1)) + rtu((0, 1, 0, 1), function=4))) == []  # of other registers


def test_an_answer_whose_beginning_could_be_a_question_is_an_answer() -> None:
    begins = (frame for kg in range(100_000) if not crc((frame := made(RTU)(0, kg))[:8]))
    frame = next(begins)
    told = read(ModbusOptions, CAS)
    for cuts in ((), range(1, len(frame))):
        [item] = fed(RtuParser(told), frame, cuts)
        assert isinstance(item, RegisterReading)


def test_another_number_is_the_answer_to_another_question() -> None:
    parser: Any = TcpParser(options(**CAS))
    words = (0, 18_460, 0, 18_460)
    first, second = parser.ask(), parser.ask()
    assert (first[:2], second[:2]) == (b"\x00\x01", b"\x00\x02")
    late, right, twice = parser.feed(tcp(1, words) + tcp(2, words) + tcp(2, words))
    assert late.problem == twice.problem == "an answer to another question"
    assert right.mantissa == 18_460
    assert good(fed(parser, tcp(3, words, unit=9))) == []
    parser.ask()
    [short] = parser.feed(tcp(3, (0, 1)))
    assert "another length" in short.problem


def test_over_tcp_a_value_counts_when_two_answers_say_it() -> None:
    parser: Any = TcpParser(options(**CAS))
    said = []
    for kg in (18_460, 18_460, 18_480):
        number = int.from_bytes(parser.ask()[:2], "big")
        said += parser.feed(tcp(number, (0, kg, 0, kg)))
    assert [(item.checked, item.confirmed) for item in said] == [
        (False, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize(("code", "hint"), [(2, True), (4, False), (99, False)])
def test_a_refusal_is_a_reply_with_its_reason(code: int, hint: bool) -> None:
    pairs: tuple[tuple[Any, bytes], ...] = (
        (RtuParser(options(**CAS)), framed(1, bytes([0x83, code]))),
        (TcpParser(options(**CAS)), tcp_framed(1, 1, bytes([0x83, code]))),
    )
    for parser, data in pairs:
        parser.ask()
        [item] = parser.feed(data)
        assert isinstance(item, Refusal)
        assert item.code == code
        assert ("is the map right?" in item.problem) == hint


def test_questions_of_others_are_told_and_answers_without_a_map_are_not_guessed() -> None:
    request, answer = bytes.fromhex("010300500002c41a"), rtu((0, 18_460))
    items = fed(RtuParser(ModbusOptions()), request + answer)
    assert isinstance(items[0], Request)
    assert (items[0].register, items[0].count) == (80, 2)
    assert "no map says" in items[1].problem
    items = fed(TcpParser(ModbusOptions()), tcp_framed(7, 1, request[1:-2]) + tcp(7, (0, 18_460)))
    assert dict(TCP.describe(items[0])) == {
        "request": True, "address": 1, "function": 3, "register": 80, "count": 2, "checksum": "none",
    }  # fmt: skip
    assert "no map says" in items[1].problem


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
@given(
    values=st.lists(st.integers(-99_999, 99_999), min_size=1, max_size=5),
    noise=st.lists(st.binary(max_size=12), min_size=6, max_size=6),
    data=st.data(),
)
@settings(max_examples=60)
def test_any_split_gives_the_same(
    row: Indicator, values: list[int], noise: list[bytes], data: st.DataObject
) -> None:
    frame = made(row)
    stream = noise[5] + b"".join(frame(n, kg) + noise[n] for n, kg in enumerate(values))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    told = read(ModbusOptions, CAS)
    assert good(fed(row.parser(told), stream, cuts)) == good(fed(row.parser(told), stream))


def made(row: Indicator) -> Callable[[int, int], bytes]:
    def frame(n: int, kg: int) -> bytes:
        words = (kg >> 16 & 0xFFFF, kg & 0xFFFF) * 2
        return rtu(words) if row is RTU else tcp(n + 1, words)

    return frame


def test_noise_never_costs_the_next_answer_of_a_serial_line() -> None:
    dice = random.Random(4)
    values = [dice.randrange(1, 99_999) for _ in range(300)]
    stream = b"".join(dice.randbytes(dice.randrange(9)) + made(RTU)(0, kg) for kg in values)
    assert [item.mantissa for item in good(fed(RtuParser(read(ModbusOptions, CAS)), stream))] == values


@given(st.integers(0, 12), st.integers(0, 7))
def test_a_flipped_bit_is_dropped(at: int, bit: int) -> None:
    spoiled = bytearray(made(RTU)(0, 18_460))
    assert crc(spoiled) == 0
    spoiled[at] ^= 1 << bit
    assert good(fed(RtuParser(read(ModbusOptions, CAS)), bytes(spoiled))) == []


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_the_device_answers_only_what_it_has(row: Indicator) -> None:
    told = options(**CAS)
    assert row.serve is not None
    server, parser = row.serve(told), row.parser(ModbusOptions())
    asked = {"wrong function": (4, 7, 4), "beyond": (3, 9, 4), "none": (3, 7, 0)}
    codes = {}
    for name, (function, register, count) in asked.items():
        pdu = pack(">BHH", function, register, count)
        question = framed(1, pdu) if row is RTU else tcp_framed(5, 1, pdu)
        [refusal] = parser.feed(server.feed(question, Display(mantissa=0)))
        assert isinstance(refusal, Refusal)
        codes[name] = refusal.code
    assert codes == {"wrong function": 1, "beyond": 2, "none": 2}
    assert server.feed(b"\x02\x03\x00\x07\x00\x04", Display(mantissa=0)) == b""


def test_a_display_that_does_not_fit_is_an_error() -> None:
    server = RTU.serve(options(map={"gross": {"reg": 40_001, "type": "int16"}}))
    question = RTU.poll(options(map={"gross": {"reg": 40_001, "type": "int16"}}))
    with pytest.raises(ValueError, match="does not fit"):
        server.feed(question, Display(mantissa=99_999))


def test_the_same_byte_lost_twice_over_tcp_confirms_nothing() -> None:
    short, whole = (tcp(n, (0, 40_000)) for n in (1, 2))
    short = short[:-1]  # the next frame lends its first byte
    told = options(map={"gross": {"reg": 40_001}})
    items = good(fed(TcpParser(told), short + whole + short + whole + whole * 2))
    assert [item.mantissa for item in items] == [39_936, 39_936, 40_000, 40_000]
    assert [item.confirmed for item in items] == [False, False, False, True]


@pytest.mark.broad
@pytest.mark.timeout(60)
def test_a_long_read_over_tcp_costs_by_its_length() -> None:
    def seconds(frames: int) -> float:
        parser, data = TcpParser(options(map={"gross": {"reg": 40_001}})), tcp(1, (0, 40_000)) * frames
        began = time.process_time()
        assert len(parser.feed(data)) == frames
        return time.process_time() - began

    assert seconds(80_000) < 20 * seconds(10_000)


# --- the driver ------------------------------------------------------------------------------------------------


async def beside(clock: VirtualClock, *doing: Coroutine[Any, Any, None], seconds: float) -> None:
    tasks = [asyncio.create_task(each) for each in doing]
    await clock.run_for(seconds)
    for task in tasks:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", ROWS)
async def test_a_lane_asks_and_hears(name: str) -> None:
    told: dict[str, Any] = {"device": "tuna-id551", "unit": "kg", "poll_ms": 100}
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    driver = make_driver(name, told, device="scale", clock=clock)
    server = ROWS[name].serve(read_options(ROWS[name], told))
    got: list[WeightReading] = []

    async def device() -> None:
        while True:
            await wire.send(server.feed(wire.receive(), Display(mantissa=44_120, stable=True)))
            await clock.sleep(0.01)

    async def lane() -> None:
        async for event in driver.readings(wire.host):
            got.append(event)  # type: ignore[arg-type]  # noqa: PERF401

    await beside(clock, device(), lane(), seconds=3)
    assert 20 <= len(got) <= 31
    assert {(each.kg, each.stable, each.net) for each in got} == {(44_120, True, False)}
    assert got[-1].confirmed
    assert driver.pulse.state == "up"


async def test_a_device_that_refuses_is_not_up_and_the_reason_is_said() -> None:
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    driver = make_driver("modbus-rtu", {"device": "cas-ci600d", "unit": "kg"}, device="scale", clock=clock)

    async def device() -> None:
        while True:
            if wire.receive():
                await wire.send(framed(1, b"\x83\x02"))
            await clock.sleep(0.01)

    async def lane() -> None:
        async for _event in driver.readings(wire.host):
            raise AssertionError("no weight was said")

    await beside(clock, device(), lane(), seconds=5)
    assert driver.pulse.state == "noisy"
    assert driver.pulse.good == 0
    assert "illegal data address (2); is the map right?" in driver.pulse.snapshot().detail
    assert driver.pulse.dropped > 10
