"""Records that are sent until they are acknowledged: taken once, acknowledged when safe, and nothing lost in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from edge.drivers import load_driver
from edge.drivers.contract import ScaleDriver
from edge.drivers.making import make_driver
from edge.drivers.readings import Passed
from edge.drivers.scale.axl1 import protocol as axl1
from edge.drivers.scale.wim_jz import protocol as jz
from edge.weighing.moving import MovingSettings, MovingWeighing
from edge.weighing.values import ScaleEvent, VehicleRecord, VehicleReversed
from kernel.errors import LinkError, ProtocolError
from kernel.events import AxleGroup, VehicleFacts
from kernel.settings import read
from simulators.clock import VirtualClock
from simulators.links import MemoryWire
from simulators.records import RecordSim

NAMES = ("wim-jz", "axl1")
OPTIONS: dict[str, dict[str, object]] = {"wim-jz": {"speed_unit": "kmh"}, "axl1": {"clock": "utc"}}
ACKS: dict[str, Callable[[], Any]] = {"wim-jz": jz.AckParser, "axl1": axl1.AckParser}
TRUCK = Passed(
    seq=7,
    axle_kg=(6_540, 9_980, 9_870, 8_020, 8_100, 7_990),
    axles_of=(1, 2, 3),
    dual=(False, True, True),
    spacing_mm=(3_450, 1_360, 6_400, 1_310, 1_310),
    axle_speed_dkmh=(140, 140, 140, 130, 130, 130),
    speed_dkmh=140,
    accel_mms2=200,
    at_ms=1_790_000_000_250,
)


def notice(name: str, kind: str, seq: int, body: bytes = b"\x00") -> bytes:
    if name == "wim-jz":
        code = {"reset": jz.RESET, "heartbeat": jz.HEARTBEAT, "reverse": jz.REVERSE}[kind]
        return jz.checked(bytes([0xFF, seq, code]) + body)
    code = {"heartbeat": axl1.STATUS, "reverse": axl1.REVERSE, "static": axl1.STATIC}[kind]
    return axl1.frame(code, bytes([seq, 1]) + body)


class Weighbridge:
    """One weigher, its wire, and the lane's side of it; `safe` tells the device what was journalled."""

    def __init__(self, name: str, **options: object) -> None:
        self.clock = VirtualClock()
        self.wire = MemoryWire(clock=self.clock)
        row, told = load_driver(name), OPTIONS[name] | options
        self.name = name
        self.device = RecordSim(
            self.wire, row, read(row.options, told), clock=self.clock, acknowledged=ACKS[name]().feed
        )
        self.driver: ScaleDriver = make_driver(name, told, device="scale", clock=self.clock)
        self.got: list[ScaleEvent] = []

    async def listen(self) -> None:
        async for event in self.driver.readings(self.wire.host):
            self.got.append(event)

    @property
    def records(self) -> list[VehicleRecord]:
        return [event for event in self.got if isinstance(event, VehicleRecord)]

    @property
    def reversals(self) -> list[VehicleReversed]:
        return [event for event in self.got if isinstance(event, VehicleReversed)]


