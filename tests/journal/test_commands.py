"""Commands over brokers of every kind: an entry before the act, once, and nothing for whoever has no right to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.commands import INBOX, LARGEST, Commands, Kind
from journal.cursors import Cursors
from journal.keys import SigningKey
from journal.sender import Sender
from journal.writer import Journal
from kernel.errors import FullError, LinkError, RefusedError
from kernel.events import Body, CommandAccepted, CommandRefused
from kernel.evidence import header
from kernel.evidence.commands import Command
from kernel.evidence.frames import decode_hello
from kernel.evidence.notes import encode_base64
from tests.journal.brokers import MemoryBroker
from tests.journal.making import TestClock, open_journal
from tests.journal.receiver_contract import COUNTY
from tests.journal.test_sender import BOX, SOURCE, Site, destination, receiving, running, site, until

pytestmark = pytest.mark.broad

__all__ = ["site"]  # pytest finds the fixture by its name

COMMANDER = SigningKey.generate(kind="command", name="yiyuan-command")
THIEF = SigningKey.generate(kind="command", name=COMMANDER.name)
CENTRE = replace(destination(), command_issuer=COMMANDER.name, command_public=encode_base64(COMMANDER.public))
NONCE = bytes(range(16))
TOPIC = f"weighpost/v1/down/{BOX}/command"


def command(
    *,
    counter: int = 1,
    nonce: bytes = NONCE,
    box: str = BOX,
    key: SigningKey = COMMANDER,
    kind: str = "barrier",
    **args: object,
) -> bytes:
    said = Command(box=box, issuer=COMMANDER.name, counter=counter, nonce=nonce, kind=kind, args=args)
    return said.signed(public_key=key.public, sign=key.sign).format().encode()


@dataclass
class Output:
    """What the box does: a barrier, and a configuration with versions."""

    done: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    broken: bool = False
    failed: int = 0

    def kinds(self) -> dict[str, Kind]:
        return {
            "barrier": Kind(check=self.may, act=lambda args: self.act("barrier", args)),
            "config": Kind(check=self.may, act=lambda args: self.act("config", args), rising="version"),
        }

    async def may(self, arguments: Mapping[str, str]) -> bool:
        if arguments.get("to") == "sideways":
            raise RefusedError("barriers go up and down")
        return arguments.get("to") != "as it is"

    async def act(self, kind: str, arguments: Mapping[str, str]) -> None:
        if self.broken:
            self.failed += 1
            raise LinkError("the barrier does not answer")
        self.done.append((kind, arguments))


@dataclass
class Box:
    """A journal and what may be commanded of it, without a wire."""

    folder: Path
    journal: Journal
    output: Output
    clock: TestClock = field(default_factory=TestClock)

    def commands(self, cursors: Cursors) -> Commands:
        return Commands(
            self.journal,
            cursors,
            box=BOX,
            destination=CENTRE,
            source=SOURCE,
            clock=self.clock,
            kinds=self.output.kinds(),
        )

    async def said(self) -> list[Body]:
        return await said(self.journal)

    def all_done(self) -> bool:
        """Whether cursor.db knows that everything accepted was done too: what only the journal knows is done again."""
        with closing(Cursors(self.folder)) as cursors:
            return cursors.obeyed(journal=self.journal.id, destination=CENTRE.name) == self.journal.size


async def said(journal: Journal) -> list[Body]:
    """What the journal says about commands."""
    kinds = {kind.stream: kind for kind in (CommandAccepted, CommandRefused)}
    entries = await journal.read(0, journal.size)
    return [
        msgspec.json.decode(entry.body or b"", type=kinds[stream])
        for entry in entries
        if (stream := header.decode(entry.header).stream) in kinds
    ]


@contextmanager
def a_box(folder: Path) -> Iterator[Box]:
    with closing(open_journal(folder / "journal", identity=COUNTY.identity(BOX).key)) as journal:
        yield Box(folder, journal, Output())


@pytest.fixture
def box(quick_path: Path) -> Iterator[Box]:
    with a_box(quick_path) as made:
        yield made


@asynccontextmanager
async def commanded(box: Box, *, lost: bool = False) -> AsyncIterator[Commands]:
    """The box's commands at work; `lost`: cursor.db is gone."""
    if lost:
        for path in box.folder.glob("cursor.db*"):
            path.unlink()
    with closing(Cursors(box.folder)) as cursors:
        commands = box.commands(cursors)
        task = asyncio.create_task(commands.run())
        try:
            yield commands
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_an_entry_before_the_act(box: Box) -> None:
    seen: list[Body] = []

    async def act(arguments: Mapping[str, str]) -> None:
        seen.extend(await box.said())

    box.output.kinds = lambda: {"barrier": Kind(check=box.output.may, act=act)}  # type: ignore[method-assign]
    async with commanded(box) as commands:
        commands.heard(command(counter=7, to="up", seconds=30), NONCE)
        await until(lambda: bool(seen))
    assert seen == [
        CommandAccepted(
            issuer=COMMANDER.name, counter=7, kind="barrier", args=(("seconds", "30"), ("to", "up"))
        )
    ]


