"""Lines of axle loads: a set is a vehicle, a set that lost a line has no weight, and pounds are refused unless allowed."""

from __future__ import annotations

import asyncio

import pytest

from edge.drivers.making import make_driver
from edge.drivers.scale.nmea_axle.protocol import line
from edge.weighing.moving import MovingSettings, MovingWeighing
from edge.weighing.values import VehicleRecord, Weighed
from kernel.errors import LinkError
from simulators.clock import VirtualClock
from simulators.links import MemoryWire

BEGIN, END = line(b"OAWTS", b"00"), line(b"OAWTE", b"00")
CAL_1, CAL_2 = line(b"RWAWT,Cal 1,10000,22222222"), line(b"RWAWT,Cal 2,11000,22222222")
KG: dict[str, object] = {"unit": "kg", "sensor": "axle"}


async def heard(data: bytes, **options: object) -> tuple[list[VehicleRecord], int]:
    """The records of these bytes, and how many items were dropped."""
    clock = VirtualClock()
    wire = MemoryWire(clock=clock)
    driver = make_driver("nmea-axle", options, device="scale", clock=clock)
    got: list[VehicleRecord] = []

    async def listen() -> None:
        async for event in driver.readings(wire.host):
            assert isinstance(event, VehicleRecord)
            got.append(event)

    task = asyncio.create_task(listen())
    await wire.send(data)
    await clock.run_for(1)
    wire.unplug()
    await clock.run_for(1)
    with pytest.raises(LinkError):
        await task
    return got, driver.pulse.dropped


def weighed(record: VehicleRecord) -> Weighed:
    return MovingWeighing(MovingSettings()).record(record)


async def test_a_set_of_lines_is_one_vehicle_and_keeps_its_bytes() -> None:
    whole = BEGIN + CAL_1 + CAL_2 + END
    [record], dropped = await heard(whole, **KG)
    assert (record.weights_kg, record.axle_count, record.raw, record.key) == ((10_000, 11_000), 2, whole, "")
    found = weighed(record)
    assert (found.gross_kg, found.facts.axle_count, found.quality) == (21_000, 2, ("groups_unknown",))
    assert [axle.axle_kg for axle in found.axles] == [10_000, 11_000]
    assert dropped == 0


async def test_two_vehicles_with_the_same_loads_are_two() -> None:
    records, _ = await heard((BEGIN + CAL_1 + END) * 2, **KG)
    assert len(records) == 2


async def test_a_sensor_may_carry_a_group_and_then_the_axles_are_unknown() -> None:
    [record], _ = await heard(BEGIN + CAL_1 + CAL_2 + END, unit="kg")
    found = weighed(record)
    assert (found.gross_kg, found.facts.axle_count, found.axles) == (21_000, None, ())
    assert found.quality == ("groups_unknown", "axles_unknown")


async def test_pounds_are_refused_unless_they_are_meant() -> None:
    records, dropped = await heard(BEGIN + CAL_1 + CAL_2 + END)
    assert (records, dropped) == ([], 1)
    [record], _ = await heard(BEGIN + CAL_1 + CAL_2 + END, allow_lb=True)
    assert record.weights_kg == (4_535, 4_989)
    assert record.words == ("converted_from_lb", "fraction_cut")


@pytest.mark.parametrize(
    "data",
    [
        BEGIN + CAL_1 + CAL_2[:-5] + b"9" + CAL_2[-4:] + END,  # a wrong checksum
        BEGIN + CAL_1 + b"\xff\xfe" + END,
        CAL_1 + CAL_2 + END,
        BEGIN + CAL_1 + CAL_2 + BEGIN,
        BEGIN + CAL_1 * 65 + END,
    ],
    ids=["checksum", "noise", "no begin", "no end", "endless"],
)
async def test_a_set_that_is_not_whole_is_said_and_has_no_weight(data: bytes) -> None:
    [record], _ = await heard(data, **KG)
    assert record.words == ("lines_missing",)
    assert record.axle_count is None
    found = weighed(record)
    assert found.gross_kg is None
    assert found.record_hex


async def test_a_set_after_a_broken_one_is_whole_again() -> None:
    records, _ = await heard(BEGIN + CAL_1 + b"\x00" + END + BEGIN + CAL_2 + END, **KG)
    assert [weighed(record).gross_kg for record in records] == [None, 11_000]


@pytest.mark.parametrize("data", [END, BEGIN + END, BEGIN + BEGIN, b"\x00" + END])
async def test_nothing_weighed_is_no_vehicle(data: bytes) -> None:
    records, _ = await heard(data, **KG)
    assert records == []


@pytest.mark.parametrize(
    "body",
    [
        b"RWAWT,Cal 1,10000",
        b"RWAWT,Cal 1,1000,2222222",
        b"RWAWT,Cal 1,10000,2222222A",
        b"RWAWT,Cal 1,-5,1",
        b"RWAWT,Cal 1,,1",
        b"RWAWX,Cal 1,10000,1",
        b"OAWTS",
        b"RWAWT,a,12345678,1",
    ],
)
async def test_a_line_of_another_form_is_dropped_and_counted(body: bytes) -> None:
    records, dropped = await heard(line(body), **KG)
    assert (records, dropped >= 1) == ([], True)


async def test_the_same_digit_lost_from_weight_and_serial_is_no_weight() -> None:
    bent = b"$RWAWT,Cal 1,1000,1000000" + line(b"RWAWT,Cal 1,10000,10000000")[-5:]
    assert bent == line(b"RWAWT,Cal 1,1000,1000000")
    records, dropped = await heard(BEGIN + bent + END, **KG)
    assert (records, dropped) == ([], 1)


async def test_the_same_digit_lost_twice_from_a_weight_is_not_believed_at_once() -> None:
    whole, bent = BEGIN + CAL_1 + END, BEGIN + line(b"RWAWT,Cal 1,100,22222222") + END
    other, light = BEGIN + CAL_2 + END, BEGIN + line(b"RWAWT,Cal 1,9980,22222222") + END
    records, dropped = await heard(whole + bent + light + other + whole, **KG)
    assert [record.weights_kg for record in records] == [(10_000,), (9_980,), (11_000,), (10_000,)]
    assert dropped == 1
    twice, _ = await heard(whole + bent + bent, **KG)
    assert [record.weights_kg for record in twice] == [(10_000,), (100,)]