@asynccontextmanager
async def weighing(name: str, *, wait_s: float = 3.0, **options: Any) -> AsyncIterator[Weighbridge]:
    """Running, and past the time in which a record would be from the device's memory."""
    bridge = Weighbridge(name, **options)
    tasks = [asyncio.create_task(bridge.device.run()), asyncio.create_task(bridge.listen())]
    await bridge.clock.run_for(wait_s)
    try:
        yield bridge
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", NAMES)
async def test_the_device_keeps_a_record_until_its_entry_is_safe(name: str) -> None:
    async with weighing(name) as bridge:
        await bridge.device.vehicle(TRUCK)
        await bridge.clock.run_for(5.5)
        [record] = bridge.records
        assert bridge.device.sent == 6  # again each second, and not counted again
        assert 7 in bridge.device.kept
        await bridge.driver.release(record.key)
        await bridge.clock.run_for(3)
        assert bridge.device.kept == {}
        assert bridge.device.sent == 6
        assert len(bridge.records) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_a_copy_that_comes_after_all_is_acknowledged_again(name: str) -> None:
    async with weighing(name) as bridge:
        frame = await bridge.device.vehicle(TRUCK)
        await bridge.clock.run_for(0.1)
        await bridge.driver.release(bridge.records[0].key)
        await bridge.clock.run_for(0.1)
        await bridge.device.frame(frame, seq=7)  # it never heard the first acknowledgement
        await bridge.clock.run_for(0.1)
        assert bridge.device.kept == {}
        assert len(bridge.records) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_safe_while_the_device_is_away_is_acknowledged_with_its_next_copy(name: str) -> None:
    async with weighing(name) as bridge:
        frame = await bridge.device.vehicle(TRUCK)
        await bridge.clock.run_for(0.1)
        bridge.wire.unplug()
        await bridge.driver.release(bridge.records[0].key)  # the wire has gone: no error
        await bridge.clock.run_for(1)
        await bridge.driver.release(bridge.records[0].key)  # nobody there: no error either
        bridge.wire.plug()
        again = asyncio.create_task(bridge.listen())
        await bridge.device.frame(frame, seq=7)
        await bridge.clock.run_for(0.1)
        assert bridge.device.kept == {}
        assert len(bridge.records) == 1
        again.cancel()


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_no_record_is_acknowledged_at_once(name: str) -> None:
    async with weighing(name) as bridge:
        await bridge.device.frame(notice(name, "heartbeat", 9), seq=9)
        await bridge.clock.run_for(0.1)
        assert bridge.device.kept == {}
        assert bridge.got == []
        assert bridge.driver.pulse.state == "up"


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_number_with_other_contents_is_another_vehicle_and_said(name: str) -> None:
    async with weighing(name) as bridge:
        await bridge.device.vehicle(TRUCK)
        await bridge.device.vehicle(replace(TRUCK, axle_kg=(*TRUCK.axle_kg[:5], 8_000)))
        await bridge.device.vehicle(replace(TRUCK, seq=8))
        await bridge.clock.run_for(0.1)
        assert [record.words.count("sequence_repeated") for record in bridge.records] == [0, 1, 0]
        assert len({record.key for record in bridge.records}) == 3


@pytest.mark.broad
@pytest.mark.parametrize("name", NAMES)
async def test_a_number_that_comes_round_again_is_a_new_vehicle(name: str) -> None:
    async with weighing(name) as bridge:
        for n in range(600):
            await bridge.device.vehicle(replace(TRUCK, seq=n & 255, at_ms=TRUCK.at_ms + n, flags=n >> 8))
            await bridge.clock.run_for(0.05)
            await bridge.driver.release(bridge.records[-1].key)
        assert len({record.key for record in bridge.records}) == 600
        assert "sequence_repeated" not in {word for record in bridge.records for word in record.words}
        assert len(vars(bridge.driver)["_acks"]) <= 257
        assert len(vars(bridge.driver)["_released"]) <= 257


@pytest.mark.parametrize("name", NAMES)
async def test_a_record_right_after_opening_is_from_the_memory(name: str) -> None:
    async with weighing(name, wait_s=0.5) as bridge:
        await bridge.device.vehicle(TRUCK)
        await bridge.clock.run_for(3)
        await bridge.device.vehicle(replace(TRUCK, seq=8))
        await bridge.clock.run_for(0.1)
        assert [record.asked for record in bridge.records] == [True, False]


@pytest.mark.parametrize("name", NAMES)
async def test_a_reversal_is_handed_on_once_and_acknowledged_when_it_is_safe(name: str) -> None:
    async with weighing(name) as bridge:
        await bridge.device.frame(notice(name, "reverse", 9), seq=9)
        await bridge.clock.run_for(2.5)
        [reversal] = bridge.reversals
        assert 9 in bridge.device.kept
        await bridge.device.vehicle(
            replace(TRUCK, seq=10)
        )  # a copy after the next vehicle is still that reversal
        await bridge.clock.run_for(2.5)
        assert len(bridge.reversals) == 1
        await bridge.driver.release(reversal.key)
        await bridge.clock.run_for(0.1)
        assert 9 not in bridge.device.kept


