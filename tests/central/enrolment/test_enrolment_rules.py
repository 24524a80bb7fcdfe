"""Who gets certificates: one box a token, once; renewal for whoever is registered and not revoked; each an entry."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from central import keyring
from central.authority import TlsAuthority
from central.enrolment.admission import Admission, Standing
from central.enrolment.certifying import Certifier
from central.enrolment.http import EnrolmentGate
from central.enrolment.service import Enrolment, Root, new_token
from central.store.engines import Database
from central.store.speakers import Revocation, Speakers
from journal.enrolling import (
    PATH,
    RENEW,
    Asked,
    Granted,
    Offer,
    Pinned,
    TlsRequest,
    check_granted,
    check_offer,
)
from journal.keys import SigningKey, issue
from journal.revoking import PATH as REVOKED
from kernel.errors import FullError, RefusedError
from kernel.events import Body, BoxEnrolled, BoxRevoked
from kernel.evidence.enrolment import KeyRequest
from kernel.evidence.notes import encode_base64
from kernel.evidence.revoked import Revoked
from tests.central.made import NOON_MS
from tests.central.world import StillClock
from tests.support.certified import CENTRE, LANE, OTHER

HOUR_MS = 3_600_000
YEAR_MS = 366 * 86_400_000
NEW = "s02-lane1"
COMMAND = SigningKey.generate(kind="command", name=CENTRE)


class World:
    """A centre with its enrolment key on line, over a real store; its journal is a list."""

    def __init__(self, folder: Path, database: Database, *, on_line: bool = True) -> None:
        self.folder = folder
        self.clock = StillClock()
        self.said: list[tuple[Body, str | None]] = []
        self.refuse: Exception | None = None
        self.root = keyring.new_root(folder, name="yiyuan-root", now_ms=NOON_MS)
        keyring.enrol(folder, kind="box", name=CENTRE, now_ms=NOON_MS, hosts=["127.0.0.1"])
        self.speakers = Speakers(database)
        self.admission = Admission(centre=CENTRE, source="centre", boxes={LANE: "yiyuan/s01/lane1"})
        self.enrolment = Enrolment(
            self.speakers,
            self.admission,
            certifier=Certifier.load(folder) if on_line else None,
            root=Root(name=self.root.name, public=self.root.public_key),
            append=self._append,
            clock=self.clock,
        )

    async def _append(self, body: Body, *, key: str | None = None) -> None:
        if self.refuse is not None:
            raise self.refuse
        if (body, key) not in self.said:
            self.said.append((body, key))

    @property
    def pinned(self) -> Pinned:
        return Pinned(name=self.root.name, public_key=self.root.public_key)

    def token(self, box: str, *, hours: int = 24, hosts: tuple[str, ...] = ()) -> str:
        token, kept = new_token(
            box=box,
            source="yiyuan/s02/lane1",
            hosts=hosts,
            life_ms=hours * HOUR_MS,
            by="li",
            now_ms=self.clock.at_ms,
        )
        self.speakers.save_token(kept)
        return token

    def folder_box(self, box: str, *, now_ms: int = NOON_MS) -> tuple[SigningKey, tuple[str, ...], str]:
        """Enrolled by hand, long ago if the time says so: key, certificates, TLS certificate."""
        keyring.enrol(self.folder, kind="box", name=box, now_ms=now_ms)
        key = SigningKey.load(self.folder / f"{box}.key", kind="box")
        notes = tuple((self.folder / f"{name}.cert").read_text() for name in (box, "enrolment"))
        pem = (self.folder / f"{box}.tls.pem").read_text()
        return key, notes, pem[pem.index("-----BEGIN CERTIFICATE") :]

    def revoke(self, box: str, *, journal: str | None = None, size: int | None = None) -> None:
        one = Revocation(
            box=box, journal=journal, size=size, reason="stolen", by="li", at_ms=self.clock.at_ms
        )
        self.speakers.revoke([one])
        self.admission.learn(Standing.read(self.speakers))


def asking(
    key: SigningKey,
    made: TlsRequest,
    *,
    token: str = "",
    certificates: tuple[str, ...] = (),
    tls: str = "",
    box: str | None = None,
) -> Asked:
    request = KeyRequest(box=box or key.name, public_key=key.public, csr_sha256=made.csr_sha256)
    note = request.signed(key.sign).format()
    return Asked(request=note, csr=made.csr, token=token, certificates=certificates, tls=tls)


def box_key(name: str = NEW) -> SigningKey:
    return SigningKey.generate(kind="box", name=name)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    return World(tmp_path / "keys", database)


async def refused(work: Awaitable[object], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        await work


async def test_a_token_makes_a_box_that_may_speak_and_is_in_the_journal(world: World) -> None:
    key, made = box_key(), TlsRequest.make(NEW)
    assert not world.admission.admits(NEW)
    granted = await world.enrolment.enrol(asking(key, made, token=world.token(NEW)), address="10.0.0.7")
    certificate = check_granted(granted, key=key, request=made, pinned=world.pinned)
    assert world.admission.admits(NEW)
    assert world.admission.register.sources[NEW] == "yiyuan/s02/lane1"
    [(body, _)] = world.said
    assert body == BoxEnrolled(
        box=NEW,
        kind="box",
        public_key=encode_base64(key.public),
        not_after_ms=certificate.not_after_ms,
        by="li",
    )
    assert [one.box for one in world.speakers.enrolled() if one.said] == [NEW]


async def test_an_answer_that_got_lost_is_given_again_and_to_nobody_else(world: World) -> None:
    key, token = box_key(), world.token(NEW)
    for _ in range(2):
        made = TlsRequest.make(NEW)
        granted = await world.enrolment.enrol(asking(key, made, token=token), address="10.0.0.7")
        check_granted(granted, key=key, request=made, pinned=world.pinned)
    thief = asking(box_key(), TlsRequest.make(NEW), token=token)
    await refused(world.enrolment.enrol(thief, address="10.0.0.8"), "the token has been used")
    assert world.enrolment.refused == {NEW: 1}


async def test_a_token_that_is_late_guessed_or_anothers_is_refused_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    late, others = world.token(NEW, hours=1), world.token("s03-lane1")
    tries = [(f"{NEW}.guess", "no token of"), ("", "no token of"), (others, "no token of s02-lane1")]
    for token, reason in tries:
        asked = asking(box_key(), TlsRequest.make(NEW), token=token)
        await refused(world.enrolment.enrol(asked, address="10.0.0.7"), reason)
    world.clock.at_ms += HOUR_MS
    asked = asking(box_key(), TlsRequest.make(NEW), token=late)
    await refused(world.enrolment.enrol(asked, address="10.0.0.7"), "has expired")
    assert sum(world.enrolment.refused.values()) == 4
    lines = [str(vars(record)) for record in caplog.records]
    assert len(lines) == 4
    assert not any(token and token in line for line in lines for token in (late, others, f"{NEW}.guess"))
    assert world.speakers.enrolled() == ()
    assert world.said == []


async def test_guessing_gets_slow(world: World) -> None:
    asked = asking(box_key(), TlsRequest.make(NEW), token=f"{NEW}.guess")
    for _ in range(5):
        await refused(world.enrolment.enrol(asked, address="10.0.0.7"), "no token of")
    good = asking(box_key(), TlsRequest.make(NEW), token=world.token(NEW))
    await refused(world.enrolment.enrol(good, address="10.0.0.7"), "too many tries; wait")
    assert await world.enrolment.enrol(good, address="10.0.0.9")


async def test_a_request_must_be_signed_and_fit_together(world: World) -> None:
    key, token = box_key(), world.token(NEW)
    made, other = TlsRequest.make(NEW), TlsRequest.make("s03-lane1")
    signed_for_other = asking(key, other, token=token)
    swapped = msgspec.structs.replace(asking(key, made, token=token), csr=TlsRequest.make(NEW).csr)
    forged = msgspec.structs.replace(
        asking(key, made, token=token), request=asking(box_key(), made).request.replace(NEW, "s03-lane1", 1)
    )
    noise = msgspec.structs.replace(asking(key, made, token=token), csr="noise")
    for number, (asked, reason) in enumerate(
        [
            (signed_for_other, "not the request that"),
            (swapped, "not the request that"),
            (forged, "not signed by"),
            (noise, "not a request for a TLS"),
        ]
    ):
        with pytest.raises(Exception, match=reason):
            await world.enrolment.enrol(asked, address=f"10.0.1.{number}")
    assert world.speakers.enrolled() == ()


async def test_off_line_keys_certify_nobody_over_the_wire(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path / "keys", database, on_line=False)
    with pytest.raises(RefusedError, match="kept off line"):
        world.enrolment.offer()
    asked = asking(box_key(), TlsRequest.make(NEW), token=world.token(NEW))
    await refused(world.enrolment.enrol(asked, address="10.0.0.7"), "kept off line")


async def test_an_expired_box_renews_and_gets_nothing_else_by_it(world: World) -> None:
    key, notes, tls = world.folder_box(LANE, now_ms=NOON_MS - 4 * YEAR_MS)
    made = TlsRequest.make(LANE)
    asked = asking(key, made, certificates=notes, tls=tls)
    await refused(world.enrolment.enrol(asked, address="10.0.0.7"), "no token of")
    granted = await world.enrolment.renew(asked, address="10.0.0.7")
    certificate = check_granted(granted, key=key, request=made, pinned=world.pinned)
    assert certificate.not_after_ms > NOON_MS + 2 * YEAR_MS
    [(body, _)] = world.said
    assert isinstance(body, BoxEnrolled)
    assert (body.box, body.renewed) == (LANE, True)


async def test_a_renewal_keeps_the_hosts_and_grants_no_new_ones(world: World) -> None:
    hosts = ("s02.example.cn", "10.1.2.3")
    key, made = box_key(), TlsRequest.make(NEW)
    token = world.token(NEW, hosts=hosts)
    granted = await world.enrolment.enrol(asking(key, made, token=token), address="10.0.0.7")
    again = TlsRequest.make(NEW)
    notes = (granted.certificate, granted.enrolment)
    renewed = await world.enrolment.renew(
        asking(key, again, certificates=notes, tls=granted.tls), address="10.0.0.7"
    )
    authority = TlsAuthority.load(world.folder)
    assert authority.hosts(renewed.tls, box=NEW)[:2] == hosts
    _, _, centres = world.folder_box("s09-lane1")
    foreign = asking(key, again, certificates=notes, tls=centres)
    await refused(world.enrolment.renew(foreign, address="10.0.0.8"), "a moment ago|not a TLS certificate of")


async def test_who_may_not_renew(world: World) -> None:
    key, notes, tls = world.folder_box(LANE)
    stranger_key, stranger_notes, stranger_tls = world.folder_box(OTHER)  # certified, but not registered
    made, other = TlsRequest.make(LANE), TlsRequest.make(OTHER)
    root = SigningKey.generate(kind="root", name="yiyuan-root")
    self_made = issue(
        kind="box", name=LANE, public_key=key.public, issuer=root, not_before_ms=0, not_after_ms=NOON_MS
    )
    cases = [
        (asking(key, made, tls=tls), "without the certificates"),
        (asking(box_key(LANE), made, certificates=notes, tls=tls), "not of s01-lane1 and its key"),
        (asking(key, made, certificates=(self_made, notes[1]), tls=tls), "not signed by"),
        (
            asking(stranger_key, other, certificates=stranger_notes, tls=stranger_tls),
            "is not registered here",
        ),
        (asking(key, made, certificates=notes, tls="noise"), "not a TLS certificate of this county"),
        (asking(key, made, certificates=notes, tls=stranger_tls), "not a TLS certificate of s01-lane1"),
    ]
    for number, (asked, reason) in enumerate(cases):
        with pytest.raises(Exception, match=reason):
            await world.enrolment.renew(asked, address=f"10.0.0.{number}")
    assert world.said == []


async def test_the_key_of_a_machine_that_was_replaced_renews_no_more(world: World) -> None:
    old, notes, tls = world.folder_box(NEW)
    new = asking(box_key(), TlsRequest.make(NEW), token=world.token(NEW))
    await world.enrolment.enrol(new, address="10.0.0.7")
    stale = asking(old, TlsRequest.make(NEW), certificates=notes, tls=tls)
    await refused(world.enrolment.renew(stale, address="10.0.0.8"), "with another key since")


async def test_a_revoked_box_gets_nothing_any_more(world: World) -> None:
    key, notes, tls = world.folder_box(LANE)
    gone: list[str] = []
    world.admission.on_shut_out(gone.append)
    token = world.token(LANE)
    world.revoke(LANE)
    assert gone == [LANE]
    assert not world.admission.admits(LANE)
    assert world.admission.bound(LANE, "0" * 32) == 0
    made = TlsRequest.make(LANE)
    renewal = asking(key, made, certificates=notes, tls=tls)
    await refused(world.enrolment.renew(renewal, address="10.0.0.7"), "is revoked")
    fresh = asking(box_key(LANE), made, token=token)
    await refused(world.enrolment.enrol(fresh, address="10.0.0.7"), "is revoked")


async def test_a_revoked_journal_has_a_bound_and_its_box_goes_on(world: World) -> None:
    for size in (70, 50, 60):
        world.revoke(LANE, journal="a" * 32, size=size)
    assert world.admission.admits(LANE)
    assert world.admission.bound(LANE, "a" * 32) == 50
    assert world.admission.bound(LANE, "b" * 32) is None


async def test_what_the_terminal_decides_becomes_an_entry_once(world: World) -> None:
    world.revoke(LANE, journal="a" * 32, size=50)
    world.revoke(LANE)
    for _ in range(2):
        await world.enrolment._tell()
    bodies = [body for body, _ in world.said]
    assert bodies == [
        BoxRevoked(box=LANE, reason="stolen", by="li", journal="a" * 32, size=50),
        BoxRevoked(box=LANE, reason="stolen", by="li"),
    ]
    assert all(one.said for one in world.speakers.revocations())


# --- over HTTP -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def gate(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=EnrolmentGate(world.enrolment, world.admission, command=COMMAND).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://centre") as client:
        yield client


async def looked(world: World, *, until: Callable[[], bool], at_least_ms: int = 10_000) -> None:
    """The service goes on for some looks, until it is so."""
    task, began_ms = asyncio.create_task(world.enrolment.run()), world.clock.at_ms
    async with asyncio.timeout(20):
        while world.clock.at_ms < began_ms + at_least_ms or not until():
            assert not task.done(), task.exception()
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def complaints(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message == "enrolments not looked at" for record in caplog.records)


async def test_a_full_journal_ends_no_look_and_is_complained_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.revoke(LANE)
    world.refuse = FullError("no room for the journal")
    await looked(world, until=lambda: complaints(caplog) > 0)
    assert (world.said, complaints(caplog)) == ([], 1)
    world.refuse = None
    await looked(world, until=lambda: bool(world.said), at_least_ms=0)
    assert [type(body) for body, _ in world.said] == [BoxRevoked]


async def test_a_database_that_fails_for_a_while_takes_nothing_down(
    world: World, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    world.revoke(LANE)
    with database.writer.begin() as connection:
        connection.execute(text("ALTER TABLE revocation RENAME TO away"))
    await looked(world, until=lambda: complaints(caplog) > 0)
    assert (world.said, complaints(caplog), world.admission.admits(LANE)) == ([], 1, False)
    with database.writer.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO revocation"))
    await looked(world, until=lambda: bool(world.said), at_least_ms=0)


async def test_the_gate_answers_in_words(world: World) -> None:
    key, made = box_key(), TlsRequest.make(NEW)
    async with gate(world) as client:
        offer = msgspec.json.decode((await client.get(PATH)).content, type=Offer)
        assert check_offer(offer, fingerprint=sha256_of(world.root.public_key)) == world.pinned
        asked = msgspec.json.encode(asking(key, made, token=world.token(NEW)))
        answer = await client.post(PATH, content=asked)
        granted = msgspec.json.decode(answer.content, type=Granted)
        check_granted(granted, key=key, request=made, pinned=world.pinned)
        wrong = await client.post(PATH, content=msgspec.json.encode(asking(box_key(), made, token="x")))
        assert (wrong.status_code, wrong.text) == (403, "this is no token of s02-lane1\n")
        assert (await client.post(RENEW, content=b"{}")).status_code == 400
        assert (await client.post(RENEW, content=b"[" * 60_000)).status_code == 400
        assert (await client.post(PATH, content=b"x" * 100_000)).status_code == 413
        for _ in range(5):
            last = await client.post(PATH, content=msgspec.json.encode(asking(box_key(), made, token="x")))
        assert last.status_code == 429
        assert int(last.headers["Retry-After"]) > 0


async def test_the_list_of_what_is_revoked_is_signed_and_whole(world: World) -> None:
    async with gate(world) as client:
        for size in (None, 50):
            world.revoke(LANE if size is None else OTHER, journal="a" * 32 if size else None, size=size)
        note = (await client.get(REVOKED)).text
        said = Revoked.open(note, issuer=CENTRE, public_key=COMMAND.public)
        assert said == Revoked(boxes=(LANE,), journals=(("a" * 32, 50),))


async def test_an_offer_of_another_root_is_not_believed(world: World) -> None:
    offer = world.enrolment.offer()
    with pytest.raises(RefusedError, match="another root"):
        check_offer(offer, fingerprint="0" * 64)
    swapped = msgspec.structs.replace(offer, ca=offer.ca + "\n")
    with pytest.raises(RefusedError, match="not the one that the enrolment key names"):
        check_offer(swapped, fingerprint=sha256_of(world.root.public_key))


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