async def test_numbers_only_grow_and_the_journal_remembers_them(box: Box) -> None:
    async with commanded(box) as commands:
        for counter in (5, 5, 4, 6):
            commands.heard(command(counter=counter, to="up"), NONCE)
        await until(lambda: len(box.output.done) == 2 and commands.refused == 2)
    async with commanded(box, lost=True) as commands:
        await until(lambda: len(box.output.done) == 4)  # what a crash may have left undone is done again
        for counter in (4, 5, 6, 7):
            commands.heard(command(counter=counter, to="up"), NONCE)
        await until(lambda: len(box.output.done) == 5 and commands.refused == 3)
    accepted = [each.counter for each in await box.said() if isinstance(each, CommandAccepted)]
    assert accepted == [5, 6, 7]


async def test_a_start_with_its_cursors_does_nothing_twice(box: Box) -> None:
    async with commanded(box) as commands:
        commands.heard(command(to="up"), NONCE)
        await until(lambda: len(box.output.done) == 1 and box.all_done())
    async with commanded(box) as commands:
        commands.heard(command(to="up"), NONCE)
        await until(lambda: commands.refused == 1)
    assert len(box.output.done) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counters=st.lists(st.integers(1, 9), max_size=9), losses=st.sets(st.integers(0, 9)))
def test_no_number_is_taken_twice_whatever_is_lost(
    quick_path_factory: Path, counters: list[int], losses: set[int]
) -> None:
    async def story(box: Box) -> list[int]:
        for place, counter in enumerate(counters):
            async with commanded(box, lost=place in losses) as commands:
                mark = ("barrier", {"to": "up", "place": str(place)})
                commands.heard(command(counter=counter, to="up", place=place), NONCE)
                await until(lambda mark=mark: commands.refused == 1 or mark in box.output.done)  # type: ignore[misc]
        return [each.counter for each in await box.said() if isinstance(each, CommandAccepted)]

    folder = quick_path_factory / str(len(list(quick_path_factory.iterdir())))
    folder.mkdir()
    with a_box(folder) as box:
        accepted = asyncio.run(story(box))
    assert accepted == sorted(set(accepted))
    assert accepted == [
        each for place, each in enumerate(counters) if each > max(counters[:place], default=0)
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (command(nonce=bytes(16), to="up"), "a command of another session"),
        (command(box="s01-lane2", to="up"), "a command for another box or of another issuer"),
        (command(key=THIEF, to="up"), "not signed by yiyuan-command"),
        (command(to="up").replace(b"up", b"UP"), "not signed by yiyuan-command"),
        (b"\xff\xfe", "not a text"),
        (b"", "note"),
        (command(kind="unlock"), "not known here: unlock"),
        (command(to="sideways"), "barriers go up and down"),
        (command(to=["up"]), "texts and whole numbers"),
        (command(kind="config", version="x"), "version must be a whole number"),
    ],
)
async def test_what_has_no_right_changes_nothing_and_is_an_entry(
    box: Box, message: bytes, reason: str
) -> None:
    async with commanded(box) as commands:
        commands.heard(message, NONCE)
        await until(lambda: box.journal.size == 2)
    [refused] = await box.said()
    assert isinstance(refused, CommandRefused)
    assert reason in refused.reason
    assert (refused.destination, refused.count, box.output.done) == ("centre", 1, [])


async def test_a_version_only_goes_upwards(box: Box) -> None:
    async with commanded(box) as commands:
        for counter, version in ((1, 4), (2, 3), (3, 4), (4, 5)):
            commands.heard(command(counter=counter, kind="config", version=version), NONCE)
        await until(lambda: commands.refused == 2 and len(box.output.done) == 2)
    async with commanded(box, lost=True) as commands:
        commands.heard(command(counter=9, kind="config", version=4), NONCE)
        await until(lambda: commands.refused == 1)
    assert [args["version"] for _, args in box.output.done] == ["4", "5", "4", "5"]


async def test_where_nothing_is_left_to_do_there_is_no_entry(box: Box) -> None:
    async with commanded(box) as commands:
        commands.heard(command(counter=1, to="as it is"), NONCE)
        commands.heard(command(counter=2, to="up"), NONCE)
        await until(lambda: len(box.output.done) == 1)
        assert (box.journal.size, commands.refused) == (2, 0)


async def test_a_flood_fills_neither_memory_nor_journal(box: Box) -> None:
    flood = 3 * INBOX
    async with commanded(box) as commands:
        for _ in range(flood):
            commands.heard(b"noise", NONCE)
            assert len(commands._inbox) <= INBOX
        await until(lambda: commands.refused == flood)
        await until(lambda: box.journal.size == 3)
        assert box.clock.mono_ms() >= 60_000
        commands.heard(command(to="up"), NONCE)
        await until(lambda: len(box.output.done) == 1)
    refusals = [each for each in await box.said() if isinstance(each, CommandRefused)]
    assert len(refusals) == 2  # the first at once, the others a minute later
    assert sum(each.count for each in refusals) == flood