@pytest.mark.broad
@pytest.mark.parametrize("name", NAMES)
async def test_the_number_of_a_reversal_that_comes_round_again_is_a_new_one(name: str) -> None:
    async with weighing(name) as bridge:
        for _ in range(2):
            await bridge.device.frame(notice(name, "reverse", 9), seq=9)
            await bridge.clock.run_for(0.1)
            await bridge.driver.release(bridge.reversals[-1].key)
            for _beat in range(7):
                await bridge.clock.run_for(10)
                await bridge.device.frame(notice(name, "heartbeat", 11), seq=11)
        assert len(bridge.reversals) == 2


@pytest.mark.parametrize("name", NAMES)
async def test_a_damaged_record_is_not_acknowledged_and_comes_again(name: str) -> None:
    async with weighing(name) as bridge:
        spoilt = iter([True])
        bridge.wire.bend = lambda data: data[:-1] + bytes([data[-1] ^ 1]) if next(spoilt, False) else data
        await bridge.device.vehicle(TRUCK)
        await bridge.clock.run_for(0.5)
        assert bridge.records == []
        assert bridge.driver.pulse.dropped > 0
        await bridge.clock.run_for(1)
        assert len(bridge.records) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_a_dead_wire_while_acknowledging_is_the_supervisors_matter(name: str) -> None:
    async with weighing(name) as bridge:
        bridge.wire.unplug()
        await bridge.clock.run_for(0.1)
        listening = asyncio.create_task(bridge.listen())
        await bridge.clock.run_for(1)
        with pytest.raises(LinkError):
            await listening


# --- what the records say --------------------------------------------------------------------------------------


async def only(name: str, passed: Passed, **options: Any) -> VehicleRecord:
    async with weighing(name, **options) as bridge:
        await bridge.device.vehicle(passed)
        await bridge.clock.run_for(0.1)
        [record] = bridge.records
        return record


async def test_axl1_becomes_axles_groups_spacings_and_keeps_its_bytes() -> None:
    record = await only("axl1", TRUCK)
    weighed = MovingWeighing(MovingSettings()).record(record)
    assert weighed.gross_kg == sum(TRUCK.axle_kg)
    assert weighed.groups == (
        AxleGroup(axles=1, group_kg=6_540, tyres="single"),
        AxleGroup(axles=2, group_kg=19_850, tyres="dual"),
        AxleGroup(axles=3, group_kg=24_110, tyres="dual"),
    )
    assert [axle.spacing_mm for axle in weighed.axles] == [None, *TRUCK.spacing_mm]
    assert [axle.speed_dkmh for axle in weighed.axles] == list(TRUCK.axle_speed_dkmh)
    assert (weighed.speed_dkmh, weighed.accel_mms2, weighed.quality) == (140, 200, ())
    assert (weighed.facts.axle_count, weighed.facts.single_tyre_axles) == (6, 0)
    assert weighed.record_hex == axl1.write(TRUCK, read(axl1.AxlOptions, {})).hex()


@pytest.mark.parametrize("bit", range(7))
async def test_every_flag_of_axl1_has_its_word(bit: int) -> None:
    weighed = MovingWeighing(MovingSettings()).record(await only("axl1", replace(TRUCK, flags=1 << bit)))
    assert weighed.quality == (axl1.FLAG_WORDS[bit],)
    fault = axl1.FLAG_WORDS[bit] == "tyre_sensor_fault"
    assert (weighed.groups[1].tyres is None) == fault
    assert (weighed.facts.single_tyre_axles is None) == (fault or axl1.FLAG_WORDS[bit] == "separator_fault")


async def test_axles_of_what_may_be_two_vehicles_prove_nothing() -> None:
    weighed = MovingWeighing(MovingSettings()).record(await only("axl1", replace(TRUCK, flags=0x08)))
    assert weighed.quality == ("separator_fault",)
    assert weighed.facts == VehicleFacts()
    assert (weighed.gross_kg, len(weighed.axles)) == (sum(TRUCK.axle_kg), 6)  # what was measured is kept


