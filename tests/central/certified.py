"""A county whose boxes come by certificate: the centre as a process with a gate, lanes as their uplinks."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec

from central import keyring
from journal import settings
from journal.clock import boot_id
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity
from journal.renewing import Renewal, credentials
from journal.settings import Destination, Tls
from journal.tls import TlsTime
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.events import ClockChecked
from kernel.evidence.certificates import Kind
from kernel.evidence.notes import encode_base64
from tests.central.county import CLOCK, LANE, SOURCE, County, Lane, verb
from tests.support.ports import free_port

_PEOPLE: tuple[tuple[Kind, str], ...] = (
    ("store", "centre-1"),
    ("cosigner", "yiyuan-centre"),
    ("command", "yiyuan-centre"),
)
_CENTRE = """
box = "yiyuan-centre"
store_id = "centre-1"
data = "{folder}/data"
source = "yiyuan/centre"
[keys]
folder = "{folder}/keys"
[keys.root]
name = "yiyuan-root"
public = "{root}"
[web]
port = {web}
[gate]
port = {gate}
[broker]
port = {broker}
{url}
[[boxes]]
name = "{lane}"
source = "{source}"
"""


class CertifiedSite:
    """Keys and settings; `lane_ms` is when the lane was certified."""

    def __init__(self, folder: Path, *, lane_ms: int | None = None, broker_url: str = "") -> None:
        keys, now_ms = folder / "keys", CLOCK.now_ms()
        made_ms = now_ms if lane_ms is None else lane_ms
        public = {
            "root": encode_base64(keyring.new_root(keys, name="yiyuan-root", now_ms=made_ms).public_key)
        }
        keyring.enrol(keys, kind="box", name=LANE, now_ms=made_ms)
        keyring.enrol(keys, kind="box", name="yiyuan-centre", now_ms=now_ms, hosts=["127.0.0.1"])
        for kind, name in _PEOPLE:
            certificate = keyring.enrol(keys, kind=kind, name=name, now_ms=now_ms)
            public[keyring.stem(kind, name)] = encode_base64(certificate.public_key)
        self.gate = free_port()
        self.county = County(folder=folder, web=free_port(), broker=free_port(), witness=0, keys=public)
        self.url = broker_url or f"mqtts://127.0.0.1:{self.county.broker}"
        self.county.settings.write_text(
            _CENTRE.format(
                folder=folder,
                root=public["root"],
                web=self.county.web,
                gate=self.gate,
                broker=self.county.broker,
                url=f'url = "{broker_url}"' if broker_url else "",
                lane=LANE,
                source=SOURCE,
            )
        )

    @property
    def keys(self) -> Path:
        return self.county.folder / "keys"

    @property
    def gate_url(self) -> str:
        return f"https://127.0.0.1:{self.gate}"

    def run(self, *arguments: str) -> str:
        """A verb of weighpost-central with these settings: what it prints."""
        done = verb(self.county, *arguments, "--settings", str(self.county.settings))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def boxes(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("boxes", "--json"))
        return rows

    def identity(self, box: str, folder: Path) -> settings.Identity:
        """As a settings file would say it."""
        return settings.Identity(
            name=box,
            key=str(folder / f"{box}.key"),
            certificates=(str(folder / f"{box}.cert"), str(folder / "enrolment.cert")),
            root_name="yiyuan-root",
            root_public=self.county.keys["root"],
            tls=Tls(certificate=str(folder / f"{box}.tls.pem"), authority=str(folder / "ca.pem")),
            renewal=self.gate_url,
        )


def said(number: int) -> ClockChecked:
    """A small body that can be told from the others."""
    return ClockChecked(reference="ntp", offset_ms=number, err_ms=1, state="ok")


def own_entries(site: CertifiedSite, stream: str) -> list[dict[str, object]]:
    """What the centre's own journal says in this stream, as the centre's store holds it."""
    query = (
        "SELECT body.body FROM entry JOIN body USING (journal, seq) WHERE entry.stream = ? ORDER BY entry.seq"
    )
    with closing(sqlite3.connect(site.county.folder / "data" / "centre.db")) as database:
        return [msgspec.json.decode(row[0]) for row in database.execute(query, (stream,))]


@asynccontextmanager
async def certified_lane(
    site: CertifiedSite, *, box: str = LANE, folder: Path | None = None, renews: bool = True
) -> AsyncIterator[Lane]:
    """An edge without devices that shows its certificate, and renews it unless told not to."""
    said = site.identity(box, folder or site.keys)
    identity = Identity.of(said)
    tls = credentials(said, identity, time=TlsTime(clock=CLOCK))
    assert tls is not None
    data = site.county.folder / f"data of {box}"
    journal = Journal.open(
        data / "journal",
        box=box,
        process="edge",
        software="test",
        identity=identity.key,
        clock=CLOCK,
        boot=boot_id(),
    )
    files, cursors = FileStore(data / "files", clock=CLOCK), Cursors(data)
    destination = Destination(
        name="centre",
        mqtt=site.url,
        store_id="centre-1",
        store_public=site.county.keys["centre-1.store"],
        files=site.gate_url,
        custody=True,
    )
    uplink = Uplink(
        journal,
        files,
        cursors,
        identity=identity,
        destination=destination,
        source="yiyuan/s01/lane1",
        software="test",
        clock=CLOCK,
        tls=tls,
    )
    tasks = [asyncio.create_task(uplink.run())]
    if renews:
        renewal = Renewal(said, identity=identity, tls=tls, clock=CLOCK)
        tasks.append(asyncio.create_task(renewal.run()))
    try:
        yield Lane(journal=journal, files=files, uplink=uplink)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        journal.close()
        cursors.close()
