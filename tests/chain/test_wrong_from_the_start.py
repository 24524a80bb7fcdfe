"""What an operator gets wrong is refused at the start, all of it at once, with exit code 2 and a name for each fault."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simulators.demo.layout import HOST, LANES
from tests.support.chain import CLOCK, Chain, chain_in, rigs_of, script_run

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "lane1": (
        {
            "data": 7,
            "boxx": "typing error",
            "lane": {"source": "yiyuan/s01/lane1", "road_class": "goat track", "attended": "no"},
            "scale": {"driver": "wim-wj", "url": "telnet://x"},
            "destinations": [{"name": "centre", "mqtt": "http://x", "password": "p", "store_id": "s"}],
            "allowance": {"mode": "PERCENT", "permille": 5000},
            "controller": {"url": "/dev/null", "options": {"silent_ms": 0}},
        },
        (
            "data:",
            "boxx:",
            "lane.jurisdiction:",
            "lane.road_class:",
            "lane.weighing_grade:",
            "lane.joint_mode:",
            "lane.attended:",
            "box:",
            "scale.url:",
            "destinations[0].store_public:",
            "allowance.permille:",
            "controller.options.silent_ms:",
        ),
    ),
    "station": (
        {
            "data": "x",
            "jurisdiction": "370323",
            "station": {"id": "Station 1", "name_zh": "站"},
            "broker": {"password": "", "port": 70_000},
            "store": {"id": "s", "key": "k", "file_limit_mb": 0},
            "web": {"port": "8081"},
            "boxes": [{"name": "s01-lane1", "password": "p"}],
        },
        (
            "station.id:",
            "box:",
            "broker.password:",
            "broker.port:",
            "store.id:",
            "store.file_limit_mb:",
            "web.port:",
            "boxes[0].source:",
        ),
    ),
    "central": (
        {
            "box": "Yiyuan Centre",
            "store_id": "yiyuan-centre-1",
            "keys": {"folder": "keys"},
            "broker": {"url": "amqp://x", "password": "p"},
            "web": {"session_hours": 0},
            "database": {"url": "mysql://x"},
            "witnesses": [{"name": "w", "url": "ftp://x", "public": "x"}],
        },
        ("data:", "keys.root:", "broker.url:", "web.session_hours:", "database.url:", "witnesses[0].url:"),
    ),
    "witness": (
        {"key": 7, "listen": {"port": 99_999}, "root": {"name": "yiyuan-root", "public": "short"}},
        ("key", "state", "listen.port", "root.public"),
    ),
}


@pytest.mark.parametrize("process", sorted(WRONG))
async def test_every_wrong_setting_is_named_with_its_path(chain: Chain, process: str) -> None:
    table, paths = WRONG[process]
    chain.tables[process] = table
    ended = chain.run(process)
    assert ended.returncode == 2, ended.stderr
    lines = ended.stderr.splitlines()
    for path in paths:
        assert any(f" {path}" in line for line in lines), (path, ended.stderr)
    assert all(line.startswith("weighpost-") for line in lines), "one line a fault and no trace of code"


@pytest.mark.parametrize("script", ["weighpost-edge", "weighpost-station", "weighpost-central"])
async def test_a_file_that_is_not_there_or_not_toml_is_named(chain: Chain, script: str) -> None:
    broken = chain.layout.folder / "broken.toml"
    for path, text in ((broken, None), (broken, "data = [")):
        if text is not None:
            path.write_text(text)
        ended = script_run(script, "run", str(path))
        assert ended.returncode == 2
        assert "broken.toml" in ended.stderr
        assert "Traceback" not in ended.stderr


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, port))
        held.listen()
        yield


@pytest.mark.timeout(180)
async def test_a_taken_port_is_named_with_who_has_it(chain: Chain) -> None:
    ports = chain.layout.ports
    for process, port, path in (
        ("central", ports.centre, "web.port"),
        ("central", ports.centre_mqtt, "broker.port"),
        ("central", ports.centre_gate, "gate.port"),
        ("station", ports.station, "web.port"),
        ("station", ports.station_mqtt, "broker.port"),
        ("station", ports.station_gate, "gate.port"),
        ("witness", ports.witness, "listen"),
    ):
        with taken(port):
            ended = chain.run(process)
        assert ended.returncode == 2, (process, ended.stderr)
        assert path in ended.stderr
        assert f"{HOST}:{port}" in ended.stderr
        assert f"pid {os.getpid()}" in ended.stderr, ended.stderr


async def test_the_key_of_another_box_is_refused(chain: Chain) -> None:
    keys = chain.layout.keys
    for wrong in (
        {"key": str(keys / f"{LANES['lane2']}.key")},
        {"certificates": [str(keys / f"{LANES['lane2']}.cert"), str(keys / "enrolment.cert")]},
        {"tls": chain.layout.identity(LANES["lane2"])["tls"]},
    ):
        chain.tables["lane1"]["box"] = chain.layout.identity(LANES["lane1"]) | wrong
        ended = chain.run("lane1")
        assert ended.returncode == 2, ended.stderr
        assert LANES["lane2"] in ended.stderr
        assert "Traceback" not in ended.stderr


async def test_a_box_that_is_not_itself_is_refused_and_named_and_disturbs_nobody(chain: Chain) -> None:
    """lane1 has the certificate of another county's root, lane2 is who it says."""
    async with chain_in(chain.layout.folder / "elsewhere") as other, rigs_of(chain, "lane1", "lane2") as rigs:
        box = LANES["lane1"]
        stranger = other.layout.identity(box)
        chain.tables["lane1"]["box"] = stranger | {"root_public": chain.layout.public("root")}
        ended = chain.run("lane1")  # it finds out itself that its chain does not lead to the county's root
        assert ended.returncode == 2, ended.stderr
        assert "box.certificates: do not lead to" in ended.stderr
        # One that trusts the other root believes no broker here; with a stolen TLS key the centre finds it out.
        chain.tables["lane1"]["box"] = stranger
        await chain.up("central")
        chain.start("lane1")
        await chain.says("lane1", "CERTIFICATE_VERIFY_FAILED")
        chain.kill("lane1")
        chain.tables["lane1"]["box"] = stranger | {"tls": chain.layout.identity(box)["tls"]}
        chain.start("lane1")
        chain.start("lane2")
        await chain.heard("lane2")

        async def refused() -> bool:
            lines = [
                line for line in chain.log("central").splitlines() if "not signed by yiyuan-root" in line
            ]
            return any(f'"{box}"' in line for line in lines)

        await chain.until(refused, "the centre names the stranger")
        truth = await rigs["lane2"].drive()
        assert (await chain.weighed(truth))["weighed"]["gross_kg"] == truth.wire_gross_kg
        source = await chain.source("lane1")
        assert source is None or source["state"] != "up"