async def test_an_unknown_flag_of_axl1_is_said_too() -> None:
    weighed = MovingWeighing(MovingSettings()).record(await only("axl1", replace(TRUCK, flags=0x80)))
    assert weighed.quality == ("device_flags_80",)


@pytest.mark.parametrize(
    ("clock", "off_ms", "recorded", "words"),
    [
        ("ignore", 86_400_000, False, ()),
        ("utc", 0, True, ()),
        ("beijing", 0, True, ()),
        ("utc", -9_000, True, ()),
        ("utc", -86_400_000, True, ("device_clock_off",)),
        ("beijing", 60_000, True, ("device_clock_off",)),
    ],
)
async def test_the_devices_time_counts_only_where_its_clock_is_trusted(
    clock: str, off_ms: int, recorded: bool, words: tuple[str, ...]
) -> None:
    at_ms = VirtualClock().now_ms() + 3_000 + off_ms
    record = await only("axl1", replace(TRUCK, at_ms=at_ms), clock=clock)
    weighed = MovingWeighing(MovingSettings()).record(record)
    assert weighed.recorded_ms == (at_ms if recorded else None)
    assert weighed.quality == words
    late = MovingWeighing(MovingSettings()).record(replace(record, asked=True))
    assert ("device_clock_off" in late.quality) == ("device_clock_off" in words and off_ms > 0)


async def test_a_time_that_is_none_is_no_time() -> None:
    [vehicle] = axl1.Parser().feed(axl1.write(TRUCK, read(axl1.AxlOptions, {})))
    assert isinstance(vehicle, axl1.Vehicle)
    body = bytearray(vehicle.raw[6:-2])
    body[3] = 13  # the month
    [item] = axl1.Parser().feed(axl1.frame(axl1.VEHICLE, bytes(body)))
    assert isinstance(item, axl1.Vehicle)
    assert item.time is None
    assert axl1.describe(item)["time"] is None


async def test_axl1_names_the_vehicle_that_it_takes_back() -> None:
    async with weighing("axl1") as bridge:
        await bridge.device.vehicle(TRUCK)
        await bridge.device.vehicle(replace(TRUCK, seq=8))
        for seq, body in ((9, b"\x07"), (10, b"\x63"), (11, b"")):
            await bridge.device.frame(notice("axl1", "reverse", seq, body), seq=seq)
        await bridge.clock.run_for(0.1)
        assert [each.record for each in bridge.reversals] == [bridge.records[0].key, "seq 99", ""]


def test_axl1_tells_status_static_weight_and_reversal() -> None:
    frames = b"".join(
        notice("axl1", kind, 5, body)
        for kind, body in (("heartbeat", b"\x03"), ("static", b"\x07\x36"), ("reverse", b"\x07"))
    )
    told = [axl1.describe(item) for item in axl1.Parser().feed(frames) if not isinstance(item, ProtocolError)]
    assert [
        (each["record"], each.get("status", each.get("static_kg", each.get("reversed_seq")))) for each in told
    ] == [
        ("status", 3),
        ("static", 18_460),
        ("reverse", 7),
    ]


async def test_jz_leaves_out_a_speed_of_unknown_unit_and_gives_no_spacings() -> None:
    record = await only("wim-jz", TRUCK, speed_unit="unknown")
    weighed = MovingWeighing(MovingSettings(tyres="type_code")).record(record)
    assert (weighed.speed_dkmh, weighed.quality) == (None, ("speed_unit_unknown",))
    assert {axle.spacing_mm for axle in weighed.axles} == {None}
    assert [group.axles for group in weighed.groups] == [1, 2, 3]
    assert (await only("wim-jz", TRUCK)).speed_dkmh == 140


