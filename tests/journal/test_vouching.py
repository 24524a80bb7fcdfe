"""A store that was put back is believed under its next name, by the county's word and by nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from journal.checking import Trust
from journal.clock import SystemClock
from journal.cursors import Cursors
from journal.intake import Intake
from journal.keys import Identity, SigningKey, issue
from journal.receiver import Receiver
from journal.sender import Sender
from journal.settings import Destination
from journal.stores import SqliteStore
from journal.vouching import KnownStores, follows, introduction, next_name
from journal.writer import Journal
from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.certificates import Kind
from kernel.evidence.notes import encode_base64
from kernel.evidence.texts import FileReceipt, Receipt
from tests.journal.brokers import MemoryBroker
from tests.journal.making import NOW, YEAR, County, open_journal, said

COUNTY = County()
ROOT = Trust(root_name=COUNTY.root.name, root_public=COUNTY.root.public)
FIRST = SigningKey.generate(kind="store", name="centre-1")
SECOND = SigningKey.generate(kind="store", name="centre-2")


def certificate(
    key: SigningKey, *, kind: Kind = "store", county: County = COUNTY, name: str | None = None
) -> list[str]:
    own = issue(
        kind=kind,
        name=name or key.name,
        public_key=key.public,
        issuer=county.enrolment,
        not_before_ms=NOW - YEAR,
        not_after_ms=NOW + YEAR,
    )
    return [own, county.enrolment_cert]


def known(*, root: Trust | None = ROOT) -> KnownStores:
    return KnownStores(pinned="centre-1", public_key=FIRST.public, root=root)


def receipt(key: SigningKey, *, size: int = 5) -> str:
    said = Receipt(journal="a" * 32, store=key.name, size=size, root=bytes(32), kept=0, time_ms=NOW)
    return said.signed(public_key=key.public, sign=key.sign).format()


def test_names_count_on() -> None:
    assert next_name("centre-1") == "centre-2"
    assert next_name("centre") == "centre-2"
    assert follows("centre-10", "centre-9")
    assert follows("centre-2", "centre")
    for other in ("centre-1", "center-2", "station-2", "centre-0"):
        assert not follows(other, "centre-1")


def test_next_store_is_believed_by_its_certificate_and_the_old_one_no_more() -> None:
    stores = known()
    with pytest.raises(ProtocolError, match="another store"):
        stores.receipt(receipt(SECOND))
    assert stores.learn(introduction(certificate(SECOND))) == "centre-2"
    assert stores.learn(introduction(certificate(SECOND))) == "centre-2"
    assert stores.receipt(receipt(SECOND)).store == "centre-2"
    assert stores.receipt(receipt(FIRST)).store == "centre-1"
    stores.heard("centre-2")
    with pytest.raises(ProtocolError, match="which centre-2 has replaced"):
        stores.receipt(receipt(FIRST))


def test_file_receipts_follow_the_same_rule() -> None:
    stores = known()
    note = FileReceipt(store="centre-2", kept=True, files=(("a" * 64, 1),))
    signed = note.signed(public_key=SECOND.public, sign=SECOND.sign).format()
    with pytest.raises(ProtocolError):
        stores.file_receipt(signed)
    stores.learn(introduction(certificate(SECOND)))
    assert stores.file_receipt(signed) == note


@pytest.mark.parametrize(
    "payload",
    [
        introduction(certificate(SECOND, kind="box")),
        introduction(certificate(SECOND, county=County("other"))),
        introduction(certificate(SECOND, name="station-2")),
        introduction(certificate(SECOND, name="centre-1")),
        introduction(certificate(SECOND)[:1]),
        introduction([]),
        b"",
        b"[1, 2]",
        b"[" * 100_000,
        msgspec.json.encode(["x" * 9_000, "y" * 9_000]),
    ],
)
def test_whoever_the_county_does_not_name_is_not_believed(payload: bytes) -> None:
    stores = known()
    with pytest.raises((ProtocolError, RefusedError)):
        stores.learn(payload)
    for forged in (SECOND, SigningKey.generate(kind="store", name="centre-1")):
        with pytest.raises(ProtocolError):
            stores.receipt(receipt(forged))


def test_without_a_root_only_the_pinned_store_is_believed() -> None:
    with pytest.raises(RefusedError, match="nobody is pinned"):
        known(root=None).learn(introduction(certificate(SECOND)))


def test_two_keys_under_one_name_are_one_too_many() -> None:
    stores = known()
    stores.learn(introduction(certificate(SECOND)))
    with pytest.raises(RefusedError, match="another than before"):
        stores.learn(introduction(certificate(SigningKey.generate(kind="store", name="centre-2"))))


# --- a sender ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def receiving(path: Path, key: SigningKey, broker: MemoryBroker) -> AsyncIterator[Receiver]:
    with closing(SqliteStore(path, store_id=key.name)) as store:
        receiver = Receiver(store, key=key, trust=ROOT, clock=SystemClock())
        intake = Intake(broker.transport(), receiver, certificates=certificate(key))
        try:
            yield receiver
            await intake.stop()
        finally:
            receiver.close()


def sender_of(journal: Journal, cursors: Cursors, broker: MemoryBroker, identity: Identity) -> Sender:
    return Sender(
        journal,
        cursors,
        identity=identity,
        destination=Destination(
            name="centre",
            mqtt="mqtt://memory",
            password="secret",
            store_id="centre-1",
            store_public=encode_base64(FIRST.public),
        ),
        transport=broker.transport(),
        software="test",
        clock=SystemClock(),
        patience_ms=(100, 500),
    )


async def until(sender: Sender, size: int) -> None:
    async with asyncio.timeout(20):
        while sender.accepted != size:
            await asyncio.sleep(0.005)


async def test_i6_everything_goes_again_to_a_store_that_was_put_back(quick_path: Path) -> None:
    """Also to one that was put back while the sender was connected, and after a restart of the sender."""
    identity = COUNTY.identity().pinning(ROOT.root_name, ROOT.root_public)
    broker, told = MemoryBroker(), list[int]()
    with (
        closing(open_journal(quick_path / "journal", identity=identity.key)) as journal,
        closing(Cursors(quick_path)) as cursors,
    ):
        for number in range(9):
            await journal.append(said(number), source="yiyuan/s01/lane1")
        sender = sender_of(journal, cursors, broker, identity)
        task = asyncio.create_task(sender.run())
        async with receiving(quick_path / "first.db", FIRST, broker):
            await until(sender, 10)
        sender.on_accepted(told.append)
        async with receiving(quick_path / "second.db", SECOND, broker) as receiver:
            broker.mend()
            async with asyncio.timeout(20):
                while receiver.committed < 10:
                    await asyncio.sleep(0.005)
            await until(sender, 10)
            assert (told[-1], sender.state.kept) == (10, 0)
            broker.inject(f"weighpost/v1/down/{identity.box}/receipt/{journal.id}", receipt(FIRST).encode())
            await journal.append(said(10), source="yiyuan/s01/lane1")
            await until(sender, 11)
            assert sender.state.refused_receipts == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        again = sender_of(journal, cursors, broker, identity)
        task = asyncio.create_task(again.run())
        async with receiving(quick_path / "second.db", SECOND, broker):
            await journal.append(said(11), source="yiyuan/s01/lane1")
            await until(again, 12)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
