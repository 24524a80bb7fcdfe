"""Holds of the centre at the boxes whose passages they are: told until the box says it, over restarts and lost words."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from central.store import schema
from central.store.engines import Database, connect
from edge.keeping.holding import hold_of
from kernel.events import CommandAccepted
from tests.central.made import Made, weighed
from tests.central.test_ingest_parts import Asking, asking, held
from tests.journal.conftest import MEMORY

pytestmark = pytest.mark.broad

__all__ = ["asking"]  # pytest finds the fixture by its name

DAY_MS = 86_400_000
ARGS = {"act": "held", "by": "li", "passage": "p1", "reason": "复议"}
RELEASE = ARGS | {"act": "released"}


async def test_a_hold_is_told_at_once_and_at_each_session_until_the_box_says_that_it_holds(
    asking: Asking,
) -> None:
    asking.register()
    await asking.hello()
    until_ms = asking.clock.ms + 86_400_000
    body = await asking.hold(until_ms=until_ms)
    wanted = ARGS | {"until_ms": str(until_ms)}
    assert [(each.box, each.kind, each.args) for each in asking.sent] == [("lane1-box", "hold", wanted)]
    await asking.hello()  # a hello a minute is no new session
    assert len(asking.sent) == 1
    asking.start()
    assert await asking.again() == [wanted], "the centre's restart forgets nothing"
    assert await asking.again("s01-box") == []
    asking.take(asking.lane.add(CommandAccepted(issuer="yiyuan-command", counter=1, kind="hold", args=())))
    assert await asking.again() == [wanted], "accepted is not held: there may have been no room for it"
    asking.take(asking.lane.add(held(until_ms=until_ms + 1)))
    assert await asking.again() == [wanted]
    asking.take(asking.lane.add(body))
    assert await asking.again() == []


async def test_a_release_is_told_until_the_box_says_it(asking: Asking) -> None:
    asking.register()
    asking.take(asking.lane.add(await asking.hold()))
    await asking.hold("released")
    assert asking.sent == [], "the box has been away all the time"
    assert await asking.again() == [RELEASE]
    assert await asking.again() == [RELEASE]
    asking.take(asking.lane.add(held("released")))
    assert await asking.again() == []
    assert [each.counter for each in asking.sent] == sorted({each.counter for each in asking.sent})


async def test_what_began_and_ended_while_the_box_was_away_is_nothing_to_it(asking: Asking) -> None:
    asking.register()
    held_ = await asking.hold()
    await asking.hold("released", reason="已结")
    assert await asking.again() == []
    asking.take(asking.lane.add(held_))  # it had heard the first, and its entry was under way
    assert await asking.again() == [RELEASE | {"reason": "已结"}]


async def test_a_hold_again_is_told_again_and_one_that_is_over_is_not(asking: Asking) -> None:
    asking.register()
    first = await asking.hold()
    asking.take(asking.lane.add(first), asking.lane.add(held("released")))
    until_ms = asking.clock.ms + 1_000
    await asking.hold(until_ms=until_ms)
    assert await asking.again() == [ARGS | {"until_ms": str(until_ms)}]
    asking.clock.ms = until_ms
    assert await asking.again() == []


async def test_what_a_journal_that_ended_held_is_told_to_the_next(asking: Asking) -> None:
    asking.register()
    body = await asking.hold()
    asking.take(asking.lane.add(body))
    assert await asking.again() == []
    succeed(asking, "b" * 32)
    assert await asking.again() == [ARGS]
    asking.take(asking.lane.add(body))
    assert await asking.again() == []


async def test_holds_of_others_and_of_passages_that_are_not_here_are_told_to_nobody(asking: Asking) -> None:
    asking.register()
    asking.take(asking.lane.add(held(by="station")))  # the box's own
    await asking.append(held(passage="nobody"))
    await asking.append(held(passage=None, files=("d" * 64,)))
    assert await asking.again() == []
    station = Made(journal="c" * 32, box="s01-box", source="yiyuan/s01")
    asking.take(station.add(held("released")))
    assert await asking.again() == []


def succeed(asking: Asking, journal: str) -> None:
    """The lane's journal is closed and the next one open."""
    asking.register("closed")
    asking.lane = Made(journal=journal)
    asking.register()


@dataclass
class Story:
    """A person at the centre, and a box that obeys what it hears in its session, if it hears it."""

    asking: Asking
    heard: int = 0
    held: bool = False
    until_ms: int | None = None
    acts: int = 0

    async def hold(self, until_ms: int | None = None) -> None:
        self.held, self.until_ms, self.acts = True, until_ms, self.acts + 1
        await self.asking.hold(until_ms=until_ms, reason=f"no. {self.acts}")

    async def hold_for_two_days(self) -> None:
        await self.hold(self.asking.clock.ms + 2 * DAY_MS)

    async def release(self) -> None:
        self.held, self.acts = False, self.acts + 1
        await self.asking.hold("released", reason=f"no. {self.acts}")

    async def greet(self) -> None:
        await self.asking.again()

    async def obey(self) -> None:
        for each in self.asking.sent[self.heard :]:
            self.asking.take(self.asking.lane.add(hold_of(each.args)))
        await self.lose()

    async def lose(self) -> None:
        self.heard = len(self.asking.sent)

    async def succeed(self) -> None:
        self.acts += 1
        succeed(self.asking, f"{self.acts:032x}")

    async def restart(self) -> None:
        self.asking.start()

    async def sleep(self) -> None:
        self.asking.clock.ms += DAY_MS

    def wants(self) -> bool:
        return self.held and (self.until_ms is None or self.until_ms > self.asking.clock.ms)

    def has(self) -> bool:
        """Whether the box has it on hold, by its own word."""
        table = schema.hold
        query = select(table.c.until_ms).where(table.c.thing == "passage:p1", table.c.box == "lane1-box")
        with self.asking.database.reader.connect() as connection:
            found = connection.execute(query).scalars().all()
        return any(until_ms is None or until_ms > self.asking.clock.ms for until_ms in found)


STEPS = (
    Story.hold,
    Story.hold_for_two_days,
    Story.release,
    Story.greet,
    Story.obey,
    Story.lose,
    Story.succeed,
    Story.restart,
    Story.sleep,
)


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue("_migrated"))


@given(st.lists(st.sampled_from(STEPS), max_size=20))
@settings(max_examples=40, deadline=None)
def test_whatever_is_lost_the_box_holds_what_the_centre_holds_in_the_end(
    migrated: Path, steps: list[Callable[[Story], Any]]
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = shutil.copy(migrated, folder)
        with closing(connect(f"sqlite:///{path}")) as database:
            asyncio.run(told(database, steps))


async def told(database: Database, steps: list[Callable[[Story], Any]]) -> None:
    story = Story(Asking(database))
    story.asking.take(story.asking.lane.add(weighed()))
    story.asking.register()
    for step in steps:
        await step(story)
    for _ in range(2):  # what was under way when it was called off takes another turn
        await story.greet()
        await story.obey()
    assert await story.asking.again() == []
    # A shorter hold that ran out while the box was away leaves the longer one there: too long rather than too short.
    assert story.has() or not story.wants()
    if not story.held:
        assert not story.has()
