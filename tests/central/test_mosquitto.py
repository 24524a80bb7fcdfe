"""The shipped configuration of mosquitto with real certificates: two lines let each box speak as itself only."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from central.authority import TlsAuthority
from journal.clock import SystemClock
from journal.mqtt import PahoTransport
from tests.central.certified import CertifiedSite, certified_lane, own_entries, said
from tests.central.county import SOURCE, running_centre, until
from tests.support.certified import CENTRE, LANE, OTHER, CertifiedCounty, quick_county
from tests.support.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
BINARY = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Mosquitto:
    """The shipped files with paths, port and the service's name of this test, and nothing else changed."""

    def __init__(self, keys: Path, *, service: str) -> None:
        self.port = free_port()
        self.folder = keys.parent / "mosquitto"
        self.folder.mkdir()
        self._keys = keys
        self.list_revoked()
        conf = (DEPLOY / "weighpost.conf").read_text()
        for old, new in (
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
            ("/etc/weighpost/ca.pem", str(keys / "ca.pem")),
            ("/etc/weighpost/broker.tls.pem", str(keys / f"{service}.tls.pem")),
            ("/etc/weighpost/crl.pem", str(self.folder / "crl.pem")),
            ("/etc/mosquitto/weighpost.acl", str(self.folder / "weighpost.acl")),
        ):
            assert old in conf
            conf = conf.replace(old, new)
        acl = re.sub(
            r"^user centre$", f"user {service}", (DEPLOY / "weighpost.acl").read_text(), flags=re.MULTILINE
        )
        (self.folder / "weighpost.acl").write_text(acl)
        (self.folder / "weighpost.acl").chmod(0o600)
        # Started by root it would become somebody who may not read the keys.
        user = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "weighpost.conf").write_text(conf + user)
        self._process: subprocess.Popen[bytes] | None = None

    def list_revoked(self, *boxes: str) -> None:
        pem = TlsAuthority.load(self._keys).revocations(boxes, now_ms=SystemClock().now_ms())
        (self.folder / "crl.pem").write_text(pem)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "-c", str(self.folder / "weighpost.conf")], stdout=log, stderr=log
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    @property
    def words(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@pytest.fixture
async def county(tmp_path: Path) -> CertifiedCounty:
    return quick_county(tmp_path / "keys")


@pytest.fixture
async def broker(county: CertifiedCounty) -> AsyncIterator[Mosquitto]:
    made = Mosquitto(county.folder, service=CENTRE)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def client(
    broker: Mosquitto, county: CertifiedCounty, box: str, *, calls_itself: str | None = None
) -> AsyncIterator[PahoTransport]:
    context = county.credentials(box).client()
    transport = PahoTransport(broker.url, user=calls_itself or box, password="x", tls=context)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.stop()


def is_true(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return condition()

    return asked


async def test_a17_boxes_speak_and_hear_as_their_certificates_say(
    county: CertifiedCounty, broker: Mosquitto
) -> None:
    up: list[tuple[str, bytes]] = []
    down: list[bytes] = []
    async with (
        client(broker, county, CENTRE) as centre,
        client(broker, county, LANE, calls_itself=OTHER) as lane,
        client(broker, county, OTHER) as other,
    ):
        centre.subscribe("weighpost/v1/up/+/#", lambda topic, data: up.append((topic, data)))
        lane.subscribe("weighpost/v1/down/s01-lane2/#", lambda _topic, data: down.append(data))
        lane.subscribe("weighpost/v1/down/s01-lane1/#", lambda _topic, data: down.append(data))
        connected = is_true(lambda: centre.connected and lane.connected and other.connected)
        await until(connected, what=f"all connected: {broker.words}")
        other.publish("weighpost/v1/down/s01-lane1/receipt/x", b"as if it were the centre")
        while not down:
            lane.publish("weighpost/v1/up/s01-lane2/hello", b"forged")
            lane.publish("weighpost/v1/up/s01-lane1/hello", b"true")
            centre.publish("weighpost/v1/down/s01-lane2/receipt/x", b"not for it")
            centre.publish("weighpost/v1/down/s01-lane1/receipt/x", b"for it")
            await asyncio.sleep(0.05)
    assert set(up) == {("weighpost/v1/up/s01-lane1/hello", b"true")}
    assert set(down) == {b"for it"}


async def test_a_revoked_certificate_is_refused_by_the_list(
    county: CertifiedCounty, broker: Mosquitto
) -> None:
    async with client(broker, county, LANE) as lane:
        await until(is_true(lambda: lane.connected), what="the lane is let in")
    broker.stop()
    broker.list_revoked(LANE)
    broker.start()
    async with client(broker, county, LANE) as lane, client(broker, county, OTHER) as other:
        await until(is_true(lambda: other.connected), what="the other is let in")
        await until(is_true(lambda: "revoked" in broker.words), what="the refusal")
        assert not lane.connected


async def test_centre_and_lane_meet_at_a_mosquitto(tmp_path: Path) -> None:
    site = CertifiedSite(tmp_path)
    broker = Mosquitto(site.keys, service="yiyuan-centre")
    text = site.county.settings.read_text()
    port = f"[broker]\nport = {site.county.broker}"
    assert port in text
    site.county.settings.write_text(text.replace(port, f'[broker]\nurl = "{broker.url}"'))
    site.url = broker.url
    broker.start()
    try:
        with running_centre(site.county):
            async with certified_lane(site) as lane:
                await lane.journal.append(said(1), source=SOURCE)
                receipted = is_true(lambda: lane.uplink.state.size == lane.journal.size)
                await until(receipted, what="a receipt through mosquitto")
    finally:
        broker.stop()
    assert own_entries(site, "journal.registered")
