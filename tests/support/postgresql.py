"""A real PostgreSQL for the tests, started on a free port in a folder of its own and stopped by pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import free_port


@contextmanager
def running_postgresql(*, durable: bool = True) -> Iterator[str]:
    """`host:port`; fails the test where there is no PostgreSQL: what is not tested is not supported.

    One that is not durable does not wait for the disk, which is most of the time of making databases and throwing them
    away: for tests of content.
    """
    with restartable_postgresql(durable=durable) as server:
        yield server.address


class Server:
    """One that can be stopped in mid-run and started again, on the same port, with what it had committed."""

    def __init__(self, binaries: Path, folder: Path, *, durable: bool) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = free_port()
        self._running = False
        self._waits = "" if durable else " -c fsync=off -c full_page_writes=off"
        made = ["-D", self._data, "-U", "weighpost", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run([str(binaries / "initdb"), *made])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
            f" -c max_connections=60{self._waits}"
        )
        self._control("-o", options, "-l", str(self._folder / "log"), "start")
        self._running = True

    def stop(self) -> None:
        """As when the power goes."""
        if self._running:
            self._control("-m", "immediate", "stop")
        self._running = False

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _control(self, *arguments: str) -> None:
        _run([str(self._binaries / "pg_ctl"), "-D", self._data, "-w", *arguments])


@contextmanager
def restartable_postgresql(*, durable: bool = True) -> Iterator[Server]:
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="weighpost-pg-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = Server(binaries, folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create(address: str, name: str, *, template: str = "template1") -> str:
    """A new database; its URL for SQLAlchemy."""
    with psycopg.connect(f"postgresql://weighpost@{address}/postgres", autocommit=True) as connection:
        # Since 15 a template is written through the log unless it is said otherwise: several times as slow.
        copied = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {copied}".encode())
    return f"postgresql+psycopg://weighpost@{address}/{name}"


def drop(address: str, name: str) -> None:
    with psycopg.connect(f"postgresql://weighpost@{address}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def installed() -> bool:
    """For those who measure; a test that needs it fails without."""
    return bool(_found()) or shutil.which("initdb") is not None


def _found() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _binaries() -> Path:
    found = _found()
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent if found else Path(on_path or "").parent


def _run(command: Sequence[str]) -> None:
    """PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*prefix, *command], capture_output=True, text=True, check=False, cwd="/", timeout=60
    )
    if done.returncode:
        pytest.fail(f"{Path(command[0]).name} failed: {done.stderr[-2000:]}")
