"""A county on one machine: the centre and a witness as processes, a lane that speaks to them over real wires."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from central import keyring
from journal.clock import SystemClock, boot_id
from journal.cursors import Cursors
from journal.files import FileStore
from journal.keys import Identity, read_certificate
from journal.settings import Destination
from journal.uplink import Uplink
from journal.writer import Journal
from kernel.evidence.certificates import Kind
from kernel.evidence.notes import decode_base64, encode_base64
from tests.support.ports import free_port

LANE = "lane1-box"
SOURCE = "yiyuan/s01/lane1"
_PEOPLE: tuple[tuple[Kind, str], ...] = (
    ("box", "yiyuan-centre"),
    ("box", LANE),
    ("store", "centre-1"),
    ("cosigner", "yiyuan-centre"),
    ("command", "yiyuan-command"),
    ("witness", "zibo-witness"),
)
CLOCK = SystemClock()


@dataclass(frozen=True, kw_only=True)
class County:
    """Keys, settings and ports in one folder."""

    folder: Path
    web: int
    broker: int
    witness: int
    keys: dict[str, str]  # public keys by stem

    @property
    def settings(self) -> Path:
        return self.folder / "central.toml"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    def certificates(self, box: str) -> tuple[str, ...]:
        return tuple(read_certificate(self.folder / "keys" / f"{name}.cert") for name in (box, "enrolment"))


def found(folder: Path, *, database: str | None = None) -> County:
    """Enrol everybody and write the settings."""
    keys, now_ms = folder / "keys", CLOCK.now_ms()
    public = {"root": encode_base64(keyring.new_root(keys, name="yiyuan-root", now_ms=now_ms).public_key)}
    for kind, name in _PEOPLE:
        made = keyring.enrol(keys, kind=kind, name=name, now_ms=now_ms)
        public[keyring.stem(kind, name)] = encode_base64(made.public_key)
    county = County(folder=folder, web=free_port(), broker=free_port(), witness=free_port(), keys=public)
    (folder / "witness.toml").write_text(_WITNESS.format(port=county.witness, root=public["root"]))
    (folder / "trust.toml").write_text(keyring.trust(keys))
    text = _CENTRE.format(
        folder=folder,
        web=county.web,
        broker=county.broker,
        witness=county.witness,
        root=public["root"],
        zibo=public["zibo-witness.witness"],
    )
    county.settings.write_text(text + (f'[database]\nurl = "{database}"\n' if database else ""))
    return county


_CENTRE = """
box = "yiyuan-centre"
store_id = "centre-1"
data = "{folder}/data"
source = "yiyuan/centre"
[keys]
folder = "{folder}/keys"
command = "yiyuan-command"
[keys.root]
name = "yiyuan-root"
public = "{root}"
[web]
port = {web}
[broker]
port = {broker}
password = "centre-secret"
[[boxes]]
name = "lane1-box"
password = "lane1-secret"
source = "yiyuan/s01/lane1"
[[witnesses]]
name = "zibo-witness"
url = "http://127.0.0.1:{witness}"
public = "{zibo}"
"""

_WITNESS = """
key = "keys/zibo-witness.witness.key"
state = "witness.db"
[listen]
port = {port}
[root]
name = "yiyuan-root"
public = "{root}"
"""


@contextmanager
def running_witness(county: County) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "verify.main", "witness", str(county.folder / "witness.toml")]
    with _running(command, lambda process: _line(process.stderr), county) as process:
        yield process


@contextmanager
def running_centre(county: County) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "central.main", "run", str(county.settings)]
    with _running(command, lambda process: _line(process.stdout), county) as process:
        yield process


def verb(county: County, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One verb of weighpost-central, to its end."""
    command = [sys.executable, "-m", "central.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=county.folder)


@contextmanager
def _running(
    command: list[str], ready: Callable[[subprocess.Popen[bytes]], bytes], county: County
) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=county.folder
    )
    try:
        assert ready(process), process.communicate(timeout=10)
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(stream: Any) -> bytes:
    readable, _, _ = select.select([stream], [], [], 30)
    return bytes(stream.readline()) if readable else b""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """An edge without devices: its journal, its files, its way to the centre."""

    journal: Journal
    files: FileStore
    uplink: Uplink


@asynccontextmanager
async def running_lane(county: County, *, password: str = "lane1-secret") -> AsyncIterator[Lane]:
    folder = county.folder / "lane"
    identity = Identity.load(
        county.folder / "keys" / f"{LANE}.key",
        certificates=(county.folder / "keys" / f"{LANE}.cert", county.folder / "keys" / "enrolment.cert"),
    ).pinning("yiyuan-root", decode_base64(county.keys["root"]))
    journal = Journal.open(
        folder / "journal",
        box=LANE,
        process="edge",
        software="test",
        identity=identity.key,
        clock=CLOCK,
        boot=boot_id(),
    )
    files, cursors = FileStore(folder / "files", clock=CLOCK), Cursors(folder)
    destination = Destination(
        name="centre",
        mqtt=f"mqtt://127.0.0.1:{county.broker}",
        password=password,
        store_id="centre-1",
        store_public=county.keys["centre-1.store"],
        files=county.address,
        command_issuer="yiyuan-command",
        command_public=county.keys["yiyuan-command.command"],
        custody=True,
        upload_kbit_s=100_000,
    )
    uplink = Uplink(
        journal,
        files,
        cursors,
        identity=identity,
        destination=destination,
        source=SOURCE,
        software="test",
        clock=CLOCK,
    )
    sending = asyncio.create_task(uplink.run())
    try:
        yield Lane(journal=journal, files=files, uplink=uplink)
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        journal.close()
        cursors.close()


async def until(question: Callable[[], Awaitable[Any]], *, what: str, seconds: float = 60) -> Any:
    """The first answer that is not empty."""
    try:
        async with asyncio.timeout(seconds):
            while not (answer := await question()):
                await asyncio.sleep(0.1)
            return answer
    except TimeoutError:
        raise AssertionError(f"not in {seconds} s: {what}") from None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A program that asks the centre."""

    client: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        return answer.json() if answer.status_code == 200 else None

    async def rows(self) -> list[dict[str, Any]]:
        page = await self.get("events", limit=500)
        return list(page["rows"]) if page else []


@asynccontextmanager
async def desk(county: County, *, role: str = "operator") -> AsyncIterator[Desk]:
    made = await asyncio.to_thread(
        verb, county, "token", "add", "desk", "--role", role, "--settings", "central.toml"
    )
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    async with httpx.AsyncClient(base_url=f"{county.address}/api/v1", headers=headers, timeout=20) as client:
        yield Desk(client=client)


def listed(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
