"""Processes that a case may kill, stop and start again: children with everything imported, and real mosquitto."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from journal.clock import SystemClock
from journal.console import AGAIN
from simulators.demo.processes import Child

CLOCK = SystemClock()
UP_S = 60.0
# A child is forked from a server that has imported all of this: it is there in milliseconds, and it is a process of its
# own that SIGKILL ends like any other.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.box", "tests.faults.receiving", "tests.support.naive"])
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000

Work = Callable[[Any], int]


class Machine:
    """One process with a name; `work(options)` is its whole life and returns its exit code.

    `options.ready` is the file that it makes when it is up.
    """

    def __init__(self, name: str, work: Work, options: Any, *, log: Path, netns: Path | None = None) -> None:
        self.name = name
        self.options = options
        self.starts = 0
        self._work = work
        self._log = log
        self._netns = netns
        self._process: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before it was started."""
        return self._process.exitcode if self._process else None

    async def start(self) -> None:
        """Returns once it is up.  AssertionError has its last words."""
        self.begin()
        await until(self._is_up, f"{self.name} is up", words=self.last_words)

    def begin(self) -> None:
        self.options.ready.unlink(missing_ok=True)
        arguments = (self._work, self.options, self._log, self._netns)
        self._process = _CONTEXT.Process(target=_live, args=arguments, name=self.name, daemon=True)
        self._process.start()
        self.starts += 1

    def _is_up(self) -> bool:
        assert self.exit_code is None, f"{self.name} has ended ({self.exit_code}):\n{self.last_words()}"
        return bool(self.options.ready.exists())

    async def end(self, number: int = signal.SIGKILL) -> int:
        """Send the signal, wait, and return the exit code."""
        if self._process is None:
            return 0
        if self._process.exitcode is None:
            os.kill(self.pid, number)
        await asyncio.to_thread(self._process.join, 30)
        assert self._process.exitcode is not None, f"{self.name} does not end on {number}"
        return self._process.exitcode

    async def ended(self) -> int:
        """Wait until it ends by itself."""
        await until(lambda: self.exit_code is not None, f"{self.name} ends", words=self.last_words)
        return self.exit_code or 0

    async def freeze(self) -> None:
        """Stopped, and none of its threads is inside the kernel any more."""
        os.kill(self.pid, signal.SIGSTOP)
        tasks = Path(f"/proc/{self.pid}/task")
        await until(lambda: all(_stopped(task) for task in tasks.iterdir()), f"{self.name} stands still")

    def rss_kb(self) -> int:
        return int(psutil.Process(self.pid).memory_info().rss) // 1024

    def last_words(self, lines: int = 12) -> str:
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Mosquitto:
    """A real broker on a port of its own; it keeps nothing, as deploy/mosquitto says."""

    def __init__(
        self, folder: Path, *, port: int, access: bool = True, name: str = "broker", netns: str | None = None
    ) -> None:
        self.name = name
        self.port = port
        self._log = folder / f"{name}.log"
        settings = folder / f"{name}.conf"
        settings.write_text(_settings(folder, port=port, access=access))
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        inside = (shutil.which("ip") or "ip", "netns", "exec", netns) if netns else ()
        self._child = Child(name=name, argv=(*inside, program, "-c", str(settings)), log=self._log)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._log.unlink(missing_ok=True)
        # Here, in the main thread: the broker dies with the thread that has started it.
        self._child.start()
        await until(self._is_up, f"{self.name} is up", words=self._child.last_words)

    def _is_up(self) -> bool:
        assert self._child.exit_code is None, self._child.last_words()
        return self._log.exists() and " running" in self._log.read_text(errors="replace")

    async def end(self, number: int = signal.SIGKILL) -> int:
        self._child.signal(number)
        assert await asyncio.to_thread(self._child.wait, 10), f"{self.name} does not end"
        return self._child.exit_code or 0


class Keeper:
    """What systemd does: a process that asks to be started anew is, and whatever else ends by itself is a fault."""

    def __init__(self) -> None:
        self.again = 0  # starts that were asked for
        self.ended: list[str] = []
        self._watched: list[Machine] = []
        self._away: set[str] = set()

    def watch(self, machine: Machine) -> None:
        self._watched.append(machine)

    def unwatch(self, machine: Machine) -> None:
        self._watched.remove(machine)

    def forget(self, machine: Machine) -> None:
        """It is about to be ended on purpose."""
        self._away.add(machine.name)

    def mind(self, machine: Machine) -> None:
        self._away.discard(machine.name)

    async def run(self) -> None:
        while True:
            for machine in self._watched:
                if machine.exit_code is not None and machine.name not in self._away:
                    await self._again(machine)
            await CLOCK.sleep(0.05)

    async def _again(self, machine: Machine) -> None:
        if machine.exit_code == AGAIN:
            self.again += 1
        else:
            self.ended.append(f"{machine.name} ended ({machine.exit_code}): {machine.last_words(3)}")
        await CLOCK.sleep(0.1)
        machine.begin()


async def until(
    condition: Callable[[], bool],
    what: str,
    *,
    seconds: float = UP_S,
    words: Callable[[], str] = str,
) -> None:
    """AssertionError says what has not come true, with what the process said last."""
    deadline = CLOCK.mono_ms() + int(seconds * 1000)
    while not condition():
        assert CLOCK.mono_ms() < deadline, f"not in {seconds:.0f} s: {what}\n{words()}"
        await CLOCK.sleep(0.02)


def _live(work: Work, options: Any, log: Path, netns: Path | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if netns is not None:
        with netns.open() as file_of:
            assert libc.setns(file_of.fileno(), _CLONE_NEWNET) == 0, "cannot enter the network namespace"
    sys.exit(work(options))


def _stopped(task: Path) -> bool:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] in ("T", "t", "Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def _settings(folder: Path, *, port: int, access: bool) -> str:
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",  # names are believed here: whose name is whose is not what these cases ask
        "persistence false",
        "retain_available false",
        "max_inflight_messages 64",
        "max_queued_messages 1000",
        "log_type notice",
        "log_type error",
        "log_type warning",
        "log_type information",
        "log_dest stderr",
        "user root",
    ]
    if access:
        rules = folder / "broker.acl"
        rules.write_text((Path(__file__).parents[2] / "deploy" / "mosquitto" / "weighpost.acl").read_text())
        rules.chmod(0o600)
        lines.append(f"acl_file {rules}")
    return "\n".join(lines) + "\n"