def by_password(chain: Chain) -> None:
    """As on a bench: names and passwords, and nothing encrypted."""
    ports, central = chain.layout.ports, chain.tables["central"]
    del central["gate"]
    central["broker"]["password"] = "the broker's own"
    for box in central["boxes"]:
        box["password"] = f"word of {box['name']}"
    plain = {
        "mqtt": f"mqtt://{HOST}:{ports.centre_mqtt}",
        "files": chain.layout.centre_url,
    }
    for lane, box in LANES.items():
        table = chain.tables[lane]
        table["destinations"] = [
            one | plain | {"password": f"word of {box}"} for one in table["destinations"]
        ]
        table["box"] = {name: value for name, value in table["box"].items() if name not in ("tls", "renewal")}


async def test_a_wrong_password_is_refused_and_named_and_the_lane_weighs_on(chain: Chain) -> None:
    by_password(chain)
    async with rigs_of(chain, "lane1", "lane2") as rigs:
        right = chain.tables["lane1"]["destinations"][0]
        chain.tables["lane1"]["destinations"] = [right | {"password": "guessed"}]
        await chain.up("central")
        chain.start("lane1")
        chain.start("lane2")
        await chain.heard("lane2")

        async def refused() -> bool:
            words = chain.log("central")
            return "broker refused a client" in words and LANES["lane1"] in words

        await chain.until(refused, "the broker names who has the wrong password")
        truth = await rigs["lane1"].drive()
        assert await chain.source("lane1") is None or not await _knows(chain)
        chain.kill("lane1")
        chain.tables["lane1"]["destinations"] = [right]
        chain.start("lane1")
        # What was weighed meanwhile was kept, and comes as soon as the password is right.
        assert (await chain.weighed(truth))["weighed"]["gross_kg"] == truth.wire_gross_kg


async def _knows(chain: Chain) -> bool:
    return any(row["lane"] == "lane1" for row in await chain.api.passages())


async def test_a_second_process_on_one_journal_is_told_who_has_it(chain: Chain) -> None:
    async with rigs_of(chain, "lane1"):
        await chain.up("central", "station")
        first = chain.start("lane1")
        await chain.heard("lane1")
        ended = chain.run("lane1")
        assert ended.returncode == 2
        assert f"process {first.pid}" in ended.stderr
        # Centre and station too, were it not for their ports.
        free = chain.layout.ports
        for name, web in (("central", free.cameras), ("station", free.cameras)):
            table = chain.tables[name]
            chain.tables[name] = table | {
                "web": table["web"] | {"port": web},
                "broker": table["broker"] | {"port": 0},
                "gate": table["gate"] | {"port": 0},
            }
            ended = chain.run(name)
            assert ended.returncode == 2, ended.stderr
            assert f"process {chain.children[name].pid}" in ended.stderr
        await CLOCK.sleep(0)


HEAVY = ("cv2", "av", "numpy", "onnxruntime", "rapidocr_onnxruntime")
PAGES = ("fastapi", "starlette", "uvicorn", "jinja2", "sqlalchemy", "argon2", "web")


async def test_a_lane_without_cameras_loads_nothing_for_them_and_no_lane_any_pages(chain: Chain) -> None:
    async with rigs_of(chain, "lane1"):
        settings = chain.layout.write("lane1", chain.tables["lane1"])
        code = f"""
import asyncio, sys
from edge.main import LaneProcess, load
from journal.clock import SystemClock, boot_id
from pathlib import Path
settings, law = load(Path({str(settings)!r}))
async def main():
    process = LaneProcess(settings, law=law, clock=SystemClock(), boot=boot_id())
    task = asyncio.create_task(process.run())
    await asyncio.wait([task], timeout=1.5)
    assert not task.done(), task.exception()
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
    task.cancel()
    await asyncio.wait([task])
asyncio.run(main())
"""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        loaded = set(done.stdout.split())
        assert {"journal", "edge", "paho", "serial"} <= loaded
        assert loaded & {*HEAVY, *PAGES} == set()
