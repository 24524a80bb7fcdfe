"""Every row, fed with its vectors cut, spoilt and glued: the same for every split of the bytes, and nothing crashes it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.drivers import DRIVERS, load_driver
from edge.drivers.readings import Display
from edge.drivers.rows import Indicator, Weigher
from kernel.errors import ProtocolError
from kernel.settings import read

FRAMES = json.loads((Path(__file__).parent / "scale" / "vectors.json").read_text())["frames"]
# Rows without vectors, and bytes of their frames that vectors do not have.
MORE: dict[str, list[tuple[dict[str, object], bytes]]] = {
    "ad-std": [({}, b"MZ\r\nI\r\n"), ({}, b"?\r\n")],
    "modbus-tcp": [
        ({"map": {"gross": {"reg": 40008}}}, bytes.fromhex("0001 0000 0007 01 03 04 0000481c")),
        ({"map": {"gross": {"reg": 40008}}}, bytes.fromhex("0001 0000 0003 01 83 02")),
    ],
    "mt-sics": [
        ({}, b"T S       1852 kg\r\n"),
        ({}, b"TI D       1852 kg\r\n"),
        ({}, b"TA A   18.52 kg\r\n"),
    ],
    "sartorius-sbi": [({}, b"-    18.52 kg \r\n")],
    "text": [({"pattern": "(?P<weight>[0-9]{1,6})kg"}, b"18460kg\r\n")],
    "ohaus-like": [({}, b"   123.4 kg    G\r\n")],
}
ENDS = b" +-.0,:;=\r\n\x00\x02\x03\x8d\xff"


def seeds(name: str) -> list[tuple[dict[str, object], bytes]]:
    """Options and bytes of frames, good and bad."""
    own = [(frame["options"], bytes.fromhex(frame["hex"])) for frame in FRAMES if frame["protocol"] == name]
    row = load_driver(name)
    if isinstance(row, Indicator) and row.write is not None and name != "text":
        own += [({}, row.write(Display(mantissa=kg), row.options())) for kg in (18_460, -20)]
    return own + MORE.get(name, [])


def spoilt(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """The frame with a byte replaced, inserted, dropped, doubled or its end cut off, alone, repeated or glued."""
    at = dice.randrange(len(data) + 1)
    bent = dice.choice(
        [
            data,
            data[:at] + bytes([dice.choice(ENDS)]) + data[at + 1 :],
            data[:at] + bytes([dice.choice(dice.choice(others))]) + data[at + 1 :],
            data[:at] + bytes([dice.choice(ENDS)]) + data[at:],
            data[:at] + data[at : at + 1] + data[at:],
            data[:at] + data[at + 1 :],
            data[:at],
            data[at:],
        ]
    )
    return dice.choice([bent, bent * 3, bent + data, bent * 2 + data * 2, dice.choice(others) + bent + data])


def streams(name: str, times: int) -> Iterator[tuple[dict[str, object], bytes]]:
    dice = random.Random(7)
    by_options: dict[str, list[bytes]] = {}
    for options, data in seeds(name):
        by_options.setdefault(json.dumps(options), []).append(data)
    share = max(times // max(len(seeds(name)), 1), 1)
    for options, frames in ((json.loads(key), value) for key, value in by_options.items()):
        for data in frames:
            yield options, data * 6
            for _ in range(share):
                yield options, b"".join(spoilt(data, frames, dice) for _ in range(dice.randrange(1, 4)))


def fed(row: Indicator | Weigher, options: object, data: bytes, cuts: Sequence[int]) -> list[str]:
    """The readings, in words: where among them an error is told may depend on the split."""
    parser = row.parser(options)
    items: list[Any] = []
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        items += parser.feed(data[start:end])
    items += parser.finish()
    read_out = [item for item in items if not isinstance(item, ProtocolError)]
    return [json.dumps(dict(row.describe(item))) + repr(item) for item in read_out]


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_spoilt_vectors_crash_nothing_and_read_the_same_for_every_split(name: str) -> None:
    row, dice = load_driver(name), random.Random(3)
    assert seeds(name), "a row without a frame here is not tried"
    for told, data in streams(name, 600):
        options = read(row.options, told)
        whole = fed(row, options, data, ())
        assert fed(row, options, data, range(1, len(data))) == whole, data
        cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randrange(6)))
        assert fed(row, options, data, cuts) == whole, (data, cuts)


@pytest.mark.broad
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_no_single_byte_of_another_frame_in_a_frame_crashes_it(name: str) -> None:
    row = load_driver(name)
    alphabet = sorted(set(b"".join(data for _, data in seeds(name))) | set(ENDS))[:48]
    for told, data in seeds(name)[:12]:
        options = read(row.options, told)
        bent = [data[:at] + bytes([byte]) + data[at + 1 :] for at in range(len(data)) for byte in alphabet]
        assert len(fed(row, options, data, ())) <= len(fed(row, options, b"".join(bent), ()))
