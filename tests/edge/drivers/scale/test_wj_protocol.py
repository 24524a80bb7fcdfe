from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.cutting import ChecksumError
from edge.drivers.scale.wim_wj.protocol import (
    HEAD,
    Command,
    CommandParser,
    Message,
    Notice,
    Parser,
    Static,
    Status,
    Vehicle,
    frame,
)
from kernel.errors import ProtocolError

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
FRAMES = [item for item in VECTORS["frames"] if item["protocol"] == "wim-wj"]
STREAMS = [item for item in VECTORS["streams"] if item["protocol"] == "wim-wj"]
GOOD = [item for item in FRAMES if "reject" not in item["expect"]]
BAD = [item for item in FRAMES if "reject" in item["expect"]]
SIX_AXLES = bytes.fromhex(next(item["hex"] for item in FRAMES if item["id"] == "pub-axle-038"))


@st.composite
def vehicles(draw: st.DrawFn) -> Vehicle:
    groups = draw(st.integers(1, 5))
    axles = draw(st.integers(groups, 12))
    by_axle = draw(st.booleans())
    weights = st.integers(0, 6_000).map(lambda tens: 10 * tens)
    byte = st.integers(0, 255)
    count = axles if by_axle else groups
    return Vehicle(
        by="axle" if by_axle else "group",
        serial=draw(byte),
        cached=draw(byte),
        time_raw=draw(st.binary(min_size=7, max_size=7)),
        flags=draw(byte),
        speed_dkmh=draw(st.integers(0, 65_535)),
        accel_raw=draw(st.integers(-128, 127)),
        weights_kg=tuple(draw(st.lists(weights, min_size=count, max_size=count))),
        group_codes=tuple(draw(st.lists(byte, min_size=groups, max_size=groups))),
        spacing_raw=tuple(draw(st.lists(st.integers(0, 65_535), min_size=axles - 1, max_size=axles - 1))),
        axle_speed_raw=tuple(draw(st.lists(byte, min_size=axles, max_size=axles))),
    )


messages = st.one_of(
    vehicles(),
    st.builds(Status, status=st.integers(0, 31)),
    st.builds(Static, value_raw=st.integers(0, 999_999)),
    st.builds(
        Notice,
        kind=st.sampled_from(["reverse", "deleted", "capture"]),
        data=st.binary(min_size=1, max_size=4),
    ),
)


def only_messages(items: list[Message | ProtocolError]) -> list[Message]:
    return [item for item in items if not isinstance(item, ProtocolError)]


def fed_in_pieces(parser: Parser, data: bytes, cuts: list[int]) -> list[Message | ProtocolError]:
    ends = [0, *sorted(cuts), len(data)]
    out: list[Message | ProtocolError] = []
    for start, end in itertools.pairwise(ends):
        out += parser.feed(data[start:end])
    return out


def as_published(message: Message, expect: dict[str, Any]) -> None:
    if isinstance(message, Vehicle):
        assert message.serial == expect["seq"]
        assert message.speed_dkmh == round(10 * float(expect["speed_kmh"]))
        assert message.accel_raw == expect["accel_raw"]
        assert (message.axle_count, len(message.group_codes)) == (expect["axle_count"], expect["group_count"])
        assert message.gross_kg == expect["gross_kg"]
        assert list(message.weights_kg) == expect["axle_kg" if message.by == "axle" else "group_kg"]
        assert list(message.type_codes) == expect["group_codes"]
        assert list(message.spacing_raw) == expect["spacing_raw"]
        assert list(message.axle_speed_raw) == expect["axle_speed_raw"]
    elif isinstance(message, Status):
        assert message.status == expect["status"]
    else:
        assert isinstance(message, Static)
        assert message.value_raw == expect["static_raw"]


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: str(vector["id"]))
def test_every_vector_reads_as_published_and_is_written_back(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    [message] = Parser().feed(data)
    assert not isinstance(message, ProtocolError)
    as_published(message, vector["expect"])
    assert message.to_bytes() == data


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: str(vector["id"]))
def test_every_vector_reads_the_same_glued_and_byte_by_byte(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    once = Parser().feed(data)
    assert fed_in_pieces(Parser(), data, list(range(len(data)))) == once
    assert Parser().feed(data * 3) == once * 3


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: str(vector["id"]))
def test_every_damaged_vector_is_refused(vector: dict[str, Any]) -> None:
    items = Parser().feed(bytes.fromhex(vector["hex"]))
    assert isinstance(items[0], ChecksumError)
    assert not only_messages(items)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: str(stream["name"]))
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_noisy_streams_give_every_intact_record(stream: dict[str, Any], step: int) -> None:
    data = bytes.fromhex(stream["hex"])
    got = only_messages(fed_in_pieces(Parser(), data, list(range(0, len(data), step))))
    assert [str(item.gross_kg) for item in got if isinstance(item, Vehicle)] == stream["expect_weights"]


