"""What the centre says of a scale reaches its lane, is an entry there, and comes back; replayed it changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from central.acts.desk import Who
from edge.instrument.book import Book, Fact
from edge.instrument.instrument import Instrument, Rules
from edge.instrument.memory import said_under
from edge.instrument.settings import CheckSettings
from edge.weighing.drift import DriftSettings
from journal.commands import Commands, Kind
from journal.cursors import Cursors
from journal.writer import Appended
from kernel.errors import RefusedError
from kernel.events import CommandAccepted, CommandRefused, InstrumentCertified, InstrumentChanged
from kernel.evidence.commands import INSTRUMENT
from tests.central.test_instruments import PAPER
from tests.chain.test_holds_reach_the_box import DESTINATION, NONCE, Line
from tests.edge.keeping.box import SOURCE
from tests.journal.making import BOX

CERTIFY = {"act": "certify", "certificate": msgspec.json.encode(PAPER).decode()}
BROKEN = {"act": "seal_broken", "seal": "QF-1", "note": "雷击"}


class ScaleLine(Line):
    """Its lane has an instrument, and obeys of commands only what is said of that."""

    def obeying(self, cursors: Cursors) -> Commands:
        journal = self.box.journal

        async def append(fact: Fact, key: str | None) -> Appended:
            return await journal.append(fact, source=SOURCE, key=key)

        async def remember() -> None:
            """Nothing is started anew here."""

        self.instrument = Instrument(
            Rules(
                device="wim",
                grade="pre_check",
                checks=CheckSettings(),
                drift=DriftSettings(),
                kinds=(),
                error_kg=lambda _paper, load_kg, _at_ms: load_kg // 20,
            ),
            Book("wim"),
            clock=self.box.clock,
            append=append,
            find=partial(said_under, journal=journal),
            remember=remember,
        )
        return Commands(
            journal,
            cursors,
            box=BOX,
            destination=DESTINATION,
            source=SOURCE,
            clock=self.box.clock,
            kinds={INSTRUMENT: Kind(check=self.instrument.check, act=self.instrument.act)},
        )

    async def say(self, args: Mapping[str, str], key: str) -> None:
        await self.desk.speak_of_instrument(BOX, args, who=Who(by="li", key=key))


@pytest.fixture
async def line(quick_path: Path) -> AsyncIterator[ScaleLine]:
    made = ScaleLine(quick_path)
    obeying = asyncio.create_task(made.commands.run())
    with closing(made.database):
        yield made
        obeying.cancel()
        await asyncio.gather(obeying, return_exceptions=True)
        await made.box.close()


async def test_a_certificate_and_a_broken_seal_are_entries_of_the_lane(line: ScaleLine) -> None:
    await line.carry()
    assert await line.greet() == 0
    await line.say(CERTIFY, "order-0000001")
    [certified] = await line.says(InstrumentCertified, 1)
    assert (certified.certificate, certified.by) == (PAPER, "li")
    assert line.instrument.in_force(40_000).evidence
    await line.say(BROKEN, "order-0000002")
    [changed] = await line.says(InstrumentChanged, 1)
    assert (changed.change, changed.note) == ("seal_broken", "雷击")
    assert line.instrument.in_force(40_000).reasons == ("seal_broken",)
    await line.says(CommandAccepted, 2)
    await line.carry()
    assert await line.greet() == 0, "the box has accepted both"
    line.commands.heard(line.notes[0], NONCE)  # somebody on the way says the certificate once more
    [refused] = await line.says(CommandRefused, 1)
    assert "obeyed before" in refused.reason
    assert len(await line.box.said(InstrumentCertified)) == 1


async def test_a_lane_that_was_away_is_told_when_it_is_there_again(line: ScaleLine) -> None:
    await line.carry()
    await line.say(BROKEN, "order-0000001")
    assert await line.box.said(InstrumentChanged) == []
    assert await line.greet() == 1
    await line.says(InstrumentChanged, 1)


async def test_what_the_lane_may_not_do_is_refused_there_and_changes_nothing(line: ScaleLine) -> None:
    await line.carry()
    await line.greet()
    await line.say(CERTIFY, "order-0000001")
    await line.says(InstrumentCertified, 1)
    other = msgspec.structs.replace(PAPER, valid_from="2026-02-02")
    await line.say(CERTIFY | {"certificate": msgspec.json.encode(other).decode()}, "order-0000002")
    [refused] = await line.says(CommandRefused, 1)
    assert "another verification has another number" in refused.reason
    assert len(await line.box.said(InstrumentCertified)) == 1
    with pytest.raises(RefusedError, match="at the box"):
        await line.say({"act": "check_zero"}, "order-0000003")