async def test_jz_says_when_its_two_sums_differ() -> None:
    good = jz.write(TRUCK, read(jz.JzOptions, {}))
    spoilt = jz.checked(good[:31] + (1).to_bytes(2, "big") + good[33:-2])
    async with weighing("wim-jz") as bridge:
        await bridge.wire.send(spoilt)
        await bridge.clock.run_for(0.1)
        [record] = bridge.records
        assert record.words == ("groups_differ",)
        assert sum(record.weights_kg) == sum(TRUCK.axle_kg)


async def test_the_second_form_of_a_jz_record_is_a_copy_of_the_first() -> None:
    first = jz.write(TRUCK, read(jz.JzOptions, {}))
    second = jz.checked(b"\xff\x07\x03" + (len(first) + 1).to_bytes(2, "big") + b"\x01" + first[5:-2])
    [one, other] = jz.Parser().feed(first + second)
    assert isinstance(one, jz.Vehicle)
    assert isinstance(other, jz.Vehicle)
    assert (other.axle_kg, other.group_kg, other.group_codes) == (one.axle_kg, one.group_kg, one.group_codes)
    assert (one.flag, other.flag, other.speed_raw) == (None, 1, one.speed_raw)
    assert other.ack == jz.checked(b"\xff\x07\x03\x00")
    async with weighing("wim-jz") as bridge:
        await bridge.wire.send(first + second)
        await bridge.clock.run_for(0.1)
        assert len(bridge.records) == 1


@pytest.mark.parametrize("body", [b"\x05", b"\x0a\x00\x00\x00\x05"])
def test_a_jz_notice_is_read_with_a_status_or_with_a_length(body: bytes) -> None:
    [item] = jz.Parser().feed(jz.checked(b"\xff\x2a\x07" + body))
    assert isinstance(item, jz.Notice)
    assert (item.kind, item.seq, item.ack) == ("reverse", 42, jz.checked(b"\xff\x2a\x07\x00"))
    assert len(item.raw) == len(body) + 5


def test_jz_tells_its_notices() -> None:
    [item] = jz.Parser().feed(notice("wim-jz", "heartbeat", 9, b"\x03"))
    assert isinstance(item, jz.Notice)
    assert jz.describe(item) == {
        "record": "heartbeat", "status": 3, "seq": 9, "checksum": "ok", "ack": item.ack.hex(),
    }  # fmt: skip


def test_a_jz_record_of_no_group_is_none() -> None:
    [item] = jz.Parser().feed(jz.checked(b"\xff\x07\x02\x00\x17" + bytes(11) + b"\x01\x00\x00" + bytes(2)))
    assert isinstance(item, ProtocolError)
    assert item.problem == "1 axles in no group"


@pytest.mark.parametrize("code", [0, 3])
def test_an_acknowledgement_that_is_none_is_not_taken(code: int) -> None:
    assert axl1.AckParser().feed(axl1.acknowledgement(7, code)) == ([7] if code == 0 else [])
    assert axl1.acknowledgement(7)[:8] == bytes.fromhex("faf5017f000a0700")


def test_a_record_longer_than_any_is_none_however_it_is_split() -> None:
    body = bytes([7, 1]) + bytes(12) + bytes([220, 1]) + bytes(5 * 220 - 1)
    endless = axl1.frame(axl1.VEHICLE, body)
    assert len(endless) == 22 + 5 * 220 + 1
    whole, single = axl1.Parser(), axl1.Parser()
    items = [*whole.feed(endless), *whole.finish()]
    items += [item for byte in endless for item in single.feed(bytes([byte]))]
    assert items
    assert all(isinstance(item, ProtocolError) for item in items)


def test_more_axles_than_fit_are_an_error() -> None:
    endless = replace(TRUCK, axle_kg=(1_000,) * 41, axles_of=(41,), dual=(True,))
    with pytest.raises(ValueError, match="41 axles"):
        jz.write(endless, read(jz.JzOptions, {}))
    with pytest.raises(ValueError, match="220 axles"):
        axl1.write(replace(endless, axle_kg=(1_000,) * 220, axles_of=(220,)), read(axl1.AxlOptions, {}))
