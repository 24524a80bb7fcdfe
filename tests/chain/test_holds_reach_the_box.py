"""A hold at the centre keeps a passage at its box, until it is released; replayed commands change nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from central.acts.desk import Desk, Who
from central.ingest.commanding import Commanding
from central.ingest.holds import HoldsAtBoxes
from central.ingest.instruments import InstrumentsAtBoxes
from central.store.counters import Counters
from central.store.holds import Holds
from central.store.instruments import Instruments
from central.store.projections import Register
from central.store.queries import Queries
from central.store.receiving import CentreStore
from edge.keeping.holding import Holding
from journal.commands import Commands, Kind
from journal.cursors import Cursors
from journal.keys import SigningKey
from journal.store import Accepted
from kernel.events import Body, CommandAccepted, CommandRefused, EntryRef, RecordHeld
from kernel.evidence import header
from kernel.evidence.commands import HOLD
from kernel.evidence.notes import encode_base64
from tests.central.made import Made, open_database
from tests.edge.keeping.box import CENTRE, MB, SOURCE, LaneBox
from tests.journal.making import BOX
from tests.support.chain import Chain, central_tool, rigs_of, script_run

KEY = SigningKey.generate(kind="command", name="yiyuan-centre")
DESTINATION = replace(CENTRE, command_issuer=KEY.name, command_public=encode_base64(KEY.public))
REGISTER = Register(centre="yiyuan-centre", sources={"yiyuan-centre": "yiyuan/centre", BOX: SOURCE})
NONCE = bytes(range(16))
LI = Who(by="li", key="one")


class Line:
    """A lane's disk and commands, and the store and desk of the centre, without a wire between them."""

    def __init__(self, folder: Path) -> None:
        self.box = LaneBox(folder)
        self.database = open_database(folder)
        self.store = CentreStore(self.database, store_id="centre-1", register=REGISTER)
        self.lane = Made(journal=self.box.journal.current.id, box=BOX)
        self.own = Made(journal="e" * 32, box="yiyuan-centre", source="yiyuan/centre")
        self.carried = 0
        self.notes: list[bytes] = []
        commanding = Commanding(Counters(self.database), send=self.send, key=KEY, clock=self.box.clock)
        holds = HoldsAtBoxes(Holds(self.database), commanding=commanding, clock=self.box.clock)
        instruments = Instruments(self.database)
        self.desk = Desk(
            Queries(self.database, register=REGISTER),
            instruments,
            write=self.write,
            holds=holds,
            scales=InstrumentsAtBoxes(instruments, commanding=commanding, clock=self.box.clock),
            clock=self.box.clock,
            cases=asyncio.Lock(),
        )
        self.commanding = commanding
        self.commands = self.obeying(self.box.cursors)

    def obeying(self, cursors: Cursors) -> Commands:
        holding = Holding(append=self.box.say)
        return Commands(
            self.box.journal,
            cursors,
            box=BOX,
            destination=DESTINATION,
            source=SOURCE,
            clock=self.box.clock,
            kinds={HOLD: Kind(check=holding.check, act=holding.act)},
        )

    async def write(self, body: Body, *, key: str | None = None) -> EntryRef:
        entry = self.own.add(body, received_ms=self.box.clock.ms)
        self.take(entry)
        return EntryRef(journal=self.own.journal, seq=entry.seq, leaf=entry.leaf.hex())

    def send(self, box: str, note: str, *, counter: int) -> None:
        assert box == BOX
        self.notes.append(note.encode())
        self.commands.heard(self.notes[-1], NONCE)

    def take(self, *entries: Accepted) -> None:
        with self.store.begin() as transaction:
            transaction.insert(entries[0].header.journal, entries)

    async def carry(self) -> None:
        """What the lane has said since, into custody."""
        entries = await self.box.journal.read(self.carried, 1_000)
        self.carried += len(entries)
        with self.store.begin() as transaction:
            transaction.save_head(self.lane.head())
            transaction.insert(
                self.lane.journal,
                [
                    Accepted(
                        box=BOX,
                        seq=entry.seq,
                        leaf=entry.leaf,
                        header_bytes=entry.header,
                        header=header.decode(entry.header),
                        salt=entry.salt,
                        body=entry.body,
                        absent=None,
                        received_ms=self.box.clock.ms,
                    )
                    for entry in entries
                ],
            )

    async def greet(self) -> int:
        """The lane says hello; how many commands that brings."""
        before = len(self.notes)
        self.commanding.greeted(BOX, NONCE)
        while self.commanding._greetings:
            await asyncio.gather(*self.commanding._greetings)
        return len(self.notes) - before

    async def says(self, kind: type[Body], count: int) -> list[Any]:
        """What the lane's journal says of this, once it is so much."""
        async with asyncio.timeout(20):
            while len(found := await self.box.said(kind)) < count:
                await asyncio.sleep(0.002)
        return list(found)