async def test_as_many_as_a_centre_asks_for_at_once_are_done(box: Box) -> None:
    async with commanded(box) as commands:
        for counter in range(1, 501):
            commands.heard(command(counter=counter, to="up"), NONCE)
        await until(lambda: len(box.output.done) == 500)
        assert commands.refused == 0


async def test_a_giant_is_not_even_held(box: Box) -> None:
    async with commanded(box) as commands:
        commands.heard(bytes(LARGEST + 1), NONCE)
        assert len(commands._inbox) == 0
        await until(lambda: box.journal.size == 2)
    [refused] = await box.said()
    assert isinstance(refused, CommandRefused)
    assert "larger" in refused.reason


async def test_what_cannot_be_carried_out_holds_up_nothing(box: Box) -> None:
    box.output.broken = True
    async with commanded(box) as commands:
        commands.heard(command(counter=1, to="up"), NONCE)
        await until(lambda: box.output.failed == 1)
        box.output.broken = False
        commands.heard(command(counter=2, to="down"), NONCE)
        await until(lambda: box.output.done == [("barrier", {"to": "down"})])


async def test_without_room_for_the_entry_nothing_is_done(box: Box) -> None:
    class Full:
        """A journal whose disk is full."""

        id = box.journal.id
        size = 0

        async def append(self, body: Body, *, source: str, key: str | None = None) -> None:
            raise FullError("no room for the journal")

    with closing(Cursors(box.folder)) as cursors:
        commands = Commands(
            Full(),  # type: ignore[arg-type]
            cursors,
            box=BOX,
            destination=CENTRE,
            source=SOURCE,
            clock=box.clock,
            kinds=box.output.kinds(),
        )
        await commands._take(command(to="up"), NONCE)
        await commands._take(b"noise", NONCE)
    assert (box.output.done, commands.refused) == ([], 1)


async def test_who_may_not_command_is_refused(box: Box) -> None:
    with closing(Cursors(box.folder)) as cursors:
        commands = Commands(
            box.journal,
            cursors,
            box=BOX,
            destination=destination(),
            source=SOURCE,
            clock=box.clock,
            kinds=box.output.kinds(),
        )
        await commands._take(command(to="up"), NONCE)
    [refused] = await box.said()
    assert isinstance(refused, CommandRefused)
    assert refused.reason == "centre may not command"


# --- through a broker ------------------------------------------------------------------------------------------


def nonce_of(broker: MemoryBroker) -> bytes:
    return next(decode_hello(payload).nonce for topic, payload in reversed(broker.seen) if "/hello" in topic)


@asynccontextmanager
async def connected(site: Site, output: Output) -> AsyncIterator[tuple[Sender, Commands]]:
    commands = Commands(
        site.journal,
        site.cursors,
        box=BOX,
        destination=CENTRE,
        source=SOURCE,
        clock=TestClock(),
        kinds=output.kinds(),
    )
    sender = site.sender(command=commands.heard)
    async with receiving(site), running(sender):
        obeying = asyncio.create_task(commands.run())
        try:
            await until(lambda: sender.state.connected)
            yield sender, commands
        finally:
            obeying.cancel()
            await asyncio.gather(obeying, return_exceptions=True)


async def test_attack_16_replayed_command_leaves_the_output_unmoved(site: Site) -> None:
    """Of the last session, of another box, an older number, an older version: refused, an entry, nothing moved."""
    output = Output()
    async with connected(site, output) as (sender, commands):
        old = nonce_of(site.broker)
        first = [
            command(counter=1, nonce=old, to="up"),
            command(counter=2, nonce=old, kind="config", version=8),
        ]
        for order in first:
            site.broker.inject(TOPIC, order)
        await until(lambda: len(output.done) == 2)
        site.broker.cut()
        site.broker.mend()
        await until(lambda: sender.state.connected and nonce_of(site.broker) != old)
        new = nonce_of(site.broker)
        hostile = [
            *first,
            command(counter=3, nonce=old, to="up"),
            command(counter=3, nonce=new, box="s01-lane2", to="up"),
            command(counter=2, nonce=new, to="up"),
            command(counter=3, nonce=new, kind="config", version=7),
            command(counter=3, nonce=new, key=THIEF, to="up"),
        ]
        for order in hostile:
            site.broker.inject(TOPIC, order)
        await until(lambda: commands.refused == len(hostile))
        site.broker.inject(TOPIC, command(counter=3, nonce=new, to="down"))
        await until(lambda: len(output.done) == 3)
    assert [args.get("to") for _, args in output.done] == ["up", None, "down"]
    spoken = await said(site.journal)
    assert [each.counter for each in spoken if isinstance(each, CommandAccepted)] == [1, 2, 3]
    assert any(isinstance(each, CommandRefused) for each in spoken)
