"""The embedded broker by certificate: the name is the certificate's, whatever a client says of itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from journal.broker import STRANGERS, EmbeddedBroker
from journal.guests import Listed
from journal.mqtt import PahoTransport
from tests.support.certified import CENTRE, LANE, OTHER, CertifiedCounty, quick_county
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(60)]

HELLO = "weighpost/v1/up/{}/hello"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CertifiedCounty:
    return quick_county(tmp_path_factory.mktemp("county"))


class Served:
    """A broker, its guests, and what its service hears."""

    def __init__(self, county: CertifiedCounty) -> None:
        self.port = free_port()
        self.guests = Listed([CENTRE, LANE, OTHER])
        self.context = county.credentials(CENTRE).server(demand=True)
        self.broker = EmbeddedBroker(
            host="127.0.0.1", port=self.port, services=(CENTRE,), guests=self.guests, context=self.context
        )
        self.heard: list[tuple[str, bytes]] = []


@asynccontextmanager
async def serving(county: CertifiedCounty) -> AsyncIterator[Served]:
    served = Served(county)
    await served.broker.start()
    try:
        async with client(served, county.credentials(CENTRE).client(), CENTRE) as centre:
            centre.subscribe("weighpost/v1/up/+/#", lambda topic, data: served.heard.append((topic, data)))
            await until(lambda: centre.connected)
            yield served
    finally:
        await served.broker.stop()


@asynccontextmanager
async def client(
    served: Served, context: ssl.SSLContext, user: str, *, password: str | None = None
) -> AsyncIterator[PahoTransport]:
    transport = PahoTransport(f"mqtts://127.0.0.1:{served.port}", user=user, password=password, tls=context)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_box_speaks_under_the_name_in_its_certificate_and_no_other(county: CertifiedCounty) -> None:
    async with (
        serving(county) as served,
        client(served, county.credentials(LANE).client(), LANE) as lane,
    ):
        await until(lambda: lane.connected)
        lane.publish(HELLO.format(OTHER), b"forged")
        lane.publish(HELLO.format(LANE), b"true")
        await until(lambda: bool(served.heard))
        assert served.heard == [(HELLO.format(LANE), b"true")]
        assert served.broker.refused == {LANE: 1}


async def test_a_user_name_that_is_claimed_counts_for_nothing(county: CertifiedCounty) -> None:
    async with (
        serving(county) as served,
        client(served, county.credentials(LANE).client(), OTHER, password="anything") as lane,
        client(served, county.credentials(OTHER).client(), CENTRE) as other,
    ):
        await until(lambda: lane.connected and other.connected)
        lane.publish(HELLO.format(OTHER), b"forged")
        lane.publish(HELLO.format(LANE), b"true")
        other.publish("weighpost/v1/down/s01-lane1/receipt/x", b"as if it were the centre")
        await until(lambda: bool(served.heard) and sum(served.broker.refused.values()) == 2)
        assert served.heard == [(HELLO.format(LANE), b"true")]
        assert served.broker.refused == {LANE: 1, OTHER: 1}


async def test_a_stranger_is_not_let_in_whatever_he_shows(county: CertifiedCounty, tmp_path: Path) -> None:
    forger = quick_county(tmp_path)
    unsigned = county.credentials(LANE).anonymous()
    async with serving(county) as served:
        forged = forger.credentials(LANE).client()
        forged.load_verify_locations(county.folder / "ca.pem")
        for context in (unsigned, forged):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await said_in_tls(served, context)
        await until(lambda: served.context.refused == 2)
        assert served.heard == []


async def said_in_tls(served: Served, context: ssl.SSLContext) -> bytes:
    """One byte of whatever the broker answers; with TLS 1.3 a refusal comes after the client's handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
    try:
        writer.write(b"\x10")
        return await reader.readexactly(1)
    finally:
        writer.transport.abort()


async def test_a_certificate_of_a_box_that_is_not_on_the_list_is_refused_and_counted(
    county: CertifiedCounty,
) -> None:
    async with serving(county) as served:
        served.guests.shut_out(OTHER)
        async with client(served, county.credentials(OTHER).client(), OTHER) as other:
            await until(lambda: served.broker.refused[STRANGERS] > 0)
            assert not other.connected


async def test_whoever_is_shut_out_loses_his_connection_at_once(county: CertifiedCounty) -> None:
    async with (
        serving(county) as served,
        client(served, county.credentials(OTHER).client(), OTHER) as other,
        client(served, county.credentials(LANE).client(), LANE) as lane,
    ):
        await until(lambda: other.connected and lane.connected)
        served.guests.shut_out(OTHER)
        await until(lambda: not other.connected)
        lane.publish(HELLO.format(LANE), b"still here")
        await until(lambda: bool(served.heard))


async def test_a_broker_that_is_not_the_countys_is_told_nothing(
    county: CertifiedCounty, tmp_path: Path
) -> None:
    forger = quick_county(tmp_path)
    async with (
        serving(forger) as served,
        client(served, county.credentials(LANE).client(), LANE) as lane,
    ):
        await until(lambda: served.context.refused > 0)
        assert not lane.connected


async def test_a_renewed_certificate_is_shown_at_the_next_connection(
    county: CertifiedCounty, tmp_path: Path
) -> None:
    """The lane's certificate has ended; the renewed file is read again and lets it in."""
    year_ms = 366 * 86_400_000
    credentials = county.credentials(LANE)
    async with serving(county) as served:
        served.context.judge.time.past(county.now_ms + 2 * year_ms)
        context = credentials.client()
        async with client(served, context, LANE) as lane:
            await until(lambda: served.context.refused > 0)
            assert not lane.connected
            served.context.judge.time.known_ms = county.now_ms
            credentials.reload()
            await until(lambda: lane.connected)