@pytest.fixture
async def line(quick_path: Path) -> AsyncIterator[Line]:
    made = Line(quick_path)
    obeying = asyncio.create_task(made.commands.run())
    with closing(made.database):
        yield made
        obeying.cancel()
        await asyncio.gather(obeying, return_exceptions=True)
        await made.box.close()


async def test_i7_a_hold_at_the_centre_keeps_the_clip_at_the_box_until_it_is_released(line: Line) -> None:
    box = line.box
    held, other = await box.drive("p1"), await box.drive("p2")
    await line.carry()
    assert await line.greet() == 0
    await line.desk.hold(BOX, "p1", "held", who=LI, reason="行政复议")
    [said] = await line.says(RecordHeld, 1)
    assert said == RecordHeld(act="held", passage="p1", by="li", reason="行政复议")
    [accepted] = await line.says(CommandAccepted, 1)
    assert (accepted.issuer, accepted.kind) == ("yiyuan-centre", "hold")
    await line.carry()
    assert await line.greet() == 0, "the box has said it"

    box.days(400)
    box.used = 99 * MB
    await box.run()
    assert box.here(held.picture, held.clip, other.picture, other.clip) == [True, True, False, False]

    await line.desk.hold(BOX, "p1", "released", who=LI, reason="已结")
    assert [each.act for each in await line.says(RecordHeld, 2)] == ["held", "released"]
    line.commands.heard(line.notes[0], NONCE)  # somebody on the way says the hold once more
    [refused] = await line.says(CommandRefused, 1)
    assert "obeyed before" in refused.reason
    assert len(await box.said(RecordHeld)) == 2
    box.days(1)
    await box.run()
    assert box.here(held.picture, held.clip) == [False, False]


@pytest.mark.broad
async def test_a_lane_that_has_forgotten_what_it_obeyed_ends_with_the_newest(
    line: Line, tmp_path: Path
) -> None:
    """cursor.db was lost: what was accepted is done again, in its order."""
    box = line.box
    kept, let_go = await box.drive("p1"), await box.drive("p2")
    await line.carry()
    await line.greet()
    await line.desk.hold(BOX, "p1", "held", who=LI, reason="行政复议")
    await line.desk.hold(BOX, "p2", "held", who=LI, reason="行政复议")
    await line.desk.hold(BOX, "p2", "released", who=LI, reason="已结")
    said = await line.says(RecordHeld, 3)
    with closing(Cursors(tmp_path)) as cursors:
        commands = line.obeying(cursors)
        again = asyncio.create_task(commands.run())
        assert await line.says(RecordHeld, 6) == [*said, *said]
        commands.heard(line.notes[1], NONCE)
        await line.says(CommandRefused, 1)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
    assert len(await box.said(RecordHeld)) == 6
    box.days(400)
    await box.run()
    assert box.here(kept.picture, kept.clip, let_go.picture, let_go.clip) == [True, True, False, False]


# --- as processes ----------------------------------------------------------------------------------------------


@pytest.mark.wire
@pytest.mark.timeout(240)
async def test_a_hold_on_the_command_line_of_the_centre_is_listed_by_the_lane(chain: Chain) -> None:
    settings = ["--settings", str(chain.layout.folder / "central.toml")]
    lane = str(chain.layout.folder / "lane2.toml")
    async with rigs_of(chain, "lane2") as rigs:
        await chain.up("central")
        chain.start("lane2")
        await chain.heard("lane2")
        detail = await chain.weighed(await rigs["lane2"].drive(stands_ms=6_000))
        passage = detail["row"]["passage"]

        async def listed(count: int) -> list[Any] | None:
            done = await asyncio.to_thread(script_run, "weighpost-edge", "keep", lane, "--json")
            holds = json.loads(done.stdout)["held"]
            return [holds] if len(holds) == count else None

        async def act(*more: str) -> None:
            verb = ["hold", passage, "--by", "li", "--reason", "case 7", *more, *settings]
            await asyncio.to_thread(central_tool, verb)

        await act()
        [[hold]] = await chain.until(lambda: listed(1), "the lane holds it")
        assert (passage in str(hold), "case 7" in str(hold)) == (True, True)
        chain.kill("lane2")
        await act("--release")
        chain.start("lane2")
        await chain.until(lambda: listed(0), "the lane has let it go")
