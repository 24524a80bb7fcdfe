"""A centre and its boxes as they run: enrolment by token, renewal of what has ended, revocation that lasts."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from journal.enrolling import places_in
from journal.tls import read_pem
from kernel.evidence.notes import decode_base64
from tests.central.certified import CertifiedSite, certified_lane, own_entries, said
from tests.central.county import CLOCK, LANE, SOURCE, Lane, running_centre, until

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

YEAR_MS = 366 * 86_400_000
BOX = "s02-lane1"


async def sent(lane: Lane, count: int = 1) -> None:
    """Entries that the centre has receipted."""
    for number in range(count):
        await lane.journal.append(said(number), source=SOURCE)

    async def receipted() -> bool:
        return lane.uplink.state.size == lane.journal.size

    await until(receipted, what="everything receipted")


def edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.main", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment, cwd=Path.cwd()
    )


def fingerprint(site: CertifiedSite) -> str:
    return hashlib.sha256(decode_base64(site.county.keys["root"])).hexdigest()


async def test_a_token_lets_a_new_machine_in_and_only_that_one(tmp_path: Path) -> None:
    site, out = CertifiedSite(tmp_path), tmp_path / "box"
    token, root = site.run("enrol-token", "--box", BOX, "--source", "yiyuan/s02/lane1").split("\n")[:2]
    assert root == f"root {fingerprint(site)}"
    asked = ["enrol", site.gate_url, "--token", token, "--root", fingerprint(site)]
    with running_centre(site.county):
        wrong_root = await asyncio.to_thread(
            edge, *asked[:4], "--root", "0" * 64, "--out", str(tmp_path / "x")
        )
        assert (wrong_root.returncode, "another root" in wrong_root.stderr) == (2, True)
        done = await asyncio.to_thread(edge, *asked, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"box {BOX} ")
        for name in (f"{BOX}.key", f"{BOX}.tls.pem"):
            assert (out / name).stat().st_mode & 0o777 == 0o600
        again = await asyncio.to_thread(edge, *asked, "--out", str(tmp_path / "thief"))
        assert (again.returncode, "the token has been used" in again.stderr) == (2, True)
        async with certified_lane(site, box=BOX, folder=out) as lane:
            await sent(lane)
    [row] = [row for row in site.boxes() if row["box"] == BOX]
    assert (row["state"], row["source"], row["by"]) == ("enrolled", "yiyuan/s02/lane1", "command-line")
    assert row["public_key"] == done.stdout.split()[2]
    assert [(one["box"], one["renewed"]) for one in own_entries(site, "box.enrolled")] == [(BOX, False)]
    assert token not in str(site.boxes())
    assert token.encode() not in (tmp_path / "data" / "centre.db").read_bytes()


async def test_a20_a_box_that_was_away_until_its_certificates_ended_renews_and_drains(tmp_path: Path) -> None:
    site = CertifiedSite(tmp_path, lane_ms=CLOCK.now_ms() - 4 * YEAR_MS)
    before = read_pem(places_in(site.keys, LANE).tls)
    with running_centre(site.county):
        async with certified_lane(site, renews=False) as lane:
            await lane.journal.append(said(0), source=SOURCE)
            with pytest.raises(httpx.HTTPError):
                await lane.uplink._http.head(f"{site.gate_url}/v1/files/{'0' * 64}")
            assert not lane.uplink.state.connected
            assert lane.uplink.state.size == 0
        async with certified_lane(site) as lane:
            await sent(lane, 200)
    after = read_pem(places_in(site.keys, LANE).tls)
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert after.public_key() != before.public_key()
    assert [(one["box"], one["renewed"]) for one in own_entries(site, "box.enrolled")] == [(LANE, True)]


async def test_a_revoked_box_is_out_at_once_and_stays_out(tmp_path: Path) -> None:
    site = CertifiedSite(tmp_path)
    with running_centre(site.county):
        async with certified_lane(site) as lane:
            await sent(lane, 3)
            size = lane.journal.size

            async def gone() -> bool:
                return not lane.uplink.state.connected

            said_so = await asyncio.to_thread(site.run, "revoke", "--box", LANE, "--reason", "box stolen")
            assert said_so.splitlines()[0] == f"revoked {LANE}"
            await until(gone, what="the connection ends")
            await lane.journal.append(said(9), source=SOURCE)
            journal = lane.journal.id
    with running_centre(site.county):
        async with certified_lane(site) as lane:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await sent(lane)
            assert not lane.uplink.state.connected
            assert lane.uplink.state.lag == 2
    entries = own_entries(site, "box.revoked")
    assert [(one["journal"], one["size"]) for one in entries] == [(None, None), (journal, size)]
    trust = tomllib.loads(site.run("trust", str(site.keys)))
    assert trust["revoked"] == [{"journal": journal, "size": size}]
    assert {row["state"] for row in site.boxes()} == {"revoked"}


async def test_a_stolen_journal_key_is_bounded_and_its_box_stays(tmp_path: Path) -> None:
    site = CertifiedSite(tmp_path)
    with running_centre(site.county):
        async with certified_lane(site) as lane:
            await sent(lane, 5)
            bound = ["--journal", lane.journal.id, "--size", "2"]
            await asyncio.to_thread(
                site.run, "revoke", "--box", LANE, *bound, "--reason", "journal key copied"
            )

            async def entered() -> bool:
                return bool(await asyncio.to_thread(own_entries, site, "box.revoked"))

            await until(entered, what="the entry about it")
            held = lane.uplink.state.size
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await sent(lane)
            assert lane.uplink.state.size == held
            assert lane.uplink.state.connected, "the box may speak, its journal may not grow"
    trust = tomllib.loads(site.run("trust", str(site.keys)))
    assert trust["revoked"] == [{"journal": lane.journal.id, "size": 2}]