def test_the_record_keeps_its_bytes() -> None:
    [message] = Parser().feed(SIX_AXLES)
    assert isinstance(message, Vehicle)
    assert message.raw == SIX_AXLES
    assert message.time_raw == SIX_AXLES[6:13]


def test_noise_that_looks_like_a_long_frame_does_not_hold_the_record_back() -> None:
    assert only_messages(Parser().feed(b"\xff\x00\x01\xff" + SIX_AXLES)) == Parser().feed(SIX_AXLES)


@pytest.mark.parametrize(
    "record",
    [
        SIX_AXLES[2:3] + b"short",
        bytes([1]) + SIX_AXLES[4:17] + bytes([0, 0]) + SIX_AXLES[19:-2],
        bytes([1]) + SIX_AXLES[4:17] + bytes([3, 5]) + SIX_AXLES[19:-2],
        bytes([1]) + SIX_AXLES[4:-3],
        bytes([8]) + b"\x1a\x00\x00",
        bytes([8]) + b"\x11",
        bytes([0x77]) + b"\x00",
    ],
)
def test_a_good_checksum_over_nonsense_is_an_error(record: bytes) -> None:
    [item] = Parser().feed(frame(record[0], record[1:]))
    assert isinstance(item, ProtocolError)


@settings(max_examples=50)
@given(messages)
def test_round_trip(message: Message) -> None:
    assert Parser().feed(message.to_bytes()) == [message]


@settings(max_examples=50)
@given(
    st.lists(st.one_of(messages.map(lambda m: m.to_bytes()), st.binary(max_size=30)), max_size=6), st.data()
)
def test_any_split_gives_the_same_readings(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert only_messages(fed_in_pieces(Parser(), stream, cuts)) == only_messages(Parser().feed(stream))


noises = st.lists(st.sampled_from([HEAD, b"\xff", b"\x00\x01", b"\xff\x00\x01\x90", b"\x07"]), max_size=30)


@settings(max_examples=50)
@given(noises, vehicles())
def test_noise_never_raises_and_never_holds_a_record_back(noise: list[bytes], vehicle: Vehicle) -> None:
    parser = Parser()
    parser.feed(b"".join(noise))
    assert only_messages(parser.feed(vehicle.to_bytes()))[-1:] == [vehicle]


@settings(max_examples=50)
@given(noises, messages)
def test_noise_never_eats_the_next_frame(noise: list[bytes], message: Message) -> None:
    stream = b"".join(noise) + message.to_bytes() + bytes(255)
    assert message in only_messages(Parser().feed(stream))


@settings(max_examples=50)
@given(vehicles(), st.data())
def test_a_flipped_bit_is_dropped_not_believed(vehicle: Vehicle, data: st.DataObject) -> None:
    whole = bytearray(vehicle.to_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not only_messages(Parser().feed(bytes(whole)))


@settings(max_examples=30)
@given(st.binary(max_size=3_000))
def test_the_buffer_stays_small(noise: bytes) -> None:
    parser = Parser()
    for at in range(0, len(noise), 50):
        parser.feed(noise[at : at + 50])
        assert len(parser._cutter._buffer) <= 255


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)), max_size=5), st.data()
)
def test_host_commands_survive_any_split(parts: list[tuple[int, int, int]], data: st.DataObject) -> None:
    commands = [Command(code=code, d0=d0, d1=d1) for code, d0, d1 in parts]
    stream = b"".join(command.to_bytes() for command in commands)
    cut = data.draw(st.integers(0, len(stream)))
    parser = CommandParser()
    assert parser.feed(stream[:cut]) + parser.feed(stream[cut:]) == commands


def test_a_host_command_carries_its_checksum_right_behind_its_data() -> None:
    assert Command(code=0x0A).to_bytes()[:5] == b"\xff\x00\x0a\x00\x00"
    assert len(Command(code=0x0A).to_bytes()) == 7


@pytest.mark.parametrize(
    ("cmd", "kept"), [(None, ["axle", "group"]), ("axles", ["axle"]), ("groups", ["group"])]
)
def test_of_a_device_that_sends_both_records_one_can_be_left_out(
    cmd: Literal["groups", "axles"] | None, kept: list[str]
) -> None:
    by_group = bytes.fromhex(next(item["hex"] for item in FRAMES if item["id"] == "pub-axle-032"))
    found = Parser(cmd).feed(SIX_AXLES + by_group + Status(status=0).to_bytes())
    assert [item.by for item in found if isinstance(item, Vehicle)] == kept
    assert found[-1] == Status(status=0)
