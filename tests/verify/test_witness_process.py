"""The witness as its operator has it: a process with settings, a key, a port, and a memory that outlives kill -9."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.verify.making import BOX, ENROLMENT, NOW_MS, ROOT, YEAR_MS, certificate, passage_log
from tests.verify.witnessing import a_witness, ask, cosigned_s, two_histories, write_witness
from verify.main import main
from verify.witness import list_heads, open_heads

wire = pytest.mark.wire
pytestmark = pytest.mark.timeout(60)

COMMAND = [sys.executable, "-m", "verify.main", "witness"]
# The process reads the real clock, so its certificates must be good for long.
CERTS = (
    certificate("box", BOX, ENROLMENT, 0, NOW_MS + 100 * YEAR_MS),
    certificate("enrolment", ENROLMENT, ROOT, 0, NOW_MS + 100 * YEAR_MS),
)


@contextmanager
def running(settings: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port."""
    process = subprocess.Popen([*COMMAND, str(settings)], stderr=subprocess.PIPE, text=True)
    try:
        yield process, _port(process)
    finally:
        process.kill()
        process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    ready, _, _ = select.select([process.stderr], [], [], 30)
    assert ready
    line = json.loads(process.stderr.readline())
    assert line["message"] == "witness listening"
    return int(line["url"].rpartition(":")[2])


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def post(port: int, body: bytes) -> tuple[int, str]:
    return request(port, "POST", "/v1/cosign", body)


@wire
def test_cosigns_over_http_and_stops_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, settings = passage_log(), write_witness(tmp_path)
    with running(settings) as (process, port):
        status, line = post(port, ask(log, 0, 5, certs=CERTS))
        assert status == 200
        assert cosigned_s(log, 5, line) is not None
        assert post(port, ask(log, 5, 8, introduce=False))[0] == 200
        status, text = request(port, "GET", f"/v1/head/{log.id}")
        assert (status, json.loads(text)["size"]) == (200, 8)
        assert json.loads(request(port, "GET", "/healthz")[1])["journals"] == 1
        assert main(["head", str(settings), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["size"] == 8
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@wire
def test_remembers_after_kill_9(tmp_path: Path) -> None:
    (honest, rewritten), settings = two_histories(), write_witness(tmp_path)
    with running(settings) as (process, port):
        assert post(port, ask(honest, 0, 6, certs=CERTS))[0] == 200
        process.kill()
        process.wait(20)
    with running(settings) as (_, port):
        assert post(port, ask(rewritten, 0, 8, certs=CERTS)) == (409, "6\n")
        assert post(port, ask(rewritten, 6, 8, certs=CERTS))[0] == 422
        assert post(port, ask(honest, 6, 8))[0] == 200


@wire
def test_what_was_answered_is_never_forgotten_however_it_is_killed(tmp_path: Path) -> None:
    log, settings, known = passage_log(), write_witness(tmp_path), 0
    for size in (3, 5, 8):
        with running(settings) as (process, port):
            killer = threading.Timer(0.0, process.kill)
            status, _ = post(port, ask(log, known, size, certs=CERTS))
            assert status == 200
            known = size
            killer.start()
            process.wait(20)
    with running(settings) as (_, port):
        assert json.loads(request(port, "GET", f"/v1/head/{log.id}")[1])["size"] == 8


@wire
def test_a_disk_that_is_full_signs_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    (honest, rewritten), disk = two_histories(), tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, kilobytes=96):
        settings = write_witness(disk)
        with running(settings) as (_, port):
            assert post(port, ask(honest, 0, 5, certs=CERTS))[0] == 200
            with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))
            assert post(port, ask(honest, 5, 7))[0] == 503
            assert json.loads(request(port, "GET", f"/v1/head/{honest.id}")[1])["size"] == 5
            (disk / "filler").unlink()
            assert post(port, ask(rewritten, 5, 7))[0] == 422
            assert post(port, ask(honest, 5, 7))[0] == 200


@contextmanager
def small_disk(path: Path, *, kilobytes: int) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@wire
def test_a_hundred_thousand_journals_cost_no_memory(tmp_path: Path) -> None:
    settings, log, state = write_witness(tmp_path), passage_log(), tmp_path / "state"
    open_heads(state, tmp_path / "witness.key").close()
    with running(settings) as (process, port):
        assert post(port, ask(log, 0, 3, certs=CERTS))[0] == 200
        few = psutil.Process(process.pid).memory_info().rss
    with closing(sqlite3.connect(state / "heads.db")) as db, db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO head"
            " SELECT printf('%032x', i), 'box', zeroblob(32), 1, zeroblob(32), hex(zeroblob(300)), 0 FROM n"
        )
    with running(settings) as (process, port):
        assert post(port, ask(log, 3, 6))[0] == 200
        assert json.loads(request(port, "GET", "/healthz")[1])["journals"] == 100_001
        many = psutil.Process(process.pid).memory_info().rss
    assert many - few < 10 << 20
    assert sum(1 for _ in list_heads(state)) == 100_001


