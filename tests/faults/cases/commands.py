"""Commands of a session that is over, for another box, of another key: refused, written down, and nothing moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from journal.keys import SigningKey
from journal.mqtt import PahoTransport
from journal.sender import DOWN, UP
from kernel.evidence import frames
from kernel.evidence.commands import FETCH_FILE, Command
from tests.faults import counting
from tests.faults.counting import Accepted
from tests.faults.hostile import client
from tests.faults.machines import CLOCK, until
from tests.faults.rows import Found
from tests.faults.site import BOX, OTHER, Ground, Run, Site, site
from tests.support.pictures import picture

CLIP_BYTES = 9_000


async def replayed(run: Run) -> Found:
    """A command is obeyed once: not again, not in the next session, not when cursor.db is lost, and no other's at all."""
    async with site(run, Ground(access=False)) as here, _session(here) as session:
        clips = [await here.scribe.clip(CLIP_BYTES) for _ in range(2)]
        await here.settle()
        true = session.command(clips[0], counter=5)
        session.send(true)
        await until(lambda: _arrived(here, clips[0]), "the clip that was asked for")
        lies = [true, session.command(clips[1], counter=5), session.command(clips[1], counter=4)]
        lies += [
            session.command(clips[1], counter=6, box=OTHER),
            session.command(
                clips[1], counter=6, key=SigningKey.generate(kind="command", name=session.key.name)
            ),
        ]
        await _refused(here, session, lies)
        old = session.command(clips[1], counter=7)
        await _again(here, session)
        await _refused(here, session, [true, old, session.command(clips[1], counter=5)])
        await _again(here, session, without="cursor.db*")
        await _refused(here, session, [session.command(clips[1], counter=5)])
        assert not _arrived(here, clips[1]), "a refused command was obeyed"
        session.send(session.command(clips[1], counter=8))
        await until(lambda: _arrived(here, clips[1]), "the second clip, by a command that counts")
        return await _written_down(here)


class Session:
    """What the centre knows of the box's session, and what somebody on the broker can learn of it."""

    def __init__(self, here: Site, transport: PahoTransport) -> None:
        self.key = here.command_key
        self.nonce = b""
        self._transport = transport

    def heard(self, hello: bytes) -> None:
        self.nonce = frames.decode_hello(hello).nonce

    def command(
        self, clip: Accepted, *, counter: int, box: str = BOX, key: SigningKey | None = None
    ) -> bytes:
        key = key or self.key
        command = Command(
            box=box,
            issuer=key.name,
            counter=counter,
            nonce=self.nonce,
            kind=FETCH_FILE,
            args={"sha256": _digest(clip)},
        )
        return command.signed(public_key=key.public, sign=key.sign).format().encode()

    def send(self, command: bytes) -> None:
        assert self._transport.publish(f"{DOWN}/{BOX}/command", command)


@asynccontextmanager
async def _session(here: Site) -> AsyncIterator[Session]:
    async with client(here.broker.url, "centre") as transport:
        session = Session(here, transport)
        transport.subscribe(f"{UP}/{BOX}/hello", lambda _topic, data: session.heard(data))
        await _again(here, session)
        yield session


async def _again(here: Site, session: Session, *, without: str = "") -> None:
    """The box starts anew: another session, and if so without this file."""
    await here.stop(here.box)
    for path in (here.data / "journal").rglob(without) if without else ():
        path.unlink()
    session.nonce = b""
    await here.start(here.box)
    await until(lambda: bool(session.nonce), "the box has said hello")
    await here.through()


async def _refused(here: Site, session: Session, lies: list[bytes]) -> None:
    wanted = (await here.scribe.state())["refused"] + len(lies)
    for lie in lies:
        session.send(lie)
    deadline = CLOCK.mono_ms() + 15_000
    while (now := await here.scribe.state())["refused"] < wanted:
        assert CLOCK.mono_ms() < deadline, f"not refused: {now}, wanted {wanted}"
        await CLOCK.sleep(0.05)


async def _written_down(here: Site) -> Found:
    # A file may be there before the entry of the command that asked for it: the two go different ways.
    await until(
        lambda: _streams(here).count("command.accepted") >= 2, "an entry of each command that was obeyed"
    )
    found = await here.found(1)
    streams = _streams(here)
    assert streams.count("command.accepted") == 2, "a command that was obeyed once is an entry twice"
    assert streams.count("command.refused"), "no entry says that commands were refused"
    return found


def _streams(here: Site) -> list[str]:
    return [stream for (stream,) in counting.rows_of(here.database, "SELECT stream FROM entry")]


def _digest(clip: Accepted) -> str:
    return sha256(picture(clip.passage, 0, CLIP_BYTES)).hexdigest()


def _arrived(here: Site, clip: Accepted) -> bool:
    digest = _digest(clip)
    return (here.blobs / "sha256" / digest[:2] / digest).exists()
