"""A whole lane from its console script: bytes on a pty become entries at a receiver, also after a roll-back of its disk."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from journal.brokers import Door, connection
from journal.checking import Trust
from journal.clock import SystemClock
from journal.console import AGAIN
from journal.guests import Listed
from journal.intake import Intake
from journal.keys import SigningKey
from journal.receiver import Receiver
from journal.settings import Broker
from journal.store import Accepted
from journal.stores import SqliteStore
from kernel.captures import read_capture
from kernel.events import (
    FileStored,
    InstrumentCertified,
    InstrumentChanged,
    JournalDoubted,
    JournalRecovered,
    LaneHealth,
    VehicleWeighed,
)
from kernel.evidence.notes import decode_base64
from simulators.demo.layout import CENTRE, CENTRE_STORE, LANES, ROOT
from simulators.world import Truth
from tests.support.chain import Chain, chain_in, credentials_of, rigs_of, script_run

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

BOX = LANES["lane2"]


class Centre:
    """As much of a centre as a lane can see: a broker and a receiver in this process."""

    def __init__(self, chain: Chain, receiver: Receiver) -> None:
        self._chain = chain
        self.entries: list[Accepted] = []
        receiver.on_committed(self._committed)

    async def has(self, stream: str, count: int = 1) -> list[Accepted]:
        """The entries of this stream, once there are so many."""

        async def enough() -> list[Accepted] | None:
            found = [entry for entry in self.entries if entry.header.stream == stream]
            return found if len(found) >= count else None

        return await self._chain.until(enough, f"{count} of {stream}")

    def _committed(self, entries: Sequence[Accepted]) -> None:
        self.entries += entries


@asynccontextmanager
async def centre_of(chain: Chain) -> AsyncIterator[Centre]:
    layout, folder = chain.layout, chain.layout.folder
    broker = Broker(port=layout.ports.centre_mqtt)
    door = Door(guests=Listed([BOX]), tls=credentials_of(layout, CENTRE))
    key = SigningKey.load(layout.keys / f"{CENTRE_STORE}.store.key", kind="store")
    trust = Trust(root_name=ROOT, root_public=decode_base64(layout.public("root")))
    with closing(SqliteStore(folder / "received.db", store_id=CENTRE_STORE)) as store:
        receiver = Receiver(store, key=key, trust=trust, clock=SystemClock())
        async with connection(broker, user=CENTRE, door=door) as transport:
            intake = Intake(transport, receiver)
            centre = Centre(chain, receiver)
            await transport.start()
            try:
                yield centre
            finally:
                await transport.stop()
                await intake.stop()
                receiver.close()


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with chain_in(tmp_path) as made:
        yield made


def weighed(entry: Accepted) -> VehicleWeighed:
    assert entry.body is not None
    return msgspec.json.decode(entry.body, type=VehicleWeighed)


async def ended(chain: Chain) -> int | None:
    child = chain.children["lane2"]
    assert await asyncio.to_thread(child.wait, 30), child.last_words()
    return child.exit_code


async def test_a_truck_on_the_wire_is_an_entry_at_the_receiver_and_the_lane_ends_in_order(
    chain: Chain,
) -> None:
    async with centre_of(chain) as centre, rigs_of(chain, "lane2") as rigs:
        lane = chain.start("lane2")
        await chain.until(lambda: _up(centre), "the scale is up")
        truth = await rigs["lane2"].drive(stands_ms=6_000)
        [entry] = await centre.has(VehicleWeighed.stream)
        body = weighed(entry)
        assert (body.gross_kg, body.lane, body.attended) == (truth.wire_gross_kg, "lane2", True)
        assert body.missing == ()
        assert body.gross_kg is not None
        assert body.quality == ()
        assert entry.header.source == "yiyuan/s01/lane2"
        lane.signal(signal.SIGTERM)
        assert await ended(chain) == 0


async def test_the_bytes_of_a_weighing_are_kept_with_it_and_for_whoever_asks_the_running_lane(
    chain: Chain,
) -> None:
    chain.tables["lane2"]["scale"]["capture"] = "always"
    async with centre_of(chain) as centre, rigs_of(chain, "lane2") as rigs:
        chain.start("lane2")
        await chain.until(lambda: _up(centre), "the scale is up")
        truth = await rigs["lane2"].drive(stands_ms=6_000)
        [weighing] = await centre.has(VehicleWeighed.stream)
        [of_it] = await centre.has(FileStored.stream)
        assert stored(of_it).kind == "capture"
        assert stored(of_it).passage == weighed(weighing).passage
        assert shown(truth) in captured(chain, of_it)
        settings = str(chain.layout.folder / "lane2.toml")
        said = await asyncio.to_thread(script_run, "weighpost-edge", "scale", "capture", settings)
        assert said.returncode == 0, said.stderr
        asked = [entry for entry in await centre.has(FileStored.stream, 3) if stored(entry).asked_by]
        assert {stored(entry).device for entry in asked} == {"scale", "controller"}
        assert {line.split()[0] for line in said.stdout.splitlines()} == {
            entry.header.files[0].sha256 for entry in asked
        }
        assert shown(truth) in captured(chain, next(e for e in asked if stored(e).device == "scale"))
        await _stopped(chain)
        late = await asyncio.to_thread(script_run, "weighpost-edge", "scale", "capture", settings)
        assert (late.returncode, "is it running" in late.stderr) == (2, True)


def stored(entry: Accepted) -> FileStored:
    assert entry.body is not None
    return msgspec.json.decode(entry.body, type=FileStored)


def shown(truth: Truth) -> bytes:
    """The weight as the indicator's frame has it."""
    return f"{truth.wire_gross_kg:>6}".encode()