@wire
def test_many_clients_at_once(tmp_path: Path) -> None:
    logs = [passage_log(seed=str(n)) for n in range(8)]
    with running(write_witness(tmp_path)) as (_, port):
        answers: list[int] = []

        def client(number: int) -> None:
            for size in (2, 5, 8):
                old = {2: 0, 5: 2, 8: 5}[size]
                answers.append(post(port, ask(logs[number], old, size, certs=CERTS))[0])

        threads = [threading.Thread(target=client, args=(n,)) for n in range(len(logs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 24


@wire
def test_garbage_gets_an_answer_and_harms_nothing(tmp_path: Path) -> None:
    with running(write_witness(tmp_path)) as (process, port):
        assert request(port, "POST", "/v1/cosign", b"\x00" * 1000)[0] == 400
        assert request(port, "POST", "/v1/cosign", b"{}")[0] == 400
        assert request(port, "POST", "/other", b"{}")[0] == 404
        assert request(port, "GET", "/v1/cosign")[0] == 404
        assert request(port, "GET", "/v1/head/../../etc/passwd")[0] == 404
        assert request(port, "DELETE", "/v1/cosign")[0] == 501
        for length, status in (("-1", 411), ("1e3", 411), ("", 411), ("999999999", 413), ("9999999999", 411)):
            raw = f"POST /v1/cosign HTTP/1.0\r\nContent-Length: {length}\r\n\r\n".encode()
            assert f" {status} ".encode() in exchange(port, raw)
        assert exchange(port, b"\x16\x03\x01\x00\xff" * 20)
        assert b" 400 " in exchange(
            port, b"POST /v1/cosign HTTP/1.0\r\nContent-Length: 10\r\n\r\n{", close=True
        )
        assert post(port, ask(passage_log(), 0, certs=CERTS))[0] == 200
        assert process.poll() is None


def exchange(port: int, raw: bytes, *, close: bool = False) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        if close or raw.startswith(b"\x16"):
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        return answer


@wire
def test_many_silent_connections_do_not_stop_it_for_long(tmp_path: Path) -> None:
    with running(write_witness(tmp_path)) as (process, port):
        idle = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(40)]
        for connection in idle:
            connection.close()
        deadline = threading.Event()
        for _ in range(100):
            try:
                assert request(port, "GET", "/healthz")[0] == 200
                break
            except (ConnectionError, http.client.HTTPException):
                deadline.wait(0.1)
        else:
            pytest.fail("never came back")
        assert process.poll() is None


@wire
def test_a_taken_port_is_told_with_its_holder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["witness", str(write_witness(tmp_path, port=port))]) == 2
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert f"(pid {os.getpid()})" in told


@wire
def test_a_second_witness_on_the_same_memory_does_not_start(tmp_path: Path) -> None:
    settings = write_witness(tmp_path)
    with running(settings) as (process, _):
        second = subprocess.run(
            [*COMMAND, str(settings)], capture_output=True, text=True, check=False, timeout=30
        )
        assert second.returncode == 2
        assert f"in use by pid {process.pid}" in second.stderr


# --- settings: no process needed --------------------------------------------------------------------------------


def refused(settings: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["witness", str(settings)]) == 2
    return capsys.readouterr().err


def test_every_fault_of_the_settings_is_told_with_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "witness.toml"
    settings.write_text('key = 3\ncolour = "red"\n[listen]\nport = 70000\n[root]\nname = "a b"\n')
    told = refused(settings, capsys)
    for path in ("key:", "colour:", "state:", "listen.port:", "root.name:", "root.public:"):
        assert path in told
    assert len(told.splitlines()) == 6


def test_settings_that_are_no_toml_or_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "witness.toml" in refused(tmp_path / "witness.toml", capsys)
    (tmp_path / "witness.toml").write_text("][")
    assert "witness.toml" in refused(tmp_path / "witness.toml", capsys)


@pytest.mark.parametrize("spoil", ["gone", "open", "garbage", "other kind", "mismatch"])
def test_a_key_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: str) -> None:
    settings, key = write_witness(tmp_path), tmp_path / "witness.key"
    table = json.loads(key.read_text())
    if spoil == "gone":
        key.unlink()
    elif spoil == "open":
        key.chmod(0o644)
    else:
        changed = {
            "garbage": {},
            "other kind": {**table, "kind": "box"},
            "mismatch": {**table, "public": table["private"]},
        }[spoil]
        key.write_text(json.dumps(changed))
    assert "key: " in refused(settings, capsys)


def test_a_witness_that_lost_its_memory_is_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_witness(tmp_path)
    open_heads(tmp_path / "state", tmp_path / "witness.key").close()
    open_heads(tmp_path / "state", tmp_path / "witness.key").close()
    (tmp_path / "state" / "heads.db").unlink()
    assert "make a new witness key" in refused(settings, capsys)


def test_a_damaged_memory_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_witness(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "heads.db").write_bytes(b"SQLite format 3\x00" + bytes(5000))
    assert "state: " in refused(settings, capsys)


def test_heads_of_a_witness_that_never_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["head", str(write_witness(tmp_path))]) == 2
    assert "state: " in capsys.readouterr().err


def test_heads_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, log = write_witness(tmp_path), passage_log()
    (tmp_path / "state").mkdir()
    witness = a_witness(tmp_path / "state")
    witness.cosign(ask(log, 0, 5))
    witness.close()
    assert main(["head", str(settings)]) == 0
    assert f"{log.id}  {BOX.name}  5  " in capsys.readouterr().out
    assert main(["head", str(settings), "f" * 32]) == 1
