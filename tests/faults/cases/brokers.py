"""Brokers that lie, and clients that mean harm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from journal.keys import SigningKey
from journal.mqtt import PahoTransport
from journal.sender import DOWN, UP
from kernel.evidence import tree
from kernel.evidence.header import file_refs
from kernel.evidence.texts import Receipt
from tests.faults import counting
from tests.faults.hostile import Meddler, Relay, client
from tests.faults.machines import CLOCK, Mosquitto, until
from tests.faults.rows import Found
from tests.faults.site import BOX, OTHER, Ground, Run, Site, site
from tests.journal.making import PaperJournal
from tests.support.ports import free_port


async def forged_receipts(run: Run) -> Found:
    """Receipts that are forged, replayed, of another journal, of another store: refused and counted, nothing moves."""
    async with site(run, Ground(access=False)) as here, client(here.broker.url, "centre") as liar:
        heard: list[bytes] = []
        liar.subscribe(f"{DOWN}/{BOX}/receipt/+", lambda _topic, data: heard.append(data))
        await here.through()
        await here.through()
        await here.settle()
        await here.stop(here.centre)
        await here.scribe.many(8, files=(2_000,))
        before = await here.scribe.state()
        lies = _lies(here, before["journal"], before["size"], old=heard[0])
        for lie in lies:
            assert liar.publish(f"{DOWN}/{BOX}/receipt/{before['journal']}", lie)
        await _refused(here, run, before, len(lies))
        await here.start(here.centre)
        return await here.found(len(lies))


async def meddling(run: Run) -> Found:
    """A broker that loses, doubles, alters, replays, holds back and strips at 10 % each: what arrives is what was said."""
    budget = run.rounds(8, 120)
    async with _between(run, budget) as (here, meddler):
        async with here.scribe.traffic(pause_s=0.02):
            await CLOCK.sleep(run.rounds(3, 60))
        found = await here.found(meddler.deeds)
        assert _written(here) == _stored(here), "the store is not what was written, byte for byte"
        return found


async def poison(run: Run) -> Found:
    """What makes no sense is stored and put aside; what has no form is refused; memory is bounded, others unaffected."""
    async with site(run, Ground(access=False)) as here:
        await here.through()
        before_kb = here.centre.rss_kb()
        paper = PaperJournal(here.county.identity(OTHER), at=CLOCK.now_ms())
        async with client(here.broker.url, OTHER) as other, here.scribe.traffic():
            await _introduce(here, other, paper)
            for data in _poison(paper):
                other.publish(f"{UP}/{OTHER}/frame/{paper.id}", data)
                await CLOCK.sleep(0.05)
            paper.talk(1)
            await _send(here, other, paper)
        aside = counting.rows_of(here.database, "SELECT seq FROM quarantine ORDER BY seq")
        assert [seq for (seq,) in aside] == [1, 2], f"put aside: {aside}"
        grown_kb = here.centre.rss_kb() - before_kb
        assert grown_kb < 100_000, f"the centre has grown by {grown_kb} kB"
        return await here.found(1)


async def anothers_name(run: Run) -> Found:
    """Box A speaks under B's name, uploads what nobody declared, touches B's partial, brings wrong bytes: all refused."""
    async with site(run) as here:
        await here.stop(here.centre)
        said = await here.scribe.say(files=(50_000,))
        await here.start(here.centre)
        stolen = PaperJournal(here.county.identity(BOX), at=CLOCK.now_ms())
        async with client(here.broker.url, OTHER) as other:
            other.publish(f"{UP}/{BOX}/hello", stolen.hello())
            other.publish(f"{UP}/{BOX}/frame/{stolen.id}", stolen.wire())
            answers = await _uploads(here, said.digests()[0])
        assert set(answers) <= {401, 403, 404}, answers
        found = await here.found(1)
        journals = counting.rows_of(here.database, f"SELECT journal FROM head WHERE journal = '{stolen.id}'")
        assert not journals, "a journal came in under another's name"
        return found


# --- receipts --------------------------------------------------------------------------------------------------


def _lies(here: Site, journal: str, size: int, *, old: bytes) -> list[bytes]:
    thief = SigningKey.generate(kind="store", name=here.store_key.name)
    stranger = SigningKey.generate(kind="store", name="another-store")
    root = tree.root([bytes(32)] * size)

    def lie(key: SigningKey, about: str = journal) -> bytes:
        receipt = Receipt(
            journal=about, store=key.name, size=size, root=root, kept=size, time_ms=CLOCK.now_ms()
        )
        return receipt.signed(public_key=key.public, sign=key.sign).format().encode()

    return [
        lie(thief),
        lie(stranger),
        lie(thief, "0" * 32),
        lie(here.store_key, "0" * 32),
        old,
        b"no receipt",
    ]


async def _refused(here: Site, run: Run, before: dict[str, Any], lies: int) -> None:
    """All of them are counted, and the cursor is where it was."""
    wanted = before["refused_receipts"] + lies
    deadline = CLOCK.mono_ms() + (1_000 if run.mutant else 10_000)
    while (now := await here.scribe.state())["refused_receipts"] < wanted and CLOCK.mono_ms() < deadline:
        await CLOCK.sleep(0.05)
    if not run.mutant:
        assert now["refused_receipts"] == wanted, f"not refused: {now}"
        assert now["accepted"] == before["accepted"], "a lie has moved the cursor"


# --- frames ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _between(run: Run, budget: int) -> AsyncIterator[tuple[Site, Meddler]]:
    """The box's broker and the centre's are two, and the way between them is hostile."""
    outer = Mosquitto(run.folder, port=free_port(), access=False, name="outer")
    meddler = Meddler(seed=run.dice.randrange(1000), budget=budget)
    await outer.start()
    try:
        async with (
            site(run, Ground(access=False, mqtt=outer.url)) as here,
            Relay(outer.url, here.broker.url, meddle=meddler),
        ):
            yield here, meddler
    finally:
        await outer.end()


def _written(here: Site) -> Sequence[tuple[object, ...]]:
    [path] = (here.data / "journal").glob("[0-9]*/journal.db")
    return counting.rows_of(
        path, "SELECT seq, leaf, header, salt, body FROM entry JOIN body USING (seq) ORDER BY seq"
    )


def _stored(here: Site) -> Sequence[tuple[object, ...]]:
    return counting.rows_of(
        here.database,
        "SELECT seq, leaf, header, salt, body FROM entry JOIN body USING (journal, seq) ORDER BY seq",
    )


# --- poison ----------------------------------------------------------------------------------------------------


def _poison(paper: PaperJournal) -> list[bytes]:
    """Two that make no sense, at 1 and 2; the rest have no form, though their journal has signed them."""
    paper.say_bytes(b'{"gross_kg":"heavy"}', stream="vehicle.weighed")
    paper.say_bytes(b'{"of":"tomorrow"}', stream="not.known.yet")
    spoilt = [
        _spoilt(paper, b'"v":1', b'"v":1,"v":1'),
        _spoilt(paper, b'"v":1', b'"v":1.0'),
        _spoilt(paper, b'"mono_ms":3', b'"mono_ms":9007199254740993'),
        _spoilt(paper, b'"v":1', b'"v":1,"x":"' + b"x" * 1_000_000 + b'"'),
    ]
    return [paper.wire(), *spoilt, bytes(10 << 20), _bomb(), b"\xc1"]


def _spoilt(paper: PaperJournal, old: bytes, new: bytes) -> bytes:
    """The next frame, with something in its header that no writer writes."""
    liar = paper.forked(paper.size)
    liar.talk(1)
    head, salt, body = liar.entries.pop()
    liar.leaves.pop()
    assert old in head
    liar.take((head.replace(old, new), salt, body))
    return msgspec.msgpack.encode(liar.frame(paper.size))


def _bomb() -> bytes:
    """A few bytes that claim to be four thousand million things, each of the same kind."""
    return b"\xdd\xff\xff\xff\xff" * 20_000


async def _introduce(here: Site, other: PahoTransport, paper: PaperJournal) -> None:
    other.publish(f"{UP}/{OTHER}/hello", paper.hello())
    query = f"SELECT 1 FROM head WHERE journal = '{paper.id}'"
    await until(lambda: bool(counting.rows_of(here.database, query)), "the other journal is known")


async def _send(here: Site, other: PahoTransport, paper: PaperJournal) -> None:
    """What comes after the poison is taken."""
    other.publish(f"{UP}/{OTHER}/frame/{paper.id}", paper.wire(3))
    query = f"SELECT size FROM head WHERE journal = '{paper.id}'"
    await until(lambda: counting.rows_of(here.database, query) == [(paper.size,)], "the rest is taken")


# --- uploads ---------------------------------------------------------------------------------------------------


async def _uploads(here: Site, digest: str) -> list[int]:
    """Of somebody who is lane 2: what nobody declared, lane 1's file, and lane 1's file under lane 1's name."""
    url = f"http://127.0.0.1:{here.port}/v1/files"
    [undeclared] = file_refs([("x.jpg", b"undeclared")])
    async with httpx.AsyncClient(timeout=10) as http:
        answers = [
            await http.patch(
                f"{url}/{sha256}", content=b"x" * 10, headers={"Upload-Offset": "0"}, auth=(user, secret)
            )
            for sha256, user, secret in (
                (undeclared.sha256, OTHER, "x"),
                (digest, OTHER, "x"),
                (digest, BOX, "wrong"),
            )
        ]
    return [answer.status_code for answer in answers]