def captured(chain: Chain, entry: Accepted) -> bytes:
    """What the scale said, in the file that this entry names, as it lies on the lane's disk."""
    [file] = Path(chain.tables["lane2"]["data"]).glob(f"files/*/{entry.header.files[0].sha256}")
    capture = read_capture(file.read_bytes())
    assert (capture.head.box, capture.head.device, capture.head.line) == (BOX, "scale", "9600 8N1")
    assert capture.head.begin_ms == stored(entry).actual_start_ms
    return capture.incoming


async def test_a_seal_that_is_broken_ends_the_evidence_of_a_running_lane_and_of_its_next_start(
    chain: Chain,
) -> None:
    async with centre_of(chain) as centre, rigs_of(chain, "lane2") as rigs:
        chain.start("lane2")
        await chain.until(lambda: _up(centre), "the scale is up")
        await rigs["lane2"].drive(stands_ms=6_000)
        [entry] = await centre.has(VehicleWeighed.stream)
        before = weighed(entry)
        assert before.instrument is not None
        assert (before.instrument.evidence, before.device_certificate) == (True, "LC-2026-0102")
        assert not before.verdict.suspected
        settings = str(chain.layout.folder / "lane2.toml")
        words = ("instrument", "seal-broken", settings, "--by", "wang", "--wait", "60")
        done = await asyncio.to_thread(script_run, "weighpost-edge", *words)
        assert done.stdout.startswith("instrument.changed: "), done.stderr
        [changed] = await centre.has(InstrumentChanged.stream)
        assert changed.header.journal == entry.header.journal
        await _stopped(chain)
        chain.start("lane2")
        await chain.until(lambda: _up(centre), "the scale is up again")
        await rigs["lane2"].drive(stands_ms=6_000)
        after = weighed((await centre.has(VehicleWeighed.stream, 2))[1])
        assert after.instrument is not None
        assert (after.instrument.reasons, after.verdict.suspected) == (("seal_broken",), True)
        certified = [e for e in centre.entries if e.header.stream == InstrumentCertified.stream]
        assert len(certified) == 1, "a start takes the certificate of the settings into use once"


async def test_a_lane_whose_disk_was_put_back_ends_and_goes_on_with_a_successor(chain: Chain) -> None:
    data = Path(chain.tables["lane2"]["data"])
    backup = data.with_name("backup")
    async with centre_of(chain) as centre, rigs_of(chain, "lane2") as rigs:
        lane = chain.start("lane2")
        await chain.until(lambda: _up(centre), "the scale is up")
        await _stopped(chain)
        shutil.copytree(data, backup)
        chain.start("lane2")
        await rigs["lane2"].drive(stands_ms=6_000)
        [first] = await centre.has(VehicleWeighed.stream)
        await _stopped(chain)
        shutil.rmtree(data)
        backup.rename(data)
        lane = chain.start("lane2")
        assert await ended(chain) == AGAIN, lane.last_words()
        assert "process ends to begin anew" in chain.log("lane2")
        chain.start("lane2")
        [doubted] = await centre.has(JournalDoubted.stream)
        assert doubted.body is not None
        said = msgspec.json.decode(doubted.body, type=JournalDoubted)
        assert said.predecessor.id == first.header.journal
        assert doubted.header.journal != first.header.journal
        truth = await rigs["lane2"].drive(stands_ms=6_000)
        second = (await centre.has(VehicleWeighed.stream, 2))[1]
        assert weighed(second).gross_kg == truth.wire_gross_kg
        assert second.header.journal == doubted.header.journal
        recovered = [e for e in centre.entries if e.header.stream == JournalRecovered.stream]
        assert len(recovered) == said.recovered


async def _up(centre: Centre) -> bool:
    """The lane says of itself that scale and controller speak."""
    found = [entry for entry in centre.entries if entry.header.stream == LaneHealth.stream]
    if not found or found[-1].body is None:
        return False
    devices = msgspec.json.decode(found[-1].body, type=LaneHealth).devices
    states = {device.name: device.state for device in devices}
    return states["scale"] == states["controller"] == "up"


async def _stopped(chain: Chain) -> None:
    chain.children["lane2"].signal(signal.SIGTERM)
    assert await ended(chain) == 0
