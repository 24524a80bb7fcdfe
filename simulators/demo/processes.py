"""Children: started from their console scripts, watched, and stopped by pid, whatever happens to us."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SCRIPTS = Path(sys.executable).parent
# Becomes the product process itself; PR_SET_PDEATHSIG (1) makes a demo that is killed leave nothing running.
LAUNCH = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"


@dataclass(slots=True)
class Child:
    """One product process.  `peak_rss_kb` includes its own children and grows while it is watched."""

    name: str
    argv: tuple[str, ...]
    log: Path
    nice: int = 0
    peak_rss_kb: int = 0
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Raises FileNotFoundError when the console script is not installed."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(SCRIPTS / self.argv[0]), *self.argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to hand on, in order
            )
        self.starts += 1

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def signal(self, number: int) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """True once it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def watch_memory(self) -> int:
        """Resident kB now, children included; remembers the peak."""
        if self._process is None or self._process.poll() is not None:
            return 0
        try:
            top = psutil.Process(self._process.pid)
            now = sum(_rss(process) for process in [top, *top.children(recursive=True)]) // 1024
        except psutil.NoSuchProcess:
            return 0
        self.peak_rss_kb = max(self.peak_rss_kb, now)
        return now

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for a person who has to find out why it did not start."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def stop_all(children: Sequence[Child], *, say: Callable[[str], None], patience_s: float = 10.0) -> list[str]:
    """Stop in the given order; returns the names of those that had to be killed."""
    killed = []
    for child in children:
        if child.pid is None or child.exit_code is not None:
            continue
        say(f"stopping {child.name}")
        child.signal(signal.SIGTERM)
        if not child.wait(patience_s):
            child.signal(signal.SIGKILL)
            child.wait(patience_s)
            killed.append(child.name)
    return killed
